// What the page shows, and its form as the fragment of a link.

/** The encoders, by the names that the server has for them. */
export const ENCODERS = ["regular", "bernoulli", "latency", "direct", "phase", "burst", "codebook-binary", "codebook-green", "winners"];
/** The bounds of the sliders; a link says nothing that they cannot show. */
export const MOST_STEPS = 32;
const MOST_FACTOR = 4;

/** Nothing chosen: what a plain address means. A text may be chosen to be empty. */
export const empty = () => ({
  text: null, model: "", beside: "", steps: null, threshold: 1, encoder: null, table: "", forClass: null,
});

const NAMES = ["model", "beside", "table"];

/** The state that a fragment holds; what it does not know or cannot be is left out. */
export function fromFragment(fragment) {
  const state = empty();
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  for (const name of NAMES) if (given.get(name)) state[name] = given.get(name);
  if (given.has("text")) state.text = given.get("text");
  if (ENCODERS.includes(given.get("encoder"))) state.encoder = given.get("encoder");
  const steps = Number(given.get("steps"));
  if (Number.isInteger(steps) && steps >= 1 && steps <= MOST_STEPS) state.steps = steps;
  const threshold = Number(given.get("threshold"));
  if (threshold >= 1 / MOST_FACTOR && threshold <= MOST_FACTOR) state.threshold = threshold;
  return state;
}

/** The fragment of a state. */
export function toFragment(state) {
  const given = new URLSearchParams();
  if (state.text !== null) given.set("text", state.text);
  for (const name of [...NAMES, "encoder"]) if (state[name]) given.set(name, state[name]);
  if (state.steps) given.set("steps", state.steps);
  if (state.threshold !== 1) given.set("threshold", state.threshold);
  return `#${given}`;
}

/** The changes of a model's settings that a state asks for, as the server reads them; undefined where there are none. */
export function changes(state) {
  const all = {};
  if (state.steps) all.steps = state.steps;
  if (state.encoder) all.encoder = state.encoder;
  if (state.threshold !== 1) all.threshold = state.threshold;
  return Object.keys(all).length ? all : undefined;
}
