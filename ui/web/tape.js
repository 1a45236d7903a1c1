// What the microphone recorded last, by absolute sample index: what was not heard is sent again from here.  Pure.

export class Tape {
  /** @type {Int16Array[]} */
  #blocks = [];
  #capacity;

  /** The index of the oldest sample that is kept. */
  first = 0;
  /** One beyond the index of the newest. */
  end = 0;

  /** @param {number} capacity how many samples are kept at least, once so many have come */
  constructor(capacity) {
    this.#capacity = capacity;
  }

  /**
   * Keep a block, and forget what is too old.
   * @param {Int16Array} block
   */
  append(block) {
    this.#blocks.push(block);
    this.end += block.length;
    while (this.end - this.first - this.#blocks[0].length >= this.#capacity) {
      this.first += /** @type {Int16Array} */ (this.#blocks.shift()).length;
    }
  }

  /**
   * The samples from `start` to the end of the block that holds it; none where nothing is kept.
   * @param {number} start
   */
  read(start) {
    let blockStart = this.end;
    for (let i = this.#blocks.length - 1; i >= 0; i--) {
      blockStart -= this.#blocks[i].length;
      if (blockStart <= start) return this.#blocks[i].subarray(start - blockStart);
    }
    return new Int16Array(0);
  }
}
