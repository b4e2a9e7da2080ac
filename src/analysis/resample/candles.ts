import { type Candle, CandleFlag, candle, isQuiet } from '../../model/candle.ts'
import { InvalidRangeError } from '../../model/errors.ts'
import { formatTime } from '../../model/time.ts'
import { type RecordTable, recordTable, type TableSource } from '../record-table.ts'
import { sumOf } from '../sums.ts'
import { BarWriter, type CandleBars } from './bars.ts'
import { ExactSum } from './exact-sum.ts'
import { BarGrid, type GridOptions } from './grid.ts'
import { greatest, least, union } from './rows.ts'
import { RunSum, sumFewRows, sumRows } from './run-sum.ts'
import { greatestOfBars, leastOfBars } from './simd.ts'
import { BarSpans, endOfBar, outOfOrder } from './spans.ts'

/** Columns that add up as decimals, as far as the source has them. */
const SUMS = ['volume', 'quote_volume', 'taker_buy_volume', 'taker_buy_quote_volume'] as const

/** Flags of candles that say nothing of the bar: one that an outage cut short does not make the bar short, which has more candles. */
const OF_CANDLES = CandleFlag.short | CandleFlag.unfinished

/** Candles as columns, by the names of the candle kind. */
export type CandleColumns = RecordTable

export interface ResampleOptions extends GridOptions {
  /** Length of the source's candles in ms; only needed where they come without `close_time`. */
  readonly sourceLength?: number
}

/** Columns of the candles that come in. */
interface Source {
  readonly times: Float64Array
  readonly opens: Float64Array
  readonly highs: Float64Array
  readonly lows: Float64Array
  readonly closes: Float64Array
  readonly closeTimes: Float64Array | undefined
  readonly trades: Float64Array | undefined
  readonly flags: Float64Array | undefined
  /** In the order of `SUMS`. */
  readonly sums: readonly (Float64Array | undefined)[]
}

/**
 * Larger candles out of smaller ones, rising by time: in batches (`append`), one at a time (`update`), or both in turn,
 * with the same bars in the end. A bar is done when a candle reaches its end, or when one comes that lies behind it.
 * Volumes are exact decimal sums, and candles in which nothing was traded do not open a bar in which something was
 * (`isQuiet`), so that bars equal the exchange's own candles wherever those are made of the smaller.
 *
 * Bars that lie whole in a batch are made a column at a time; only the one that is not done keeps its state here.
 */
export class CandleResampler {
  readonly grid: BarGrid
  readonly #sourceLength: number | undefined
  readonly #spans = new BarSpans()
  readonly #sums = SUMS.map(() => new RunSum())
  /** Of a bar whose rows are all there. */
  readonly #sum = new ExactSum()
  /** Which columns the bars lack, as the first candles did. */
  #has: Record<string, boolean> | undefined
  #rows = 0
  #start = 0
  #end = Number.NEGATIVE_INFINITY
  #open = 0
  #high = 0
  #low = 0
  #close = 0
  #trades = 0
  #flags = 0
  /** Nothing was traded in the bar so far. */
  #isQuiet = true
  #newest = Number.NEGATIVE_INFINITY

  /** @throws InvalidRangeError, ConfigError for an interval, session or time zone that makes no sense. */
  constructor(options: ResampleOptions) {
    this.grid = new BarGrid(options)
    this.#sourceLength = options.sourceLength
  }

