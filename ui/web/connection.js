// Our own protocol from the browser's side: docs/protocol.md.  Sends the tape, tells events, comes back when cut off.

/** @typedef {import("./tape.js").Tape} Tape */
/** @typedef {{rate: number, language: string, token: string}} Terms what a stream is asked for */
/**
 * @typedef {object} Link how the connection is
 * @property {"link"} kind
 * @property {"connecting" | "open" | "cut" | "ended"} state
 * @property {number} nTries how often in a row it could not be had
 * @property {boolean} [isRefused] of one that is cut or has ended: the server said why
 * @property {boolean} [isComplete] of one that has ended: all that was sent became text
 */

const SUBPROTOCOL = "max-whisper.v1";
const FITS_A_HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/; // RFC 9110, token
const [GONE, TOO_LONG] = ["gone", "too_long"]; // errors of a session that is over: another one begins by itself
const PASSING = ["busy", "draining", "internal", "too_slow", TOO_LONG]; // errors that another try may not meet again
const MOST_WAITING_S = 1; // more than this is not handed to the socket: it stays on the tape until there is room
const FIRST_RETRY_S = 0.5;
const LONGEST_RETRY_S = 10;
const MOST_TRIES_AT_THE_END = 4; // nobody waits longer for the last words
const SILENT_S = 20; // a server from which nothing came for so long is taken for gone

export class Connection {
  /** @type {WebSocket | null} */
  #socket = null;
  #tape;
  #terms;
  #tell;
  #sessionId = "";
  #seq = 0;
  #base = 0; // the tape's index of the session's first sample
  #cursor = 0; // the tape's index of the next sample to be sent
  #settledS = 0;
  #isOpen = false;
  #isPaused = false;
  #isPauseSent = false;
  #isEnding = false;
  #isEndSent = false;
  #isOver = false;
  #nTries = 0;
  #retry = 0;
  #watch = 0;
  /** @type {any} */
  #refusal = null;

