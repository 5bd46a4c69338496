// The answer to a text: which labels, and a bar for each class.

import { element } from "./scene.js";

/** The label, or of a model of several labels all that reach their threshold. */
export function labelsOf(model, answer) {
  if (!model.thresholds) return [answer.label];
  return answer.classes.filter((_, at) => answer.probabilities[at] >= model.thresholds[at]);
}

/** A share as people read it. */
export const percent = (share) => `${(100 * share).toFixed(share > 0.995 && share < 1 ? 2 : 1)} %`;

/** A bar for each of the most probable classes, and what several labels are answered from. */
export function classBars(model, answer) {
  const list = element("ul", { class: "classes" });
  const order = answer.classes.map((_, at) => at).sort((a, b) => answer.probabilities[b] - answer.probabilities[a]);
  for (const at of order.slice(0, 8)) {
    const share = answer.probabilities[at];
    const row = element("li");
    row.append(element("span", { class: "name", title: answer.classes[at] }, answer.classes[at]));
    row.append(element("meter", { min: 0, max: 1, value: share, "aria-label": `probability of ${answer.classes[at]}` }));
    row.append(element("span", { class: "number" }, percent(share)));
    list.append(row);
  }
  if (order.length > 8) list.append(element("li", { class: "hint whole" }, `and ${order.length - 8} more`));
  if (model.thresholds) {
    const from = order.slice(0, 8).map((at) => `${answer.classes[at]} from ${percent(model.thresholds[at])}`);
    list.append(element("li", { class: "hint whole" }, `Answered: ${from.join(", ")}.`));
  }
  return list;
}
