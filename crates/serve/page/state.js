// What the page shows, and its form as the fragment of a link.

/** Nothing chosen: what a plain address means. */
export const empty = () => ({
  text: "", model: "", beside: "", steps: null, threshold: 1, encoder: null, table: "", forClass: null,
});

const NAMES = { text: "text", model: "model", beside: "beside", encoder: "encoder", table: "table" };

/** The state that a fragment holds; what it does not know or cannot be is left out. */
export function fromFragment(fragment) {
  const state = empty();
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  for (const [field, name] of Object.entries(NAMES)) if (given.get(name)) state[field] = given.get(name);
  const steps = Number(given.get("steps"));
  if (Number.isInteger(steps) && steps >= 1 && steps <= 64) state.steps = steps;
  const threshold = Number(given.get("threshold"));
  if (threshold >= 0.01 && threshold <= 100) state.threshold = threshold;
  return state;
}

/** The fragment of a state. */
export function toFragment(state) {
  const given = new URLSearchParams();
  for (const [field, name] of Object.entries(NAMES)) if (state[field]) given.set(name, state[field]);
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
