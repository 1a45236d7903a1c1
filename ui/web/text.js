// Text made fit to be shown and measured, as ui/formats/text.py and Rich's cell_len do it.  Pure.

const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cf}\p{Cs}]/gu;
const JOINERS = "\u200c\u200d";
const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/u;
const UNSEEN = /[\p{Mn}\p{Me}\p{Cf}]/u;

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
 * How many columns `text` takes; a wide character takes two.
 * @param {string} text
 */
export function columns(text) {
  let n = 0;
  for (const character of text) n += WIDE.test(character) ? 2 : UNSEEN.test(character) ? 0 : 1;
  return n;
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
