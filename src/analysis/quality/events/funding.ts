import { HOUR, MINUTE, type TimeRange } from '../../../model/time.ts'
import { FUNDING_HOURS } from '../../validate/records/funding.ts'
import { PaceCounter } from './pace-counter.ts'
import type { CountedRecord, CountSink, EventScoring, RecordCounter } from './scoring.ts'

/** Fundings are listed some time after they are paid. */
const LISTED_AFTER = 10 * MINUTE
/** Fundings are paid some milliseconds off the hour. */
const SLACK = MINUTE

/** Counts the fundings that the schedule wants: told by the rows, else as found between them. */
class FundingCounter implements RecordCounter {
  readonly counts = true
  readonly #sink: CountSink
  readonly #asked: TimeRange
  readonly #pace: PaceCounter
  #isFirst = true
  /** The interval that the last one names, ms. */
  #told = Number.NaN

  constructor(sink: CountSink, asked: TimeRange) {
    this.#sink = sink
    this.#asked = asked
    const paces = FUNDING_HOURS.map((hours) => hours * HOUR)
    this.#pace = new PaceCounter(sink, { paces, tolerance: SLACK / HOUR, usual: 8 * HOUR })
  }

  take({ fundingTime, intervalHours }: CountedRecord): void {
    if (!Number.isFinite(fundingTime)) return
    const hours = intervalHours as number
    const told = FUNDING_HOURS.includes(hours) ? hours * HOUR : Number.NaN
    if (this.#isFirst) this.#begin(fundingTime as number, told)
    this.#isFirst = false
    this.#told = told
    // One that two sources tell is there once.
    if (this.#pace.last === undefined || (fundingTime as number) - this.#pace.last > HOUR / 2) {
      this.#pace.push(fundingTime as number, told)
    }
  }

  finish(): void {
    this.#pace.finish()
    const { last, pace } = this.#pace
    const step = Number.isNaN(this.#told) ? pace : this.#told
    const end = this.#asked.to - LISTED_AFTER
    if (last === undefined || step === undefined || !Number.isFinite(end)) return
    const count = Math.ceil((end - last - step) / step)
    if (count > 0) this.#sink.lack(last + step, step, count)
  }

  /** What lacks before the first one: on the schedule that it names, else on the longest, which every one has. */
  #begin(first: number, told: number): void {
    const { from } = this.#asked
    const step = Number.isNaN(told) ? 8 * HOUR : told
    const count = Number.isFinite(from) ? Math.floor((first - from + SLACK) / step) : 0
    if (count > 0) this.#sink.lack(first - count * step, step, count)
  }
}

export const FUNDING_SCORING: EventScoring = {
  kind: 'fundingRate',
  missing: (sink, asked) => new FundingCounter(sink, asked),
  absence: 'missing of the schedule of fundings',
  isPunctual: true,
  unjudged: {},
}
