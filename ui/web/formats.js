// The transcript as a file: plain text, SubRip, WebVTT; character by character as `max-whisper file` writes them.  Pure.

import { cuesOf } from "./cues.js";
import { printable } from "./text.js";

/** @typedef {import("./cues.js").Final} Final */
/** @typedef {import("./cues.js").Cue} Cue */

/**
 * Each final as a line.
 * @param {Final[]} finals
 */
export function asText(finals) {
  return finals.map((final) => `${printable(final.text)}\n`).join("");
}

/**
 * SubRip subtitles.
 * @param {Final[]} finals
 */
export function asSubRip(finals) {
  return allCues(finals)
    .map((cue, i) => {
      // What looks like an arrow would be taken for one.
      const lines = cue.lines.map((line) => line.replaceAll("-->", "--\u203a")).join("\n");
      return `${i + 1}\n${stamp(cue.start, ",")} --> ${stamp(cue.end, ",")}\n${lines}\n\n`;
    })
    .join("");
}

/**
 * WebVTT subtitles.
 * @param {Final[]} finals
 */
export function asWebVtt(finals) {
  const blocks = allCues(finals).map((cue) => {
    const lines = cue.lines.map(escaped).join("\n");
    return `${stamp(cue.start, ".")} --> ${stamp(cue.end, ".")}\n${lines}\n\n`;
  });
  return `WEBVTT\n\n${blocks.join("")}`;
}

/**
 * @param {Final[]} finals
 * @returns {Cue[]}
 */
function allCues(finals) {
  /** @type {Cue[]} */
  const cues = [];
  for (const final of finals) cues.push(...cuesOf(final, cues.at(-1)?.end ?? 0));
  return cues;
}

/** @param {string} line */
function escaped(line) {
  return line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/**
 * @param {number} timeS
 * @param {string} point
 */
function stamp(timeS, point) {
  const ms = toEven(1000 * timeS);
  const [hours, minutes, seconds] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, Math.floor(ms / 1000) % 60];
  const whole = [hours, minutes, seconds].map((n) => String(n).padStart(2, "0")).join(":");
  return `${whole}${point}${String(ms % 1000).padStart(3, "0")}`;
}

/** The nearest whole number; of two, the even one, as Python rounds. @param {number} value */
function toEven(value) {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}
