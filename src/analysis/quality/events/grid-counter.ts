import { DAY, type TimeRange } from '../../../model/time.ts'
import type { CountedRecord, CountSink, RecordCounter } from './scoring.ts'

/** There is one record for each step from the epoch on; one that stands a little behind its place counts. */
export class GridCounter implements RecordCounter {
  readonly counts = true
  readonly #step: number
  readonly #column: string
  readonly #sink: CountSink
  readonly #end: number
  /** The step that comes next. */
  #next: number
  #isFirst = true

  /** @param column property that holds the instant; @param asked what the series should hold, infinite where unknown */
  constructor(step: number, column: string, sink: CountSink, { from, to }: TimeRange) {
    this.#step = step
    this.#column = column
    this.#sink = sink
    // A day's snapshot is taken at any time of it.
    this.#next = step === DAY ? Math.floor(from / step) : Math.ceil(from / step)
    this.#end = Math.ceil(to / step)
  }

  take(record: CountedRecord): void {
    const time = record[this.#column] as number
    const slot = Math.floor(time / this.#step)
    // What is there counts, also where it was not asked for.
    if (this.#isFirst && slot < this.#next) this.#next = slot
    this.#isFirst = false
    // What comes twice, or from before, is there once.
    if (!(slot >= this.#next)) return
    if (Number.isFinite(this.#next)) this.#lack(slot)
    this.#sink.follow(time)
    this.#next = slot + 1
  }

  finish(): void {
    if (Number.isFinite(this.#next) && Number.isFinite(this.#end)) this.#lack(this.#end)
  }

  #lack(until: number): void {
    if (until > this.#next) this.#sink.lack(this.#next * this.#step, this.#step, until - this.#next)
  }
}
