import type { Gap } from '../../model/coverage.ts'
import type { LiveRecord, RecordId } from '../../model/live/index.ts'

/** Records that are missing from a feed for good. */
export interface FeedGap extends Gap {
  /** E.g. `binance-spot/trade/BTCUSDT`. */
  readonly series: string
}

/**
 * What a subscription does when its reader is so slow that `bound` records wait.
 * `reread` (trades, aggregate trades and candles): what does not fit is read again from the lake or REST when the reader
 * gets there, so nothing is lost. The others are those of the bus; what they drop is told as a gap.
 */
export type FeedOverflow = 'reread' | 'error' | 'drop-oldest' | 'drop-newest'

/** One subscription's way from the bus to its reader. */
export interface Flow {
  /** Takes what the bus tells. */
  offer(record: LiveRecord): void
  /** Takes what the collector gave up. */
  gap(gap: Gap): void
  /** Nothing more will come: what waits is still handed out. */
  end(): void
  /** The series can't be collected: what waits is handed out, then the reader gets the error. */
  fail(error: Error): void
  /** The reader leaves: what waits is thrown away. */
  leave(): void
  /** The records in order. */
  items(): AsyncGenerator<LiveRecord, void, void>
  /** Records that wait for the reader. */
  readonly size: number
  /** Records lost because the reader was too slow. */
  readonly dropped: number
}

export interface FlowGap {
  readonly first: RecordId
  readonly last: RecordId
  readonly gap: Gap
}

/** Lets one waiter sleep until something happens. */
export class Alarm {
  #ring: (() => void) | undefined
  #rang = false

  /** Wakes the waiter, or the next one at once. */
  ring(): void {
    this.#rang = true
    this.#ring?.()
  }

  /** Resolves at the next ring, or after `ms`. False when the time ran out. */
  async wait(ms = Number.POSITIVE_INFINITY): Promise<boolean> {
    if (!this.#rang) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        this.#ring = resolve
        if (ms < 2 ** 31) timer = setTimeout(resolve, Math.max(0, ms))
      })
      clearTimeout(timer)
      this.#ring = undefined
    }
    const rang = this.#rang
    this.#rang = false
    return rang
  }
}
