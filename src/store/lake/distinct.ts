/** Bits of a counter. Half as many values are counted within 1 %, and they stay in the processor's nearest cache. */
const BITS = 262_144

/** Counts how many different numbers came, nearly: each sets a bit, and few bits that stay clear tell of many numbers. */
export class DistinctCounter {
  readonly #words = new Int32Array(BITS / 32)

  add(values: Float64Array, from: number, to: number): void {
    const words = this.#words
    const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2)
    for (let i = from; i < to; i++) {
      let hash = Math.imul(halves[2 * i]!, 0x9e3779b1) ^ Math.imul(halves[2 * i + 1]!, 0x85ebca6b)
      hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35)
      const bit = hash >>> 14
      words[bit >>> 5]! |= 1 << (bit & 31)
    }
  }

  /** How many came since the last call, and starts anew. */
  take(): number {
    let clear = 0
    for (const word of this.#words) {
      // The usual way to count the bits of a word.
      let bits = ~word
      bits -= (bits >>> 1) & 0x55555555
      bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
      clear += Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
    }
    this.#words.fill(0)
    return clear === 0 ? Number.POSITIVE_INFINITY : BITS * Math.log(BITS / clear)
  }
}
