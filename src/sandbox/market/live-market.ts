import type { SymbolInfo } from './market.ts'
import type { PriceCandle, PriceQuery } from './price-candles.ts'

/** Prices are whole ticks (10^-tickDecimals), quantities whole lots (10^-stepDecimals), times epoch µs unless said otherwise. */
export interface LiveTrade {
  readonly id: number
  readonly time: number
  readonly price: number
  readonly lots: number
  readonly buyerIsMaker: boolean
}

export interface LiveAggTrade extends LiveTrade {
  readonly firstId: number
  readonly lastId: number
}

/** Price, lots, price, lots, … best first. */
export type Levels = readonly number[]

/** The whole book after an update. */
export interface BookState {
  readonly updateId: number
  /** When that update was made, epoch ms. */
  readonly time: number
  readonly bids: Levels
  readonly asks: Levels
}

/** What changed over a slot of time; lots of 0 remove a level. */
export interface BookUpdate {
  readonly firstId: number
  readonly lastId: number
  /** Last id of the update before it at the same speed. */
  readonly previousId: number
  /** End of the slot, epoch ms. */
  readonly time: number
  readonly bids: Levels
  readonly asks: Levels
}

export interface LiveQuote {
  readonly updateId: number
  /** Epoch ms. */
  readonly time: number
  readonly bid: number
  readonly bidLots: number
  readonly ask: number
  readonly askLots: number
}

/** Rates and prices as decimal text; times epoch ms. */
export interface LiveMark {
  readonly markPrice: string
  readonly indexPrice: string
  readonly settlePrice: string
  readonly fundingRate: string
  readonly nextFundingTime: number
}

export interface PaidFunding {
  readonly time: number
  readonly rate: string
  readonly markPrice: string
}

export interface LiveLiquidation {
  /** Epoch ms. */
  readonly time: number
  readonly side: 'BUY' | 'SELL'
  readonly price: number
  readonly averagePrice: number
  readonly lots: number
}

/** Of five minutes from `time` on, epoch ms; numbers as decimal text but for the open contracts in lots. */
export interface LiveMetrics {
  readonly time: number
  readonly lots: number
  readonly value: string
  readonly topAccounts: string
  readonly topPositions: string
  readonly accounts: string
  readonly takers: string
}

/** What lies between the middle of the book and a distance in percent (negative: bids), as decimal text. */
export interface DepthSample {
  readonly time: number
  readonly percentage: number
  readonly depth: string
  readonly notional: string
}

/**
 * The events of a market, as streams tell them and REST repeats them. Every answer is a function of time and the seed:
 * asked again, it is the same, and all of it agrees with the candles and the trades.
 */
export interface LiveMarket {
  /** Trades in [from, to), epoch µs. */
  trades(info: SymbolInfo, from: number, to: number): LiveTrade[]
  /** Trades with ids from `id` on, at most `count`, made before `now` (ms). */
  tradesFrom(info: SymbolInfo, id: number, count: number, now: number): LiveTrade[]
  /** Id that the next trade after `now` (ms) gets. */
  nextTradeId(info: SymbolInfo, now: number): number
  /** Aggregate trades that are finished in [from, to), epoch µs; their time is that of their last trade. */
  aggTrades(info: SymbolInfo, from: number, to: number): LiveAggTrade[]
  aggTradesFrom(info: SymbolInfo, id: number, count: number, now: number): LiveAggTrade[]
  nextAggTradeId(info: SymbolInfo, now: number): number
  /** The book at an instant (ms), at most `levels` per side. */
  book(info: SymbolInfo, now: number, levels: number): BookState
  /** When the last update up to an id was made, epoch ms: `book` at that time is the book after that id. */
  updateTime(info: SymbolInfo, updateId: number): number
  /** Updates whose slots of `speed` ms end in (from, to] (ms), rising; slots without a change have none. */
  bookUpdates(info: SymbolInfo, from: number, to: number, speed: number): BookUpdate[]
  /** Changes of the best bid or offer in (from, to] (ms). Equal to the top of `book` after the same update id. */
  quotes(info: SymbolInfo, from: number, to: number): LiveQuote[]
  /** Best prices at an instant (ms). */
  quote(info: SymbolInfo, now: number): LiveQuote
  /** Futures only. */
  mark(info: SymbolInfo, now: number): LiveMark
  /** Candles of mark price, index price or premium. Futures only. */
  priceCandles(info: SymbolInfo, query: PriceQuery): PriceCandle[]
  /** Paid in [from, to), epoch ms. */
  fundings(info: SymbolInfo, from: number, to: number): PaidFunding[]
  /** Told in [from, to), epoch ms: at most one a second, each a trade of that second. */
  liquidations(info: SymbolInfo, from: number, to: number): LiveLiquidation[]
  /** Hours between two fundings: 8, 4 or 1. */
  fundingHours(info: SymbolInfo): number
  /** Open contracts at an instant (ms), in lots. */
  openInterest(info: SymbolInfo, now: number): number
  /** Of the periods of five minutes that start in [from, to), epoch ms. Futures only. */
  metrics(info: SymbolInfo, from: number, to: number): LiveMetrics[]
  /** Taken in [from, to), epoch ms, about each half minute. Futures only. */
  depthSamples(info: SymbolInfo, from: number, to: number): DepthSample[]
}