  /**
   * Takes candles in, and gives the bars that are done.
   * @throws InvalidRangeError for candles out of order, or that do not fit into one bar.
   */
  append(source: TableSource): CandleBars {
    const bars = new BarWriter()
    this.#take(recordTable(source, candle), bars)
    return bars.finish(this.#has)
  }

  /** Takes one closed candle in; gives the bars that are done, at most two. */
  update(row: Candle): CandleBars {
    const columns: Record<string, Float64Array> = {}
    for (const { name, property } of candle.columns) {
      const value = row[property as keyof Candle]
      if (typeof value === 'number') columns[name] = Float64Array.of(value)
    }
    return this.append({ length: 1, columns })
  }

  /**
   * The bar that is not done, flagged `unfinished`; no row when there is none. It stays as it is, and more candles may
   * still come.
   */
  partial(): CandleBars {
    const bars = new BarWriter()
    if (this.#rows > 0) this.#write(bars, CandleFlag.unfinished)
    return bars.finish(this.#has)
  }

  /** All bars of a range, the unfinished one among them unless `partial` is false. */
  static whole(source: TableSource, options: ResampleOptions & { readonly partial?: boolean }): CandleBars {
    const resampler = new CandleResampler(options)
    const bars = new BarWriter()
    resampler.#take(recordTable(source, candle), bars)
    if (resampler.#rows > 0 && options.partial !== false) resampler.#write(bars, CandleFlag.unfinished)
    return bars.finish(resampler.#has)
  }

  #take({ length, columns }: CandleColumns, bars: BarWriter): void {
    const source = this.#read(columns)
    if (length === 0) return
    this.#has ??= Object.fromEntries([...SUMS, 'trades'].map((name) => [name, columns[name] !== undefined]))
    const spans = this.#spans
    let row = this.#rows > 0 ? this.#goOn(source, length, bars) : 0
    while (row < length) {
      const first = row
      row = spans.find(this.grid, source.times, row, length, this.#newest)
      // The rest is probably as dense as the beginning.
      if (first === 0) bars.reserve(Math.ceil((spans.count * length) / row))
      this.#newest = source.times[row - 1]!
      if (spans.count === 0) continue
      const last = spans.count - 1
      const from = spans.from[last]!
      const to = spans.to[last]!
      const end = spans.end[last]!
      const flags = source.flags ? union(source.flags, from, to) : 0
      const isDone = to < length || this.#isFull(source, to, end, flags)
      this.#writeSpans(source, isDone ? spans.count : last, bars)
      if (isDone) continue
      this.#start = spans.start[last]!
      this.#end = end
      this.#add(source, from, to)
    }
  }

  #read(columns: CandleColumns['columns']): Source {
    const source = {
      times: need(columns, 'open_time'),
      opens: need(columns, 'open'),
      highs: need(columns, 'high'),
      lows: need(columns, 'low'),
      closes: need(columns, 'close'),
      closeTimes: columns.close_time,
      trades: columns.trades,
      flags: columns.flags,
      sums: SUMS.map((name) => columns[name]),
    }
    if (!source.closeTimes && this.#sourceLength === undefined) {
      throw new InvalidRangeError('The candles come without close_time; say how long they are (sourceLength, ms).')
    }
    return source
  }

  /** Adds candles to the bar that is not done. @returns the row after the last one in it */
  #goOn(source: Source, length: number, bars: BarWriter): number {
    const { times } = source
    const first = times[0]!
    let row = 0
    if (!(first >= this.#end)) {
      if (!(first > this.#newest)) throw outOfOrder(first, this.#newest)
      row = endOfBar(times, 0, length, this.#end, 1)
      this.#newest = times[row - 1]!
      this.#add(source, 0, row)
      if (row === length && !this.#isFull(source, row, this.#end, this.#flags)) return row
    }
    this.#write(bars, 0)
    return row
  }

  /** Whether a bar is done with the row before `to`, whatever comes. */
  #isFull(source: Source, to: number, end: number, flags: number): boolean {
    return this.#reached(source, to - 1, end) === end && (flags & CandleFlag.unfinished) === 0
  }

  /** First instant after a candle. @throws InvalidRangeError where it lies behind the end of the bar */
  #reached({ times, closeTimes }: Source, row: number, end: number): number {
    // The fraction of a microsecond close time is beyond the millisecond, but not beyond the end.
    const reached = (closeTimes ? Math.floor(closeTimes[row]!) : times[row]! + this.#sourceLength! - 1) + 1
    if (!(reached > end)) return reached
    const time = times[row]!
    this.grid.seek(time)
    throw new InvalidRangeError(
      `The candle of ${formatTime(time)} ends at ${formatTime(reached)}, outside its bar ${this.grid.describe()}: bars of ${this.grid.interval} need smaller candles.`,
    )
  }

  /** Adds rows to the bar that is not done, as its first ones where it has none. */
  #add(source: Source, from: number, to: number): void {
    if (this.#rows === 0) {
      this.#isQuiet = true
      this.#openAt(source.opens[from]!)
      this.#trades = 0
      this.#flags = 0
      for (const sum of this.#sums) sum.reset()
    }
    this.#reached(source, to - 1, this.#end)
    this.#rows += to - from
    const traded = this.#isQuiet ? firstTraded(source, from, to) : from
    if (this.#isQuiet && traded < to) {
      this.#isQuiet = false
      this.#openAt(source.opens[traded]!)
    }
    const opening = traded < to ? traded : from
    this.#high = greatest(source.highs, opening, to, this.#high)
    this.#low = least(source.lows, opening, to, this.#low)
    this.#close = source.closes[to - 1]!
    for (const [k, values] of source.sums.entries()) if (values) this.#sums[k]!.addRows(values, from, to)
    if (source.trades) this.#trades += sumOf(source.trades, from, to)
    if (source.flags) this.#flags |= union(source.flags, from, to)
  }

  #openAt(price: number): void {
    this.#open = price
    this.#high = Number.NEGATIVE_INFINITY
    this.#low = Number.POSITIVE_INFINITY
  }

  /** Gives the bar that is not done. @param flags of its own; `unfinished` shows it and keeps it */
  #write(bars: BarWriter, flags: number): void {
    const [volume, quote, taker, takerQuote] = this.#sums.map((sum) => sum.sum()) as [
      ExactSum,
      ExactSum,
      ExactSum,
      ExactSum,
    ]
    const isInexact = volume.isInexact || quote.isInexact || taker.isInexact || takerQuote.isInexact
    bars.push(
      this.#start,
      this.#open,
      this.#high,
      this.#low,
      this.#close,
      volume.value,
      this.#end - 1,
      quote.value,
      this.#trades,
      taker.value,
      takerQuote.value,
      (this.#flags & ~OF_CANDLES) | (isInexact ? CandleFlag.inexact : 0) | flags,
      this.#rows,
    )
    if (flags === 0) this.#rows = 0
  }

  /** Makes the first so many of the bars that were found, a column at a time. */
  #writeSpans(source: Source, count: number, bars: BarWriter): void {
    const { from, to, start, end, opening } = this.#spans
    const { opens, highs, lows, closes, trades, flags } = source
    const { at, columns } = bars.extend(count)
    // Sums first: what is looked up of volumes and trades below is in the processor's cache then.
    if (flags) for (let b = 0; b < count; b++) columns.flags[at + b] = union(flags, from[b]!, to[b]!) & ~OF_CANDLES
    for (const [k, values] of source.sums.entries()) {
      if (values) this.#sumSpans(values, count, columns[SUMS[k]!], columns.flags, at)
    }
    if (trades) for (let b = 0; b < count; b++) columns.trades[at + b] = sumOf(trades, from[b]!, to[b]!)
    for (let b = 0; b < count; b++) {
      this.#reached(source, to[b]! - 1, end[b]!)
      const traded = firstTraded(source, from[b]!, to[b]!)
      opening[b] = traded < to[b]! ? traded : from[b]!
      columns.open_time[at + b] = start[b]!
      columns.open[at + b] = opens[opening[b]!]!
      columns.close[at + b] = closes[to[b]! - 1]!
      columns.close_time[at + b] = end[b]! - 1
      columns.rows[at + b] = to[b]! - from[b]!
    }
    const rows = { count, from: opening, to }
    greatestOfBars(highs, rows, columns.high, at)
    leastOfBars(lows, rows, columns.low, at)
  }

  #sumSpans(values: Float64Array, count: number, into: Float64Array, flags: Float64Array, at: number): void {
    const { from, to } = this.#spans
    for (let b = 0; b < count; b++) {
      const few = sumFewRows(values, from[b]!, to[b]!)
      if (few >= 0) {
        into[at + b] = few
        continue
      }
      const sum = sumRows(values, from[b]!, to[b]!, this.#sum)
      into[at + b] = sum.value
      if (sum.isInexact) flags[at + b]! |= CandleFlag.inexact
    }
  }
}

/**
 * Larger candles of a whole range: of a batch, the Arrow table of `getData`, or rows. The last bar is flagged `unfinished` when the candles end before it does; it is left
 * out with `partial: false`.
 * @throws InvalidRangeError, ConfigError as `CandleResampler`.
 */
export function resampleCandles(
  source: TableSource,
  options: ResampleOptions & { readonly partial?: boolean },
): CandleBars {
  return CandleResampler.whole(source, options)
}

function need(columns: Readonly<Record<string, Float64Array>>, name: string): Float64Array {
  const values = columns[name]
  if (values) return values
  throw new InvalidRangeError(`The candles have no column "${name}"; bars need open_time, open, high, low and close.`)
}

/**
 * The first row in which something was traded: the prices before it are of another bar. `to` where there is none; the
 * first row of all where the volume is not known.
 */
function firstTraded({ sums: [volumes], trades }: Source, from: number, to: number): number {
  if (!volumes) return from
  let row = from
  while (row < to && isQuiet(volumes[row], trades?.[row])) row++
  return row
}
