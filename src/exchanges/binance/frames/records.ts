import { CandleFlag } from '../../../model/candle.ts'
import { closeTimeOf, type Interval, intervalLength } from '../../../model/interval.ts'
import {
  type AggTradeRecord,
  type BookDelta,
  type BookSnapshot,
  type FundingRateRecord,
  type Liquidation,
  type LiveCandle,
  type MarkPrice,
  type QuoteRecord,
  RecordFlag,
  type RecordId,
  type TickerRecord,
  type TradeRecord,
} from '../../../model/live/index.ts'
import type { Market } from '../../../model/series.ts'

// Every record is made here, whoever read it: one shape per kind keeps the code that uses records monomorphic, and a
// rule that makes a record suspect holds for stream and REST alike. `flags` is what the reader knows (source, inexact).

/** No price of anything has ever come near this: a larger one is a fault. */
const ABSURD = 1e12

/** Whether a price or quantity is one that a trade can have. */
function isReal(value: number): boolean {
  return value > 0 && value < ABSURD
}

export function tradeRecord(
  market: Market,
  symbol: string,
  eventTime: number,
  receiveTime: number,
  flags: number,
  id: RecordId,
  time: number,
  price: number,
  quantity: number,
  buyerIsMaker: boolean,
): TradeRecord {
  return {
    kind: 'trade',
    market,
    symbol,
    eventTime,
    receiveTime,
    flags: isReal(price) && quantity > 0 ? flags : flags | RecordFlag.suspect,
    id,
    time,
    price,
    quantity,
    buyerIsMaker,
  }
}

export function aggTradeRecord(
  market: Market,
  symbol: string,
  eventTime: number,
  receiveTime: number,
  flags: number,
  id: RecordId,
  time: number,
  price: number,
  quantity: number,
  firstTradeId: RecordId,
  lastTradeId: RecordId,
  buyerIsMaker: boolean,
): AggTradeRecord {
  return {
    kind: 'aggTrade',
    market,
    symbol,
    eventTime,
    receiveTime,
    flags:
      isReal(price) && quantity > 0 && firstTradeId >= 0 && lastTradeId >= firstTradeId
        ? flags
        : flags | RecordFlag.suspect,
    id,
    time,
    price,
    quantity,
    firstTradeId,
    lastTradeId,
    buyerIsMaker,
  }
}

export function candleRecord(
  market: Market,
  symbol: string,
  eventTime: number,
  receiveTime: number,
  flags: number,
  interval: Interval,
  closed: boolean,
  openTime: number,
  closeTime: number,
  open: number,
  high: number,
  low: number,
  close: number,
  volume: number,
  quoteVolume: number,
  trades: number,
  takerBuyVolume: number,
  takerBuyQuoteVolume: number,
): LiveCandle {
  let all = flags
  const prices = isReal(open) && isReal(close) && isReal(high) && isReal(low)
  const ordered = high >= open && high >= close && low <= open && low <= close
  const volumes = volume >= 0 && quoteVolume >= 0 && takerBuyVolume >= 0 && takerBuyQuoteVolume >= 0
  if (!prices || !ordered || !volumes) all |= RecordFlag.suspect
  if (!closed) all |= CandleFlag.unfinished
  else if (
    closeTime < (interval === '1M' ? closeTimeOf({ interval }, openTime) : openTime + intervalLength(interval) - 1)
  )
    all |= CandleFlag.short
  return {
    kind: 'candle',
    market,
    symbol,
    eventTime,
    receiveTime,
    flags: all,
    interval,
    closed,
    openTime,
    open,
    high,
    low,
    close,
    volume,
    closeTime,
    quoteVolume,
    trades,
    takerBuyVolume,
    takerBuyQuoteVolume,
  }
}

/** `previousUpdateId` is -1 and `transactionTime` NaN on spot. */
export function deltaRecord(
  market: Market,
  symbol: string,
  eventTime: number,
  receiveTime: number,
  flags: number,
  firstUpdateId: RecordId,
  lastUpdateId: RecordId,
  previousUpdateId: RecordId,
  transactionTime: number,
  bids: readonly number[],
  asks: readonly number[],
): BookDelta {
  return {
    kind: 'bookDelta',
    market,
    symbol,
    eventTime,
    receiveTime,
    flags,
    firstUpdateId,
    lastUpdateId,
    previousUpdateId,
    transactionTime,
    bids,
    asks,
  }
}

export function snapshotRecord(
  market: Market,
  symbol: string,
  eventTime: number,
  receiveTime: number,
  flags: number,
  lastUpdateId: RecordId,
  time: number,
  depth: number,
  bids: readonly number[],
  asks: readonly number[],
): BookSnapshot {
  const crossed = bids.length > 0 && asks.length > 0 && bids[0]! >= asks[0]!
  return {
    kind: 'bookSnapshot',
    market,
    symbol,
    eventTime,
    receiveTime,
    flags: crossed ? flags | RecordFlag.suspect : flags,
    lastUpdateId,
    time,
    depth,
    bids,
    asks,
  }
}