  /**
   * @param {Tape} tape what was recorded
   * @param {Terms} terms
   * @param {(event: any) => void} tell is told each event, its times counted from the tape's beginning;
   *   and of the kinds `session`, `refused` and `link`
   * @param {number} fromS where on the tape the session begins
   */
  constructor(tape, terms, tell, fromS) {
    [this.#tape, this.#terms, this.#tell, this.#settledS] = [tape, terms, tell, fromS];
  }

  /** Connect, or at once if it was waiting to try again. */
  open() {
    clearTimeout(this.#retry);
    if (this.#socket || this.#isOver) return;
    if (this.#nTries === 0) this.#tell({ kind: "link", state: "connecting", nTries: 0 });
    const socket = new WebSocket(this.#address(), this.#subprotocols());
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = () => this.#receiveClose();
    this.#socket = socket;
    this.#watchSilence();
  }

  /** Send what the tape holds and the network takes; call it whenever a block came. */
  pump() {
    if (!this.#isOpen || !this.#socket) return;
    this.#skipWhatIsGone();
    while (this.#cursor < this.#tape.end && this.#socket.bufferedAmount < 2 * this.#terms.rate * MOST_WAITING_S) {
      const samples = this.#tape.read(this.#cursor);
      this.#socket.send(samples); // little-endian, as every machine with a browser is
      this.#cursor += samples.length;
      this.#watchSilence();
    }
    if (this.#cursor >= this.#tape.end) this.#sayWhatFollows();
  }

  /** What speech is text already; after a lost session the tape is sent from here on. @param {number} atS */
  settle(atS) {
    this.#settledS = Math.max(this.#settledS, atS);
  }

  /** @param {string} language "" is heard */
  configure(language) {
    this.#terms = { ...this.#terms, language };
    this.#send({ kind: "configure", language: language || null });
  }

  /** Nothing is sent for a while; what was said so far becomes final. */
  pause() {
    this.#isPaused = true;
    this.pump();
  }

  resume() {
    this.#isPaused = this.#isPauseSent = false;
    this.#send({ kind: "resume" });
  }

  /** No more audio comes: what was recorded is sent, then all becomes final, then the connection ends. */
  end() {
    this.#isEnding = true;
    this.pump();
    if (!this.#socket) this.#finish();
  }

  #address() {
    const address = new URL("stream", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    const { rate, language, token } = this.#terms;
    const query = new URLSearchParams({ encoding: "s16le", channels: "1", words: "true", rate: String(rate) });
    if (language) query.set("language", language);
    if (token && !FITS_A_HEADER.test(token)) query.set("token", token);
    if (this.#sessionId) query.set("session", this.#sessionId);
    if (this.#sessionId) query.set("after", String(this.#seq));
    address.search = query.toString();
    return address;
  }

  /** The token goes where no log of addresses shows it, if a header can hold it. */
  #subprotocols() {
    const { token } = this.#terms;
    return FITS_A_HEADER.test(token) ? [SUBPROTOCOL, `token.${token}`] : [SUBPROTOCOL];
  }

  #receive(message) {
    this.#heard();
    this.#refusal = message.kind === "error" ? message : null;
    if (message.seq !== undefined) this.#seq = message.seq;
    switch (message.kind) {
      case "session":
        this.#receiveSession(message);
        break;
      case "error":
        if (!isSessionOver(message)) this.#tell({ ...message, kind: "refused" });
        break;
      case "end":
        this.#isOver = true;
        break;
      default:
        this.#nTries = 0; // not at the greeting already: a refusal may follow it at once
        this.#tell(shifted(message, this.#base / this.#terms.rate));
    }
    this.pump();
  }

  #receiveSession(message) {
    if (!message.resumed) this.#base = this.#firstToSend();
    this.#cursor = this.#base + message.received;
    this.#isPauseSent = this.#isEndSent = false;
    [this.#isOpen, this.#sessionId] = [true, message.session];
    this.#tell(message);
    this.#tell({ kind: "link", state: "open", nTries: 0 });
    if (message.resumed) this.#sayWhatChanged();
  }

  /** What was asked for while cut off; a pause too, which is over for now: the sound before it is still to be sent. */
  #sayWhatChanged() {
    this.configure(this.#terms.language);
    this.#send({ kind: "resume" });
  }

  /** Behind the last sound: what comes behind a `pause` is silence to the server. */
  #sayWhatFollows() {
    if (this.#isPaused && !this.#isPauseSent) {
      this.#isPauseSent = true;
      this.#send({ kind: "flush" });
      this.#send({ kind: "pause" });
    }
    if (this.#isEnding && !this.#isEndSent) {
      this.#isEndSent = true;
      this.#send({ kind: "end" });
    }
  }

  /** Where a new session begins: at what is not text yet, or, where that is gone from the tape, behind a gap. */
  #firstToSend() {
    const [wanted, first, rate] = [Math.round(this.#settledS * this.#terms.rate), this.#tape.first, this.#terms.rate];
    if (wanted < first) this.#tell({ kind: "gap", start: wanted / rate, end: first / rate });
    return Math.max(wanted, first);
  }

  #skipWhatIsGone() {
    const n = this.#tape.first - this.#cursor;
    if (n <= 0) return;
    this.#cursor = this.#tape.first;
    this.#send({ kind: "gap", samples: n });
  }

  #receiveClose() {
    this.#heard();
    const refusal = this.#refusal;
    [this.#socket, this.#refusal, this.#isOpen] = [null, null, false];
    if (this.#isOver || (this.#isEnding && !this.#sessionId)) return this.#finish();
    if (refusal && isSessionOver(refusal)) this.#sessionId = ""; // what is not text yet is told to a new one
    if (refusal?.code === GONE) return this.open();
    if (refusal && !mayTryAgain(refusal)) return this.#finish(true);
    if (this.#isEnding && this.#nTries >= MOST_TRIES_AT_THE_END) return this.#finish();
    const waitS = refusal?.retry_after ?? Math.min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** this.#nTries);
    this.#nTries += 1;
    this.#tell({ kind: "link", state: "cut", nTries: this.#nTries, isRefused: Boolean(refusal) });
    this.#retry = setTimeout(() => this.open(), 1000 * waitS * (1 + 0.2 * Math.random()));
  }

  #finish(isRefused = false) {
    clearTimeout(this.#retry);
    this.#tell({ kind: "link", state: "ended", isComplete: this.#isOver, nTries: this.#nTries, isRefused });
    this.#isOver = true;
  }

  #send(command) {
    if (this.#isOpen) this.#socket?.send(JSON.stringify(command));
  }

  /** The browser cannot ping: a server that answers nothing to what was sent is left, for half a connection never closes. */
  #watchSilence() {
    const socket = this.#socket;
    this.#watch ||= setTimeout(() => {
      if (!socket || socket !== this.#socket) return;
      socket.onmessage = socket.onclose = null;
      socket.close();
      this.#receiveClose();
    }, 1000 * SILENT_S);
  }

  #heard() {
    clearTimeout(this.#watch);
    this.#watch = 0;
  }
}

/** Whether there is nothing to go on with: the server was started anew, or the session lasted as long as it may. */
function isSessionOver({ code }) {
  return code === GONE || code === TOO_LONG;
}

/** Whether the reason may pass by itself. */
function mayTryAgain({ code, retry_after }) {
  return retry_after != null || PASSING.includes(code);
}

/** The event with its times counted from the tape's beginning. */
function shifted(event, byS) {
  const moved = { ...event };
  for (const field of ["start", "end", "now"]) if (typeof moved[field] === "number") moved[field] += byS;
  for (const field of ["words", "segments"]) {
    if (moved[field]) moved[field] = moved[field].map((span) => ({ ...span, start: span.start + byS, end: span.end + byS }));
  }
  return moved;
}
