import { MINUTE } from '../../model/time.ts'
import type { Listing } from './listing.ts'
import { hash32, NoisePath, seedOf } from './noise.ts'

const WEEK_MINUTES = 7 * 24 * 60
/** Typical change of the log price in a minute. */
const VOLATILITY = 0.0005
/** Half the width of the scatter of trades around the path, as a share of the price. */
const SCATTER = 0.00025
/** Mean value of a trade in quote units is a fifth of this. */
const TRADE_VALUE = 2500

/** The trades of one minute, in order. Prices in ticks, quantities in lots, times in µs after the minute's start. */
export interface MinuteTrades {
  readonly count: number
  readonly offset: Float64Array
  readonly price: Float64Array
  readonly lots: Float64Array
  /** 1 where the taker bought. */
  readonly buy: Uint8Array
}

/** What a minute's trades add up to; reused by the caller so that no object is made per minute. */
export interface MinuteSum {
  open: number
  high: number
  low: number
  close: number
  volume: number
  quote: number
  trades: number
  buyVolume: number
  buyQuote: number
}

export function emptySum(): MinuteSum {
  return { open: 0, high: 0, low: 0, close: 0, volume: 0, quote: 0, trades: 0, buyVolume: 0, buyQuote: 0 }
}

/**
 * The trades that one symbol would have if nothing ever stopped it. Everything else (candles, books, tickers) is
 * derived from them. Any minute can be made at any time, on its own, and is the same each time: its number of trades
 * comes from a table of the week, its prices and quantities from a generator seeded with the minute.
 */
export class TradeStream {
  readonly #seed: number
  readonly #timeSeed: number
  readonly #path: NoisePath
  readonly #basis: NoisePath | undefined
  readonly #anchorTicks: number
  readonly #lotScale: number
  readonly #counts = new Uint32Array(WEEK_MINUTES)
  readonly #before = new Float64Array(WEEK_MINUTES + 1)

  constructor(listing: Listing, seed: number, tradesPerSecond: number) {
    const own = seedOf(seed, `${listing.market}:${listing.symbol}`)
    this.#seed = hash32(own, 1)
    this.#timeSeed = hash32(own, 2)
    // Spot and futures of one pair follow one path; the futures add a small basis.
    this.#path = new NoisePath(seedOf(seed, listing.base + listing.quote), 0, 20, VOLATILITY)
    this.#basis = listing.market === 'usdm' ? new NoisePath(hash32(own, 3), 4, 12, 0.00001) : undefined
    this.#anchorTicks = listing.anchor * 10 ** listing.tickDecimals
    const value = listing.quote === 'BTC' ? TRADE_VALUE / 62_000 : TRADE_VALUE
    this.#lotScale = Math.max(1.5, (value / listing.anchor) * 10 ** listing.stepDecimals)
    this.#fillWeek(hash32(own, 4), 60 * tradesPerSecond * listing.activity)
  }

