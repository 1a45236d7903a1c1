// What a reader is told when something is wrong: what it is, and what to do.  Pure.

/** @typedef {{tone: "note" | "warning", text: string}} Message */

const ENCRYPT =
  "Browsers give the microphone only to pages that come encrypted or from this machine. " +
  "Open this page by https, or bring the server's port to this machine (ssh -L) and open http://localhost.";

/** @type {Record<string, string>} */
const MICROPHONE = {
  InsecureContext: ENCRYPT,
  NotAllowedError:
    "The microphone was not allowed. Allow it for this page (the icon beside the address), then press Start again.",
  NotFoundError: "No microphone was found. Plug one in, then press Start again.",
  OverconstrainedError: "The chosen microphone is gone. Choose another one, or press Start again for the default.",
  NotReadableError: "The microphone is in use by another program, or switched off. Free it, then press Start again.",
  silent: "The browser gives no sound at all. See whether this machine's sound output works, then press Stop and Start.",
  muted: "Nothing at all comes from the microphone: it seems to be muted.",
  lost: "The microphone was unplugged. Choose another one, or plug it in and press Start again.",
};

/** @type {Record<string, string>} */
const REFUSALS = {
  idle: "Nothing came for long, and the server ended the session. Press Start for a new one.",
  draining: "The server is being shut down. The page waits for the next one; what is said is kept for a minute.",
};

/**
 * Why the microphone gives no sound.
 * @param {string} name the DOMException's name, or one of ours
 * @returns {Message}
 */
export function microphoneMessage(name) {
  return { tone: "warning", text: MICROPHONE[name] ?? `The microphone cannot be used (${name}).` };
}

/**
 * Why the server does not serve.
 * @param {{code: string, message?: string, retry_after?: number | null}} refusal
 * @param {boolean} needsToken whether it lets in who has a token
 * @returns {Message}
 */
export function refusalMessage({ code, message = "", retry_after = null }, needsToken) {
  if (code === "busy") {
    const when = retry_after ? ` It is tried again in ${Math.ceil(retry_after)} s.` : "";
    return { tone: "warning", text: `The server is busy with other speakers.${when} What is said is kept for a minute.` };
  }
  if (code === "unauthorized" && needsToken) return { tone: "warning", text: "The server does not accept this token." };
  return { tone: "warning", text: REFUSALS[code] ?? `The server says: ${message || code}.` };
}

/**
 * Why there is nothing to speak to.
 * @param {string} reason the server's own, or ""
 * @returns {Message}
 */
export function absenceMessage(reason) {
  const text = reason ? `The server says: ${reason}.` : "The server does not answer. Reload the page once it runs.";
  return { tone: "warning", text };
}

/**
 * How the connection is.
 * @param {import("./connection.js").Link} link
 * @param {boolean} isRecording
 * @returns {Message | null} null: nothing to tell
 */
export function linkMessage({ state, nTries, isComplete, isRefused }, isRecording) {
  if (isRefused) return null;
  if (state === "ended" && !isComplete && nTries > 0) {
    return { tone: "warning", text: "The server did not come back. What was said last is sent with the next Start." };
  }
  if (state !== "cut") return null;
  if (!isRecording) return { tone: "warning", text: "The server does not answer. It is tried again by itself." };
  return { tone: "warning", text: "Cut off from the server. Recording goes on: the last minute is sent when it is back." };
}
