// What the page does: ties microphone, tape, connection and view together.

import { Connection } from "./connection.js";
import { copy, download } from "./downloads.js";
import { absenceMessage, linkMessage, microphoneMessage, refusalMessage } from "./messages.js";
import { Microphone } from "./microphone.js";
import { offerLanguages, offerMicrophones } from "./choices.js";
import { remember, remembered, token } from "./preferences.js";
import { Tape } from "./tape.js";
import { apply, EMPTY } from "./transcript.js";
import { View } from "./view.js";

/** @typedef {import("./transcript.js").Final} Final */
/** @typedef {import("./view.js").Phase} Phase */

const MUTED_AFTER_BLOCKS = 100; // 5 s
const KEPT_S = 60; // so much of what was recorded is kept for a server that is away

export class Captioner {
  #view = new View();
  #transcript = EMPTY;
  /** @type {Final[]} */
  #finals = [];
  /** @type {Phase} */
  #phase = "idle";
  #link = { kind: "link", state: "ended", nTries: 0 };
  /** @type {Microphone | null} */
  #microphone = null;
  /** @type {Tape | null} */
  #tape = null;
  /** @type {Connection | null} */
  #connection = null;
  /** @type {WakeLockSentinel | null} */
  #wakeLock = null;
  #isSaved = true;
  #isComplete = true; // all that was recorded has become text
  #nSilent = 0;

  /** Nothing would be lost if the page were closed. */
  get isSafeToLeave() {
    return this.#phase === "idle" && this.#isSaved;
  }

  /** Ask for the microphone, then for a session. */
  async start() {
    if (!window.isSecureContext) return this.#view.showMessage(microphoneMessage("InsecureContext"));
    this.#enter("starting");
    this.#view.showMessage(null);
    try {
      this.#microphone ??= await Microphone.create((block) => this.#receiveBlock(block));
      this.#tape ??= new Tape(KEPT_S * this.#microphone.rate);
      await this.#listen();
    } catch (error) {
      this.#enter("idle");
      return this.#complain(error);
    }
    this.#connect(this.#tape, this.#microphone.rate);
  }

  /** No more is recorded; what was said becomes text. */
  async stop() {
    this.#enter("finishing");
    await this.#microphone?.stop();
    this.#view.showLevel(-Infinity);
    this.#connection?.end();
  }

