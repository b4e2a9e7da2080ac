import type { Interval } from '../interval.ts'
import type { LiveCandle } from '../live/live-candle.ts'
import type { RecordBase } from '../live/record.ts'
import type { PriceCandleKind } from '../price-candle.ts'

/** A candle of the mark price, the index or the premium, in the shape of a live candle: what has no volume tells none. */
export interface PriceCandleRecord<K extends PriceCandleKind = PriceCandleKind> extends RecordBase {
  readonly kind: K
  readonly interval: Interval
  /** Only closed ones are stored. */
  readonly closed: true
  /** First instant of the interval, epoch ms. */
  readonly openTime: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  /** Last instant of the interval, epoch ms. */
  readonly closeTime: number
  /** How many prices it is made of. */
  readonly samples: number
}

/** A candle of a type of contract, e.g. of `BTCUSDT_CURRENT_QUARTER`. */
export interface ContinuousCandleRecord extends Omit<LiveCandle, 'kind'> {
  readonly kind: 'continuousCandle'
}

/** A candle of a kind that no stream gives. */
export type CandleRecord =
  | PriceCandleRecord<'markCandle'>
  | PriceCandleRecord<'indexCandle'>
  | PriceCandleRecord<'premiumCandle'>
  | ContinuousCandleRecord
