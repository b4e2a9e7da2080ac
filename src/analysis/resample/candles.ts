import { type Candle, CandleFlag, candle, isQuiet } from '../../model/candle.ts'
import { InvalidRangeError } from '../../model/errors.ts'
import { formatTime } from '../../model/time.ts'
import { sumOf } from '../sums.ts'
import { BarWriter, type CandleBars } from './bars.ts'
import { ExactSum } from './exact-sum.ts'
import { BarGrid, type GridOptions } from './grid.ts'

/** Columns that add up as decimals, as far as the source has them. */
const SUMS = ['volume', 'quote_volume', 'taker_buy_volume', 'taker_buy_quote_volume'] as const

/** Candles as columns, by the names of the candle kind. */
export interface CandleColumns {
  readonly length: number
  readonly columns: Readonly<Record<string, Float64Array>>
}

export interface ResampleOptions extends GridOptions {
  /** Length of the source's candles in ms; only needed where they come without `close_time`. */
  readonly sourceLength?: number
}

/**
 * Larger candles out of smaller ones, rising by time: in batches (`append`), one at a time (`update`), or both in turn,
 * with the same bars in the end. A bar is done when a candle reaches its end, or when one comes that lies behind it.
 * Volumes are exact decimal sums, and candles in which nothing was traded do not open a bar in which something was
 * (`isQuiet`), so that bars equal the exchange's own candles wherever those are made of the smaller.
 */
export class CandleResampler {
  readonly grid: BarGrid
  readonly #sourceLength: number | undefined
  readonly #sums = SUMS.map(() => new ExactSum())
  #has: readonly boolean[] = []
  #hasTrades = false
  #known = false
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
  #reached = Number.NEGATIVE_INFINITY

  /** @throws InvalidRangeError, ConfigError for an interval, session or time zone that makes no sense. */
  constructor(options: ResampleOptions) {
    this.grid = new BarGrid(options)
    this.#sourceLength = options.sourceLength
  }

  /**
   * Takes candles in, and gives the bars that are done.
   * @throws InvalidRangeError for candles out of order, or that do not fit into one bar.
   */
  append(source: CandleColumns): CandleBars {
    const bars = new BarWriter()
    this.#take(source, bars)
    return this.#finish(bars)
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
    return this.#finish(bars)
  }

