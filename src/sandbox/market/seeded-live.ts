import { ConfigError } from '../../model/errors.ts'
import { SeededBook } from './book.ts'
import { depthSample, sampleTimes } from './depth-samples.ts'
import { SeededFutures } from './futures.ts'
import type {
  BookState,
  BookUpdate,
  DepthSample,
  LiveAggTrade,
  LiveLiquidation,
  LiveMark,
  LiveMarket,
  LiveMetrics,
  LiveQuote,
  LiveTrade,
  PaidFunding,
} from './live-market.ts'
import type { SymbolInfo } from './market.ts'
import { SeededMetrics } from './metrics.ts'
import { hash32, seedOf } from './noise.ts'
import { type PriceCandle, type PriceQuery, priceCandlesOf } from './price-candles.ts'
import type { SymbolMarket } from './symbol-market.ts'

/** The events of the seeded market. */
export class SeededLive implements LiveMarket {
  readonly #find: (info: SymbolInfo) => SymbolMarket
  readonly #seed: number
  readonly #books = new Map<SymbolMarket, SeededBook>()
  readonly #futures = new Map<SymbolMarket, SeededFutures>()
  readonly #metrics = new Map<SeededFutures, SeededMetrics>()

  constructor(find: (info: SymbolInfo) => SymbolMarket, seed: number) {
    this.#find = find
    this.#seed = seed
  }

  /** The outages of the symbols have changed. */
  outagesChanged(): void {
    for (const [one, book] of this.#books) book.setOutages(one.outages)
  }

  trades(info: SymbolInfo, from: number, to: number): LiveTrade[] {
    const { line } = this.#find(info)
    return line.between(line.place(from), line.place(to))
  }

  tradesFrom(info: SymbolInfo, id: number, count: number, now: number): LiveTrade[] {
    const { line } = this.#find(info)
    return line.between(line.placeOf(Math.max(1, id)), line.place(Math.round(now * 1000)), count)
  }

  nextTradeId(info: SymbolInfo, now: number): number {
    return this.#find(info).line.countBefore(Math.round(now * 1000)) + 1
  }

  aggTrades(info: SymbolInfo, from: number, to: number): LiveAggTrade[] {
    const { line } = this.#find(info)
    return line.aggsBetween(line.finishedAt(line.place(from)), line.finishedAt(line.place(to)))
  }

  aggTradesFrom(info: SymbolInfo, id: number, count: number, now: number): LiveAggTrade[] {
    const { line } = this.#find(info)
    const end = line.finishedAt(line.place(Math.round(now * 1000)))
    const first = Math.max(1, id)
    return first > line.aggsBefore(end) ? [] : line.aggsBetween(line.aggPlaceOf(first), end, count)
  }

  nextAggTradeId(info: SymbolInfo, now: number): number {
    const { line } = this.#find(info)
    return line.aggsBefore(line.finishedAt(line.place(Math.round(now * 1000)))) + 1
  }

  book(info: SymbolInfo, now: number, levels: number): BookState {
    return this.#book(info).at(now, levels)
  }

  updateTime(info: SymbolInfo, updateId: number): number {
    return this.#book(info).timeOf(updateId)
  }

  bookUpdates(info: SymbolInfo, from: number, to: number, speed: number): BookUpdate[] {
    return this.#book(info).updates(from, to, speed)
  }

  quotes(info: SymbolInfo, from: number, to: number): LiveQuote[] {
    return this.#book(info).quotes(from, to)
  }

  quote(info: SymbolInfo, now: number): LiveQuote {
    return this.#book(info).quote(now)
  }

  mark(info: SymbolInfo, now: number): LiveMark {
    return this.#future(info).mark(now)
  }

  priceCandles(info: SymbolInfo, query: PriceQuery): PriceCandle[] {
    return priceCandlesOf(this.#future(info), this.#find(info).listing, query)
  }

  fundings(info: SymbolInfo, from: number, to: number): PaidFunding[] {
    return this.#future(info).fundings(from, to)
  }

  liquidations(info: SymbolInfo, from: number, to: number): LiveLiquidation[] {
    return this.#future(info).liquidations(from, to)
  }

  fundingHours(info: SymbolInfo): number {
    return this.#future(info).hours
  }

  openInterest(info: SymbolInfo, now: number): number {
    return this.#future(info).openInterest(now)
  }

  metrics(info: SymbolInfo, from: number, to: number): LiveMetrics[] {
    const future = this.#future(info)
    let metrics = this.#metrics.get(future)
    if (!metrics) {
      metrics = new SeededMetrics(future, this.#find(info).listing, hash32(this.#seed, seedOf(13, info.symbol)))
      this.#metrics.set(future, metrics)
    }
    return metrics.between({ from, to })
  }

  depthSamples(info: SymbolInfo, from: number, to: number): DepthSample[] {
    const { listing } = this.#find(info)
    const range = { from: Math.max(from, listing.listedAt), to: Math.min(to, listing.endsAt) }
    const book = this.#book(info)
    return [...sampleTimes(this.#seed, range)].flatMap((time) => depthSample(book, listing, time))
  }

  #book(info: SymbolInfo): SeededBook {
    const one = this.#find(info)
    let book = this.#books.get(one)
    if (!book) {
      book = new SeededBook(one, this.#seed)
      book.setOutages(one.outages)
      this.#books.set(one, book)
    }
    return book
  }

  #future(info: SymbolInfo): SeededFutures {
    const one = this.#find(info)
    if (info.market === 'spot') throw new ConfigError(`${info.symbol} of ${info.market} is not a futures contract.`)
    let future = this.#futures.get(one)
    if (!future) {
      future = new SeededFutures(one, this.#seed)
      this.#futures.set(one, future)
    }
    return future
  }
}
