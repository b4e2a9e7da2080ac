import { subtractRanges } from '../../model/ranges.ts'
import type { TimeRange } from '../../model/time.ts'

/** More stretches than this make a source that is out of order altogether. */
const MAX_STRETCHES = 10_000

/** Keeps in mind where rows are, and where there are none for long. Holds a few numbers per silence, nothing per row. */
export class Silences {
  readonly #silentMs: number
  readonly #busy: { from: number; to: number }[] = []

  /** @param silentMs the longest time without a row that means nothing. */
  constructor(silentMs: number) {
    this.#silentMs = silentMs
  }

  /** Takes the times of rows, in about the order of time. */
  add(times: Float64Array, length: number): void {
    let last = this.#busy.at(-1)
    for (let i = 0; i < length; i++) {
      const time = times[i]!
      if (last === undefined || time > last.to + this.#silentMs) {
        last = { from: time, to: time }
        this.#busy.push(last)
      } else if (time > last.to) last.to = time
      else if (time < last.from) this.#addLate(time)
    }
  }

  /** A row that stands far behind its place in the source. */
  #addLate(time: number): void {
    const near = this.#busy.find(({ from, to }) => time >= from - this.#silentMs && time <= to + this.#silentMs)
    if (near) {
      near.from = Math.min(near.from, time)
      near.to = Math.max(near.to, time)
    } else if (this.#busy.length < MAX_STRETCHES) this.#busy.unshift({ from: time, to: time })
  }

  /** The silences in ranges, those at their ends included. */
  in(ranges: readonly TimeRange[]): TimeRange[] {
    const busy = this.#busy.map(({ from, to }) => ({ from, to: to + 1 }))
    return subtractRanges(ranges, busy).filter(({ from, to }) => to - from > this.#silentMs)
  }
}
