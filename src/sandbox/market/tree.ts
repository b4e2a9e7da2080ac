import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  addDecimal,
  compareDecimal,
  type Decimal,
  formatDecimal,
  parseDecimal,
  subtractDecimal,
} from '../../model/decimal.ts'
import { ConfigError, ParseError } from '../../model/errors.ts'
import { type Interval, intervalLength, isInterval, parseInterval } from '../../model/interval.ts'
import { DAY, floorMonth, nextMonth } from '../../model/time.ts'
import { folderOf, MARKET_FOLDER, type Period, parseKey } from '../archive/keys.ts'
import { unzip } from '../archive/zip-writer.ts'
import { padded, quotient } from '../decimal-text.ts'
import { Lru } from '../lru.ts'
import { RestFailure } from '../rest/failure.ts'
import { type SandboxMarket, splitSymbol } from './listing.ts'
import type { CandleRows, DayTicker, MarketData, Outage, Quote, ReadRange, SymbolInfo } from './market.ts'
import { mergeBlocks, parseBlock, type TextBlock, TextRows } from './text-rows.ts'

/** CSV bytes kept in memory. */
const KEPT_BYTES = 96 * 1024 * 1024

/** The files of one month of a series. */
interface Month {
  readonly start: number
  monthly: string | undefined
  readonly daily: string[]
}

interface Series {
  readonly market: SandboxMarket
  readonly symbol: string
  readonly interval: Interval
  /** Oldest first. */
  readonly months: readonly Month[]
}

interface Totals {
  readonly volume: Decimal
  readonly quote: Decimal
  readonly trades: number
  /** Those of the window, or the last one before it. */
  readonly rows: TextRows
}

/**
 * The candles that a tree of archive files holds, as REST would give them: monthly files first, daily ones for what
 * those lack. A series is read when it is first asked for. Unfinished candles are left out, as nothing tells their
 * values of the moment.
 */
export class TreeMarket implements MarketData {
  readonly #root: string
  readonly #only: readonly string[] | undefined
  readonly #blocks = new Lru<TextBlock>(KEPT_BYTES)
  readonly #series = new Map<string, Promise<Series | undefined>>()
  readonly #infos = new Map<string, Promise<SymbolInfo | undefined>>()

  constructor(root: string, only: readonly string[] | undefined) {
    this.#root = root
    this.#only = only
  }

  setOutages(outages: readonly Outage[]): void {
    if (outages.length > 0)
      throw new ConfigError('faults: an outage needs the seeded market; recorded data have their own.')
  }

