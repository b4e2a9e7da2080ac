import { addOpens, ceilOpen, countOpens, floorOpen, type Interval, nextOpen } from '../../model/interval.ts'
import { DAY, HOUR, MINUTE, SECOND, type TimeRange } from '../../model/time.ts'
import { Breath } from '../breath.ts'
import { Lru } from '../lru.ts'
import { CandleColumns } from './columns.ts'
import { gridOrigin, type Listing } from './listing.ts'
import type { ReadRange } from './market.ts'
import { TradeLine } from './trade-line.ts'
import { emptySum, minuteOf, type TradeStream } from './trades.ts'

/** Candles kept ready: days of minutes (about 150 KB each) and days of hours (2.5 KB each), shared by all symbols. */
export interface CandleCache {
  readonly minutes: Lru<CandleColumns>
  readonly hours: Lru<CandleColumns>
}

export function createCandleCache(): CandleCache {
  return { minutes: new Lru(160), hours: new Lru(4096) }
}

/** Trades a day from which a symbol counts as busy. */
const BUSY = 3_000_000

/** The last trade at some instant. */
export interface LastTrade {
  readonly price: number
  readonly lots: number
  readonly buy: boolean
  readonly time: number
}

/** The running minute as far as it has been added up. */
interface Running {
  readonly open: number
  readonly version: number
  until: number
  readonly columns: CandleColumns
}

/** A stretch of rows of one block. */
interface Slice {
  readonly columns: CandleColumns
  readonly begin: number
  readonly end: number
}

/**
 * One symbol of the seeded market: its trades, less those that an outage, the listing or the delisting cuts off, and
 * the candles made of them.
 *
 * A candle exists unless it lies wholly inside an outage; one that an outage cuts off closes when the outage starts.
 * That is what the real exchange's history looks like around its stops.
 */
export class SymbolMarket {
  readonly listing: Listing
  readonly stream: TradeStream
  readonly line: TradeLine
  readonly #cache: CandleCache
  readonly #key: string
  readonly #firstMinute: number
  readonly #endMinute: number
  #outages: readonly TimeRange[] = []
  #version = 0
  /** Candles are made and kept in blocks of this length, ms; shorter where more is traded, so that none takes long. */
  readonly #minuteBlock: number
  readonly #hourBlock: number
  #running: Running | undefined

  constructor(listing: Listing, stream: TradeStream, cache: CandleCache) {
    this.listing = listing
    this.stream = stream
    this.line = new TradeLine(listing, stream)
    this.#cache = cache
    const busy = stream.countBetween(0, DAY / MINUTE) > BUSY
    this.#minuteBlock = busy ? 5 * MINUTE : DAY
    this.#hourBlock = busy ? HOUR : DAY
    this.#key = `${listing.market}:${listing.symbol}`
    this.#firstMinute = minuteOf(listing.listedAt)
    this.#endMinute = Number.isFinite(listing.endsAt) ? minuteOf(listing.endsAt) : Number.MAX_SAFE_INTEGER
  }

  /** Ranges must be sorted and disjoint. Candles made before are forgotten. */
  setOutages(outages: readonly TimeRange[]): void {
    this.#outages = outages
    this.line.setOutages(outages)
    this.#version++
  }

  /** Candles of an interval, oldest first. */
  async read(range: ReadRange, now: number): Promise<CandleColumns> {
    const end = Math.min(range.to, now + 1, this.listing.endsAt)
    if (!range.last) return this.#readFrom(range, range.from, end, now)
    const grid = { interval: range.interval, origin: gridOrigin(this.listing) }
    const shift = range.shift ?? 0
    const newest = floorOpen(grid, end - 1 + shift) - shift
    const first = floorOpen(grid, this.listing.listedAt + shift) - shift
    const oldest = Math.max(range.from, first)
    // Outages leave candles out, so the window of exactly `max` candles may hold fewer: look further back then.
    for (let span = range.max + (range.closedOnly ? 1 : 0); ; span *= 2) {
      const from = Math.max(oldest, addOpens(grid, newest + shift, 1 - span) - shift)
      const rows = await this.#readFrom({ ...range, max: span }, from, end, now)
      if (rows.length >= range.max || from <= oldest) return rows.tail(range.max)
    }
  }