/** An empty side has price and quantity 0, which is nothing to suspect. */
export function quoteRecord(
  market: Market,
  symbol: string,
  eventTime: number,
  receiveTime: number,
  flags: number,
  updateId: RecordId,
  bidPrice: number,
  bidQuantity: number,
  askPrice: number,
  askQuantity: number,
  transactionTime: number,
): QuoteRecord {
  const bid = isReal(bidPrice) ? bidQuantity >= 0 : bidPrice === 0 && bidQuantity === 0
  const ask = isReal(askPrice) ? askQuantity >= 0 : askPrice === 0 && askQuantity === 0
  const crossed = bidPrice >= askPrice && bidPrice > 0 && askPrice > 0
  return {
    kind: 'quote',
    market,
    symbol,
    eventTime,
    receiveTime,
    flags: bid && ask && !crossed ? flags : flags | RecordFlag.suspect,
    updateId,
    bidPrice,
    bidQuantity,
    askPrice,
    askQuantity,
    transactionTime,
  }
}

export function markPriceRecord(
  market: Market,
  symbol: string,
  eventTime: number,
  receiveTime: number,
  flags: number,
  markPrice: number,
  indexPrice: number,
  estimatedSettlePrice: number,
  fundingRate: number,
  nextFundingTime: number,
): MarkPrice {
  return {
    kind: 'markPrice',
    market,
    symbol,
    eventTime,
    receiveTime,
    flags: isReal(markPrice) ? flags : flags | RecordFlag.suspect,
    markPrice,
    indexPrice,
    estimatedSettlePrice,
    fundingRate,
    nextFundingTime,
  }
}

export function fundingRecord(
  market: Market,
  symbol: string,
  flags: number,
  fundingTime: number,
  fundingRate: number,
  markPrice: number,
): FundingRateRecord {
  return {
    kind: 'fundingRate',
    market,
    symbol,
    eventTime: Number.NaN,
    receiveTime: Number.NaN,
    flags,
    fundingTime,
    fundingRate,
    markPrice,
  }
}

export function liquidationRecord(
  market: Market,
  symbol: string,
  eventTime: number,
  receiveTime: number,
  flags: number,
  time: number,
  side: 1 | 2,
  price: number,
  averagePrice: number,
  quantity: number,
  lastFilledQuantity: number,
  filledQuantity: number,
): Liquidation {
  return {
    kind: 'liquidation',
    market,
    symbol,
    eventTime,
    receiveTime,
    flags: isReal(price) && quantity > 0 ? flags : flags | RecordFlag.suspect,
    time,
    side,
    price,
    averagePrice,
    quantity,
    lastFilledQuantity,
    filledQuantity,
  }
}

/** The numbers of a ticker without those that a mini ticker leaves out. */
export interface TickerCore {
  readonly open: number
  readonly high: number
  readonly low: number
  readonly last: number
  readonly volume: number
  readonly quoteVolume: number
}

/** What only the full ticker has. */
export type TickerRest = Pick<
  TickerRecord,
  | 'priceChange'
  | 'priceChangePercent'
  | 'weightedAverage'
  | 'lastQuantity'
  | 'bidPrice'
  | 'bidQuantity'
  | 'askPrice'
  | 'askQuantity'
  | 'openTime'
  | 'closeTime'
  | 'firstTradeId'
  | 'lastTradeId'
  | 'trades'
>

/** What a mini ticker has of it: nothing. */
export const MINI: TickerRest = {
  priceChange: Number.NaN,
  priceChangePercent: Number.NaN,
  weightedAverage: Number.NaN,
  lastQuantity: Number.NaN,
  bidPrice: Number.NaN,
  bidQuantity: Number.NaN,
  askPrice: Number.NaN,
  askQuantity: Number.NaN,
  openTime: Number.NaN,
  closeTime: Number.NaN,
  firstTradeId: -1,
  lastTradeId: -1,
  trades: Number.NaN,
}

export function tickerRecord(
  market: Market,
  symbol: string,
  eventTime: number,
  receiveTime: number,
  flags: number,
  core: TickerCore,
  rest: TickerRest,
): TickerRecord {
  const sound = core.low <= core.high && core.low >= 0 && core.high < ABSURD && core.volume >= 0
  return {
    kind: 'ticker',
    market,
    symbol,
    eventTime,
    receiveTime,
    flags: sound ? flags : flags | RecordFlag.suspect,
    open: core.open,
    high: core.high,
    low: core.low,
    last: core.last,
    volume: core.volume,
    quoteVolume: core.quoteVolume,
    priceChange: rest.priceChange,
    priceChangePercent: rest.priceChangePercent,
    weightedAverage: rest.weightedAverage,
    lastQuantity: rest.lastQuantity,
    bidPrice: rest.bidPrice,
    bidQuantity: rest.bidQuantity,
    askPrice: rest.askPrice,
    askQuantity: rest.askQuantity,
    openTime: rest.openTime,
    closeTime: rest.closeTime,
    firstTradeId: rest.firstTradeId,
    lastTradeId: rest.lastTradeId,
    trades: rest.trades,
  }
}
