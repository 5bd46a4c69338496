// Light or dark, by choice or as the system has it.

/** Sets a theme: light, dark, or that of the system. */
export function setTheme(theme) {
  const dark = theme === "dark" || (theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.getElementById("theme").textContent = `Theme: ${theme}`;
  document.getElementById("theme").dataset.theme = theme;
}
