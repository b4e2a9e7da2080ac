export type { CheckedBook, CheckedQuote } from './books.ts'
export type { CandleContext, CheckedCandle } from './candles.ts'
export type { RecordColumns, RecordInput } from './cursor.ts'
export type { CheckedDepthSample } from './depth-samples.ts'
export type { CheckedEvent, EventContext } from './events.ts'
export type { CheckedExchangeInfo } from './exchange-infos.ts'
export type { CheckedFunding } from './funding.ts'
export type { CheckedLiquidation } from './liquidations.ts'
export type { CheckedMark } from './marks.ts'
export type { CheckedMetrics } from './metrics.ts'
export {
  type CheckedKind,
  type RecordCheckOptions,
  type RecordReport,
  RecordValidator,
  recordStages,
  type UncheckedStage,
  validateRecords,
} from './record-validator.ts'
export type { CheckContext, Finding, Severity } from './stage.ts'
export type { CheckedTicker } from './tickers.ts'
export type { CheckedTrade } from './trades.ts'