  /** All bars of a range, the unfinished one among them unless `partial` is false. */
  static whole(source: CandleColumns, options: ResampleOptions & { readonly partial?: boolean }): CandleBars {
    const resampler = new CandleResampler(options)
    const bars = new BarWriter()
    resampler.#take(source, bars)
    if (resampler.#rows > 0 && options.partial !== false) resampler.#write(bars, CandleFlag.unfinished)
    return resampler.#finish(bars)
  }

  #take({ length, columns }: CandleColumns, bars: BarWriter): void {
    const times = need(columns, 'open_time')
    const opens = need(columns, 'open')
    const highs = need(columns, 'high')
    const lows = need(columns, 'low')
    const closes = need(columns, 'close')
    const { close_time: closeTimes, trades, flags } = columns
    const sums = SUMS.map((name) => columns[name])
    if (length === 0) return
    if (!closeTimes && this.#sourceLength === undefined) {
      throw new InvalidRangeError('The candles come without close_time; say how long they are (sourceLength, ms).')
    }
    if (!this.#known) {
      this.#known = true
      this.#has = sums.map((values) => values !== undefined)
      this.#hasTrades = trades !== undefined
    }
    let i = 0
    while (i < length) {
      const time = times[i]!
      if (!(time > this.#newest)) throw outOfOrder(time, this.#newest)
      if (this.#rows === 0 || time >= this.#end) {
        if (this.#rows > 0) this.#write(bars, 0)
        if (!this.grid.seek(time)) {
          this.#newest = time
          i++
          continue
        }
        this.#begin(opens[i]!)
      }
      const end = this.#end
      // As an integer: an index that may be a float costs a conversion at every use.
      const j = sameBar(times, i, length, end) | 0
      const before = times[j - 1]!
      this.#newest = before
      const k = this.#isQuiet ? this.#openingRow(opens, columns.volume, trades, i, j) : i
      this.#high = greatest(highs, k, j, this.#high)
      this.#low = least(lows, k, j, this.#low)
      this.#close = closes[j - 1]!
      this.#rows += j - i
      for (let k = 0; k < SUMS.length; k++) {
        const values = sums[k]
        if (values) this.#sums[k]!.addRows(values, i, j)
      }
      if (trades) this.#trades += sumOf(trades, i, j)
      if (flags) this.#flags |= union(flags, i, j)
      // The fraction of a microsecond close time is beyond the millisecond, but not beyond the end.
      this.#reached = (closeTimes ? Math.floor(closeTimes[j - 1]!) : before + this.#sourceLength! - 1) + 1
      if (this.#reached > end) {
        throw new InvalidRangeError(
          `The candle of ${formatTime(before)} ends at ${formatTime(this.#reached)}, outside its bar ${this.grid.describe()}: bars of ${this.grid.interval} need smaller candles.`,
        )
      }
      if (this.#reached === end && (this.#flags & CandleFlag.unfinished) === 0) this.#write(bars, 0)
      i = j
    }
  }

  /**
   * The first row in which something was traded: the prices before it are of another bar. The first row of all where there
   * is none, or where the volume is not known.
   */
  #openingRow(
    opens: Float64Array,
    volumes: Float64Array | undefined,
    trades: Float64Array | undefined,
    from: number,
    to: number,
  ): number {
    if (!volumes) return from
    let row = from
    while (row < to && isQuiet(volumes[row], trades?.[row])) row++
    if (row === to) return from
    this.#isQuiet = false
    this.#openAt(opens[row]!)
    return row
  }

  #openAt(price: number): void {
    this.#open = price
    this.#high = Number.NEGATIVE_INFINITY
    this.#low = Number.POSITIVE_INFINITY
  }

  #begin(open: number): void {
    this.#start = this.grid.start
    this.#end = this.grid.end
    this.#openAt(open)
    this.#isQuiet = true
    this.#trades = 0
    this.#flags = 0
    for (const sum of this.#sums) sum.reset()
  }

  #write(bars: BarWriter, flags: number): void {
    const [volume, quote, taker, takerQuote] = this.#sums as [ExactSum, ExactSum, ExactSum, ExactSum]
    const inexact = volume.isInexact || quote.isInexact || taker.isInexact || takerQuote.isInexact
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
      // A source candle that an outage cut short does not make the bar short, which has more candles.
      (this.#flags & ~(CandleFlag.short | CandleFlag.unfinished)) | (inexact ? CandleFlag.inexact : 0) | flags,
      this.#rows,
    )
    // `partial` shows the bar and keeps it.
    if (flags === 0) this.#rows = 0
  }

  #finish(bars: BarWriter): CandleBars {
    const [volume, quote, taker, takerQuote] = this.#has
    return bars.finish({
      volume: volume ?? true,
      quote_volume: quote ?? true,
      trades: this.#known ? this.#hasTrades : true,
      taker_buy_volume: taker ?? true,
      taker_buy_quote_volume: takerQuote ?? true,
    })
  }
}

/**
 * Larger candles of a whole range. The last bar is flagged `unfinished` when the candles end before it does; it is left
 * out with `partial: false`.
 * @throws InvalidRangeError, ConfigError as `CandleResampler`.
 */
export function resampleCandles(
  source: CandleColumns,
  options: ResampleOptions & { readonly partial?: boolean },
): CandleBars {
  return CandleResampler.whole(source, options)
}

function need(columns: Readonly<Record<string, Float64Array>>, name: string): Float64Array {
  const values = columns[name]
  if (values) return values
  throw new InvalidRangeError(`The candles have no column "${name}"; bars need open_time, open, high, low and close.`)
}

function outOfOrder(time: number, before: number): InvalidRangeError {
  return new InvalidRangeError(
    `The candle of ${formatTime(time)} comes after that of ${formatTime(before)}; candles must rise by open_time, each once.`,
  )
}

// One column at a time, so that each loop is short and the processor reads straight ahead.

/** The row after the last one before `end`. @throws InvalidRangeError where times do not rise. */
function sameBar(times: Float64Array, from: number, length: number, end: number): number {
  let before = times[from]!
  let row = (from + 1) | 0
  while (row < length) {
    const time = times[row]!
    if (time >= end) break
    if (!(time > before)) throw outOfOrder(time, before)
    before = time
    row++
  }
  return row
}

function greatest(values: Float64Array, from: number, to: number, start: number): number {
  let best = start
  for (let i = from; i < to; i++) if (values[i]! > best) best = values[i]!
  return best
}

function least(values: Float64Array, from: number, to: number, start: number): number {
  let best = start
  for (let i = from; i < to; i++) if (values[i]! < best) best = values[i]!
  return best
}

function union(flags: Float64Array, from: number, to: number): number {
  let bits = 0
  for (let i = from; i < to; i++) bits |= flags[i]!
  return bits
}
