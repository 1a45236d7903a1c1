// Runs on the browser's audio thread: float samples in, blocks of 50 ms as 16-bit integers out, each with its level.

const BLOCKS_PER_S = 20;

class BlockRecorder extends AudioWorkletProcessor {
  #block = new Int16Array(Math.round(sampleRate / BLOCKS_PER_S));
  #nFilled = 0;
  #energy = 0;

  /**
   * Take 128 samples; the graph has mixed them to one channel.
   * @param {Float32Array[][]} inputs
   */
  process([channels]) {
    for (const sample of channels[0] ?? []) this.#receive(Math.max(-1, Math.min(1, sample)));
    return true;
  }

  /** @param {number} sample */
  #receive(sample) {
    this.#block[this.#nFilled++] = Math.round(sample * 32767);
    this.#energy += sample * sample;
    if (this.#nFilled === this.#block.length) this.#post();
  }

  #post() {
    const levelDbfs = 10 * Math.log10(this.#energy / this.#block.length);
    const samples = this.#block;
    this.port.postMessage({ samples, levelDbfs }, [samples.buffer]);
    this.#block = new Int16Array(Math.round(sampleRate / BLOCKS_PER_S));
    this.#nFilled = this.#energy = 0;
  }
}

registerProcessor("block-recorder", BlockRecorder);
