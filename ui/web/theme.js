// Dark or light: as the system has it, unless the reader chose.  Loaded before the page is drawn, so that it never flashes.

import { remember, remembered } from "./preferences.js";

const system = matchMedia("(prefers-color-scheme: dark)");
system.addEventListener("change", show);
show();

/** Whether the page is dark now. */
export function isDark() {
  const chosen = remembered("theme");
  return chosen ? chosen === "dark" : system.matches;
}

/** Change between dark and light; a choice that is the system's own is not kept, so that it follows the system again. */
export function toggleTheme() {
  const wanted = isDark() ? "light" : "dark";
  remember("theme", (wanted === "dark") === system.matches ? "" : wanted);
  show();
}

function show() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
}
