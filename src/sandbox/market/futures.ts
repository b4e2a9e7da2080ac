import { HOUR, SECOND } from '../../model/time.ts'
import { isDated } from './listing.ts'
import type { LiveLiquidation, LiveMark, PaidFunding } from './live-market.ts'
import { hash32, NoisePath, seedOf } from './noise.ts'
import type { SymbolMarket } from './symbol-market.ts'

/** Funding each eight hours, as most contracts have it; the rest is drawn from the name. */
const EVERY_EIGHT = ['BTC', 'ETH', 'BNB', 'SOL', 'XRP', 'ADA', 'DOGE', 'LTC', 'LINK', '1000PEPE']
/** Share of seconds with a trade in which one of them is a liquidation, of a symbol of activity 1. */
const LIQUIDATED = 0.05
/** Liquidation orders are limited to this share away from the price they get. */
const SLIP = 0.004
const MINUTE = 60_000

/** Prices that nobody trades at. */
export type PriceName = 'mark' | 'index' | 'premium'

/** Mark price, funding and liquidations of one futures contract, each a function of time. */
export class SeededFutures {
  readonly #one: SymbolMarket
  readonly #seed: number
  readonly #premium: NoisePath
  readonly #interest: NoisePath
  readonly hours: number

  constructor(one: SymbolMarket, seed: number) {
    const { listing } = one
    this.#one = one
    this.#seed = hash32(seedOf(seed, `${listing.market}:${listing.symbol}`), 6)
    this.#premium = new NoisePath(hash32(this.#seed, 1), 3, 10, 0.00002)
    this.#interest = new NoisePath(hash32(this.#seed, 2), 6, 16, 0.0008)
    const drawn = hash32(seedOf(11, listing.symbol), 0) % 4
    this.hours = EVERY_EIGHT.includes(listing.base) || drawn < 2 ? 8 : drawn === 2 ? 4 : 1
  }

  mark(now: number): LiveMark {
    const second = Math.floor(now / SECOND) * SECOND
    const index = this.#index(second)
    const mark = this.price('mark', second)
    const length = this.hours * HOUR
    const previous = Math.floor(now / length) * length
    // The estimate starts at what was paid last and ends at what will be paid.
    const passed = (now - previous) / length
    const rate = this.#rate(previous) * (1 - passed) + this.#rate(previous + length) * passed
    return {
      markPrice: this.#text(mark),
      indexPrice: this.#text(index),
      settlePrice: this.#text(index * (1 + this.#at(this.#premium, second) / 4)),
      // What is delivered pays no funding.
      ...(isDated(this.#one.listing.symbol)
        ? { fundingRate: '', nextFundingTime: 0 }
        : { fundingRate: rate.toFixed(8), nextFundingTime: previous + length }),
    }
  }

  /** A price at a whole second: mark and index in ticks, the premium as a fraction. */
  price(kind: PriceName, time: number): number {
    const premium = kind === 'index' ? 0 : this.#at(this.#premium, time)
    return kind === 'premium' ? premium : this.#index(time) * (1 + premium)
  }

  /** As the exchange writes it. */
  priceText(kind: PriceName, value: number): string {
    return kind === 'premium' ? value.toFixed(8) : this.#text(value)
  }

  /** Paid in [from, to), ms. */
  fundings(from: number, to: number): PaidFunding[] {
    const { listedAt, endsAt } = this.#one.listing
    const length = this.hours * HOUR
    const paid: PaidFunding[] = []
    if (isDated(this.#one.listing.symbol)) return paid
    const end = Math.min(to, endsAt)
    for (let due = Math.floor(Math.max(from, listedAt) / length) * length; due < end; due += length) {
      // The exchange pays some ms after the hour, now and then.
      const late = hash32(this.#seed ^ 0x6c61, due / HOUR)
      const time = due + (late % 3 === 0 ? (late >>> 8) % 10 : 0)
      if (due <= listedAt || time < from || time >= end) continue
      paid.push({ time, rate: this.#rate(due).toFixed(8), markPrice: this.mark(due).markPrice })
    }
    return paid
  }

  /** In [from, to), ms. */
  liquidations(from: number, to: number): LiveLiquidation[] {
    const found: LiveLiquidation[] = []
    const { line, listing } = this.#one
    const share = LIQUIDATED * Math.min(1, listing.activity) * 0x100000000
    for (let second = Math.floor(from / SECOND); second * SECOND < to; second++) {
      if (hash32(this.#seed ^ 0x6c69, second) >= share) continue
      const place = line.place(second * SECOND * 1000)
      const trade = line.between(place, line.place((second + 1) * SECOND * 1000), 1)[0]
      if (!trade) continue
      const time = Math.floor(trade.time / 1000)
      if (time < from || time >= to) continue
      const slip = Math.ceil(trade.price * SLIP) * (trade.buyerIsMaker ? -1 : 1)
      found.push({
        time,
        side: trade.buyerIsMaker ? 'SELL' : 'BUY',
        price: Math.max(1, trade.price + slip),
        averagePrice: trade.price,
        lots: trade.lots,
      })
    }
    return found
  }

  openInterest(now: number): number {
    const { anchor, stepDecimals, activity, contractSize } = this.#one.listing
    const lots = ((4e8 * activity) / (contractSize ?? anchor)) * 10 ** stepDecimals
    return Math.max(1, Math.round(lots * Math.exp(this.#at(this.#interest, now))))
  }

  /** Paid at a whole funding time: near one basis point, with a cap as the exchange has one. */
  #rate(time: number): number {
    const u = hash32(this.#seed ^ 0x66, time / HOUR) / 0x80000000 - 1
    const v = hash32(this.#seed ^ 0x72, time / HOUR) / 0x80000000 - 1
    const rate = 0.0001 + 0.00035 * u * u * u + 0.001 * v ** 15
    return (Math.max(-0.00375, Math.min(0.00375, rate)) * this.hours) / 8
  }

  /** In ticks: the path that the trades scatter around. */
  #index(time: number): number {
    const minute = Math.floor(time / MINUTE)
    const left = this.#one.stream.pathAt(minute)
    const right = this.#one.stream.pathAt(minute + 1)
    return left + ((right - left) * (time - minute * MINUTE)) / MINUTE
  }

  #at(path: NoisePath, time: number): number {
    const minute = Math.floor(time / MINUTE)
    const left = path.at(minute)
    return left + ((path.at(minute + 1) - left) * (time - minute * MINUTE)) / MINUTE
  }

  #text(ticks: number): string {
    return (ticks / 10 ** this.#one.listing.tickDecimals).toFixed(8)
  }
}
