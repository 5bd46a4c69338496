// The small figures: scores over time steps, membranes of chosen neurons, energy under a cost table.

import { colour, widthOf } from "./scene.js";

/** Colours of lines, in order. */
export const LINES = ["first", "second", "third", "fourth", "fifth", "sixth"];

const tick = (value) => String(Number(value.toFixed(2)));
const number = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 1 ? value.toFixed(1) : value.toFixed(2));

/** Round values between two bounds, about `count` of them. */
function ticks(low, high, count) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((times) => times * power).find((step) => step >= raw);
  const all = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) all.push(Math.abs(value) < step / 1e6 ? 0 : value);
  return all;
}

/** Axes of a chart over time steps; returns where a step and a value are. */
function axes(shapes, box, steps, low, high, unit) {
  const [quiet, line] = ["quiet", "line"].map(colour);
  const x = (step) => (steps === 1 ? box.left + box.width / 2 : box.left + (step / (steps - 1)) * box.width);
  const y = (value) => box.top + box.height - ((value - low) / (high - low || 1)) * box.height;
  for (const value of ticks(low, high, 3)) {
    shapes.push({ line: [box.left - 6, y(value), box.left + box.width + 6, y(value)], stroke: line, width: value === 0 ? 1.2 : 0.6 });
    shapes.push({ text: tick(value), at: [box.left - 10, y(value) + 4], anchor: "end", size: 11, fill: quiet });
  }
  const every = Math.ceil(steps / 10);
  for (let step = 0; step < steps; step += every) shapes.push({ text: String(step + 1), at: [x(step), box.top + box.height + 18], anchor: "middle", size: 11, fill: quiet });
  shapes.push({ text: unit, at: [box.left + box.width + 6, box.top + box.height + 33], anchor: "end", size: 11, fill: quiet });
  return { x, y };
}

/** Places for labels at the right end that do not lie on each other. */
function apart(wanted, least) {
  const order = wanted.map((y, at) => ({ y, at })).sort((a, b) => a.y - b.y);
  for (let at = 1; at < order.length; at += 1) order[at].y = Math.max(order[at].y, order[at - 1].y + least);
  const found = [];
  order.forEach(({ y, at }) => (found[at] = y));
  return found;
}

/** Scores of the classes after each step; of many classes the six that stand highest in the end. */
export function scores(trace, width) {
  const steps = trace.scores_by_step.length;
  const last = trace.scores_by_step[steps - 1];
  const shown = last.map((_, at) => at).sort((a, b) => last[b] - last[a]).slice(0, LINES.length);
  const names = shown.map((at) => trace.classes[at]);
  if (steps === 1) return scoresOfOne(shown.map((at) => last[at]), names, width);
  const margin = Math.min(130, 14 + Math.max(...names.map((name) => widthOf(name, 12))));
  const box = { left: 48, top: 12, width: Math.max(60, width - 48 - margin - 10), height: 112 };
  const values = trace.scores_by_step.flatMap((row) => shown.map((at) => row[at]));
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  const shapes = [];
  const { x, y } = axes(shapes, box, steps, low, high === low ? low + 1 : high, steps === 1 ? "one time step" : "time steps");
  const places = apart(shown.map((at) => y(last[at]) + 4), 14);
  shown.forEach((at, rank) => {
    const stroke = colour(LINES[rank]);
    const points = trace.scores_by_step.map((row, step) => [x(step), y(row[at])]);
    if (steps > 1) shapes.push({ path: points, stroke, width: rank === 0 ? 2.6 : 1.8, dash: rank === 0 ? undefined : [5, 3] });
    if (steps <= 16) for (const [px, py] of points) shapes.push({ dot: [px, py, rank === 0 ? 3.4 : 2.6], fill: stroke });
    shapes.push({ text: names[rank], at: [box.left + box.width + 12, places[rank]], size: 12, fill: stroke, bold: rank === 0 });
  });
  const told = shown.map((at, rank) => `${names[rank]} ${number(last[at])}`).join(", ");
  return { width, height: box.top + box.height + 40, title: `Scores after each of ${steps} time steps. At the end: ${told}.`, shapes };
}

/** Scores where there is one step: bars from nothing. */
function scoresOfOne(values, names, width) {
  const [ink, quiet, line] = ["ink", "quiet", "line"].map(colour);
  const left = Math.min(width * 0.4, 16 + Math.max(...names.map((name) => widthOf(name, 12.5))));
  const most = Math.max(...values.map(Math.abs), 1e-9);
  const half = Math.max(30, (width - left - 16) / 2 - 44);
  const zero = left + 44 + half;
  const shapes = [{ line: [zero, 2, zero, 8 + values.length * 28], stroke: line, width: 1.2 }];
  values.forEach((value, at) => {
    const y = 8 + at * 28;
    const long = (half * Math.abs(value)) / most;
    shapes.push({ rect: [value < 0 ? zero - long : zero, y, Math.max(1, long), 18], fill: colour(LINES[at]), round: 3 });
    shapes.push({ text: names[at], at: [left, y + 13.5], anchor: "end", size: 12.5, fill: ink, bold: at === 0 });
    shapes.push({ text: number(value), at: [value < 0 ? zero - long - 6 : zero + long + 6, y + 13.5], anchor: value < 0 ? "end" : "start", size: 12, fill: ink });
  });
  shapes.push({ text: "scores after the one time step", at: [zero, 24 + values.length * 28], anchor: "middle", size: 11, fill: quiet });
  return { width, height: 34 + values.length * 28, title: `Scores: ${names.map((name, at) => `${name} ${number(values[at])}`).join(", ")}.`, shapes };
}