  async symbols(market: SandboxMarket, now: number): Promise<SymbolInfo[]> {
    const names = new Set<string>()
    for (const period of ['daily', 'monthly'] as const) {
      for (const name of await this.#names(`${MARKET_FOLDER[market]}${period}/klines`)) names.add(name)
    }
    const infos = await Promise.all([...names].sort().map((name) => this.symbol(market, name, now)))
    return infos.filter((info) => info !== undefined)
  }

  async symbol(market: SandboxMarket, symbol: string, now: number): Promise<SymbolInfo | undefined> {
    if (this.#only && !this.#only.includes(symbol)) return undefined
    const key = `${market}:${symbol}`
    let info = this.#infos.get(key)
    if (!info) {
      info = this.#readInfo(market, symbol)
      this.#infos.set(key, info)
    }
    const known = await info
    return known && known.listedAt <= now ? known : undefined
  }

  /** An open time of the symbol's 3d candles: the grid counts from it. */
  async originOf(market: SandboxMarket, symbol: string): Promise<number | undefined> {
    const series = await this.#seriesOf(market, symbol, '3d')
    return series?.months[0] && (await this.#block(series, series.months[0])).openTime[0]
  }

  async candles(info: SymbolInfo, range: ReadRange, now: number): Promise<CandleRows> {
    if ((range.shift ?? 0) !== 0) {
      throw new RestFailure(
        -1130,
        "Data sent for parameter 'timeZone' is not valid: recorded candles cannot be shifted.",
      )
    }
    const series = await this.#seriesOf(info.market, info.symbol, range.interval)
    return series ? this.#rows(series, range, now) : new TextRows([])
  }

  async #rows(series: Series, range: ReadRange, now: number): Promise<TextRows> {
    const { from, max, last } = range
    const to = Math.min(range.to, now + 1)
    const months = series.months.filter((month) => month.start < to && nextMonth(month.start) > from)
    if (last) months.reverse()
    const parts: { block: TextBlock; begin: number; end: number }[] = []
    let count = 0
    for (const month of months) {
      if (count >= max) break
      const block = await this.#block(series, month)
      let begin = block.firstAt(from)
      let end = block.firstAt(to)
      while (end > begin && block.closeTime[end - 1]! >= now) end--
      if (last) begin = Math.max(begin, end - (max - count))
      else end = Math.min(end, begin + max - count)
      if (begin < end) parts.push({ block, begin, end })
      count += Math.max(0, end - begin)
    }
    return new TextRows(last ? parts.reverse() : parts)
  }

  async #block(series: Series, month: Month): Promise<TextBlock> {
    const key = `${series.market}:${series.symbol}:${series.interval}:${month.start}`
    const known = this.#blocks.get(key)
    if (known) return known
    const range = { from: month.start, to: nextMonth(month.start) }
    const monthly = month.monthly === undefined ? [] : [await this.#parse(month.monthly)]
    const daily = await Promise.all(month.daily.map((path) => this.#parse(path)))
    const block = mergeBlocks([...monthly, ...daily], range)
    this.#blocks.set(key, block, block.bytes.length)
    return block
  }

  async #parse(key: string): Promise<TextBlock> {
    const path = join(this.#root, key)
    try {
      return parseBlock(unzip(key, await readFile(path)).content)
    } catch (error) {
      throw new ParseError(path, `cannot be read as candles: ${(error as Error).message}`, { cause: error })
    }
  }

  #seriesOf(market: SandboxMarket, symbol: string, interval: Interval): Promise<Series | undefined> {
    const key = `${market}:${symbol}:${interval}`
    let series = this.#series.get(key)
    if (!series) {
      series = this.#readSeries(market, symbol, interval)
      this.#series.set(key, series)
    }
    return series
  }

  async #readSeries(market: SandboxMarket, symbol: string, interval: Interval): Promise<Series | undefined> {
    const months = new Map<number, Month>()
    for (const period of ['monthly', 'daily'] as const satisfies readonly Period[]) {
      const folder = folderOf(market, period, symbol, interval)
      for (const name of (await this.#names(folder)).sort()) {
        const file = parseKey(folder + name)
        if (!file) continue
        const start = floorMonth(file.start)
        const month = months.get(start) ?? { start, monthly: undefined, daily: [] }
        if (period === 'monthly') month.monthly = folder + name
        else month.daily.push(folder + name)
        months.set(start, month)
      }
    }
    if (months.size === 0) return undefined
    return { market, symbol, interval, months: [...months.values()].sort((a, b) => a.start - b.start) }
  }

  async #names(folder: string): Promise<string[]> {
    return readdir(join(this.#root, folder)).catch(() => [])
  }

  /** Every series of a symbol, finest first. */
  async #all(market: SandboxMarket, symbol: string): Promise<Series[]> {
    const names = new Set<Interval>()
    for (const period of ['daily', 'monthly'] as const) {
      for (const name of await this.#names(`${MARKET_FOLDER[market]}${period}/klines/${symbol}`)) {
        if (isInterval(name) || name === '1mo') names.add(parseInterval(name))
      }
    }
    const sorted = [...names].sort((a, b) => intervalLength(a) - intervalLength(b))
    const all = await Promise.all(sorted.map((interval) => this.#seriesOf(market, symbol, interval)))
    return all.filter((series) => series !== undefined)
  }

  async #readInfo(market: SandboxMarket, symbol: string): Promise<SymbolInfo | undefined> {
    const all = await this.#all(market, symbol)
    if (all.length === 0) return undefined
    let listedAt = Number.POSITIVE_INFINITY
    for (const series of all) {
      const block = await this.#block(series, series.months[0]!)
      listedAt = Math.min(listedAt, block.openTime[0] ?? series.months[0]!.start)
    }
    const newest = await this.#block(all[0]!, all[0]!.months.at(-1)!)
    // The finest price and quantity seen stand for the increments; spot writes eight digits whatever they are.
    let tickDecimals = 0
    let stepDecimals = 0
    let priceDecimals = 0
    for (let row = 0; row < Math.min(500, newest.length); row++) {
      const close = newest.text(row, 4)
      priceDecimals = Math.max(priceDecimals, digitsOf(close))
      tickDecimals = Math.max(tickDecimals, digitsOf(formatDecimal(parseDecimal(close))))
      stepDecimals = Math.max(stepDecimals, digitsOf(formatDecimal(parseDecimal(newest.text(row, 5)))))
    }
    return { market, symbol, ...splitSymbol(symbol), tickDecimals, priceDecimals, stepDecimals, listedAt, listed: true }
  }

  /** The series that reaches furthest by `now`, the finest of those that do, and its last closed candle. */
  async #newest(info: SymbolInfo, now: number): Promise<{ series: Series; last: TextRows } | undefined> {
    let newest: { series: Series; last: TextRows } | undefined
    for (const series of await this.#all(info.market, info.symbol)) {
      const range = { interval: series.interval, from: 0, to: now + 1, max: 1, last: true }
      const last = await this.#rows(series, range, now)
      if (last.length > 0 && (!newest || last.closeTime(0) > newest.last.closeTime(0))) newest = { series, last }
    }
    return newest
  }

  async #totals(info: SymbolInfo, from: number, now: number): Promise<Totals | undefined> {
    const newest = await this.#newest(info, now)
    if (!newest) return undefined
    const range = { interval: newest.series.interval, from, to: now + 1, max: Number.MAX_SAFE_INTEGER }
    const rows = await this.#rows(newest.series, range, now)
    let volume: Decimal = { units: 0n, scale: 0 }
    let quote: Decimal = { units: 0n, scale: 0 }
    let trades = 0
    for (let row = 0; row < rows.length; row++) {
      volume = addDecimal(volume, parseDecimal(rows.text(row, 5)))
      quote = addDecimal(quote, parseDecimal(rows.text(row, 7)))
      trades += Number(rows.text(row, 8))
    }
    return { volume, quote, trades, rows: rows.length > 0 ? rows : newest.last }
  }

  async ticker(info: SymbolInfo, now: number): Promise<DayTicker> {
    const openTime = now - DAY
    const totals = await this.#totals(info, openTime, now)
    const rows = totals?.rows ?? new TextRows([])
    const zero = (0).toFixed(info.priceDecimals)
    const text = (row: number, field: number): string => (rows.length > 0 ? rows.text(row, field) : zero)
    let high = text(0, 2)
    let low = text(0, 3)
    for (let row = 1; row < rows.length; row++) {
      if (Number(rows.text(row, 2)) > Number(high)) high = rows.text(row, 2)
      if (Number(rows.text(row, 3)) < Number(low)) low = rows.text(row, 3)
    }
    const digits = info.market === 'spot' ? 8 : info.stepDecimals
    return {
      openTime,
      closeTime: now,
      open: text(0, 1),
      high,
      low,
      last: text(rows.length - 1, 4),
      lastQuantity: (10 ** -info.stepDecimals).toFixed(digits),
      previousClose: text(0, 1),
      volume: padded(totals?.volume ?? { units: 0n, scale: 0 }, digits),
      quoteVolume: padded(totals?.quote ?? { units: 0n, scale: 0 }, 8),
      // Recorded candles do not tell trade ids.
      firstId: totals && totals.trades > 0 ? 1 : -1,
      lastId: totals && totals.trades > 0 ? totals.trades : -1,
      trades: totals?.trades ?? 0,
    }
  }

  async quote(info: SymbolInfo, now: number): Promise<Quote> {
    const rows = (await this.#newest(info, now))?.last ?? new TextRows([])
    const last = rows.length > 0 ? rows.text(0, 4) : (0).toFixed(info.priceDecimals)
    const price = parseDecimal(last)
    const tick: Decimal = { units: 1n, scale: info.tickDecimals }
    const bid = compareDecimal(price, tick) > 0 ? subtractDecimal(price, tick) : price
    const quantity = (1).toFixed(info.market === 'spot' ? 8 : info.stepDecimals)
    return {
      bid: padded(bid, info.priceDecimals),
      bidQuantity: quantity,
      ask: padded(addDecimal(bid, tick), info.priceDecimals),
      askQuantity: quantity,
      time: rows.length > 0 ? rows.closeTime(0) : now,
      last,
    }
  }

  async averagePrice(info: SymbolInfo, from: number, to: number): Promise<string | undefined> {
    const totals = await this.#totals(info, from, to)
    if (!totals || totals.volume.units === 0n) return undefined
    return quotient(totals.quote, totals.volume, info.priceDecimals)
  }
}

function digitsOf(text: string): number {
  const point = text.indexOf('.')
  return point < 0 ? 0 : text.length - point - 1
}
