import type { RecordId } from '../../../model/live/record.ts'
import { RecordFlag } from '../../../model/live/record.ts'
import { DAY, SECOND, type TimeRange } from '../../../model/time.ts'
import { GridCounter } from './grid-counter.ts'
import { PaceCounter } from './pace-counter.ts'
import type { CountedRecord, CountSink, EventScoring, RecordCounter } from './scoring.ts'

/** Streams of tickers tell one each half second, second or two seconds, as the market has it. */
const PACES = [500, 1_000, 2_000]
const TOLERANCE = 0.3
/** A shorter silence proves nothing: trades of one instant may all lie behind it. */
const LEAST_SILENCE = 10 * SECOND
const SLOWEST = 2_000

/**
 * A ticker is told when it has changed, so that silence is a hole only where trades happened all along: as many as there
 * were turns. Ids of trades tell that, which mini tickers lack. Of a series of snapshots there is one a day.
 */
class TickerCounter implements RecordCounter {
  readonly #sink: CountSink
  readonly #pace: PaceCounter
  readonly #days: GridCounter
  /** Snapshots, as long as no stream came. */
  #snapshots: CountedRecord[] = []
  #hasStream = false
  #knowsTrades = false
  #last: { readonly time: number; readonly trade: number } | undefined

  constructor(sink: CountSink, asked: TimeRange) {
    this.#sink = sink
    this.#pace = new PaceCounter(sink, { paces: PACES, tolerance: TOLERANCE })
    this.#days = new GridCounter(DAY, 'eventTime', sink, asked)
  }

  get counts(): boolean {
    return this.#hasStream ? this.#knowsTrades : true
  }

  take({ eventTime, flags, lastTradeId }: CountedRecord): void {
    const time = eventTime as number
    const isSnapshot = flags !== undefined && ((flags as number) & RecordFlag.rest) !== 0
    if (isSnapshot && !this.#hasStream) {
      this.#snapshots.push({ eventTime: time })
      return
    }
    if (isSnapshot) {
      this.#sink.follow(time)
      return
    }
    if (!this.#hasStream) for (const { eventTime } of this.#snapshots) this.#sink.follow(eventTime as number)
    this.#snapshots = []
    this.#hasStream = true
    const trade = lastTradeId === undefined ? Number.NaN : Number(lastTradeId as RecordId)
    if (!Number.isNaN(trade)) this.#knowsTrades = true
    this.#pace.push(time, Number.NaN, this.#isExcused(time, trade))
    this.#last = { time, trade }
  }

  finish(): void {
    if (this.#hasStream) this.#pace.finish()
    else {
      for (const snapshot of this.#snapshots) this.#days.take(snapshot)
      this.#days.finish()
    }
  }

  #isExcused(time: number, trade: number): boolean {
    if (this.#last === undefined) return true
    const silence = time - this.#last.time
    const turns = silence / (this.#pace.pace ?? SLOWEST)
    return silence <= LEAST_SILENCE || !(trade - this.#last.trade >= turns)
  }
}

export const TICKER_SCORING: EventScoring = {
  kind: 'ticker',
  missing: (sink, asked) => new TickerCounter(sink, asked),
  absence: 'missing',
  unjudged: {
    completeness: 'a ticker is told when it has changed, and a mini ticker does not tell whether it should have',
  },
}
