// What the page does: ties microphone, tape, connection and view together.

import { chosenLanguage, offerLanguages, offerMicrophones } from "./choices.js";
import { Connection } from "./connection.js";
import { KeptFinals } from "./kept_finals.js";
import { absenceMessage, linkMessage, microphoneMessage, refusalMessage } from "./messages.js";
import { Microphone } from "./microphone.js";
import { remember, remembered, token } from "./preferences.js";
import { Screen } from "./screen.js";
import { Tape } from "./tape.js";
import { apply, EMPTY, writtenLanguage } from "./transcript.js";
import { View } from "./view.js";

/** @typedef {import("./view.js").Phase} Phase */

const NO_SOUND_MS = 5000;
const MUTED_AFTER_BLOCKS = 100; // 5 s
const KEPT_S = 60; // so much of what was recorded is kept for a server that is away

export class Captioner {
  #view = new View();
  #transcript = EMPTY;
  #finals = new KeptFinals();
  /** @type {Phase} */
  #phase = "idle";
  /** @type {import("./connection.js").Link} */
  #link = { kind: "link", state: "ended", nTries: 0 };
  /** @type {Microphone | null} */
  #microphone = null;
  /** @type {Tape | null} */
  #tape = null;
  /** @type {Connection | null} */
  #connection = null;
  #screen = new Screen();
  #isComplete = true; // all that was recorded has become text
  #nSilent = 0;
  #isMissed = false;
  #needsToken = false;

  /** Nothing would be lost if the page were closed. */
  get isSafeToLeave() {
    return this.#phase === "idle" && this.#finals.isSaved;
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
  stop() {
    this.#enter("finishing");
    this.#microphone?.stop();
    this.#view.showLevel(-Infinity);
    this.#connection?.end();
  }

  async toggle() {
    if (this.#phase === "idle") await this.start();
    else if (this.#phase !== "finishing" && this.#phase !== "starting") this.stop();
  }

  togglePause() {
    if (this.#phase === "listening") {
      this.#enter("paused");
      this.#microphone?.pause();
      this.#view.showLevel(-Infinity);
      this.#connection?.pause();
    } else if (this.#phase === "paused") {
      this.#microphone?.resume();
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
      if (this.#phase === "paused") this.togglePause();
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
    this.#microphone?.resume();
    await this.#screen.keepOn();
  }

  async copy() {
    try {
      await this.#finals.copy();
      this.#view.showMessage({ tone: "note", text: "Copied." });
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      this.#view.showMessage({ tone: "warning", text: "The browser does not let this page copy. Save the text instead." });
    }
  }

  /** @param {string} format */
  save(format) {
    this.#finals.save(format, new Date());
  }

  /** The server did not answer before anything was asked of it, or it said why it will not. @param {string} reason */
  miss(reason = "") {
    this.#isMissed = true;
    this.#view.showMessage(absenceMessage(reason));
  }

  /** It answered. @param {{needsToken: boolean}} terms */
  meet({ needsToken }) {
    this.#needsToken = needsToken;
    if (this.#isMissed) this.#view.showMessage(null);
    this.#isMissed = false;
  }

  showNewest() {
    this.#view.showNewest();
  }

  /** @param {Tape} tape @param {number} rate */
  #connect(tape, rate) {
    const terms = { rate, language: chosenLanguage(), token: token() };
    const fromS = this.#isComplete ? tape.end / rate : this.#transcript.settledS;
    this.#connection = new Connection(tape, terms, (event) => this.#receive(event), fromS);
    this.#isComplete = false;
    this.#enter("listening");
    this.#connection.open();
    const nRecorded = tape.end;
    setTimeout(() => this.#noticeNoSound(nRecorded), NO_SOUND_MS);
  }

  /** A browser may give a microphone and never a sound from it. @param {number} nRecorded at the start */
  #noticeNoSound(nRecorded) {
    if (this.#phase === "listening" && this.#tape?.end === nRecorded) this.#view.showMessage(microphoneMessage("silent"));
  }

  async #listen() {
    const microphone = /** @type {Microphone} */ (this.#microphone);
    await microphone.listen(remembered("microphone"), () => this.#loseMicrophone());
    // Whoever was asked for the microphone may have pressed Stop meanwhile.
    if (this.#phase === "idle" || this.#phase === "finishing") microphone.stop();
    await offerMicrophones();
  }

  #loseMicrophone() {
    this.#view.showMessage(microphoneMessage("lost"));
    this.stop();
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
    if (line?.kind === "final") this.#finals.add(line);
    if (line) this.#view.addLine(line);
    this.#show();
  }

  #show() {
    const rate = this.#microphone?.rate ?? 1;
    const language = writtenLanguage(this.#transcript, chosenLanguage());
    this.#view.showTranscript(this.#transcript, (this.#tape?.end ?? 0) / rate, language);
  }

  #receiveLink(link) {
    this.#link = link;
    if (link.state === "ended") this.#receiveEnd(link.isComplete);
    const message = linkMessage(link, this.#phase === "listening");
    if (message || link.state === "open") this.#view.showMessage(message);
    this.#enter(this.#phase);
  }

  /** @param {boolean} isComplete */
  #receiveEnd(isComplete) {
    this.#connection = null;
    this.#isComplete = isComplete;
    this.#enter("idle");
    this.#view.showLevel(-Infinity);
    this.#show();
    this.#microphone?.stop();
  }

  #receiveRefusal(refusal) {
    if (refusal.code === "unauthorized" && this.#needsToken) this.#view.askForToken();
    this.#view.showMessage(refusalMessage(refusal, this.#needsToken));
  }

  /** @param {Phase} phase */
  #enter(phase) {
    this.#phase = phase;
    this.#view.showPhase(phase, this.#link);
    if (phase === "listening") this.#screen.keepOn();
    else this.#screen.letSleep();
  }

  /** @param {unknown} error */
  #complain(error) {
    if (!(error instanceof DOMException)) throw error;
    if (error.name === "OverconstrainedError") remember("microphone", "");
    this.#view.showMessage(microphoneMessage(error.name));
  }
}