  async #readFrom(range: ReadRange, from: number, end: number, now: number): Promise<CandleColumns> {
    const { interval, max } = range
    const shift = range.shift ?? 0
    const grid = { interval, origin: gridOrigin(this.listing) }
    const first = floorOpen(grid, this.listing.listedAt + shift) - shift
    const start = Math.max(ceilOpen(grid, from + shift) - shift, first)
    if (start >= end || max <= 0) return new CandleColumns(0)
    const out = new CandleColumns(Math.min(max, capacity(interval, end - start)))
    if (interval === '1s') await this.#seconds(out, start, end, now, max)
    else {
      let candleEnd = Number.NEGATIVE_INFINITY
      let at = -1
      // The last candle that opens before `end` needs rows beyond `end`: read to where it closes.
      const lastEnd = nextOpen(grid, floorOpen(grid, end - 1 + shift)) - shift
      const coarse = interval !== '1m' && lengthOf(interval) >= HOUR && shift % HOUR === 0
      reading: for await (const { columns, begin, end: stop } of this.#slices(start, lastEnd, now, coarse)) {
        for (let i = begin; i < stop; i++) {
          const time = columns.openTime[i]!
          if (time >= candleEnd) {
            if (out.length >= max) break reading
            const open = floorOpen(grid, time + shift) - shift
            candleEnd = nextOpen(grid, open + shift) - shift
            at = out.flat(open, this.#closeTime(open, candleEnd), columns.open[i]!)
          }
          out.addRow(at, columns, i)
        }
      }
    }
    if (range.closedOnly) while (out.length > 0 && out.closeTime[out.length - 1]! >= now) out.length--
    return out
  }

