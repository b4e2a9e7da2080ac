export type { CandleBars } from './bars.ts'
export { type CandleColumns, CandleResampler, type ResampleOptions, resampleCandles } from './candles.ts'
export { BarGrid, type GridOptions, type TradingSession } from './grid.ts'
export type { ImbalanceOptions, TradeMeasure } from './imbalance.ts'
export {
  type BarRule,
  TradeBars,
  type TradeColumns,
  type TradeLike,
  type TradeSource,
  tradeBars,
} from './trade-bars.ts'