  async toggle() {
    if (this.#phase === "idle") await this.start();
    else if (this.#phase !== "finishing" && this.#phase !== "starting") await this.stop();
  }

  async togglePause() {
    if (this.#phase === "listening") {
      this.#enter("paused");
      await this.#microphone?.pause();
      this.#view.showLevel(-Infinity);
      this.#connection?.pause();
    } else if (this.#phase === "paused") {
      await this.#microphone?.resume();
      this.#connection?.resume();
      this.#enter("listening");
    }
  }

  /** Record from another microphone, or remember it for the start. @param {string} id */
  async chooseMicrophone(id) {
    remember("microphone", id);
    if (this.#phase !== "listening" && this.#phase !== "paused") return;
    try {
      await this.#listen();
      if (this.#phase === "paused") await this.togglePause();
      this.#view.showMessage(null);
    } catch (error) {
      this.#complain(error);
    }
  }

  /** @param {string} code "" is heard */
  chooseLanguage(code) {
    remember("language", code);
    this.#connection?.configure(code);
  }

  /** Try again at once: the network is back. */
  retry() {
    if (this.#link.state === "cut") this.#connection?.open();
  }

  /** The page comes back to the front: a phone may have stopped its sound, and lets its screen sleep again. */
  async wake() {
    if (this.#phase !== "listening" || document.visibilityState !== "visible") return;
    await this.#microphone?.resume();
    await this.#keepScreenOn();
  }

  async copy() {
    try {
      await copy(this.#finals);
      this.#isSaved = true;
      this.#view.showMessage({ tone: "note", text: "Copied." });
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      this.#view.showMessage({ tone: "warning", text: "The browser does not let this page copy. Save the text instead." });
    }
  }

  /** @param {string} format */
  save(format) {
    download(this.#finals, format, new Date());
    this.#isSaved = true;
  }

  /** The server did not answer before anything was asked of it, or it said why it will not. @param {string} reason */
  miss(reason = "") {
    this.#view.showMessage(absenceMessage(reason));
  }

  showNewest() {
    this.#view.showNewest();
  }

  /** @param {Tape} tape @param {number} rate */
  #connect(tape, rate) {
    const terms = { rate, language: remembered("language"), token: token() };
    const fromS = this.#isComplete ? tape.end / rate : this.#transcript.settledS;
    this.#connection = new Connection(tape, terms, (event) => this.#receive(event), fromS);
    this.#isComplete = false;
    this.#enter("listening");
    this.#connection.open();
  }

  async #listen() {
    const microphone = /** @type {Microphone} */ (this.#microphone);
    await microphone.listen(remembered("microphone"), () => this.#loseMicrophone());
    await offerMicrophones();
  }

  async #loseMicrophone() {
    this.#view.showMessage(microphoneMessage("lost"));
    await this.stop();
  }

  /** @param {import("./microphone.js").Block} block */
  #receiveBlock({ samples, levelDbfs }) {
    if (this.#phase !== "listening") return;
    this.#tape?.append(samples);
    this.#view.showLevel(levelDbfs);
    this.#connection?.pump();
    this.#noticeSilence(levelDbfs);
    this.#show();
  }

  /** Digital silence is no quiet room: the microphone is muted. @param {number} levelDbfs */
  #noticeSilence(levelDbfs) {
    const wasMuted = this.#nSilent >= MUTED_AFTER_BLOCKS;
    this.#nSilent = levelDbfs === -Infinity ? this.#nSilent + 1 : 0;
    if (this.#nSilent === MUTED_AFTER_BLOCKS) this.#view.showMessage(microphoneMessage("muted"));
    if (wasMuted && this.#nSilent === 0) this.#view.showMessage(null);
  }

  /** @param {any} event as Connection tells it */
  #receive(event) {
    if (event.kind === "link") return this.#receiveLink(event);
    if (event.kind === "refused") return this.#receiveRefusal(event);
    if (event.kind === "session") offerLanguages(event.languages);
    const [transcript, line] = apply(this.#transcript, event);
    this.#transcript = transcript;
    this.#connection?.settle(transcript.settledS);
    if (line?.kind === "final") this.#keep(line);
    if (line) this.#view.addLine(line);
    this.#show();
  }

  #show() {
    const rate = this.#microphone?.rate ?? 1;
    this.#view.showTranscript(this.#transcript, (this.#tape?.end ?? 0) / rate);
  }

  /** @param {Final} final */
  #keep(final) {
    this.#finals.push(final);
    this.#isSaved = false;
  }

  #receiveLink(link) {
    this.#link = link;
    if (link.state === "ended") this.#receiveEnd(link.isComplete);
    const message = linkMessage(link, this.#phase === "listening");
    if (message || link.state === "open") this.#view.showMessage(message);
    this.#enter(this.#phase);
  }

  /** @param {boolean} isComplete */
  async #receiveEnd(isComplete) {
    this.#connection = null;
    this.#isComplete = isComplete;
    this.#enter("idle");
    this.#view.showLevel(-Infinity);
    await this.#microphone?.stop();
  }

  #receiveRefusal(refusal) {
    if (refusal.code === "unauthorized") this.#view.askForToken();
    this.#view.showMessage(refusalMessage(refusal));
  }

  async #keepScreenOn() {
    if (!navigator.wakeLock) return;
    try {
      this.#wakeLock = await navigator.wakeLock.request("screen");
    } catch (error) {
      if (!(error instanceof DOMException)) throw error; // the battery is low: the screen may sleep
    }
  }

  /** @param {Phase} phase */
  #enter(phase) {
    this.#phase = phase;
    this.#view.showPhase(phase, this.#link.state === "cut" || (this.#link.state === "connecting" && this.#link.nTries > 0));
    if (phase !== "listening") this.#wakeLock?.release();
    else if (!this.#wakeLock || this.#wakeLock.released) this.#keepScreenOn();
  }

  /** @param {unknown} error */
  #complain(error) {
    if (!(error instanceof DOMException)) throw error;
    if (error.name === "OverconstrainedError") remember("microphone", "");
    this.#view.showMessage(microphoneMessage(error.name));
  }
}
