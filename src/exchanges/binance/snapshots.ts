import { RecordFlag, type TickerRecord } from '../../model/live/index.ts'
import type { Market } from '../../model/series.ts'
import { tickerRecord } from './frames/records.ts'
import type { Ticker } from './market-data.ts'

/** The 24-hour statistics of REST as a record of the instant at which their window ended. */
export function tickerOf(row: Ticker, market: Market): TickerRecord {
  const { symbol, openTime, closeTime } = row
  const core = {
    open: Number(row.openPrice),
    high: Number(row.highPrice),
    low: Number(row.lowPrice),
    last: Number(row.lastPrice),
    volume: Number(row.volume),
    quoteVolume: Number('baseVolume' in row ? row.baseVolume : row.quoteVolume),
  }
  const rest = {
    priceChange: maybe(row.priceChange),
    priceChangePercent: maybe(row.priceChangePercent),
    weightedAverage: maybe(row.weightedAvgPrice),
    lastQuantity: maybe(row.lastQty),
    bidPrice: maybe(row.bidPrice),
    bidQuantity: maybe(row.bidQty),
    askPrice: maybe(row.askPrice),
    askQuantity: maybe(row.askQty),
    openTime,
    closeTime,
    firstTradeId: row.firstId,
    lastTradeId: row.lastId,
    trades: row.count,
  }
  return tickerRecord(market, symbol, closeTime, Number.NaN, RecordFlag.rest, core, rest)
}

function maybe(text: string | undefined): number {
  return text === undefined ? Number.NaN : Number(text)
}
