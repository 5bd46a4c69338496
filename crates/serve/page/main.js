// The page: what is typed and set goes to the server, what comes back is drawn. State is in one object, a link holds it.

import { Refused, ask, drop, models as askModels, useToken } from "./ask.js";
import { LINES, energy, energyBars, membranes, operations, scores } from "./charts.js";
import { classBars, labelsOf, percent } from "./card.js";
import { EXAMPLES } from "./examples.js";
import { addSaves, figures, saves } from "./figures.js";
import * as filters from "./filters.js";
import { attackTold, editsTold, offerAttacks } from "./letters.js";
import { isThere, outputs, seriesOf } from "./neurons.js";
import { describe, raster, spikeCounts, spotAt } from "./raster.js";
import { element, toCanvas, toSvg } from "./scene.js";
import { ENCODERS, changes, fromFragment, toFragment } from "./state.js";
import { setTheme } from "./theme.js";
import { estimates, fewest, push, words } from "./words.js";

const TABLE = "45 nm, int8 with 32-bit sums (Horowitz 2014)";
/** Milliseconds after the last key before what takes longer is asked for. */
const PAUSE = 350;
/** Chosen neurons whose membranes are shown at a time. */
const MOST_NEURONS = 4;

const $ = (id) => document.getElementById(id);
const state = fromFragment(location.hash);
/** The two columns of a comparison; the second is empty without one. */
const views = [{}, {}];
/** Whose spikes are drawn. */
let drawn = 0;
let known = [];
let neurons = [];
let chosenFilter = null;
let spots = [];
let cursor = -1;
let pinned = null;
let attacked = null;

const modelOf = (at) => known.find((one) => one.name === (at ? state.beside : state.model));

// --- Asking

function trouble(error) {
  const box = $("trouble");
  box.hidden = !error;
  if (!error) return;
  box.textContent = error.message;
  if (error.status === 401) $("token-form").hidden = false;
}

let later = 0;

/** Asks anew for all that the text and the settings decide. */
async function refresh() {
  keep();
  clearTimeout(later);
  drop("attack");
  const text = state.text;
  const jobs = [0, 1].filter((at) => modelOf(at)).map((at) => load(at, text));
  if (!modelOf(1)) views[1] = {};
  try {
    const done = await Promise.all(jobs);
    // Something newer is on its way.
    if (done.some((one) => one === null)) return;
    trouble(null);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    // Another server answers at this address now.
    if (error.status === 404 && error.field === "model") return start();
    trouble(error);
    // What was answered before is no answer to this text.
    views.fill({});
  }
  attacked = null;
  draw();
  later = setTimeout(() => reasons(text), PAUSE);
}

async function load(at, text) {
  const body = { text, model: modelOf(at).name, changes: changes(state) };
  // A text too long for a raster still has an answer.
  const traced = ask(`trace ${at}`, "v1/trace", { ...body, membranes: true }).catch((error) => {
    if (error instanceof Refused && error.field === "text") return { refused: error.message };
    throw error;
  });
  const [trace, explained, costs] = await Promise.all([
    traced,
    ask(`explain ${at}`, "v1/explain", { ...body, quick: true }),
    ask(`energy ${at}`, "v1/energy", body),
  ]);
  if (!trace || !explained || !costs) return null;
  const { classes, label, probabilities, tokens } = explained;
  const answer = trace.refused ? { classes, label, probabilities, unknown: tokens === null } : trace;
  views[at] = { text, answer, trace: trace.refused ? null : trace, refused: trace.refused, explained, costs };
  return at;
}

/** Asks for what words do when they are left out, once typing has paused. */
async function reasons(text) {
  for (const at of [0, 1]) {
    if (!modelOf(at) || !views[at].trace || views[at].answer.unknown) continue;
    try {
      const explained = await ask(`explain ${at}`, "v1/explain", { text, model: modelOf(at).name, changes: changes(state) });
      if (!explained || text !== state.text) return;
      views[at].explained = explained;
    } catch (error) {
      // Long texts have quick reasons only.
      if (!(error instanceof Refused)) throw error;
    }
  }
  drawWords();
}

// --- Drawing

function draw() {
  drawCards();
  drawClasses();
  drawWords();
  drawWhich();
  drawRaster();
  drawMembranes();
  drawFilters();
  drawEnergy();
  drawSettings();
  drawLetters();
}

