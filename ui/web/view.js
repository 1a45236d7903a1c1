// Draws what the page knows into the document.  Decides nothing; touches no microphone and no network.

import { clock, printable } from "./text.js";

/** @typedef {import("./transcript.js").Transcript} Transcript */
/** @typedef {import("./transcript.js").Line} Line */
/** @typedef {import("./messages.js").Message} Message */
/** @typedef {"idle" | "starting" | "listening" | "paused" | "finishing"} Phase */

const QUIETEST_DBFS = -60;
const LATE_S = 2; // a delay beyond this is shown as a warning
const MOST_ANNOUNCED = 3;
const NOTE_MS = 4000;
const NEAR_THE_END_PX = 60;

const STATES = {
  idle: "Ready",
  starting: "Starting …",
  listening: "Listening",
  paused: "Paused",
  finishing: "Finishing …",
};

/** @param {string} id @returns {any} the element; it is in index.html */
export function element(id) {
  return document.getElementById(id);
}

export class View {
  #page = element("page");
  #lines = element("lines");
  #isFollowing = true;
  #note = 0;

  constructor() {
    this.#page.addEventListener("scroll", () => this.#noticeScroll(), { passive: true });
    new ResizeObserver(() => this.#follow()).observe(this.#page);
    element("newest").addEventListener("click", () => this.showNewest());
  }

  /**
   * The buttons, and what is going on in a word.
   * @param {Phase} phase
   * @param {import("./connection.js").Link} link
   */
  showPhase(phase, link) {
    const isOn = phase === "starting" || phase === "listening" || phase === "paused";
    const isCutOff = isOn && link.state === "cut";
    document.body.dataset.phase = phase;
    document.body.dataset.cutOff = String(isCutOff);
    const state = !isCutOff ? STATES[phase] : link.isRefused ? "Waiting" : "Cut off";
    write(element("state"), state);
    document.title = phase === "idle" ? "max-whisper" : `${state} – max-whisper`;
    write(element("start-name"), isOn ? "Stop" : "Start");
    element("start-icon").setAttribute("href", isOn ? "#icon-stop" : "#icon-start");
    element("start").disabled = phase === "finishing";
    element("pause").hidden = !(phase === "listening" || phase === "paused");
    write(element("pause-name"), phase === "paused" ? "Go on" : "Pause");
    element("pause-icon").setAttribute("href", phase === "paused" ? "#icon-resume" : "#icon-pause");
  }

  /**
   * The open utterance and the figures.
   * @param {Transcript} transcript
   * @param {number} recordedS how much was recorded; what the server has not received is behind too
   * @param {string} language what the open text is written in; "" is not known
   */
  showTranscript({ partial, status }, recordedS, language) {
    const isOpen = Boolean(partial?.text);
    element("open").hidden = !isOpen;
    if (partial && isOpen) {
      element("open-text").lang = language;
      write(element("open-time"), clock(partial.start));
      write(element("stable"), printable(partial.stable));
      write(element("unstable"), printable(partial.text.slice(partial.stable.length)));
    }
    this.#showFigures(status, recordedS);
    if (isOpen) this.#follow();
  }

  #showFigures(status, recordedS) {
    const behindS = status ? status.lag + Math.max(0, recordedS - status.now) : 0;
    write(element("clock"), clock(recordedS));
    write(element("delay"), status && document.body.dataset.phase !== "idle" ? `${behindS.toFixed(1)} s behind` : "");
    element("delay").classList.toggle("late", behindS > LATE_S);
  }

  /**
   * A line that stays.
   * @param {Line} line
   */
  addLine(line) {
    element("welcome").hidden = true;
    const text = line.kind === "final" ? printable(line.text) : lossOf(line);
    this.#lines.append(drawnLine(line, text));
    if (line.kind === "final") announce(paragraph(text, line.language));
    element("copy").disabled = element("save").disabled = false;
    this.#follow();
  }

  /** @param {number} dbfs the loudness of the last block */
  showLevel(dbfs) {
    const level = Math.max(QUIETEST_DBFS, Math.min(0, dbfs));
    element("meter").style.setProperty("--level", String(1 - level / QUIETEST_DBFS));
    element("meter").setAttribute("aria-valuenow", String(Math.round(level)));
  }

  /** A warning stays until what it warns of is over; a note goes by itself. @param {Message | null} message */
  showMessage(message) {
    clearTimeout(this.#note);
    if (message?.tone === "note") this.#note = setTimeout(() => this.showMessage(null), NOTE_MS);
    write(element("notice"), message?.text ?? "");
    element("notice").dataset.tone = message?.tone ?? "";
  }

  /** The server wants a token, and this one it does not take. */
  askForToken() {
    element("welcome").hidden = element("token-form").hidden = false;
    element("token").value = "";
    element("token").focus();
  }

  /** Go to the newest line, and follow from there. */
  showNewest() {
    this.#isFollowing = true;
    this.#follow();
  }

  #follow() {
    if (this.#isFollowing) this.#page.scrollTop = this.#page.scrollHeight;
    element("newest").hidden = this.#isFollowing;
  }

  #noticeScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#page;
    this.#isFollowing = scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX;
    element("newest").hidden = this.#isFollowing;
  }
}

/** @param {import("./transcript.js").Lost} loss */
function lossOf({ kind, start, end }) {
  return `${(end - start).toFixed(1)} s ${kind === "gap" ? "of audio lost" : "that could not be transcribed"}`;
}

/** @param {Line} line @param {string} text */
function drawnLine(line, text) {
  const time = document.createElement("time");
  time.textContent = clock(line.start);
  const drawn = document.createElement("li");
  drawn.className = `line ${line.kind}`;
  drawn.append(time, paragraph(text, line.kind === "final" ? line.language : "en"));
  return drawn;
}

/** Text in its own direction. @param {string} text @param {string} language */
function paragraph(text, language) {
  const drawn = document.createElement("p");
  [drawn.textContent, drawn.dir, drawn.lang] = [text, "auto", language];
  return drawn;
}

/** Tell a screen reader: finals only, for a partial changes while it is read. @param {HTMLElement} said */
function announce(said) {
  const announcer = element("announcer");
  announcer.append(said);
  if (announcer.childElementCount > MOST_ANNOUNCED) announcer.firstElementChild.remove();
}

/** Change what is written only where it differs: what is selected stays selected. @param {HTMLElement} where @param {string} text */
function write(where, text) {
  if (where.textContent !== text) where.textContent = text;
}
