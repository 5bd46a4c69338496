// The spike raster: words along the axis, bands of neurons one above the other, time from left to right within a word.

import { colour, fitted, widthOf } from "./scene.js";

const LEFT = 96;
const RIGHT = 12;
const TOP = 6;
const GAP = 12;
const WORD_SIZE = 13;
/** A word has at least so many pixels, and a step at least so many of it. */
const LEAST_WORD = 16;
const LEAST_STEP = 2;

/** What is drawn of a layer: band name, rows, and each spike as [step, place, row]. */
function bandsOf(trace) {
  const bands = [];
  const input = trace.input;
  bands.push({ name: "words in", layer: -1, rows: input.shape[2], steps: input.shape[0], span: 1, spikes: input.spikes, least: 70, most: 150 });
  trace.layers.forEach((layer, at) => {
    if (!layer.spikes) return;
    const positions = layer.axes.length === 3;
    const rows = layer.shape[layer.shape.length - 1];
    bands.push({
      name: layer.width ? `${layer.width} ${layer.width === 1 ? "word" : "words"}` : layer.name.replace("readout", "outputs"),
      layer: at, rows, steps: layer.shape[0], span: layer.width || 1, whole: !positions,
      spikes: positions ? layer.spikes : layer.spikes.map(([step, neuron]) => [step, 0, neuron]),
      least: positions ? 56 : 14, most: positions ? 150 : 110,
    });
  });
  return bands;
}

/** The scene of a trace, and where its spikes are, for whoever points at them. `speaks` says of a layer, a place and a filter how far it
 * pushes to the class that is looked at; nothing where that is not known. */
export function raster(trace, room, chosen, speaks) {
  const tokens = trace.tokens;
  const steps = trace.steps;
  const bands = bandsOf(trace);
  const whole = bands.some((band) => band.whole);
  const wholeWidth = whole ? Math.max(28, steps * 3) + GAP : 0;
  const least = Math.max(LEAST_WORD, steps * LEAST_STEP + 3);
  const cell = Math.max(least, Math.min(150, (room - LEFT - RIGHT - wholeWidth) / tokens.length));
  const upright = tokens.some((token) => widthOf(token.text, WORD_SIZE) > cell - 4);
  const wordRoom = upright ? Math.min(110, 14 + Math.max(...tokens.map((token) => widthOf(token.text, WORD_SIZE) * 0.75))) : 26;
  const shapes = [];
  const spots = [];
  const [ink, quiet, line] = ["ink", "quiet", "line"].map(colour);
  const right = LEFT + cell * tokens.length;
  let y = TOP;
  for (const band of bands) {
    // A row has at most 7 pixels, so that bands of few neurons do not seem to matter most.
    const height = Math.max(band.least, Math.min(band.most, band.rows * 7));
    const row = height / band.rows;
    const inner = Math.max(1, cell - 4);
    const step = (band.whole ? Math.max(28, steps * 3) : inner) / band.steps;
    const left = (place) => (band.whole ? right + GAP : LEFT + 2 + (place + (band.span - 1) / 2) * cell);
    const leftOf = (t, place) => left(place) + t * step + (step > size[0] + 1 ? (step - size[0]) / 2 : 0);
    const size = [Math.max(1.2, Math.min(step - (step > 3 ? 1 : 0), 30)), Math.max(0.9, row - (row > 3 ? 1 : 0))];
    shapes.push({ rect: [LEFT, y, right - LEFT, height], fill: line, opacity: band.whole ? 0.12 : 0.3, round: 4 });
    if (band.whole) shapes.push({ rect: [right + GAP - 3, y, Math.max(28, steps * 3) + 6, height], fill: line, opacity: 0.3, round: 4 });
    shapes.push({ text: band.name, at: [LEFT - 10, y + height / 2 + 1], anchor: "end", size: 12, fill: ink });
    shapes.push({ text: `${band.rows} ${band.layer < 0 ? "inputs" : band.whole ? "neurons" : "filters"}`, at: [LEFT - 10, y + height / 2 + 15], anchor: "end", size: 10.5, fill: quiet });
    const marks = { spike: [], for: [], against: [] };
    for (const [t, place, neuron] of band.spikes) {
      const x = leftOf(t, place);
      const at = y + neuron * row;
      const push = speaks(band.layer, place, neuron);
      marks[push === undefined ? "spike" : push > 0 ? "for" : "against"].push(x, at);
      spots.push({ x, y: at, w: size[0], h: size[1], layer: band.layer, step: t, place, neuron, span: band.span, whole: band.whole, push });
    }
    for (const [name, own] of Object.entries(marks)) if (own.length) shapes.push({ marks: own, size, fill: colour(name) });
    for (const one of chosen) {
      if (one.layer !== band.layer) continue;
      shapes.push({ rect: [left(one.place) - 1, y + one.neuron * row - 1.5, step * band.steps + 2, Math.max(size[1], 1) + 3], fill: colour(one.colour), opacity: 0.35 });
    }
    y += height + GAP;
  }
  for (let at = 0; at <= tokens.length; at += 1) shapes.push({ line: [LEFT + at * cell, TOP, LEFT + at * cell, y - GAP], stroke: line, width: 0.7 });
  tokens.forEach((token, at) => {
    const x = LEFT + (at + 0.5) * cell;
    const fill = token.known ? ink : quiet;
    if (upright) {
      const text = fitted(token.text, WORD_SIZE, wordRoom / 0.72);
      shapes.push({ text, at: [x + 4, y + 4], anchor: "end", turn: -45, size: WORD_SIZE, fill });
    } else {
      shapes.push({ text: token.text, at: [x, y + 4], anchor: "middle", size: WORD_SIZE, fill });
    }
  });
  const width = Math.max(LEFT + cell * tokens.length + wholeWidth + RIGHT, Math.min(room, 320));
  if (whole) shapes.push({ text: "whole text", at: [width - RIGHT + 4, y + 4], anchor: "end", size: 10.5, fill: quiet });
  const height = y + wordRoom;
  const count = bands.map((band) => `${band.name}: ${band.spikes.length} spikes`).join(", ");
  return { scene: { width, height, title: `Spike raster of ${tokens.length} words over ${steps} steps. ${count}.`, shapes }, spots };
}