function drawCards() {
  const cards = $("cards");
  cards.replaceChildren();
  const said = [];
  const charts = [];
  [0, 1].forEach((at) => {
    const { answer, trace } = views[at];
    const model = modelOf(at);
    if (!answer || !model) return;
    const card = element("article", { class: "card" });
    if (modelOf(1)) {
      const steps = state.steps ?? model.steps;
      card.append(element("h3", {}, `${model.name}, ${steps} ${steps === 1 ? "step" : "steps"}, ${state.encoder ?? model.encoder}`));
    }
    const left = element("div");
    const right = element("div", { class: "figure" });
    card.append(left, right);
    cards.append(card);
    if (answer.unknown) {
      left.append(element("div", { class: "label" }, "no known word"));
      left.append(element("p", { class: "hint" }, state.text.trim() ? `${model.name} knows none of these words; nothing was run.` : "Type a text, or pick one."));
      said.push(`${model.name} knows no word of the text`);
      return;
    }
    const answered = labelsOf(model, answer);
    left.append(element("div", { class: "label" }, answered.join(", ") || "none"));
    left.append(classBars(model, answer));
    if (trace) charts.push([at, right]);
    const shares = answered.map((name) => `${name}, ${percent(answer.probabilities[answer.classes.indexOf(name)])}`);
    said.push(`${modelOf(1) ? `${model.name}: ` : ""}${shares.join(", ") || "none"}`);
  });
  // Once all cards have their widths.
  for (const [at, box] of charts) {
    const scene = scores(views[at].trace, Math.max(240, box.clientWidth));
    figures[`scores ${at}`] = scene;
    box.append(toSvg(scene), saves(`scores ${at}`));
  }
  $("status").textContent = said.join("; ");
}

function drawClasses() {
  const select = $("for-class");
  const classes = views[0].answer ? views[0].answer.classes : [];
  if (select.dataset.classes === JSON.stringify(classes)) return;
  select.dataset.classes = JSON.stringify(classes);
  select.replaceChildren(element("option", { value: "" }, "the answer"), ...classes.map((name) => element("option", { value: name }, name)));
  if (!classes.includes(state.forClass)) state.forClass = null;
  select.value = state.forClass || "";
}

function drawWords() {
  const box = $("words");
  box.replaceChildren();
  const sentences = [];
  [0, 1].forEach((at) => {
    const { explained } = views[at];
    const model = modelOf(at);
    if (!explained || !model || !explained.tokens) return;
    const name = lookedAt(explained);
    const who = modelOf(1) ? `${model.name}, for ${name}` : null;
    box.append(words(explained, explained.classes.indexOf(name), Boolean(model.thresholds), who, (place) => chooseWord(at, place)));
    const kept = fewest(explained);
    if (kept) sentences.push(modelOf(1) ? `${model.name}: ${kept}` : kept);
    const estimated = estimates(explained);
    if (estimated) sentences.push(modelOf(1) ? `${model.name}: ${estimated}` : estimated);
  });
  if (!box.childElementCount) box.append(element("p", { class: "hint" }, "No known word yet."));
  $("fewest").textContent = sentences.join(" ");
}

function drawWhich() {
  const box = $("which");
  box.replaceChildren();
  if (!modelOf(1)) {
    drawn = 0;
    return;
  }
  [0, 1].forEach((at) => {
    const button = element("button", { type: "button", "aria-pressed": drawn === at ? "true" : "false" }, modelOf(at).name);
    button.addEventListener("click", () => {
      drawn = at;
      neurons = [];
      draw();
    });
    box.append(button);
  });
}

function drawRaster() {
  const { trace } = views[drawn];
  const canvas = $("raster");
  const empty = !trace || trace.unknown;
  $("raster-frame").hidden = empty;
  if (empty) {
    spots = [];
    figures.raster = null;
    $("under").textContent = views[drawn].refused ? `No raster: ${views[drawn].refused}.` : "Nothing was run.";
    $("counts").textContent = "";
    return;
  }
  const made = raster(trace, $("raster-frame").clientWidth || 900, neurons, speaker());
  spots = made.spots;
  figures.raster = made.scene;
  const scale = Math.min(window.devicePixelRatio || 1, 16000 / made.scene.width);
  toCanvas(made.scene, canvas, scale);
  // Sizes in the page's own pixels; a style attribute would need a looser policy, this does not.
  canvas.style.width = `${made.scene.width}px`;
  canvas.style.height = `${made.scene.height}px`;
  $("raster-frame").setAttribute("aria-label", made.scene.title);
  $("under").textContent = "";
  $("counts").textContent = spikeCounts(trace);
  cursor = -1;
}

