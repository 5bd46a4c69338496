// Chosen neurons: { layer, place, neuron, colour }; what they are called, and what their membranes did.

import { LINES } from "./charts.js";

/** A neuron in words. */
export function neuronName(trace, one) {
  const layer = trace.layers[one.layer];
  if (layer.axes.length === 3) {
    const span = layer.width || 1;
    const at = trace.tokens.slice(one.place, one.place + span).map((token) => token.text).join(" ");
    return `filter ${one.neuron}${layer.width ? ` of width ${layer.width}` : ` of ${layer.name}`} at “${at}”`;
  }
  const per = layer.shape[1] / trace.classes.length;
  return layer.axes[1] === "output" ? `output ${one.neuron} (${trace.classes[Math.floor(one.neuron / per)]})` : `${layer.name}, neuron ${one.neuron}`;
}

/** Whether a trace has a neuron that was chosen in another. */
export function isThere(trace, one) {
  const layer = trace.layers[one.layer];
  return Boolean(layer) && one.place < (layer.axes.length === 3 ? layer.shape[1] : 1) && one.neuron < layer.shape.at(-1);
}

/** The first outputs, which the answer is made of. */
export function outputs(trace) {
  const layer = trace.layers.length - 1;
  return Array.from({ length: Math.min(trace.layers[layer].shape[1], 3) }, (_, neuron) => ({ layer, place: 0, neuron, colour: LINES[neuron] }));
}

/** The membrane of a neuron after each step, and the steps at which it fired. */
export function seriesOf(trace, one) {
  const layer = trace.layers[one.layer];
  const [steps, positions, filters] = layer.axes.length === 3 ? layer.shape : [layer.shape[0], 1, layer.shape[1]];
  const values = Array.from({ length: steps }, (_, t) => layer.membranes[(t * positions + one.place) * filters + one.neuron]);
  const spikes = layer.spikes || [];
  const own = layer.axes.length === 3 ? spikes.filter(([, place, neuron]) => place === one.place && neuron === one.neuron) : spikes.filter(([, neuron]) => neuron === one.neuron);
  return { name: neuronName(trace, one), colour: one.colour, values, fired: new Set(own.map(([t]) => t)), threshold: layer.spikes ? layer.threshold : null };
}
