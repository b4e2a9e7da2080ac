import { parseDecimal } from '../../model/decimal.ts'
import { normaliseRanges } from '../../model/ranges.ts'
import { DAY, type TimeInput } from '../../model/time.ts'
import { ByteWriter, SPLIT } from '../bytes.ts'
import { quotient } from '../decimal-text.ts'
import type { CandleColumns } from './columns.ts'
import { isDated, type Listing, type RecordedRules, type SandboxMarket, seededListings } from './listing.ts'
import type { DayTicker, MarketData, Outage, Quote, ReadRange, SymbolInfo } from './market.ts'
import { SeededRows } from './rows.ts'
import { SeededLive } from './seeded-live.ts'
import { type CandleCache, createCandleCache, SymbolMarket } from './symbol-market.ts'
import { TradeStream } from './trades.ts'
import { valueScale } from './value.ts'

export interface SeededOptions {
  readonly markets: readonly SandboxMarket[]
  readonly seed: number
  readonly tradesPerSecond: number
  readonly symbols?: readonly string[]
  readonly listedAt?: TimeInput | Readonly<Record<string, TimeInput>>
  /** Rules that recorded data tell. */
  readonly recorded?: RecordedRules
}

/** A market made of numbers drawn from a seed: the same at every look, for any time, in every process. */
export class SeededMarket implements MarketData {
  readonly #symbols = new Map<string, SymbolMarket>()
  readonly live: SeededLive

  constructor(options: SeededOptions) {
    this.live = new SeededLive((info) => this.#of(info), options.seed)
    const cache: CandleCache = createCandleCache()
    for (const listing of seededListings(options.markets, options.symbols, options.listedAt, options.recorded)) {
      const stream = new TradeStream(listing, options.seed, options.tradesPerSecond)
      this.#symbols.set(key(listing.market, listing.symbol), new SymbolMarket(listing, stream, cache))
    }
  }

  /** Every listing of a market, whatever the clock says. */
  listings(market: SandboxMarket): Listing[] {
    return [...this.#symbols.values()].map((one) => one.listing).filter((listing) => listing.market === market)
  }

  symbolMarket(market: SandboxMarket, symbol: string): SymbolMarket | undefined {
    return this.#symbols.get(key(market, symbol))
  }

  /** The same by the name that a series has: `ofPair` where COIN-M names the pair instead of a contract. */
  seriesMarket(market: SandboxMarket, name: string, ofPair: boolean): SymbolMarket | undefined {
    return this.symbolMarket(market, market === 'coinm' && ofPair ? `${name}_PERP` : name)
  }

  setOutages(outages: readonly Outage[]): void {
    for (const one of this.#symbols.values()) {
      const own = outages.filter(
        ({ market, symbol }) =>
          (market ?? one.listing.market) === one.listing.market &&
          (symbol ?? one.listing.symbol) === one.listing.symbol,
      )
      one.setOutages(normaliseRanges(own))
    }
    this.live.outagesChanged()
  }

  async symbols(market: SandboxMarket, now: number): Promise<SymbolInfo[]> {
    return this.listings(market)
      .filter((listing) => listing.listedAt <= now)
      .map((listing) => infoOf(listing, now))
  }

  async symbol(market: SandboxMarket, symbol: string, now: number): Promise<SymbolInfo | undefined> {
    const listing = this.symbolMarket(market, symbol)?.listing
    return listing && listing.listedAt <= now ? infoOf(listing, now) : undefined
  }

  async candles(info: SymbolInfo, range: ReadRange, now: number): Promise<SeededRows> {
    const one = this.#of(info)
    return new SeededRows(await one.read(range, now), one.listing)
  }

  async ticker(info: SymbolInfo, now: number): Promise<DayTicker> {
    const one = this.#of(info)
    const openTime = Math.max(now - DAY, info.listedAt)
    const sum = await one.sum(openTime, now)
    const first = one.tradesBefore(openTime) + 1
    const last = one.lastTrade(now)
    const text = textOf(one.listing)
    const trades = sum.trades[0]!
    return {
      openTime,
      closeTime: now,
      open: text.price(sum.open[0]!),
      high: text.price(sum.high[0]!),
      low: text.price(sum.low[0]!),
      last: text.price(last.price),
      lastQuantity: text.volume(last.lots),
      previousClose: text.price(one.lastTrade(openTime - 1).price),
      volume: text.volume(sum.volume[0]!),
      quoteVolume: text.quote(sum),
      // Seen on the real exchange: no trade in the window, no ids.
      firstId: trades === 0 ? -1 : first,
      lastId: trades === 0 ? -1 : first + trades - 1,
      trades,
    }
  }

  async quote(info: SymbolInfo, now: number): Promise<Quote> {
    const one = this.#of(info)
    const last = one.lastTrade(now)
    const text = textOf(one.listing)
    const { bid, bidLots, ask, askLots, updateId, time } = this.live.quote(info, now)
    return {
      bid: text.price(bid),
      bidQuantity: text.volume(bidLots),
      ask: text.price(ask),
      askQuantity: text.volume(askLots),
      time: Math.floor(last.time),
      last: text.price(last.price),
      updateId,
      updateTime: time,
    }
  }

  async averagePrice(info: SymbolInfo, from: number, to: number): Promise<string | undefined> {
    const one = this.#of(info)
    const sum = await one.sum(from, to)
    if (sum.trades[0] === 0) return undefined
    const text = textOf(one.listing)
    return quotient(parseDecimal(text.quote(sum)), parseDecimal(text.volume(sum.volume[0]!)), info.priceDecimals)
  }

  #of(info: SymbolInfo): SymbolMarket {
    return this.#symbols.get(key(info.market, info.symbol))!
  }
}

function key(market: SandboxMarket, symbol: string): string {
  return `${market}:${symbol}`
}

function infoOf(listing: Listing, now: number): SymbolInfo {
  const { market, symbol, base, quote, tickDecimals, priceDecimals, stepDecimals, listedAt, endsAt, contractSize } =
    listing
  return {
    ...{ market, symbol, base, quote, tickDecimals, priceDecimals, stepDecimals, listedAt, listed: now < endsAt },
    ...(contractSize === undefined ? {} : { contractSize }),
    ...(contractSize !== undefined || isDated(symbol) ? { endsAt } : {}),
  }
}

function textOf(listing: Listing) {
  const writer = new ByteWriter(64)
  const { tickDecimals, priceDecimals, stepDecimals, volumeDecimals, quoteDecimals } = listing
  const scale = valueScale(listing)
  return {
    price: (ticks: number): string => writer.fixed(ticks, tickDecimals, priceDecimals).take().toString(),
    volume: (lots: number): string => writer.fixed(lots, stepDecimals, volumeDecimals).take().toString(),
    quote: (sum: CandleColumns): string => {
      const low = sum.quote[0]! % SPLIT
      return writer.fixed(low, scale, quoteDecimals, sum.quoteHigh[0]!).take().toString()
    },
  }
}
