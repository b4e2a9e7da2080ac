import type { EventColumn } from './event-columns.ts'

/** Looks whether a column that comes in pieces never falls. Equal neighbours are fine: the levels of one book update. */
export class RisingCheck {
  #rows = 0
  #last: number | bigint = Number.NEGATIVE_INFINITY

  /** Rows looked at. */
  get rows(): number {
    return this.#rows
  }

  /** The first value that is lower than the one before it; undefined when there is none. */
  add(values: EventColumn): number | bigint | undefined {
    this.#rows += values.length
    if (values.length === 0) return undefined
    if (values[0]! < this.#last) return values[0]!
    this.#last = values[values.length - 1]!
    if (values instanceof BigInt64Array) {
      // As halves: a BigInt per row would be several times slower.
      const high = new Int32Array(values.buffer, values.byteOffset, values.length * 2)
      const low = new Uint32Array(values.buffer, values.byteOffset, values.length * 2)
      for (let i = 2; i < high.length; i += 2) {
        const step = high[i + 1]! - high[i - 1]!
        if (step < 0 || (step === 0 && low[i]! < low[i - 2]!)) return values[i / 2]!
      }
      return undefined
    }
    for (let i = 1; i < values.length; i++) if (values[i]! < values[i - 1]!) return values[i]!
    return undefined
  }
}
