import { column, type Kind } from '../kind.ts'
import { tailColumns } from './columns.ts'
import type { RecordBase, RecordId } from './record.ts'

const optional = { isOptional: true }

/** The last 24 hours of a symbol, about once a second. A mini ticker leaves out what is optional. */
export const ticker = {
  id: 'ticker',
  hasInterval: false,
  sortKey: 'event_time',
  timeColumn: 'event_time',
  identity: 'event_time',
  continuity: { rule: 'pace' },
  columns: [
    column('open', 'float64', 'quote per base', 'first price of the window'),
    column('high', 'float64', 'quote per base', 'highest price'),
    column('low', 'float64', 'quote per base', 'lowest price'),
    column('last', 'float64', 'quote per base', 'last price'),
    column('volume', 'float64', 'base (contracts on coinm)', 'quantity traded'),
    column('quote_volume', 'float64', 'quote (base on coinm)', 'value traded'),
    column('price_change', 'float64', 'quote per base', 'last price less first', optional),
    column('price_change_percent', 'float64', 'percent', 'change in percent of the first price', optional),
    column('weighted_average', 'float64', 'quote per base', 'value traded over quantity traded', optional),
    column('last_quantity', 'float64', 'base (contracts on coinm)', 'quantity of the last trade', optional),
    column('bid_price', 'float64', 'quote per base', 'highest bid (spot only)', optional),
    column('bid_quantity', 'float64', 'base', 'quantity at it (spot only)', optional),
    column('ask_price', 'float64', 'quote per base', 'lowest ask (spot only)', optional),
    column('ask_quantity', 'float64', 'base', 'quantity at it (spot only)', optional),
    column('open_time', 'time', 'ms', 'start of the window', optional),
    column('close_time', 'time', 'ms', 'end of the window', optional),
    column('first_trade_id', 'id', 'count', 'first trade of the window; -1 without trades', optional),
    column('last_trade_id', 'id', 'count', 'last trade of the window; -1 without trades', optional),
    column('trades', 'integer', 'count', 'number of trades', optional),
    ...tailColumns(),
  ],
} as const satisfies Kind

/** Numbers that the stream does not give are NaN. */
export interface TickerRecord extends RecordBase {
  readonly kind: 'ticker'
  readonly open: number
  readonly high: number
  readonly low: number
  readonly last: number
  readonly volume: number
  readonly quoteVolume: number
  readonly priceChange: number
  readonly priceChangePercent: number
  readonly weightedAverage: number
  readonly lastQuantity: number
  readonly bidPrice: number
  readonly bidQuantity: number
  readonly askPrice: number
  readonly askQuantity: number
  readonly openTime: number
  readonly closeTime: number
  /** -1 without trades, and in mini tickers. */
  readonly firstTradeId: RecordId
  readonly lastTradeId: RecordId
  readonly trades: number
}
