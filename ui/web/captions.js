// The page's root: each button, key and field to what it does.

import { Captioner } from "./captioner.js";
import { offerLanguages, offerMicrophones } from "./choices.js";
import { listenForKeys } from "./keyboard.js";
import { LargeType } from "./large_type.js";
import { remember, remembered, setToken, token } from "./preferences.js";
import { isDark, toggleTheme } from "./theme.js";
import { element } from "./view.js";

const AGAIN_MS = 3000; // until a server that is still loading its model is asked again

const captioner = new Captioner();
const largeType = new LargeType(element("large"));

connectControls();
connectKeys();
connectBrowser();
showTheme();
await offerMicrophones();
await greet();

function connectControls() {
  element("start").addEventListener("click", () => captioner.toggle());
  element("pause").addEventListener("click", () => captioner.togglePause());
  element("copy").addEventListener("click", () => captioner.copy());
  element("theme").addEventListener("click", changeTheme);
  element("help").addEventListener("click", () => element("keys").showModal());
  element("keys-close").addEventListener("click", () => element("keys").close());
  element("microphone").addEventListener("change", ({ target }) => captioner.chooseMicrophone(target.value));
  element("language").addEventListener("change", ({ target }) => captioner.chooseLanguage(target.value));
  element("save-menu").addEventListener("click", ({ target }) => save(target.closest("button")));
  element("token-form").addEventListener("submit", takeToken);
}

function connectKeys() {
  const areOn = element("keys-on");
  areOn.checked = remembered("keys") !== "off";
  areOn.addEventListener("change", () => remember("keys", areOn.checked ? "" : "off"));
  const actions = {
    s: () => captioner.toggle(),
    p: () => captioner.togglePause(),
    l: () => largeType.toggle(),
    f: () => toggleFullScreen(),
    t: () => changeTheme(),
    c: () => element("copy").click(), // not while there is nothing to copy
    "+": () => largeType.resize(1),
    "-": () => largeType.resize(-1),
    "?": () => element("keys").showModal(),
    Escape: () => largeType.leave(),
    End: () => captioner.showNewest(),
  };
  listenForKeys(actions, () => areOn.checked);
}

function connectBrowser() {
  window.addEventListener("online", () => captioner.retry());
  navigator.mediaDevices?.addEventListener("devicechange", () => offerMicrophones());
  document.addEventListener("visibilitychange", () => captioner.wake());
  window.addEventListener("beforeunload", (event) => {
    if (!captioner.isSafeToLeave) event.preventDefault();
  });
}

/** Say whose server this is, and fill the list of languages before the first word. */
async function greet() {
  const given = token();
  try {
    const response = await fetch(new URL("v1/info", document.baseURI));
    const { model, languages, needs_token, error } = await response.json();
    if (response.status === 503) setTimeout(greet, AGAIN_MS);
    if (!response.ok) return captioner.miss(error?.message);
    captioner.meet({ needsToken: needs_token });
    element("model").textContent = `The model is ${model}.`;
    offerLanguages(languages);
    element("token-form").hidden = !needs_token || Boolean(given);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
    captioner.miss();
  }
}

/** @param {HTMLElement | null} button */
function save(button) {
  if (!button?.dataset.format) return;
  captioner.save(button.dataset.format);
  element("save-menu").hidePopover();
}

/** @param {Event} event */
function takeToken(event) {
  event.preventDefault();
  setToken(element("token").value);
  element("token-form").hidden = true;
  element("start").focus();
}

function changeTheme() {
  toggleTheme();
  showTheme();
}

function showTheme() {
  element("theme-name").textContent = isDark() ? "Light" : "Dark";
}

async function toggleFullScreen() {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await document.documentElement.requestFullscreen?.();
}
