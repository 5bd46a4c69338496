// Two texts beside each other: which letters went and which came, after an attack or by hand.

import { percent } from "./card.js";
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
function compared(before, after) {
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

function button(name, press) {
  const made = element("button", { type: "button" }, name);
  made.addEventListener("click", press);
  return made;
}

/** What an attack found; `put` takes a text over, with the answer to the text before it. */
export function attackTold(attacked, put) {
  const { asked: text, label, probability } = attacked;
  const told = attacked.flipped
    ? `${label} ${percent(probability)} becomes ${attacked.label_after}; ${attacked.changes.length} of the words changed, ${attacked.queries} texts asked for.`
    : `Still ${label} after ${attacked.queries} texts; the worst that was found leaves it ${percent(attacked.probability_after)} instead of ${percent(probability)}.`;
  const use = button("Put it above", () => put(attacked.text, { text, label, probability }));
  return [element("p", {}, told), compared(text, attacked.text), use];
}

/** What became of the answer to a text that was kept. */
export function editsTold(kept, text, answer, put) {
  const label = answer.unknown ? "no known word" : answer.label;
  const share = answer.unknown ? "" : ` ${percent(Math.max(...answer.probabilities))}`;
  const told = element("p", {}, `It was ${kept.label} ${percent(kept.probability)}; ${label === kept.label ? "it is still" : "now it is"} ${label}${share}.`);
  return kept.text === text ? [told] : [told, compared(kept.text, text), button("Back to the first text", () => put(kept.text))];
}

const ATTACKS = { zh: ["homophones", "look-alikes"], other: ["deepwordbug", "random"] };
const ATTACK_NAMES = { deepwordbug: "typing errors (DeepWordBug)", random: "random typing errors", homophones: "characters that sound alike", "look-alikes": "characters that look alike" };

/** The attacks for texts of a language, as the options of a list. */
export function offerAttacks(select, language) {
  const names = ATTACKS[language] || ATTACKS.other;
  select.replaceChildren(...names.map((name) => element("option", { value: name }, ATTACK_NAMES[name])));
}
