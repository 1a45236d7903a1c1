// A final cut into cues, as subtitles show them: ui/formats/cues.py in the browser's language.  Pure.
// Two lines of 42 columns and at most 7 s, as Netflix's Timed Text Style Guide has it for English.

import { columns, printable } from "./text.js";

/** @typedef {{word: string, start: number, end: number}} Word */
/** @typedef {{start: number, end: number, text: string, words?: Word[], segments?: Span[]}} Final */
/** @typedef {{start: number, end: number, text: string}} Span */
/** @typedef {{start: number, end: number, lines: string[]}} Cue */

const LINE_COLUMNS = 42;
const LONGEST_S = 7;
const SHORTEST_S = 1; // a cue stays at least so long, where nothing comes after it
const FEWEST_COLUMNS = 28; // a cue is cut earlier than it must be only if so much is in it
const PAUSE_S = 0.3;
const LONG_PAUSE_S = 2; // no cue stands through a longer silence
const FRAME_S = 0.04;
const JOINING_MARKS = /^['’\-‐.,:/%&@+°]/u; // without a space before them they go on with a word
const SENTENCE_ENDS = /[.!?…。！？]$/u;
const CLAUSE_ENDS = /[,;:—–、，；：]$/u;

/**
 * The cues of a final in order; none begins before `notBeforeS` or the end of the one before.
 * Where no word times are known, the words of a segment share its time.
 * @param {Final} final
 * @returns {Cue[]}
 */
export function cuesOf(final, notBeforeS = 0) {
  const words = final.words?.length ? final.words : guessedWords(final);
  const groups = groupsOf(withTheirMarks(words)).filter((group) => textOf(group));
  /** @type {Cue[]} */
  const cues = [];
  groups.forEach((group, i) => {
    const start = Math.max(group[0].start, cues.at(-1)?.end ?? notBeforeS);
    const until = i + 1 < groups.length ? groups[i + 1][0].start : final.end;
    const spoken = Math.min(group[group.length - 1].end, start + LONGEST_S);
    const end = Math.max(spoken, Math.min(start + SHORTEST_S, until), start + FRAME_S);
    cues.push({ start, end, lines: linesOf(group) });
  });
  return cues;
}

/**
 * Put together what is one word to a reader: Whisper's end before a mark, as in dell'albero, well-known, 3.5, 50%.
 * What is one character stays together whatever its length: a Thai vowel may be heard as a word after its consonant.
 * @param {Word[]} words
 */
function withTheirMarks(words) {
  /** @type {Word[]} */
  const whole = [];
  for (const word of words) {
    const before = whole.at(-1);
    const fits = before && columns((before.word + word.word).trim()) <= LINE_COLUMNS;
    if (before && (/^\p{M}/u.test(word.word) || (fits && JOINING_MARKS.test(word.word)))) {
      whole[whole.length - 1] = { ...before, word: before.word + word.word, end: word.end };
    } else {
      whole.push(word);
    }
  }
  return whole;
}

/**
 * The words of each segment, as long as their letters are many.
 * @param {Final} final
 */
function guessedWords(final) {
  const spans = final.segments?.length ? final.segments : [final];
  return spans.flatMap(({ text, start, end }) => {
    const written = text.split(/\s+/u).filter(Boolean);
    const letterS = (end - start) / Math.max(1, [...written.join("")].length);
    let at = start;
    return written.flatMap(partsOf).map((part) => {
      const word = { word: part, start: at, end: at + letterS * [...part.trim()].length };
      at = word.end;
      return word;
    });
  });
}

/**
 * A word with its space; in a script without spaces, what is between two of them letter by letter.
 * @param {string} word
 */
function partsOf(word) {
  if (columns(word) <= LINE_COLUMNS) return [` ${word}`];
  const [first, ...others] = word;
  return [` ${first}`, ...others];
}

/** @param {Word[]} words */
function groupsOf(words) {
  const groups = [];
  for (let rest = words; rest.length; ) {
    const n = bestCut(rest);
    groups.push(rest.slice(0, n));
    rest = rest.slice(n);
  }
  return groups;
}

/**
 * After how many words to cut: as late as can be, at the best place among those with enough text before.
 * @param {Word[]} words
 */
function bestCut(words) {
  const most = nThatFit(words);
  if (most === words.length) return most;
  let best = most;
  for (let n = most - 1; n > 0 && columns(textOf(words.slice(0, n))) >= FEWEST_COLUMNS; n--) {
    if (fitness(words, n) > fitness(words, best)) best = n;
  }
  return best;
}

/**
 * How good it is to cut after `n` words: a long silence, the end of a sentence, of a clause, a pause, nothing.
 * @param {Word[]} words
 * @param {number} n
 */
function fitness(words, n) {
  const end = words[n - 1].word.replace(/[\s"'”’»)\]]+$/u, "");
  const pauseS = words[n].start - words[n - 1].end;
  const reasons = [pauseS > LONG_PAUSE_S, SENTENCE_ENDS.test(end), CLAUSE_ENDS.test(end), pauseS >= PAUSE_S];
  const first = reasons.indexOf(true);
  return first < 0 ? 0 : reasons.length - first;
}

/**
 * How many of the first words one cue may hold: one at least.
 * @param {Word[]} words
 */
function nThatFit(words) {
  for (let n = 1; n < words.length; n++) {
    const isLong = words[n].end - words[0].start > LONGEST_S;
    const isApart = words[n].start - words[n - 1].end > LONG_PAUSE_S;
    if (isLong || isApart || bestSplit(words.slice(0, n + 1)) === null) return n;
  }
  return words.length;
}

/**
 * After how many words the second line begins, so that both fit and are most alike; 0 for one line, null for none.
 * @param {Word[]} words
 */
function bestSplit(words) {
  if (columns(textOf(words)) <= LINE_COLUMNS) return 0;
  let [best, leastApart] = [/** @type {number | null} */ (null), Infinity];
  for (let n = 1; n < words.length; n++) {
    const [above, below] = [columns(textOf(words.slice(0, n))), columns(textOf(words.slice(n)))];
    if (Math.max(above, below) > LINE_COLUMNS || Math.abs(above - below) >= leastApart) continue;
    [best, leastApart] = [n, Math.abs(above - below)];
  }
  return best;
}

/** @param {Word[]} words */
function linesOf(words) {
  const n = bestSplit(words);
  return n ? [textOf(words.slice(0, n)), textOf(words.slice(n))] : [textOf(words)];
}

/** @param {Word[]} words */
function textOf(words) {
  return printable(words.map((word) => word.word).join("")).split(/\s+/u).filter(Boolean).join(" ");
}