/** The class that is looked at. */
function lookedAt(explained) {
  if (state.forClass && explained.classes.includes(state.forClass)) return state.forClass;
  // Of several labels the first that is answered.
  return (explained.labels && explained.labels[0]) || explained.label;
}

/** How far a filter at a place pushes to the class that is looked at. */
function speaker() {
  const { explained, trace } = views[drawn];
  const all = new Map();
  if (explained && explained.ngrams) {
    const at = explained.classes.indexOf(lookedAt(explained));
    const several = Boolean(modelOf(drawn).thresholds);
    for (const one of explained.ngrams)
      for (const own of one.filters) all.set(`${one.width} ${one.start} ${own.filter}`, push(own.parts, at, explained, several));
  }
  return (layer, place, neuron) => (layer < 0 ? undefined : all.get(`${trace.layers[layer].width} ${place} ${neuron}`));
}

function drawMembranes() {
  const box = $("membranes");
  box.replaceChildren();
  const { trace } = views[drawn];
  figures.membranes = null;
  $("clear-neurons").hidden = neurons.length === 0;
  if (!trace || trace.unknown) {
    box.append(element("p", { class: "none" }, "Nothing was run."));
    return;
  }
  neurons = neurons.filter((one) => isThere(trace, one));
  const series = (neurons.length ? neurons : outputs(trace)).map((one) => seriesOf(trace, one));
  const scene = membranes(series, trace.steps, box.clientWidth || 520);
  figures.membranes = scene;
  box.append(toSvg(scene));
  box.append(element("p", { class: "hint" }, neurons.length ? "After each step, less what a spike took away; a bar above marks a spike." : "The outputs, which add up what the answer is made of. Choose a spike above to see its neuron."));
}

async function drawFilters(focus) {
  const { trace, explained } = views[drawn];
  const gridBox = $("filter-grid");
  const box = $("filter");
  if (!trace || trace.unknown) {
    gridBox.replaceChildren();
    box.replaceChildren();
    return;
  }
  const all = filters.counts(trace);
  const has = chosenFilter && all.has(chosenFilter.width) && chosenFilter.filter < all.get(chosenFilter.width).length;
  // Without a choice, the one that said most.
  const shown = has ? chosenFilter : filters.loudest(explained, all);
  gridBox.replaceChildren(filters.grid(all, shown, (key, byKey) => {
    chosenFilter = key;
    drawFilters(byKey);
  }));
  if (focus) gridBox.querySelector('[aria-checked="true"]')?.focus();
  try {
    const answer = await ask("filter", "v1/filter", { ...shown, model: modelOf(drawn).name });
    if (answer) box.replaceChildren(filters.filter(answer, trace, explained));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    box.replaceChildren(element("p", { class: "hint" }, error.message));
  }
}

function drawEnergy() {
  const { costs, answer } = views[0];
  const box = $("energy");
  box.replaceChildren();
  figures.energy = null;
  const select = $("table");
  if (costs && !select.childElementCount) {
    select.append(...Object.keys(costs.tables).map((name) => element("option", { value: name }, name)));
  }
  if (costs && state.table && !costs.tables[state.table]) {
    state.table = "";
    keep();
  }
  if (costs) select.value = state.table || (costs.tables[TABLE] ? TABLE : select.options[0].value);
  if (!costs || answer.unknown) {
    box.append(element("p", { class: "none" }, "Nothing was run."));
    $("operations").textContent = "";
    return;
  }
  const table = select.value;
  const all = views.map((view) => view.costs).filter(Boolean);
  const scene = energy(energyBars(all, table), table, box.clientWidth || 520);
  figures.energy = scene;
  box.append(toSvg(scene));
  $("operations").textContent = operations(costs);
}

function drawSettings() {
  const model = modelOf(0);
  if (!model) return;
  const steps = state.steps ?? model.steps;
  $("steps").value = steps;
  $("steps-told").value = steps === model.steps ? `${steps}, as trained` : `${steps} (trained with ${model.steps})`;
  $("threshold").value = Math.log2(state.threshold);
  $("threshold-told").value = state.threshold === 1 ? "as trained" : `× ${state.threshold.toFixed(2)}`;
  $("encoder").value = state.encoder ?? model.encoder;
  const changed = Boolean(changes(state));
  $("settings-section").classList.toggle("changed", changed);
  $("reset").disabled = !changed;
}

