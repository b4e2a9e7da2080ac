import type { Market } from '../series.ts'
import type { AggTradeRecord } from './agg-trade.ts'
import type { BookDelta } from './book-delta.ts'
import type { BookSnapshot } from './book-snapshot.ts'
import type { FundingRateRecord } from './funding-rate.ts'
import type { Liquidation } from './liquidation.ts'
import type { LiveCandle } from './live-candle.ts'
import type { MarkPrice } from './mark-price.ts'
import type { QuoteRecord } from './quote.ts'
import type { TickerRecord } from './ticker.ts'
import type { TradeRecord } from './trade.ts'

/** An id that the exchange counts: a number as long as it is exact, a bigint beyond 2^53. */
export type RecordId = number | bigint

/**
 * Bits of the `flags` column of live kinds. They share their places with `CandleFlag`, so that one mask means the same
 * everywhere. A record with `stream` alone arrived in order over a connection.
 */
export const RecordFlag = {
  /** Came from REST: it fills a hole that the stream left. */
  rest: 1,
  /** Came from a live stream. */
  stream: 2,
  /** Took the place of an earlier value of the same record. */
  revised: 16,
  /** From an archive file whose checksum could not be confirmed; see `checks` in series.json. */
  unverified: 32,
  /** Breaks a rule (a price of zero, a crossed quote) though the exchange sent it so. */
  suspect: 64,
  /** At least one value has more digits than a float64 keeps. */
  inexact: 128,
  /** Brought in by the user (`import`). */
  user: 256,
} as const

/** What every record of a live kind carries. Times are epoch milliseconds UTC, with a fraction where the exchange gives µs. */
export interface RecordBase {
  readonly market: Market
  /** The exchange's own id, e.g. `BTCUSDT`. */
  readonly symbol: string
  /** When the exchange sent it; NaN where the exchange does not say (spot quotes). */
  readonly eventTime: number
  /** When it reached us, by the local clock; NaN for records that REST filled in. */
  readonly receiveTime: number
  /** Bits of `RecordFlag`. */
  flags: number
}

/** One event of a live kind, told apart by `kind`. */
export type LiveRecord =
  | LiveCandle
  | TradeRecord
  | AggTradeRecord
  | BookDelta
  | BookSnapshot
  | QuoteRecord
  | TickerRecord
  | MarkPrice
  | FundingRateRecord
  | Liquidation

export type LiveKind = LiveRecord['kind']

/** The record type of a kind, e.g. `RecordOf<'trade'>`. */
export type RecordOf<K extends LiveKind> = Extract<LiveRecord, { readonly kind: K }>
