// Words coloured by what they said, signs beside the colours.

import { element } from "./scene.js";

/** How far parts push to a class: beside the strongest other one, where a text has one label. */
export function push(parts, at, explained, severalLabels) {
  if (severalLabels || parts.length < 2) return parts[at];
  const others = explained.probabilities.map((p, other) => [p, other]).filter(([, other]) => other !== at);
  const [, rival] = others.reduce((best, one) => (one[0] > best[0] ? one : best));
  return parts[at] - parts[rival];
}

/** The words of an explained text as buttons; `choose` is called with the index of one that is pressed. */
export function words(explained, at, severalLabels, who, choose) {
  const line = element("p", { class: "line", lang: "und" });
  if (who) line.append(element("span", { class: "who" }, who));
  const pushes = explained.tokens.map((token) => (token.known ? push(token.parts, at, explained, severalLabels) : 0));
  const most = Math.max(...pushes.map(Math.abs), 1e-12);
  explained.tokens.forEach((token, place) => {
    const strength = Math.abs(pushes[place]) / most;
    const level = token.known && strength > 0.02 ? Math.min(4, Math.ceil(strength * 4)) : 0;
    const sign = pushes[place] > 0 ? "for" : "against";
    const button = element("button", { type: "button", class: `word ${token.known ? (level ? `${sign}-${level}` : "") : "unknown"}` }, token.text);
    if (level > 1) button.append(element("span", { class: "sign", "aria-hidden": "true" }, pushes[place] > 0 ? "+" : "−"));
    const said = token.known ? `${pushes[place] > 0 ? "+" : "−"}${Math.abs(pushes[place]).toPrecision(2)}` : "not known to the model";
    const without = token.drops ? `; left out, the score changes by ${(-token.drops[at]).toPrecision(2)}` : "";
    button.title = token.known ? `${said} to the score${without}` : said;
    button.append(element("span", { class: "visually-hidden" }, `, ${said}`));
    button.addEventListener("click", () => choose(place));
    line.append(button);
  });
  return line;
}

/** The fewest words that keep the label, as a sentence; nothing where they were not looked for. */
export function fewest(explained) {
  if (!explained.fewest) return "";
  const { words: kept, proven } = explained.fewest;
  const told = kept.map((at) => explained.tokens[at].text).join(" … ");
  return `Enough for ${explained.label}: “${told}”, ${kept.length} of ${explained.tokens.length} words${proven ? "; no smaller set is" : ""}.`;
}

/** What explanations assume, by the names that the server has for it. */
const ESTIMATES = {
  "shares-of-spikes": "What a neuron of the whole text said is shared among the words by their spikes, which is an estimate",
  "positive-weights": "What a neuron of a further layer said is shared by the weights that drove it, which is an estimate",
  charge: "Words are weighed by the charge of the outputs, not by the spikes that they made of it",
};

/** What the shares of the words assume, as a sentence; nothing where they are exact. */
export const estimates = (explained) => (explained.approximations?.length ? `${explained.approximations.map((name) => ESTIMATES[name] || name).join("; ")}.` : "");
