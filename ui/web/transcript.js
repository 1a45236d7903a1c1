// What the page shows, as a value: events in, a new state out, as ui/terminal/state.py.  No document, no clock.

/** @typedef {import("./cues.js").Word} Word */
/** @typedef {{kind: "final", start: number, end: number, text: string, language: string, words?: Word[], segments?: import("./cues.js").Span[]}} Final its language is that of its text */
/** @typedef {{kind: "gap" | "failed", start: number, end: number}} Lost audio that never arrived, or that the model failed on */
/** @typedef {{utterance: string, start: number, end: number, text: string, stable: string}} Partial */
/** @typedef {{now: number, is_speech: boolean, lag: number}} Status */
/** @typedef {Final | Lost} Line what is shown for good */

/**
 * @typedef {object} Transcript
 * @property {Partial | null} partial the text of the utterance still open
 * @property {Status | null} status the latest, or none before the first audio
 * @property {boolean} isTranslated all is written in English, whatever is spoken
 * @property {string} language what was written last, Whisper's code; "" before the first line
 * @property {number} settledS all speech before this is text: from here on it would have to be heard again
 */

/** @type {Readonly<Transcript>} */
export const EMPTY = Object.freeze({ partial: null, status: null, isTranslated: false, language: "", settledS: 0 });

const PRE_ROLL_S = 1; // an utterance may begin so long before it is noticed

/**
 * The transcript after `event`, and the line to show for good, if there is one.
 * @param {Transcript} transcript
 * @param {any} event the fields of docs/events.md; a kind that is not known changes nothing
 * @returns {[Transcript, Line | null]}
 */
export function apply(transcript, event) {
  switch (event.kind) {
    case "speech_started":
      return [{ ...transcript, partial: openedAt(event) }, null];
    case "partial":
      return [{ ...transcript, partial: event }, null];
    case "final":
      return written(closed(transcript, event), event);
    case "discarded":
      return [closed(transcript, event), null];
    case "failed":
      return event.is_lost ? [closed(transcript, event), event] : [transcript, null];
    case "gap":
      return [transcript, event];
    case "session":
      return [begun(transcript, event), null];
    case "status":
      return [{ ...transcript, status: event, settledS: settledAt(transcript, event) }, null];
    default:
      return [transcript, null];
  }
}

/**
 * What a text is written in; while nobody knows what is spoken, as what was written before.
 * @param {Transcript} transcript
 * @param {string} spoken "" is not known
 */
export function writtenLanguage({ isTranslated, language }, spoken) {
  return isTranslated ? "en" : spoken || language;
}

/** @returns {Partial} */
function openedAt({ utterance, start }) {
  return { utterance, start, end: start, text: "", stable: "" };
}

/** The partial of an utterance that has ended goes; that of a later one stays. */
function closed(transcript, { utterance, end }) {
  const isOpen = transcript.partial !== null && transcript.partial.utterance > utterance;
  return { ...transcript, partial: isOpen ? transcript.partial : null, settledS: Math.max(transcript.settledS, end) };
}

/** @returns {[Transcript, Final]} */
function written(transcript, event) {
  const language = writtenLanguage(transcript, event.language);
  return [{ ...transcript, language }, { ...event, language }];
}

/** @returns {Transcript} */
function begun(transcript, { resumed, translate, languages }) {
  const language = languages.length === 1 ? languages[0] : transcript.language;
  const lasting = { ...transcript, isTranslated: translate, language };
  return resumed ? lasting : { ...lasting, partial: null, status: null };
}

function settledAt(transcript, { now, is_speech, lag }) {
  const isQuiet = transcript.partial === null && !is_speech && lag === 0;
  return isQuiet ? Math.max(transcript.settledS, now - PRE_ROLL_S) : transcript.settledS;
}
