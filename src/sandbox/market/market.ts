import type { Interval } from '../../model/interval.ts'
import type { TimeRange } from '../../model/time.ts'
import type { ByteWriter } from '../bytes.ts'
import type { SandboxMarket } from './listing.ts'
import type { LiveMarket } from './live-market.ts'

/** Unit of the times in a written row. In µs a close time ends in 999999, as Binance writes it. */
export type TimeUnit = 'ms' | 'us'

/** Candles of one series, ready to be written in the exchange's own forms. */
export interface CandleRows {
  readonly length: number
  openTime(row: number): number
  /** Last instant of the candle in ms; in the future for an unfinished one. */
  closeTime(row: number): number
  /** `[1499040000000,"0.01634790",…,"0"]` */
  writeJson(into: ByteWriter, row: number, unit: TimeUnit): void
  /** `1499040000000,0.01634790,…,0` without the line end. */
  writeCsv(into: ByteWriter, row: number, unit: TimeUnit): void
}

export interface ReadRange {
  readonly interval: Interval
  /** Open times from here (inclusive) … */
  readonly from: number
  /** … to here (exclusive). */
  readonly to: number
  /** At most so many rows: the oldest ones, or the newest ones with `last`. */
  readonly max: number
  readonly last?: boolean
  /** Shift of the candle boundaries against UTC in ms (`timeZone=8` is 28,800,000). */
  readonly shift?: number
  /** Leave out the candle that is not closed at `now`. */
  readonly closedOnly?: boolean
}

/** The rules that exchangeInfo states of a symbol. */
export interface SymbolInfo {
  readonly market: SandboxMarket
  readonly symbol: string
  readonly base: string
  readonly quote: string
  readonly tickDecimals: number
  readonly priceDecimals: number
  readonly stepDecimals: number
  /** First trading instant, epoch ms. */
  readonly listedAt: number
  /** False once it is delisted: gone from exchangeInfo and REST, kept in the archive. */
  readonly listed: boolean
  /** When a contract ends, epoch ms; undefined where no end is set. */
  readonly endsAt?: number
  /** USD a contract, on COIN-M. */
  readonly contractSize?: number
}

/** The last 24 hours of a symbol; decimal text as the market writes it. */
export interface DayTicker {
  readonly openTime: number
  readonly closeTime: number
  readonly open: string
  readonly high: string
  readonly low: string
  readonly last: string
  readonly lastQuantity: string
  /** Last price before the window. */
  readonly previousClose: string
  readonly volume: string
  /** Of COIN-M the volume in the base asset. */
  readonly quoteVolume: string
  readonly firstId: number
  readonly lastId: number
  readonly trades: number
}

/** Best prices of the moment; decimal text. */
export interface Quote {
  readonly bid: string
  readonly bidQuantity: string
  readonly ask: string
  readonly askQuantity: string
  /** Instant of the last trade, epoch ms. */
  readonly time: number
  /** Price of the last trade. */
  readonly last: string
  /** The book's update that made these prices, and when; where there is a book. */
  readonly updateId?: number
  readonly updateTime?: number
}

/** What the sandbox trades: a seeded market, or what a tree of archive files holds. Every time is the exchange's own. */
export interface MarketData {
  /** Symbols known at `now`, delisted ones included, in byte order. */
  symbols(market: SandboxMarket, now: number): Promise<readonly SymbolInfo[]>
  /** Undefined when the market has no such symbol at `now`. */
  symbol(market: SandboxMarket, symbol: string, now: number): Promise<SymbolInfo | undefined>
  /** Candles that open by `now`; the last one may be unfinished. */
  candles(info: SymbolInfo, range: ReadRange, now: number): Promise<CandleRows>
  ticker(info: SymbolInfo, now: number): Promise<DayTicker>
  quote(info: SymbolInfo, now: number): Promise<Quote>
  /** Quote volume over volume of the trades in [from, to]; undefined without trades. */
  averagePrice(info: SymbolInfo, from: number, to: number): Promise<string | undefined>
  /** Stops the market for a while: no trade in these ranges, and no candle that lies wholly in one. */
  setOutages(outages: readonly Outage[]): void
  /** Undefined where the data hold candles only. */
  readonly live?: LiveMarket
}

export interface Outage extends TimeRange {
  readonly market?: SandboxMarket
  readonly symbol?: string
}