  #fillWeek(seed: number, perMinute: number): void {
    for (let minute = 0; minute < WEEK_MINUTES; minute++) {
      const hour = (minute % 1440) / 60
      // Busiest in the American afternoon, quiet at night, quieter on Saturday and Sunday (day 0 is a Thursday).
      const day = Math.floor(minute / 1440)
      const wave = 0.8 + 0.35 * Math.cos(((hour - 15) / 24) * 2 * Math.PI)
      const weekend = day === 2 || day === 3 ? 0.75 : 1.1
      const u = hash32(seed, minute) / 0x100000000
      const rate = perMinute * wave * weekend * (0.35 + 2.2 * u * u * u + 0.4 * u)
      const part = hash32(seed + 1, minute) / 0x100000000
      const count = Math.floor(rate + part)
      this.#counts[minute] = count
      this.#before[minute + 1] = this.#before[minute]! + count
    }
  }

  /** Number of trades in a minute. */
  count(minute: number): number {
    return this.#counts[minute % WEEK_MINUTES]!
  }

  /** Number of trades from the start of minute `from` to the start of minute `to`. */
  countBetween(from: number, to: number): number {
    return this.#since1970(to) - this.#since1970(from)
  }

  #since1970(minute: number): number {
    const weeks = Math.floor(minute / WEEK_MINUTES)
    return weeks * this.#before[WEEK_MINUTES]! + this.#before[minute - weeks * WEEK_MINUTES]!
  }

  /** The price path at the start of a minute, in ticks, not rounded. */
  pathAt(minute: number): number {
    return this.#anchorTicks * Math.exp(this.#path.at(minute) + (this.#basis?.at(minute) ?? 0))
  }

  /** Adds up a minute: the hot loop, a year of it is thirty million trades. Equal to the sum over `minute(m)`. */
  sum(minute: number, start: number, end: number, out: MinuteSum): void {
    const count = this.#counts[minute % WEEK_MINUTES]!
    const scatter = Math.max(0.6, start * SCATTER) / 4095
    const slope = (end - start) / (count + 1)
    const scale = this.#lotScale
    let state = hash32(this.#seed, minute) | 0
    let open = 0
    let high = 0
    let low = Number.MAX_SAFE_INTEGER
    let price = 0
    let volume = 0
    let quote = 0
    let buyVolume = 0
    let buyQuote = 0
    for (let k = 1; k <= count; k++) {
      state = (state + 0x6d2b79f5) | 0
      let t = Math.imul(state ^ (state >>> 15), 1 | state)
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
      t ^= t >>> 14
      const buy = t & 1
      const around = ((t >>> 1) & 0xfff) + ((t >>> 13) & 0xfff) - 4095
      price = Math.floor(start + slope * k + scatter * around) + buy
      if (price < 1) price = 1
      state = (state + 0x6d2b79f5) | 0
      t = Math.imul(state ^ (state >>> 15), 1 | state)
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
      const u = ((t ^ (t >>> 14)) >>> 0) / 0x100000000
      const lots = 1 + Math.floor(scale * u * u * u * u)
      if (k === 1) open = price
      if (price > high) high = price
      if (price < low) low = price
      volume += lots
      const value = price * lots
      quote += value
      if (buy === 1) {
        buyVolume += lots
        buyQuote += value
      }
    }
    out.open = open
    out.high = high
    out.low = low
    out.close = price
    out.volume = volume
    out.quote = quote
    out.trades = count
    out.buyVolume = buyVolume
    out.buyQuote = buyQuote
  }

  /** Every trade of a minute with its time. */
  minute(minute: number): MinuteTrades {
    const count = this.count(minute)
    const trades = {
      count,
      offset: new Float64Array(count),
      price: new Float64Array(count),
      lots: new Float64Array(count),
      buy: new Uint8Array(count),
    }
    const start = this.pathAt(minute)
    const scatter = Math.max(0.6, start * SCATTER) / 4095
    const slope = (this.pathAt(minute + 1) - start) / (count + 1)
    let state = hash32(this.#seed, minute) | 0
    const draw = (): number => {
      state = (state + 0x6d2b79f5) | 0
      let t = Math.imul(state ^ (state >>> 15), 1 | state)
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
      return t ^ (t >>> 14)
    }
    for (let k = 1; k <= count; k++) {
      const t = draw()
      const around = ((t >>> 1) & 0xfff) + ((t >>> 13) & 0xfff) - 4095
      trades.buy[k - 1] = t & 1
      trades.price[k - 1] = Math.max(1, Math.floor(start + slope * k + scatter * around) + (t & 1))
      const u = (draw() >>> 0) / 0x100000000
      trades.lots[k - 1] = 1 + Math.floor(this.#lotScale * u * u * u * u)
    }
    this.#times(minute, trades.offset)
    return trades
  }

  /** Trades come in clusters of four inside a stratum of their own: ordered by construction, with silent seconds between. */
  #times(minute: number, offset: Float64Array): void {
    const stratum = 60_000_000 / Math.max(1, Math.ceil(offset.length / 4))
    let at = 0
    for (let k = 0; k < offset.length; k++) {
      const u = hash32(this.#timeSeed ^ minute, k) / 0x100000000
      at = k % 4 === 0 ? (k / 4 + u * 0.5) * stratum : at + u * u * u * 0.12 * stratum
      offset[k] = Math.floor(at)
    }
  }
}

/** Minutes since 1970 at an instant. */
export const minuteOf = (time: number): number => Math.floor(time / MINUTE)