/** Membranes of chosen neurons; each has a name, a colour, values, spikes and maybe a threshold. */
export function membranes(chosen, steps, width) {
  const shapes = [];
  const rowHeight = 92;
  let top = 18;
  for (const one of chosen) {
    const box = { left: 48, top: top + 8, width: Math.max(60, width - 66), height: rowHeight - 44 };
    const all = [...one.values, 0, ...(one.threshold ? [one.threshold] : [])];
    const low = Math.min(...all);
    const high = Math.max(...all);
    shapes.push({ text: one.name, at: [box.left - 6, top], size: 12.5, fill: colour("ink") });
    const { x, y } = axes(shapes, box, steps, low, high === low ? low + 1 : high, "");
    if (one.threshold) {
      shapes.push({ line: [box.left - 6, y(one.threshold), box.left + box.width + 6, y(one.threshold)], stroke: colour("against"), width: 1.2, dash: [4, 3] });
      shapes.push({ text: "threshold", at: [box.left + box.width + 6, y(one.threshold) - 4], anchor: "end", size: 10.5, fill: colour("against") });
    }
    const stroke = colour(one.colour);
    if (steps > 1) shapes.push({ path: one.values.map((value, step) => [x(step), y(value)]), stroke, width: 2 });
    one.values.forEach((value, step) => {
      if (one.fired.has(step)) {
        shapes.push({ line: [x(step), box.top - 6, x(step), box.top + 2], stroke: colour("spike"), width: 2.4 });
        shapes.push({ dot: [x(step), y(value), 3.6], fill: stroke });
      } else if (steps <= 32) {
        shapes.push({ dot: [x(step), y(value), 3], fill: colour("panel"), stroke });
      }
    });
    top += rowHeight + 14;
  }
  const told = chosen.map((one) => `${one.name}: ${one.fired.size} spikes, at the end ${number(one.values[steps - 1])}`).join("; ");
  return { width, height: top - 10, title: `Membranes over ${steps} time steps. ${told}.`, shapes };
}

/** An energy with its unit. */
export function joules(microjoules) {
  if (microjoules === 0) return "0";
  if (microjoules >= 1000) return `${number(microjoules / 1000)} mJ`;
  if (microjoules >= 1) return `${number(microjoules)} µJ`;
  if (microjoules >= 1e-3) return `${number(microjoules * 1000)} nJ`;
  return `${number(microjoules * 1e6)} pJ`;
}

/** Bars of energies, on a logarithmic axis; each has a name, a colour and microjoules. */
export function energy(bars, table, width) {
  const shapes = [];
  const positive = bars.map((bar) => bar.microjoules).filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...positive)) - 0.3);
  const high = Math.ceil(Math.log10(Math.max(...positive)));
  const names = 12 + Math.max(...bars.map((bar) => widthOf(bar.name, 12.5)));
  // Where there is no room beside the bars, names stand above them.
  const above = names > width * 0.42;
  const left = above ? 4 : names;
  const each = above ? 44 : 30;
  const room = Math.max(60, width - left - 72);
  const x = (microjoules) => left + (microjoules > 0 ? ((Math.log10(microjoules) - low) / (high - low || 1)) * room : 0);
  const [ink, quiet, line] = ["ink", "quiet", "line"].map(colour);
  const bottom = 8 + bars.length * each;
  for (let power = low; power <= high; power += 1) {
    shapes.push({ line: [x(10 ** power), 4, x(10 ** power), bottom], stroke: line, width: 0.7 });
    if (room / (high - low || 1) > 44 || (power - low) % 2 === 0) shapes.push({ text: joules(10 ** power).replace(".0 ", " "), at: [x(10 ** power), bottom + 16], anchor: "middle", size: 10.5, fill: quiet });
  }
  bars.forEach((bar, at) => {
    const y = 8 + at * each + (above ? 14 : 0);
    shapes.push({ rect: [left, y + 3, Math.max(1.5, x(bar.microjoules) - left), 18], fill: colour(bar.colour), round: 3 });
    shapes.push({ text: bar.name, at: above ? [left, y - 2] : [left - 8, y + 16.5], anchor: above ? "start" : "end", size: 12.5, fill: ink });
    shapes.push({ text: joules(bar.microjoules), at: [x(bar.microjoules) + 6, y + 16.5], size: 12, fill: ink, bold: at === 0 });
  });
  const told = bars.map((bar) => `${bar.name} ${joules(bar.microjoules)}`).join(", ");
  return { width, height: bottom + 24, title: `Energy of this text, priced by ${table}: ${told}.`, shapes };
}

/** The bars of one account or of two beside each other, as the server gives them, under a cost table. */
export function energyBars(accounts, table) {
  const bars = accounts.map((costs, at) => ({ name: costs.model, colour: at ? "bar-beside" : "bar", microjoules: costs.tables[table].snn_microjoules }));
  for (const costs of accounts) {
    const name = accounts.length > 1 ? `DNN shaped as ${costs.model}` : "DNN of the same shape";
    bars.push({ name, colour: "bar-rival", microjoules: costs.tables[table].dnn_microjoules });
  }
  for (const rival of accounts[0].rivals) bars.push({ name: rival.name, colour: "bar-rival", microjoules: rival.microjoules[table] });
  return bars;
}

/** What was counted, and who the rivals are. */
export function operations(costs) {
  const whole = (value) => Math.round(value).toLocaleString("en");
  const rivals = costs.rivals.map((rival) => `${rival.name}: ${rival.about}.`).join(" ");
  return `${costs.model}: ${whole(costs.accumulations)} additions and ${whole(costs.multiply_accumulations)} multiplications; the DNN of its shape ${whole(costs.dnn_multiply_accumulations)} multiplications. ${rivals}`;
}
