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
/** Columns of candles, and the number of source rows. */
const WIDTH = NAMES.length + 1
const NONE = new Float64Array(0)

/** Columns that grow as bars are done. */
export class BarWriter {
  #columns: Float64Array[] = []
  #length = 0
  #capacity = 0

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
    if (this.#length === this.#capacity) this.#grow()
    const columns = this.#columns
    const i = this.#length++
    columns[0]![i] = openTime
    columns[1]![i] = open
    columns[2]![i] = high
    columns[3]![i] = low
    columns[4]![i] = close
    columns[5]![i] = volume
    columns[6]![i] = closeTime
    columns[7]![i] = quoteVolume
    columns[8]![i] = trades
    columns[9]![i] = takerVolume
    columns[10]![i] = takerQuoteVolume
    columns[11]![i] = flags
    columns[12]![i] = rows
  }

  /** The bars so far. @param has columns that the source lacks, and the bars therefore too, are false */
  finish(has: Readonly<Record<string, boolean>> = {}): CandleBars {
    const length = this.#length
    const columns: Record<string, Float64Array> = {}
    for (const [k, name] of NAMES.entries()) {
      if (has[name] !== false) columns[name] = length === 0 ? NONE : this.#columns[k]!.subarray(0, length)
    }
    return { length, columns, rows: length === 0 ? NONE : this.#columns[WIDTH - 1]!.subarray(0, length) }
  }

  #grow(): void {
    this.#capacity = Math.max(4, this.#capacity * 2)
    this.#columns = Array.from({ length: WIDTH }, (_, k) => {
      const values = new Float64Array(this.#capacity)
      const before = this.#columns[k]
      if (before) values.set(before)
      return values
    })
  }
}
