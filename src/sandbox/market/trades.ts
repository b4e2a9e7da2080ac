import { MINUTE } from '../../model/time.ts'
import type { Listing } from './listing.ts'
import { hash32, NoisePath, seedOf } from './noise.ts'
import { inverseFactor, worthOf } from './value.ts'

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

/** Trades come in clusters: the fills of one taker order never reach over the end of their cluster. */
const CLUSTER = 4
/**
 * Which trades are further fills of the order before them (same side, same price), by their place in the minute. The
 * pattern turns from minute to minute by whole clusters; being a pattern, its sums over any stretch are known.
 */
const FILLS = Uint8Array.from({ length: 256 }, (_, i) =>
  i % CLUSTER !== 0 && hash32(0x66696c6c, i) % 100 < 38 ? 1 : 0,
)
const FILLS_BEFORE = new Uint16Array(257)
for (let i = 0; i < 256; i++) FILLS_BEFORE[i + 1] = FILLS_BEFORE[i]! + FILLS[i]!
/** A further fill comes at most so many µs after the one before it; on spot in the same microsecond. */
const FILL_DELAY = 30_000
const STEP = 0x6d2b79f5

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
  readonly #fillDelay: number
  readonly #path: NoisePath
  readonly #basis: NoisePath | undefined
  readonly #anchorTicks: number
  readonly #lotScale: number
  readonly #inverse: number
  /** What a price in ticks times lots is worth, as a whole number. */
  readonly value: (ticks: number, lots: number) => number
  readonly #counts = new Uint32Array(WEEK_MINUTES)
  readonly #before = new Float64Array(WEEK_MINUTES + 1)
  /** Aggregate trades (orders) before each minute of the week; made when first asked for. */
  #ordersBefore: Float64Array | undefined
  readonly #cluster = new Float64Array(CLUSTER)

  constructor(listing: Listing, seed: number, tradesPerSecond: number) {
    const own = seedOf(seed, `${listing.market}:${listing.symbol}`)
    this.#seed = hash32(own, 1)
    this.#timeSeed = hash32(own, 2)
    this.#fillDelay = listing.market === 'spot' ? 0 : FILL_DELAY
    // Spot and futures of one pair follow one path; the futures add a small basis.
    const quote = listing.quote === 'USD' ? 'USDT' : listing.quote
    this.#path = new NoisePath(seedOf(seed, listing.base + quote), 0, 20, VOLATILITY)
    this.#basis = listing.market !== 'spot' ? new NoisePath(hash32(own, 3), 4, 12, 0.00001) : undefined
    this.#anchorTicks = listing.anchor * 10 ** listing.tickDecimals
    const value = listing.quote === 'BTC' ? TRADE_VALUE / 62_000 : TRADE_VALUE
    this.#lotScale = Math.max(1.5, (value / (listing.contractSize ?? listing.anchor)) * 10 ** listing.stepDecimals)
    this.#inverse = inverseFactor(listing)
    this.value = worthOf(listing)
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
    return sumTo(this.#before, minute)
  }

  /** The minute that holds trade `index`, counted from 0 at the start of minute `from`. */
  minuteAt(from: number, index: number): number {
    const total = this.#since1970(from) + index
    const week = this.#before[WEEK_MINUTES]!
    if (week === 0) return from
    const weeks = Math.floor(total / week)
    const rest = total - weeks * week
    let low = 0
    let high = WEEK_MINUTES - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#before[middle]! <= rest) low = middle
      else high = middle - 1
    }
    return weeks * WEEK_MINUTES + low
  }

  /** Taker orders, each the fills that it got, from the start of minute `from` to the start of minute `to`. */
  ordersBetween(from: number, to: number): number {
    this.#ordersBefore ??= this.#countOrders()
    return sumTo(this.#ordersBefore, to) - sumTo(this.#ordersBefore, from)
  }

  #countOrders(): Float64Array {
    const before = new Float64Array(WEEK_MINUTES + 1)
    for (let minute = 0; minute < WEEK_MINUTES; minute++) {
      before[minute + 1] = before[minute]! + this.ordersIn(minute, this.#counts[minute]!)
    }
    return before
  }

  /** Orders that start among the first `count` trades of a minute. */
  ordersIn(minute: number, count: number): number {
    const turn = this.#turn(minute)
    const end = turn + count
    return count - Math.floor(end / 256) * FILLS_BEFORE[256]! - FILLS_BEFORE[end & 255]! + FILLS_BEFORE[turn]!
  }

  /** Whether trade `index` of a minute is a further fill of the order of the trade before it. */
  isFill(minute: number, index: number): boolean {
    return FILLS[(this.#turn(minute) + index) & 255] === 1
  }

  #turn(minute: number): number {
    return (hash32(this.#timeSeed, minute % WEEK_MINUTES) & 63) * CLUSTER
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
    const turn = this.#turn(minute) - 1
    const inverse = this.#inverse
    let state = hash32(this.#seed, minute) | 0
    let open = 0
    let high = 0
    let low = Number.MAX_SAFE_INTEGER
    let price = 0
    let buy = 0
    let volume = 0
    let quote = 0
    let buyVolume = 0
    let buyQuote = 0
    for (let k = 1; k <= count; k++) {
      state = (state + STEP) | 0
      let t = 0
      if (FILLS[(turn + k) & 255] === 0) {
        t = Math.imul(state ^ (state >>> 15), 1 | state)
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
        t ^= t >>> 14
        buy = t & 1
        const around = ((t >>> 1) & 0xfff) + ((t >>> 13) & 0xfff) - 4095
        price = Math.floor(start + slope * k + scatter * around) + buy
        if (price < 1) price = 1
      }
      state = (state + STEP) | 0
      t = Math.imul(state ^ (state >>> 15), 1 | state)
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
      const u = ((t ^ (t >>> 14)) >>> 0) / 0x100000000
      const lots = 1 + Math.floor(scale * u * u * u * u)
      if (k === 1) open = price
      if (price > high) high = price
      if (price < low) low = price
      volume += lots
      const value = inverse === 0 ? price * lots : Math.round((inverse * lots) / price)
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

  /** The trades `from` … `to` (exclusive) of a minute, by their place in it; all of them when nothing is said. */
  minute(minute: number, from = 0, to = this.count(minute)): MinuteTrades {
    const length = Math.max(0, to - from)
    const trades = {
      count: length,
      offset: new Float64Array(length),
      price: new Float64Array(length),
      lots: new Float64Array(length),
      buy: new Uint8Array(length),
    }
    if (length === 0) return trades
    const count = this.count(minute)
    const start = this.pathAt(minute)
    const scatter = Math.max(0.6, start * SCATTER) / 4095
    const slope = (this.pathAt(minute + 1) - start) / (count + 1)
    const turn = this.#turn(minute)
    const seed = hash32(this.#seed, minute) | 0
    // The order that the first trade belongs to may have started up to three trades earlier.
    let first = from
    while (FILLS[(turn + first) & 255] === 1) first--
    let price = 0
    let buy = 0
    for (let k = first; k < to; k++) {
      if (FILLS[(turn + k) & 255] === 0) {
        const t = drawn(seed, 2 * k + 1)
        const around = ((t >>> 1) & 0xfff) + ((t >>> 13) & 0xfff) - 4095
        buy = t & 1
        price = Math.max(1, Math.floor(start + slope * (k + 1) + scatter * around) + buy)
      }
      if (k < from) continue
      const u = (drawn(seed, 2 * k + 2) >>> 0) / 0x100000000
      trades.price[k - from] = price
      trades.buy[k - from] = buy
      trades.lots[k - from] = 1 + Math.floor(this.#lotScale * u * u * u * u)
    }
    for (let k = from - (from % CLUSTER); k < to; k += CLUSTER) {
      this.#times(minute, k, turn, count)
      for (let i = Math.max(k, from); i < Math.min(k + CLUSTER, to); i++)
        trades.offset[i - from] = this.#cluster[i - k]!
    }
    return trades
  }

  /** How many trades of a minute come before an offset (µs, whole) into it. */
  indexAt(minute: number, offset: number): number {
    const count = this.count(minute)
    if (count === 0 || offset <= 0) return 0
    const stratum = stratumOf(count)
    let k = Math.floor(offset / stratum) * CLUSTER
    if (k >= count) return count
    const turn = this.#turn(minute)
    for (;;) {
      this.#times(minute, k, turn, count)
      for (let i = 0; i < CLUSTER; i++, k++) {
        if (k >= count || this.#cluster[i]! >= offset) return Math.min(k, count)
      }
    }
  }

  /**
   * The offsets of one cluster. Each lies in a stratum of its own: ordered by construction, with silent seconds between.
   */
  #times(minute: number, first: number, turn: number, count: number): void {
    const stratum = stratumOf(count)
    const seed = this.#timeSeed ^ minute
    let at = 0
    for (let i = 0; i < CLUSTER; i++) {
      const k = first + i
      const u = hash32(seed, k) / 0x100000000
      if (i === 0) at = (k / CLUSTER + u * 0.5) * stratum
      else {
        const room = 0.12 * stratum
        at += u * u * u * (FILLS[(turn + k) & 255] === 0 ? room : Math.min(room, this.#fillDelay))
      }
      this.#cluster[i] = Math.floor(at)
    }
  }
}

function stratumOf(count: number): number {
  return 60_000_000 / Math.max(1, Math.ceil(count / CLUSTER))
}

/** Number `n` (from 1) of a generator that starts at `seed`. */
function drawn(seed: number, n: number): number {
  const state = (seed + Math.imul(STEP, n)) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return t ^ (t >>> 14)
}

/** A sum since 1970 by a table that repeats every week. */
function sumTo(before: Float64Array, minute: number): number {
  const weeks = Math.floor(minute / WEEK_MINUTES)
  return weeks * before[WEEK_MINUTES]! + before[minute - weeks * WEEK_MINUTES]!
}

/** Minutes since 1970 at an instant. */
export const minuteOf = (time: number): number => Math.floor(time / MINUTE)
