import { MINUTE, type TimeRange } from '../../model/time.ts'
import type { Listing } from './listing.ts'
import type { LiveAggTrade, LiveTrade } from './live-market.ts'
import type { TradeStream } from './trades.ts'

const MINUTE_US = MINUTE * 1000
/** Trades read at a time. */
const PAGE = 20_000

/** Trades that an outage took away, as places in the stream. */
interface Cut {
  readonly from: number
  readonly to: number
}

/**
 * The trades of one symbol in a row, found by time, by place or by id without walking there. A `place` counts the trades
 * that there would be without outages, from 0 at the listing; an id counts those that took place, from 1. Times are µs.
 */
export class TradeLine {
  readonly #stream: TradeStream
  readonly #first: number
  readonly #end: number
  #cuts: readonly Cut[] = []

  constructor(listing: Listing, stream: TradeStream) {
    this.#stream = stream
    this.#first = Math.floor(listing.listedAt / MINUTE)
    this.#end = Number.isFinite(listing.endsAt) ? Math.floor(listing.endsAt / MINUTE) : Number.MAX_SAFE_INTEGER
  }

  /** Ranges (ms) must be sorted and disjoint. */
  setOutages(outages: readonly TimeRange[]): void {
    this.#cuts = outages
      .map(({ from, to }) => ({ from: this.place(from * 1000), to: this.place(to * 1000) }))
      .filter((cut) => cut.from < cut.to)
  }

  /** How many trades would lie before `time`. */
  place(time: number): number {
    const minute = Math.floor(time / MINUTE_US)
    if (minute < this.#first) return 0
    if (minute >= this.#end) return this.#stream.countBetween(this.#first, this.#end)
    const offset = Math.ceil(time - minute * MINUTE_US)
    return this.#stream.countBetween(this.#first, minute) + this.#stream.indexAt(minute, offset)
  }

  /** How many trades took place before `time`; also the id of the last of them. */
  countBefore(time: number): number {
    return this.#idBefore(this.place(time))
  }

  #idBefore(place: number): number {
    let count = place
    for (const { from, to } of this.#cuts) {
      if (place <= from) break
      count -= Math.min(place, to) - from
    }
    return count
  }

  /** Place of the trade with an id. */
  placeOf(id: number): number {
    let place = id - 1
    for (const { from, to } of this.#cuts) {
      if (place < from) break
      place += to - from
    }
    return place
  }

  /** Last trade before `time`; undefined before the first one. */
  lastBefore(time: number): LiveTrade | undefined {
    let place = this.place(time)
    for (let i = this.#cuts.length - 1; i >= 0; i--) {
      const { from, to } = this.#cuts[i]!
      if (place > from && place <= to) place = from
    }
    return place === 0 ? undefined : this.#read(place - 1, place)[0]
  }

  /** Trades that took place between two places, at most `most`. */
  between(from: number, to: number, most = Number.POSITIVE_INFINITY): LiveTrade[] {
    const trades: LiveTrade[] = []
    let at = from
    const read = (end: number): void => {
      const stop = Math.min(end, at + most - trades.length)
      // One by one: a spread of a hundred thousand would not fit on the stack.
      if (stop > at) for (const trade of this.#read(at, stop)) trades.push(trade)
    }
    for (const cut of this.#cuts) {
      if (cut.from >= to) break
      read(cut.from)
      at = Math.max(at, cut.to)
    }
    read(to)
    return trades
  }

  /** Trades of a stretch that no outage touches. */
  #read(from: number, to: number): LiveTrade[] {
    const trades: LiveTrade[] = []
    let id = this.#idBefore(from)
    for (let place = from; place < to; ) {
      const minute = this.#stream.minuteAt(this.#first, place)
      const before = this.#stream.countBetween(this.#first, minute)
      const begin = place - before
      const end = Math.min(to - before, this.#stream.count(minute))
      const rows = this.#stream.minute(minute, begin, end)
      const start = minute * MINUTE_US
      for (let i = 0; i < rows.count; i++) {
        trades.push({
          id: ++id,
          time: start + rows.offset[i]!,
          price: rows.price[i]!,
          lots: rows.lots[i]!,
          buyerIsMaker: rows.buy[i] === 0,
        })
      }
      place = before + end
    }
    return trades
  }

  /** How many aggregate trades start before a place. An outage ends the one that it falls into. */
  aggsBefore(place: number): number {
    let count = this.#starts(place)
    for (const { from, to } of this.#cuts) {
      if (place <= from) break
      count -= this.#starts(Math.min(place, to)) - this.#starts(from)
      // What an outage leaves of an order goes on as an aggregate of its own.
      if (place > to && this.#isFill(to)) count++
    }
    return count
  }

  #starts(place: number): number {
    const minute = this.#stream.minuteAt(this.#first, place)
    const within = place - this.#stream.countBetween(this.#first, minute)
    return this.#stream.ordersBetween(this.#first, minute) + this.#stream.ordersIn(minute, within)
  }

  #isFill(place: number): boolean {
    const minute = this.#stream.minuteAt(this.#first, place)
    return this.#stream.isFill(minute, place - this.#stream.countBetween(this.#first, minute))
  }

  /** Whether the trade at a place goes on with the aggregate of the trade before it. */
  #joins(place: number): boolean {
    return this.#isFill(place) && !this.#cuts.some((cut) => cut.to === place)
  }

  /** Place of the first trade of the aggregate with an id. */
  aggPlaceOf(id: number): number {
    let low = Math.max(0, id - 1)
    let high = Math.max(1, low)
    while (this.aggsBefore(high + 1) < id) high *= 2
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.aggsBefore(middle + 1) >= id) high = middle
      else low = middle + 1
    }
    return low
  }

  /** How far the aggregates are finished when the trades before a place have happened. */
  finishedAt(place: number): number {
    for (const { from, to } of this.#cuts) if (place >= from && place < to) return to
    let start = place
    while (start > 0 && this.#joins(start)) start--
    return start
  }

  /** The aggregates between two places that `finishedAt` or `aggPlaceOf` gave, at most `most`. */
  aggsBetween(from: number, to: number, most = Number.POSITIVE_INFINITY): LiveAggTrade[] {
    const aggs: LiveAggTrade[] = []
    let id = this.aggsBefore(from)
    let at = from
    // An aggregate has four trades at most: read about as many as are wanted, then see.
    while (at < to && aggs.length < most) {
      let stop = Math.min(to, at + Math.min(PAGE, most * 2))
      while (stop < to && this.#joins(stop)) stop++
      let open: Mutable<LiveAggTrade> | undefined
      for (const trade of this.between(at, stop)) {
        if (open && trade.id === open.lastId + 1 && this.#joins(this.placeOf(trade.id))) {
          open.lots += trade.lots
          open.lastId = trade.id
          open.time = trade.time
          continue
        }
        if (aggs.length >= most) break
        open = { ...trade, id: ++id, firstId: trade.id, lastId: trade.id }
        aggs.push(open)
      }
      at = stop
    }
    return aggs
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }
