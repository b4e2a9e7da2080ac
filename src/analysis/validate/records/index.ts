export type { CheckedBook, CheckedQuote } from './books.ts'
export type { CandleContext, CheckedCandle } from './candles.ts'
export type { RecordColumns, RecordInput } from './cursor.ts'
export type { CheckedEvent, EventContext } from './events.ts'
export {
  type CheckedKind,
  type RecordCheckOptions,
  type RecordReport,
  RecordValidator,
  recordStages,
  validateRecords,
} from './record-validator.ts'
export type { CheckContext, Finding, Severity } from './stage.ts'
export type { CheckedTrade } from './trades.ts'
