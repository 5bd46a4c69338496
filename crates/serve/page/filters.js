// The filter browser: how often each filter fired in the text, what it likes best, what made it fire here.

import { element } from "./scene.js";

/** The spikes of each filter of each width in a trace, as { width: [count, ...] }. */
export function counts(trace) {
  const all = new Map();
  for (const layer of trace.layers) {
    if (!layer.width || !layer.spikes) continue;
    const own = new Array(layer.shape[2]).fill(0);
    for (const [, , filter] of layer.spikes) own[filter] += 1;
    all.set(layer.width, own);
  }
  return all;
}

/** The filter whose spikes said most. */
export function loudest(explained, all) {
  const said = new Map();
  for (const one of explained.ngrams || [])
    for (const own of one.filters) {
      const key = `${one.width} ${own.filter}`;
      said.set(key, (said.get(key) || 0) + Math.max(...own.parts) - Math.min(...own.parts));
    }
  const best = [...said].reduce((best, one) => (!best || one[1] > best[1] ? one : best), null);
  const [width, filter] = best ? best[0].split(" ").map(Number) : [[...all.keys()][0], 0];
  return { width, filter };
}

/** The filters as a grid, a row a width; arrow keys go from one to the next, so that the grid is one stop of the Tab key. */
export function grid(all, chosen, choose) {
  const root = element("div", { role: "radiogroup", "aria-label": "Filters, by the words that they see" });
  const most = Math.max(1, ...[...all.values()].flat());
  const cells = [];
  for (const [width, own] of all) {
    const row = element("div", { class: "row" });
    row.append(element("span", { class: "width" }, `${width} ${width === 1 ? "word" : "words"}`));
    own.forEach((count, filter) => {
      const level = count ? Math.max(1, Math.ceil((3 * count) / most)) : 0;
      const is = chosen && chosen.width === width && chosen.filter === filter;
      const cell = element("button", {
        type: "button", role: "radio", class: `cell ${level ? `heard-${level}` : ""}`, "aria-checked": is ? "true" : "false", tabindex: "-1",
        "aria-label": `filter ${filter} of width ${width}, ${count} spikes`, title: `filter ${filter} of width ${width}: ${count} spikes`,
      }, count ? String(count) : "");
      cell.addEventListener("click", () => choose({ width, filter }));
      cells.push({ cell, is, key: { width, filter } });
      row.append(cell);
    });
    root.append(row);
  }
  if (cells.length) (cells.find(({ is }) => is) || cells[0]).cell.tabIndex = 0;
  root.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = cells.findIndex(({ cell }) => cell === document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    choose(cells[(at + step + cells.length) % cells.length].key, true);
  });
  return root;
}

/** What a filter likes best, and the n-grams of the text that made it fire. */
export function filter(answer, trace, explained) {
  const root = element("div");
  const drive = answer.threshold - answer.bias;
  root.append(element("p", { class: "hint" }, `Filter ${answer.filter} of width ${answer.width}: a spike takes a current of ${drive.toPrecision(2)} from its words within a step, or less that adds up over several. Of all known words these drive each place most:`));
  const places = element("div", { class: "places" });
  answer.places.forEach((place, at) => {
    const box = element("div");
    box.append(element("h3", {}, answer.places.length === 1 ? "its word" : `word ${at + 1}`));
    const list = element("ol");
    for (const one of place) {
      const item = element("li", {}, one.word);
      item.append(element("span", { class: "number" }, one.current.toPrecision(2)));
      list.append(item);
    }
    box.append(list);
    places.append(box);
  });
  root.append(places);
  if (!trace || !trace.layers) return root;
  const fired = new Map();
  for (const layer of trace.layers) {
    if (layer.width !== answer.width || !layer.spikes) continue;
    for (const [, position, own] of layer.spikes) if (own === answer.filter) fired.set(position, (fired.get(position) || 0) + 1);
  }
  const heard = [...fired].sort((a, b) => b[1] - a[1]).map(([position, count]) => {
    const text = trace.tokens.slice(position, position + answer.width).map((token) => token.text).join(" ");
    return `“${text}” (${count})`;
  });
  root.append(element("p", { class: "hint" }, heard.length ? `In this text it fired at ${heard.slice(0, 12).join(", ")}.` : "In this text it did not fire."));
  return root;
}
