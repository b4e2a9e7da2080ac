import type { Candle } from '../candle.ts'
import type { Interval } from '../interval.ts'
import type { RecordBase } from './record.ts'

/** A candle as a stream tells it: the same candle again and again until `closed`. */
export interface LiveCandle extends RecordBase, Omit<Candle, 'flags'> {
  readonly kind: 'candle'
  readonly interval: Interval
  /** True on the last message of a candle: only those are stored. */
  readonly closed: boolean
}
