// The figures that are shown at the moment, by name, and the buttons that keep them as files.

import { element, save } from "./scene.js";

/** The scenes that are shown. */
export const figures = {};

/** The buttons of a figure. */
export function saves(name) {
  const box = element("span", { class: "save" });
  addSaves(box, name);
  return box;
}

/** Puts the buttons of a figure into an element. */
export function addSaves(box, name) {
  for (const kind of ["svg", "png"]) {
    const button = element("button", { type: "button", "aria-label": `Save the figure of ${name.replace(/ \d/, "")} as ${kind.toUpperCase()}` }, kind.toUpperCase());
    button.addEventListener("click", () => figures[name] && save(figures[name], kind, `spiketext-${name.replace(" ", "-")}`));
    box.append(button);
  }
}
