// Two texts beside each other: which letters went and which came.

import { element } from "./scene.js";

/** More letters than this are compared word by word. */
const MOST = 1500;

/** The common subsequence of two lists as [kind, item]: "same", "gone" or "new". */
function changes(a, b) {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const [x, y] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  const rows = Array.from({ length: x.length + 1 }, () => new Uint16Array(y.length + 1));
  for (let i = x.length - 1; i >= 0; i -= 1)
    for (let j = y.length - 1; j >= 0; j -= 1) rows[i][j] = x[i] === y[j] ? rows[i + 1][j + 1] + 1 : Math.max(rows[i + 1][j], rows[i][j + 1]);
  const found = a.slice(0, start).map((item) => ["same", item]);
  let [i, j] = [0, 0];
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) found.push(["same", x[i++], j++]);
    else if (j < y.length && (i === x.length || rows[i][j + 1] > rows[i + 1][j])) found.push(["new", y[j++]]);
    else found.push(["gone", x[i++]]);
  }
  return found.concat(a.slice(a.length - end).map((item) => ["same", item]));
}

/** A paragraph that shows what became of a text. */
export function compared(before, after) {
  let parts = [[...before], [...after]];
  if (parts.some((letters) => letters.length > MOST)) parts = [before, after].map((text) => text.split(/(?<=\s)/));
  if (parts.some((items) => items.length > MOST)) return element("p", { class: "texts" }, after);
  const line = element("p", { class: "texts" });
  let run = { kind: "same", text: "" };
  const flush = () => {
    if (!run.text) return;
    const name = { same: "span", gone: "del", new: "ins" }[run.kind];
    line.append(element(name, {}, run.text));
  };
  for (const [kind, item] of changes(...parts)) {
    if (kind !== run.kind) {
      flush();
      run = { kind, text: "" };
    }
    run.text += item;
  }
  flush();
  return line;
}
