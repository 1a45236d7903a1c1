// Text made fit to be shown and measured, as ui/formats/text.py and Rich's cell_len do it.  Pure.

import { WIDE } from "./wide.js";

const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cf}\p{Cs}]/gu;
const JOINERS = "\u200c\u200d";
const UNSEEN = /[\p{Mn}\p{Mc}\p{Me}\p{Cf}\u1160-\u11ff\u3164\ud7b0-\ud7c6\ud7cb-\ud7fb\uffa0\u{1f3fb}-\u{1f3ff}]/u;
const [EMOJI_JOINER, EMOJI_STYLE] = ["\u200d", "\ufe0f"];
const EMOJI = /(?![\u{1f1e6}-\u{1f1ff}])\p{Emoji}/u;

/**
 * Text as one line: controls and line breaks are spaces, unseen format characters are gone but for joiners.
 * @param {string} text
 */
export function printable(text) {
  return text.replace(UNPRINTABLE, (character, at) => {
    if (/\p{Cs}/u.test(character)) return "\ufffd"; // half a character: no encoding has it
    if (!/\p{Cf}/u.test(character)) return " ";
    const isJoiner = JOINERS.includes(character);
    return isJoiner && !/^\p{So}/u.test(text.slice(at + character.length)) ? character : "";
  });
}

/**
 * How many columns `text` takes; a wide character takes two, and so does one that is shown as an emoji.
 * @param {string} text
 */
export function columns(text) {
  const characters = [...text];
  let [n, last] = [0, ""];
  for (let i = 0; i < characters.length; i++) {
    const [character, width] = [characters[i], widthOf(characters[i])];
    if (character === EMOJI_JOINER) i++; // what is joined takes no room of its own
    if (character === EMOJI_STYLE && EMOJI.test(last) && widthOf(last) === 1) n += 1;
    if (width || character === EMOJI_STYLE) last = width ? character : "";
    n += width;
  }
  return n;
}

/** @param {string} character */
function widthOf(character) {
  if (UNSEEN.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/**
 * Seconds as people read a time: 05:09, 1:05:09.
 * @param {number} atS
 */
export function clock(atS) {
  const s = Math.max(0, Math.floor(atS));
  const [hours, minutes, seconds] = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${two(minutes)}:${two(seconds)}`;
}

/** @param {number} n */
function two(n) {
  return String(n).padStart(2, "0");
}