function drawLetters() {
  const box = $("letters");
  box.replaceChildren();
  const model = modelOf(0);
  if (!model) return;
  $("find").disabled = Boolean(model.thresholds) || !views[0].trace || views[0].answer.unknown;
  $("pin").setAttribute("aria-pressed", pinned ? "true" : "false");
  const put = (text, kept) => {
    pinned = kept || pinned;
    setText(text);
  };
  if (attacked) box.append(...attackTold(attacked, put));
  else if (pinned && views[0].answer) box.append(...editsTold(pinned, views[0].text, views[0].answer, put));
}

async function find() {
  const button = $("find");
  button.disabled = true;
  button.textContent = "Looking…";
  const asked = state.text;
  try {
    const answer = await ask("attack", "v1/attack", { text: asked, model: modelOf(0).name, attack: $("attack").value, changes: changes(state) });
    // Nothing where the text has changed meanwhile.
    if (answer) {
      attacked = { ...answer, asked };
      trouble(null);
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    trouble(error);
  }
  button.textContent = "Find them";
  drawLetters();
}

// --- Choosing

/** A spike in words. */
const told = (spot) => describe(views[drawn].trace, spot, lookedAt(views[drawn].explained));

function chooseNeuron(spot) {
  if (spot.layer < 0) {
    $("under").textContent = told(spot);
    return;
  }
  const { layer, place, neuron } = spot;
  const same = (one) => one.layer === layer && one.place === place && one.neuron === neuron;
  if (!neurons.some(same)) {
    const free = LINES.find((name) => !neurons.some((one) => one.colour === name));
    neurons = [...neurons.slice(-(MOST_NEURONS - 1)), { layer, place, neuron, colour: free }];
  }
  const { trace } = views[drawn];
  if (trace.layers[layer].width) chosenFilter = { width: trace.layers[layer].width, filter: neuron };
  const said = told(spot);
  const at = cursor;
  drawRaster();
  cursor = at;
  drawMembranes();
  drawFilters();
  $("under").textContent = said;
}

/** The filter that spoke most at a word. */
function chooseWord(at, place) {
  drawn = at;
  drawWhich();
  const { trace, explained } = views[at];
  const heard = explained.ngrams.filter((one) => one.start <= place && place < one.end);
  const size = (one) => Math.max(...one.parts.map(Math.abs));
  heard.sort((a, b) => size(b) - size(a));
  if (!heard.length) {
    $("under").textContent = `No filter fired at “${trace.tokens[place].text}”.`;
    return;
  }
  const layer = trace.layers.findIndex((one) => one.width === heard[0].width);
  const spot = spots.find((one) => one.layer === layer && one.place === heard[0].start);
  if (spot) chooseNeuron(spot);
  $("spikes-section").scrollIntoView({ block: "nearest" });
}

function setText(text) {
  state.text = text;
  $("text").value = text;
  refresh();
}

/** The address holds what is shown. */
function keep() {
  const fragment = toFragment(state);
  if (fragment !== location.hash) history.replaceState(null, "", fragment);
}

function fillModels() {
  const option = (one) => element("option", { value: one.name }, one.name);
  $("model").replaceChildren(...known.map(option));
  if (!known.some((one) => one.name === state.model)) state.model = known[0].name;
  $("model").value = state.model;
  const others = known.filter((one) => one.name !== state.model);
  if (!others.some((one) => one.name === state.beside)) state.beside = "";
  $("beside").replaceChildren(element("option", { value: "" }, "no other"), ...others.map(option));
  $("beside").value = state.beside;
  $("beside").parentElement.hidden = others.length === 0;
  const language = modelOf(0).language;
  const texts = EXAMPLES[language] || EXAMPLES.en;
  $("examples").replaceChildren(...texts.map((text) => {
    const button = element("button", { type: "button", lang: language === "zh" ? "zh" : "en" }, text);
    button.addEventListener("click", () => setText(text));
    return button;
  }));
  if (state.text === null) state.text = texts[0];
  $("text").value = state.text;
  offerAttacks($("attack"), language);
}

async function start() {
  setTheme(localStorage.getItem("theme") || "system");
  try {
    known = await askModels();
  } catch (error) {
    trouble(error);
    if (error.status === 503) setTimeout(start, 1000);
    return;
  }
  trouble(null);
  $("token-form").hidden = true;
  fillModels();
  await refresh();
}

for (const box of document.querySelectorAll(".save[data-figure]")) addSaves(box, box.dataset.figure);
$("encoder").append(...ENCODERS.map((name) => element("option", { value: name }, name)));

$("text").addEventListener("input", (event) => {
  state.text = event.target.value;
  refresh();
});
$("model").addEventListener("change", (event) => {
  const before = modelOf(0).language;
  state.model = event.target.value;
  neurons = [];
  chosenFilter = null;
  // What was kept is an answer of the other model.
  pinned = null;
  if (modelOf(0).language !== before) {
    state.text = null;
    state.beside = "";
  }
  fillModels();
  refresh();
});
$("beside").addEventListener("change", (event) => {
  state.beside = event.target.value;
  neurons = [];
  refresh();
});
$("for-class").addEventListener("change", (event) => {
  state.forClass = event.target.value || null;
  drawWords();
  drawRaster();
});
$("table").addEventListener("change", (event) => {
  state.table = event.target.value;
  keep();
  drawEnergy();
});
$("steps").addEventListener("input", (event) => {
  const steps = Number(event.target.value);
  state.steps = steps === modelOf(0).steps && !state.beside ? null : steps;
  refresh();
});
$("threshold").addEventListener("input", (event) => {
  // Hundredths, so that a link says what is shown.
  state.threshold = Math.round(100 * 2 ** Number(event.target.value)) / 100;
  refresh();
});
$("encoder").addEventListener("change", (event) => {
  state.encoder = event.target.value === modelOf(0).encoder && !state.beside ? null : event.target.value;
  refresh();
});
$("reset").addEventListener("click", () => {
  Object.assign(state, { steps: null, threshold: 1, encoder: null });
  refresh();
});
$("find").addEventListener("click", find);
$("pin").addEventListener("click", () => {
  const { answer, text } = views[0];
  pinned = pinned || !answer || answer.unknown ? null : { text, label: answer.label, probability: Math.max(...answer.probabilities) };
  attacked = null;
  drawLetters();
});
$("clear-neurons").addEventListener("click", () => {
  neurons = [];
  drawRaster();
  drawMembranes();
});
$("theme").addEventListener("click", () => {
  const next = { system: "dark", dark: "light", light: "system" }[$("theme").dataset.theme];
  localStorage.setItem("theme", next);
  setTheme(next);
  draw();
});
$("link").addEventListener("click", async () => {
  keep();
  const button = $("link");
  // Only pages of this machine or behind TLS may write to the clipboard; the address bar has the link anyway.
  const done = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
  button.textContent = done ? "Copied" : "It is in the address bar";
  setTimeout(() => (button.textContent = "Copy link"), 2000);
});
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken($("token").value.trim());
  start();
});
const canvas = $("raster");
canvas.addEventListener("pointermove", (event) => {
  const spot = spotAt(spots, event.offsetX, event.offsetY);
  canvas.classList.toggle("over", Boolean(spot));
  if (spot) $("under").textContent = told(spot);
});
canvas.addEventListener("click", (event) => {
  const spot = spotAt(spots, event.offsetX, event.offsetY);
  if (spot) chooseNeuron(spot);
});
$("raster-frame").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const own = spots.map((spot, at) => at).filter((at) => spots[at].layer >= 0);
  if (!own.length) return;
  if (step) {
    event.preventDefault();
    const at = own.indexOf(cursor);
    cursor = own[(at + step + own.length) % own.length];
    $("under").textContent = told(spots[cursor]);
  } else if ((event.key === "Enter" || event.key === " ") && cursor >= 0) {
    event.preventDefault();
    chooseNeuron(spots[cursor]);
  }
});
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  drawRaster();
  drawMembranes();
  drawEnergy();
});
addEventListener("hashchange", () => {
  const given = fromFragment(location.hash);
  if (JSON.stringify({ ...given, forClass: state.forClass }) === JSON.stringify(state)) return;
  Object.assign(state, given);
  if (known.length) {
    fillModels();
    refresh();
  }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  setTheme($("theme").dataset.theme);
  draw();
});

start();
