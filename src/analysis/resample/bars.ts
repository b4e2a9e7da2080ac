import type { Batch } from '../../model/batch.ts'
import { candle } from '../../model/candle.ts'

/** Bars as columns of the candle kind, and how many rows of the source each was made of. */
export interface CandleBars extends Batch {
  /** `close_time` and `flags` are always there; a bar that is not done has `CandleFlag.unfinished`. */
  readonly columns: Readonly<Record<string, Float64Array>>
  /** For each bar, the number of source rows in it: fewer than there should be where the source has gaps. */
  readonly rows: Float64Array
}

const NAMES = candle.columns.map(({ name }) => name)
const NONE = new Float64Array(0)
const NO_BARS = {
  open_time: NONE,
  open: NONE,
  high: NONE,
  low: NONE,
  close: NONE,
  volume: NONE,
  close_time: NONE,
  quote_volume: NONE,
  trades: NONE,
  taker_buy_volume: NONE,
  taker_buy_quote_volume: NONE,
  flags: NONE,
  rows: NONE,
}

/** Columns of candles, and the number of source rows. */
export type BarColumns = Readonly<Record<keyof typeof NO_BARS, Float64Array>>

/** Columns that grow as bars are done. */
export class BarWriter {
  #columns: BarColumns = NO_BARS
  #length = 0
  #capacity = 0

  /** Makes room for so many more bars, whose values the caller sets in every column, from row `at` on. */
  extend(count: number): { readonly at: number; readonly columns: BarColumns } {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#capacity) this.#grow(Math.max(4, this.#length, this.#capacity * 2))
    return { at, columns: this.#columns }
  }

  /** Sees to room for so many bars in all, where somebody can tell: growing to it would cost as much as filling it. */
  reserve(count: number): void {
    if (count > this.#capacity) this.#grow(count)
  }

  /** Values in the order of the candle kind's columns; the number of source rows last. */
  push(
    openTime: number,
    open: number,
    high: number,
    low: number,
    close: number,
    volume: number,
    closeTime: number,
    quoteVolume: number,
    trades: number,
    takerVolume: number,
    takerQuoteVolume: number,
    flags: number,
    rows: number,
  ): void {
    const { at: i, columns } = this.extend(1)
    columns.open_time[i] = openTime
    columns.open[i] = open
    columns.high[i] = high
    columns.low[i] = low
    columns.close[i] = close
    columns.volume[i] = volume
    columns.close_time[i] = closeTime
    columns.quote_volume[i] = quoteVolume
    columns.trades[i] = trades
    columns.taker_buy_volume[i] = takerVolume
    columns.taker_buy_quote_volume[i] = takerQuoteVolume
    columns.flags[i] = flags
    columns.rows[i] = rows
  }

  /** The bars so far. @param has columns that the source lacks, and the bars therefore too, are false */
  finish(has: Readonly<Record<string, boolean>> = {}): CandleBars {
    const length = this.#length
    const all: Readonly<Record<string, Float64Array>> = this.#columns
    const columns: Record<string, Float64Array> = {}
    for (const name of NAMES) if (has[name] !== false) columns[name] = all[name]!.subarray(0, length)
    return { length, columns, rows: this.#columns.rows.subarray(0, length) }
  }

  #grow(capacity: number): void {
    this.#capacity = capacity
    const grown: Record<keyof BarColumns, Float64Array> = { ...this.#columns }
    for (const name of Object.keys(grown) as (keyof BarColumns)[]) {
      const values = new Float64Array(capacity)
      values.set(grown[name])
      grown[name] = values
    }
    this.#columns = grown
  }
}
