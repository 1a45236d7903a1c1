// All that was said, and its ways out of the page: the clipboard, or a file made here.

import { asSubRip, asText, asWebVtt } from "./formats.js";

/** @typedef {import("./cues.js").Final} Final */

/** @type {Record<string, [(finals: Final[]) => string, string]>} */
const FORMATS = {
  txt: [asText, "text/plain"],
  srt: [asSubRip, "application/x-subrip"],
  vtt: [asWebVtt, "text/vtt"],
};

export class KeptFinals {
  /** @type {Final[]} */
  #finals = [];

  /** Nothing was said since it was last copied or saved. */
  isSaved = true;

  /** @param {Final} final */
  add(final) {
    this.#finals.push(final);
    this.isSaved = false;
  }

  /**
   * Put the text on the clipboard.
   * @throws {DOMException} the browser does not allow it
   */
  async copy() {
    await navigator.clipboard.writeText(asText(this.#finals));
    this.isSaved = true;
  }

  /**
   * Let the browser save a file, named after the day and the minute.
   * @param {string} format a key of FORMATS
   * @param {Date} now
   */
  save(format, now) {
    const [write, type] = FORMATS[format];
    const address = URL.createObjectURL(new Blob([write(this.#finals)], { type: `${type};charset=utf-8` }));
    const link = document.createElement("a");
    [link.href, link.download] = [address, `captions-${minute(now)}.${format}`];
    link.click();
    URL.revokeObjectURL(address);
    this.isSaved = true;
  }
}

/** @param {Date} now */
function minute(now) {
  const local = new Date(now.getTime() - 60_000 * now.getTimezoneOffset());
  return local.toISOString().slice(0, 16).replace("T", "-").replace(":", "");
}
