import type { LiveRecord } from '../live/index.ts'
import type { BookDepthRecord } from './book-depth.ts'
import type { CandleRecord } from './candle-records.ts'
import type { ExchangeInfoRecord } from './exchange-info.ts'
import type { MetricsRecord } from './metrics.ts'
import type { TimedBookDeltaRecord, TimedBookSnapshotRecord, TimedQuoteRecord } from './timed.ts'

export { type BookDepthRecord, bookDepth } from './book-depth.ts'
export type { CandleRecord, ContinuousCandleRecord, PriceCandleRecord } from './candle-records.ts'
export {
  CONTRACT_TYPES,
  type ContractType,
  continuousCandle,
  continuousSymbol,
  readContinuous,
} from './continuous-candle.ts'
export { type ExchangeInfoRecord, exchangeInfo, SNAPSHOT_KINDS, WHOLE_MARKET } from './exchange-info.ts'
export { METRICS_PERIOD, type MetricsRecord, metrics } from './metrics.ts'
export * from './timed.ts'

/** One record of a kind that no stream gives. */
export type HistoryRecord =
  | MetricsRecord
  | BookDepthRecord
  | ExchangeInfoRecord
  | CandleRecord
  | TimedQuoteRecord
  | TimedBookDeltaRecord
  | TimedBookSnapshotRecord

/** Whatever a series holds. */
export type StoredRecord = LiveRecord | HistoryRecord

/** The record type of a kind, e.g. `StoredRecordOf<'metrics'>`. */
export type StoredRecordOf<K extends StoredRecord['kind']> = Extract<StoredRecord, { readonly kind: K }>
