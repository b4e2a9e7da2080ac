import { type Batch, columnOf } from '../../model/batch.ts'
import { isQuiet } from '../../model/candle.ts'
import { floorOpen, type Interval, type IntervalGrid, intervalLength, nextOpen } from '../../model/interval.ts'

/** Candles of a larger interval of the same symbol, to compare with: those that do not fit are left out. */
export interface LargerSeries {
  readonly interval: Interval
  readonly batch: Batch
}

/** A larger candle that is not what its parts make. */
export interface Disagreement {
  /** Open time of the larger candle. */
  readonly time: number
  readonly to: number
  readonly interval: Interval
  readonly column: string
  /** What the smaller candles make. */
  readonly value: number
  /** What the larger candle says. */
  readonly other: number
}

/** Sums of rounded values differ in the last digits. */
const ROUNDING = 1e-9
const COLUMNS = ['open', 'high', 'low', 'close', 'volume', 'trades'] as const
const PRICES: readonly string[] = ['open', 'high', 'low', 'close']

/**
 * Adds smaller candles up, as `CandleResampler` does, and compares them with the larger: all columns where every part is
 * there, the open where those up to the first trade are, the close where the last is. Batches come in order; `finish`
 * compares the last one.
 */
export class LargerCheck {
  readonly disagreements: Disagreement[] = []
  /** Ranges of larger candles that were compared. */
  readonly compared: { readonly from: number; readonly to: number }[] = []
  readonly #small: IntervalGrid
  readonly #large: IntervalGrid
  readonly #rows = new Map<number, number>()
  readonly #batch: Batch
  #open = Number.NaN
  #end = Number.NaN
  /** Where the next part must open. */
  #next = Number.NaN
  /** Nothing was traded in the parts so far. */
  #isQuiet = false
  #hasOpening = false
  #hasLast = false
  #isWhole = false
  readonly #sum = { open: 0, high: 0, low: 0, close: 0, volume: 0, trades: 0 }

  constructor(small: IntervalGrid, { interval, batch }: LargerSeries) {
    this.#small = small
    const opens = columnOf(batch, 'open_time')
    this.#large = interval === '3d' && batch.length > 0 ? { interval, origin: opens[0]! } : { interval }
    for (let i = 0; i < batch.length; i++) this.#rows.set(opens[i]!, i)
    this.#batch = batch
  }

  add(batch: Batch): void {
    const times = columnOf(batch, 'open_time')
    const columns = COLUMNS.map((name) => [name, batch.columns[name]] as const)
    for (let i = 0; i < batch.length; i++) {
      const open = times[i]!
      const isBegun = open < this.#end
      if (!isBegun) {
        this.finish()
        this.#begin(open)
      }
      if (open !== this.#next) this.#isWhole = false
      // The prices of parts before the first trade are those of an earlier candle.
      const opens = this.#isQuiet && !isQuiet(batch.columns.volume?.[i], batch.columns.trades?.[i])
      if (opens) {
        this.#isQuiet = false
        this.#hasOpening &&= this.#isWhole
      }
      const sum = this.#sum
      for (const [name, values] of columns) {
        const value = values?.[i] ?? Number.NaN
        if (!isBegun || (opens && PRICES.includes(name))) sum[name] = value
        else if (name === 'high') sum.high = Math.max(sum.high, value)
        else if (name === 'low') sum.low = Math.min(sum.low, value)
        else if (name === 'close') sum.close = value
        else if (name !== 'open') sum[name] += value
      }
      this.#next = nextOpen(this.#small, open)
      this.#hasLast = this.#next === this.#end
    }
  }

  /** Compares the larger candle that is under way; called when no more rows come. */
  finish(): void {
    const row = this.#rows.get(this.#open)
    const range = { from: this.#open, to: this.#end }
    this.#open = Number.NaN
    if (row === undefined || !(this.#hasOpening || this.#hasLast)) return
    this.compared.push(range)
    for (const column of COLUMNS) {
      const isKnown = column === 'open' ? this.#hasOpening : column === 'close' ? this.#hasLast : this.#isKnownWhole
      const other = this.#batch.columns[column]?.[row] ?? Number.NaN
      const value = this.#sum[column]
      if (!isKnown || Number.isNaN(other) || Number.isNaN(value)) continue
      if (Math.abs(value - other) <= ROUNDING * Math.max(Math.abs(value), Math.abs(other))) continue
      this.disagreements.push({ time: range.from, to: range.to, interval: this.#large.interval, column, value, other })
    }
  }

  get #isKnownWhole(): boolean {
    return this.#isWhole && this.#hasLast
  }

  #begin(open: number): void {
    this.#open = floorOpen(this.#large, open)
    this.#end = nextOpen(this.#large, this.#open)
    this.#next = this.#open
    this.#isQuiet = true
    this.#hasOpening = open === this.#open
    this.#hasLast = false
    this.#isWhole = true
  }
}

/** Whether candles of `large` are made of whole candles of `small`. */
export function isMadeOf(large: Interval, small: Interval): boolean {
  const parts = intervalLength(large) / intervalLength(small)
  if (large === small || parts <= 1) return false
  // Weeks begin on Mondays and three-day candles on a day of their own: days fit in both, longer ones may not.
  if (large === '1M' || large === '1w' || large === '3d') return intervalLength(small) <= intervalLength('1d')
  return Number.isInteger(parts)
}