/** The spike nearest to a point, if one is near. */
export function spotAt(spots, x, y) {
  let best = null;
  let least = 64;
  for (const spot of spots) {
    const dx = Math.max(spot.x - x, 0, x - spot.x - spot.w);
    const dy = Math.max(spot.y - y, 0, y - spot.y - spot.h);
    const far = dx * dx + dy * dy;
    if (far < least) {
      least = far;
      best = spot;
    }
  }
  return best;
}

/** A spike in words; `name` is the class that is looked at. */
export function describe(trace, spot, name) {
  const step = `step ${spot.step + 1} of ${trace.steps}`;
  if (spot.layer < 0) return `“${trace.tokens[spot.place].text}”, input ${spot.neuron}, ${step}`;
  const layer = trace.layers[spot.layer];
  if (spot.whole) {
    const per = layer.shape[1] / trace.classes.length;
    const isOutput = layer.axes[1] === "output";
    return isOutput ? `output ${spot.neuron} (${trace.classes[Math.floor(spot.neuron / per)]}), ${step}` : `${layer.name}, neuron ${spot.neuron}, ${step}`;
  }
  const words = trace.tokens.slice(spot.place, spot.place + spot.span).map((token) => token.text).join(" ");
  const side = spot.push === undefined ? "" : `, speaks ${spot.push > 0 ? "for" : "against"} ${name}`;
  return `filter ${spot.neuron} of ${layer.width ? `width ${layer.width}` : layer.name} at “${words}”, ${step}${side}`;
}

/** How many spikes there were, of all that could have been. */
export function spikeCounts(trace) {
  const sites = (shape) => shape.reduce((product, size) => product * size, 1);
  const share = (spikes, shape) => `${spikes.length.toLocaleString("en")} of ${sites(shape).toLocaleString("en")}`;
  const parts = [`words in ${share(trace.input.spikes, trace.input.shape)}`];
  for (const layer of trace.layers) if (layer.spikes) parts.push(`${layer.width ? `width ${layer.width}` : layer.name} ${share(layer.spikes, layer.shape)}`);
  return `Spikes of all that could be: ${parts.join("; ")}.`;
}
