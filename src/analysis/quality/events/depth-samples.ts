import { bookDepth } from '../../../model/history/book-depth.ts'
import { SECOND, type TimeRange } from '../../../model/time.ts'
import { type CountedRecord, type CountSink, type EventScoring, NEVER_TIMED, type RecordCounter } from './scoring.ts'

/** About so long between two samples, where the series does not show it. */
const USUAL = 30 * SECOND
const SILENCE = bookDepth.continuity.silentMs

/** Samples come about each half minute, never to the second: only a long silence says that some are missing. */
class SampleCounter implements RecordCounter {
  readonly counts = true
  readonly #sink: CountSink
  readonly #asked: TimeRange
  #last: number
  #steps = 0
  #length = 0

  constructor(sink: CountSink, asked: TimeRange) {
    this.#sink = sink
    this.#asked = asked
    this.#last = asked.from
  }

  take({ time }: CountedRecord): void {
    const at = time as number
    if (!(at > this.#last)) return
    this.#pass(at)
    this.#sink.follow(at)
    this.#last = at
  }

  finish(): void {
    this.#pass(this.#asked.to)
  }

  #pass(until: number): void {
    const silence = until - this.#last
    if (!Number.isFinite(silence)) return
    if (silence <= SILENCE) {
      this.#steps++
      this.#length += silence
      return
    }
    const step = this.#steps > 0 ? Math.max(SECOND, this.#length / this.#steps) : USUAL
    const count = Math.round(silence / step) - 1
    if (count > 0) this.#sink.lack(this.#last + step, step, count)
  }
}

export const DEPTH_SAMPLE_SCORING: EventScoring = {
  kind: 'bookDepth',
  missing: (sink, asked) => new SampleCounter(sink, asked),
  absence: 'missing in silences of more than 5 minutes',
  unjudged: { timeliness: NEVER_TIMED },
}
