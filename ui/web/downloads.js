// The transcript leaves the page: to the clipboard, or as a file made here.

import { asSubRip, asText, asWebVtt } from "./formats.js";

/** @typedef {import("./cues.js").Final} Final */

/** @type {Record<string, [(finals: Final[]) => string, string]>} */
const FORMATS = {
  txt: [asText, "text/plain"],
  srt: [asSubRip, "application/x-subrip"],
  vtt: [asWebVtt, "text/vtt"],
};

/**
 * Let the browser save the transcript; the file is named after the day and the minute.
 * @param {Final[]} finals
 * @param {string} format a key of FORMATS
 * @param {Date} now
 */
export function download(finals, format, now) {
  const [write, type] = FORMATS[format];
  const address = URL.createObjectURL(new Blob([write(finals)], { type: `${type};charset=utf-8` }));
  const link = document.createElement("a");
  [link.href, link.download] = [address, `captions-${minute(now)}.${format}`];
  link.click();
  URL.revokeObjectURL(address);
}

/**
 * Put the text on the clipboard.
 * @param {Final[]} finals
 * @throws {DOMException} the browser does not allow it
 */
export async function copy(finals) {
  await navigator.clipboard.writeText(asText(finals));
}

/** @param {Date} now */
function minute(now) {
  const local = new Date(now.getTime() - 60_000 * now.getTimezoneOffset());
  return local.toISOString().slice(0, 16).replace("T", "-").replace(":", "");
}
