// Keeps the screen on while somebody reads from it.

export class Screen {
  /** @type {WakeLockSentinel | null} */
  #lock = null;

  /** Keep it on; a browser lets it sleep again when the page was in the background. */
  async keepOn() {
    if (!navigator.wakeLock || (this.#lock && !this.#lock.released)) return;
    try {
      this.#lock = await navigator.wakeLock.request("screen");
    } catch (error) {
      if (!(error instanceof DOMException)) throw error; // the battery is low: the screen may sleep
    }
  }

  /** Let it sleep. */
  letSleep() {
    this.#lock?.release();
    this.#lock = null;
  }
}