  #closeTime(open: number, end: number): number {
    for (const outage of this.#outages) {
      if (outage.from > open && outage.from < end && outage.to >= end) return outage.from - 1
    }
    return end - 1
  }

  /** Rows that make up [from, to) as of `now`: whole hours where `coarse`, then minutes, then the running minute. */
  async *#slices(from: number, to: number, now: number, coarse: boolean): AsyncGenerator<Slice> {
    const breath = new Breath()
    const minuteNow = Math.floor(now / MINUTE) * MINUTE
    const hourNow = Math.floor(now / HOUR) * HOUR
    const closed = Math.min(to, minuteNow)
    const coarseEnd = coarse ? Math.min(closed, hourNow) : from
    for (let start = floorTo(from, this.#hourBlock); coarse && start < coarseEnd; start += this.#hourBlock) {
      yield sliceOf(await this.#hours(start, breath), Math.max(from, start), coarseEnd)
      await breath.take()
    }
    const rest = Math.max(from, coarseEnd)
    for (let start = floorTo(rest, this.#minuteBlock); start < closed; start += this.#minuteBlock) {
      yield sliceOf(this.#minutes(start), Math.max(rest, start), closed)
      await breath.take()
    }
    if (to > minuteNow && minuteNow >= from) {
      const running = this.#runningMinute(minuteNow, now)
      if (running.length > 0) yield { columns: running, begin: 0, end: running.length }
    }
  }

  /** The minutes of the block that starts at `start`. */
  #minutes(start: number): CandleColumns {
    const key = `${this.#key}:${start}:${this.#version}`
    const known = this.#cache.minutes.get(key)
    if (known) return known
    const stop = start + this.#minuteBlock
    const first = Math.max(minuteOf(start), this.#firstMinute)
    const end = Math.min(minuteOf(stop), this.#endMinute)
    const columns = new CandleColumns(Math.max(0, end - first))
    const outages = this.#outages.filter((outage) => outage.from < stop && outage.to > start)
    const sum = emptySum()
    let previous = end > first ? this.#priceBefore(first) : 0
    let left = end > first ? this.stream.pathAt(first) : 0
    for (let minute = first; minute < end; minute++) {
      const right = this.stream.pathAt(minute + 1)
      const open = minute * MINUTE
      if (outages.length > 0 && touches(outages, open, open + MINUTE)) {
        if (!covers(outages, open, open + MINUTE)) this.#cutMinute(columns, minute, previous)
      } else {
        const at = columns.flat(open, open + MINUTE - 1, previous)
        this.stream.sum(minute, left, right, sum)
        columns.setSum(at, sum)
      }
      if (columns.length > 0) previous = columns.close[columns.length - 1]!
      left = right
    }
    this.#cache.minutes.set(key, columns, this.#minuteBlock / DAY)
    return columns
  }

  /** A minute that an outage starts or ends in: made trade by trade. */
  #cutMinute(columns: CandleColumns, minute: number, previous: number): void {
    const open = minute * MINUTE
    const at = columns.flat(open, this.#closeTime(open, open + MINUTE), previous)
    for (const trade of this.#tradesOf(minute, open, open + MINUTE)) this.#add(columns, at, trade)
  }

  /** The minute that runs at `now`. Asked again later in it, only what has happened since is added. */
  #runningMinute(open: number, now: number): CandleColumns {
    const minute = minuteOf(open)
    if (minute < this.#firstMinute || minute >= this.#endMinute || covers(this.#outages, open, now + 1)) {
      return new CandleColumns(0)
    }
    let running = this.#running
    if (running?.open !== open || running.version !== this.#version || running.until > now + 1) {
      const columns = new CandleColumns(1)
      columns.flat(open, this.#closeTime(open, open + MINUTE), this.#priceBefore(minute))
      running = { open, version: this.#version, until: open, columns }
      this.#running = running
    }
    for (const trade of this.#tradesOf(minute, running.until, now + 1)) this.#add(running.columns, 0, trade)
    running.until = now + 1
    return running.columns
  }

  /** The hours of the block that starts at `start`. */
  async #hours(start: number, breath: Breath): Promise<CandleColumns> {
    const key = `${this.#key}:${start}:${this.#version}`
    const known = this.#cache.hours.get(key)
    if (known) return known
    const hours = new CandleColumns(this.#hourBlock / HOUR)
    for (let block = start; block < start + this.#hourBlock; block += this.#minuteBlock) {
      this.#addHours(hours, this.#minutes(block))
      await breath.take()
    }
    this.#cache.hours.set(key, hours, this.#hourBlock / DAY)
    return hours
  }

  #addHours(hours: CandleColumns, minutes: CandleColumns): void {
    let at = hours.length - 1
    let end = at < 0 ? Number.NEGATIVE_INFINITY : hours.openTime[at]! + HOUR
    for (let i = 0; i < minutes.length; i++) {
      const time = minutes.openTime[i]!
      if (time >= end) {
        const open = Math.floor(time / HOUR) * HOUR
        end = open + HOUR
        at = hours.flat(open, this.#closeTime(open, end), minutes.open[i]!)
      }
      hours.addRow(at, minutes, i)
    }
  }

  async #seconds(out: CandleColumns, from: number, to: number, now: number, max: number): Promise<void> {
    const breath = new Breath()
    let previous = Number.NaN
    const end = Math.min(to, now + 1)
    for (let minute = minuteOf(from); minute * MINUTE < end && out.length < max; minute++) {
      await breath.take()
      if (minute < this.#firstMinute || minute >= this.#endMinute) continue
      const start = minute * MINUTE
      if (covers(this.#outages, start, start + MINUTE)) continue
      const begin = Math.max(start, floorTo(from, SECOND))
      if (Number.isNaN(previous)) previous = this.lastTrade(begin - 1).price
      const trades = this.#tradesOf(minute, begin, now + 1)
      let next = trades.next()
      for (let open = begin; open < Math.min(end, start + MINUTE); open += SECOND) {
        const wanted = open >= from && open < end && !covers(this.#outages, open, open + SECOND)
        if (wanted && out.length >= max) return
        const at = wanted ? out.flat(open, this.#closeTime(open, open + SECOND), previous) : -1
        for (; !next.done && next.value.time < open + SECOND; next = trades.next()) {
          if (wanted) this.#add(out, at, next.value)
          previous = next.value.price
        }
      }
    }
  }

  /** Trades of a minute that took place in [from, to), ms. */
  *#tradesOf(minute: number, from: number, to: number): Generator<LastTrade> {
    if (minute < this.#firstMinute || minute >= this.#endMinute) return
    const start = minute * MINUTE
    const outages = this.#outages.filter((outage) => outage.from < start + MINUTE && outage.to > start)
    const index = (time: number): number =>
      time >= start + MINUTE ? this.stream.count(minute) : this.stream.indexAt(minute, Math.ceil((time - start) * 1000))
    const trades = this.stream.minute(minute, index(from), index(to))
    for (let i = 0; i < trades.count; i++) {
      const time = start + trades.offset[i]! / 1000
      if (outages.length > 0 && outages.some((outage) => outage.from <= time && time < outage.to)) continue
      yield { price: trades.price[i]!, lots: trades.lots[i]!, buy: trades.buy[i] === 1, time }
    }
  }

  #add(columns: CandleColumns, at: number, { price, lots, buy }: LastTrade): void {
    columns.addTrade(at, price, lots, buy, this.stream.value(price, lots))
  }

  /** Price of the last trade before a minute. */
  #priceBefore(minute: number): number {
    return this.lastTrade(minute * MINUTE - 1).price
  }

  /** How many candles of an interval open in [from, to), at any time: the rows of an archive file. */
  count(interval: Interval, from: number, to: number): number {
    const grid = { interval, origin: gridOrigin(this.listing) }
    const life = { from: Math.max(from, floorOpen(grid, this.listing.listedAt)), to: Math.min(to, this.listing.endsAt) }
    let count = countOpens(grid, life)
    for (const outage of this.#outages) {
      const covered = { from: Math.max(outage.from, life.from), to: Math.min(floorOpen(grid, outage.to), life.to) }
      if (covered.from < covered.to) count -= countOpens(grid, covered)
    }
    return count
  }

  /** The last trade up to `time` (whole ms, inclusive); before the first one, the price that trading starts around. */
  lastTrade(time: number): LastTrade {
    const last = this.line.lastBefore((Math.floor(time) + 1) * 1000)
    if (last) return { price: last.price, lots: last.lots, buy: !last.buyerIsMaker, time: last.time / 1000 }
    return { price: this.firstPrice, lots: 0, buy: true, time: this.listing.listedAt }
  }

  /** The price that trading starts around. */
  get firstPrice(): number {
    return Math.max(1, Math.floor(this.stream.pathAt(this.#firstMinute)))
  }

  /** Number of trades before `time` (exclusive, ms), which is also the id of the last of them. */
  tradesBefore(time: number): number {
    return this.line.countBefore(time * 1000)
  }

  get outages(): readonly TimeRange[] {
    return this.#outages
  }

  /** The trades of [from, to] added up to one row. */
  async sum(from: number, to: number): Promise<CandleColumns> {
    const total = new CandleColumns(1)
    total.flat(from, to, this.lastTrade(to).price)
    const firstWhole = Math.ceil(from / MINUTE)
    for (const trade of this.#tradesOf(firstWhole - 1, from, to + 1)) this.#add(total, 0, trade)
    for await (const { columns, begin, end } of this.#slices(firstWhole * MINUTE, to + 1, to, false)) {
      for (let i = begin; i < end; i++) total.addRow(0, columns, i)
    }
    return total
  }
}

function floorTo(time: number, length: number): number {
  return Math.floor(time / length) * length
}

function lengthOf(interval: Interval): number {
  return nextOpen({ interval }, floorOpen({ interval }, 0))
}

function capacity(interval: Interval, span: number): number {
  const length =
    interval === '1M' ? 28 * DAY : interval === '1s' ? SECOND : MINUTE * Math.max(1, lengthOf(interval) / MINUTE)
  return Math.ceil(span / length) + 1
}

function touches(outages: readonly TimeRange[], from: number, to: number): boolean {
  return outages.some((outage) => outage.from < to && outage.to > from)
}

function covers(outages: readonly TimeRange[], from: number, to: number): boolean {
  return outages.some((outage) => outage.from <= from && to <= outage.to)
}

/** The rows of a block that open in [from, to); its open times ascend. */
function sliceOf(columns: CandleColumns, from: number, to: number): Slice {
  return { columns, begin: lowerBound(columns, from), end: lowerBound(columns, to) }
}

function lowerBound(columns: CandleColumns, time: number): number {
  let low = 0
  let high = columns.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (columns.openTime[middle]! < time) low = middle + 1
    else high = middle
  }
  return low
}
