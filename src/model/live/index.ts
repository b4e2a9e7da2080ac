export { type AggTradeRecord, aggTrade } from './agg-trade.ts'
export { type BookDelta, BookSide, bookDelta } from './book-delta.ts'
export { type BookSnapshot, bookSnapshot } from './book-snapshot.ts'
export { type FundingRateRecord, fundingRate } from './funding-rate.ts'
export * from './ids.ts'
export { type Liquidation, liquidation } from './liquidation.ts'
export type { LiveCandle } from './live-candle.ts'
export { type MarkPrice, markPrice } from './mark-price.ts'
export { type QuoteRecord, quote } from './quote.ts'
export {
  type LiveKind,
  type LiveRecord,
  type RecordBase,
  RecordFlag,
  type RecordId,
  type RecordOf,
} from './record.ts'
export { type TickerRecord, ticker } from './ticker.ts'
export { type TradeRecord, trade } from './trade.ts'
