// Large type, for showing to a room: nothing but words; the controls come back when the mouse or a key is moved.

import { remember, remembered } from "./preferences.js";

const QUIET_AFTER_MS = 3000;
const STEP = 1.15;
const [SMALLEST, LARGEST] = [0.5, 2.5];

export class LargeType {
  #button;
  #quiet = 0;

  /** @param {HTMLElement} button what turns it on and off */
  constructor(button) {
    this.#button = button;
    this.#show(Number(remembered("size", "1")) || 1);
    button.addEventListener("click", () => this.toggle());
    for (const kind of ["pointermove", "pointerdown", "keydown", "focusin"]) {
      document.addEventListener(kind, () => this.#wake(), { passive: true });
    }
  }

  toggle() {
    this.#turn(!this.#isOn);
  }

  /** Turn it off; tell whether it was on. */
  leave() {
    const wasOn = this.#isOn;
    if (wasOn) this.#turn(false);
    return wasOn;
  }

  get #isOn() {
    return document.body.classList.contains("is-large");
  }

  /** @param {boolean} isOn */
  #turn(isOn) {
    document.body.classList.toggle("is-large", isOn);
    this.#button.setAttribute("aria-pressed", String(isOn));
    this.#wake();
  }

  /** Make the type bigger (1) or smaller (-1). @param {number} steps */
  resize(steps) {
    const size = (Number(remembered("size", "1")) || 1) * STEP ** steps;
    this.#show(Math.min(LARGEST, Math.max(SMALLEST, size)));
  }

  /** @param {number} size */
  #show(size) {
    remember("size", size === 1 ? "" : size.toFixed(3));
    document.documentElement.style.setProperty("--size", String(size));
  }

  #wake() {
    document.body.classList.remove("is-quiet");
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => document.body.classList.add("is-quiet"), QUIET_AFTER_MS);
  }
}
