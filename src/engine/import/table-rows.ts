import { MAX_TIME, MIN_TIME } from '../../archive/csv-lines.ts'
import { CandleFlag } from '../../model/candle.ts'
import { ParseError } from '../../model/errors.ts'
import { closeTimeOf, type IntervalGrid, isOpenTime } from '../../model/interval.ts'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import { kindOf } from '../../model/kinds.ts'
import { premiumCandle } from '../../model/price-candle.ts'
import { formatTime } from '../../model/time.ts'
import type { EventBatch, EventColumn } from '../../store/lake/event-columns.ts'
import { instantsIn } from './event-compare.ts'
import type { ImportTarget, OnBatch } from './types.ts'

/** Where a row of a batch stands in its file, for messages: `file.csv:17`, or `file.parquet` and `row 17`. */
export type PlaceOf = (row: number) => { readonly source: string; readonly row?: number }

/**
 * Takes the rows of a table as they are read, sees that they are what a lake can hold, and completes them: what a record
 * may lack is lacking where the table has no column of it, and each row is flagged as the user's, beside what the table
 * says of it.
 */
export class TableRows {
  readonly #kind: Kind
  readonly #columns: readonly ColumnSpec[]
  readonly #onBatch: OnBatch
  readonly #until: number
  #grid: IntervalGrid | undefined
  #last: number | bigint = Number.NEGATIVE_INFINITY
  rows = 0

  /**
   * @param columns that the batches will have.
   * @param until when the file was written: candles that close after it were still open.
   */
  constructor(target: ImportTarget, columns: readonly ColumnSpec[], until: number, onBatch: OnBatch) {
    this.#kind = kindOf(target.series.kind)
    this.#columns = columns
    this.#onBatch = onBatch
    this.#until = until
    const { interval } = target.series
    this.#grid = interval && { interval }
  }

  /** @throws ParseError for rows that are out of order, lack a value, or are none of the series. */
  async add(batch: EventBatch, placeOf: PlaceOf): Promise<void> {
    if (batch.length === 0) return
    this.#checkValues(batch, placeOf)
    const times = this.#instants(batch, placeOf)
    this.#checkOrder(batch, placeOf)
    if (this.#grid) this.#checkGrid(times, placeOf)
    await this.#onBatch({ length: batch.length, columns: this.#complete(batch) })
    this.rows += batch.length
  }

  #checkValues({ length, columns }: EventBatch, placeOf: PlaceOf): void {
    for (const { name, type, isOptional } of this.#columns) {
      if (isOptional) continue
      const values = columns[name]!
      for (let row = 0; row < length; row++) {
        const value = values[row]!
        if (value === LACKING_ID || Number.isNaN(value)) throw wrong(placeOf(row), `has no ${name}`)
        if (type === 'id' && value < 0) throw wrong(placeOf(row), `${name} is ${value}, which is no id`)
      }
    }
  }

  /** The instant of each row. */
  #instants(batch: EventBatch, placeOf: PlaceOf): Float64Array {
    const times = instantsIn(this.#kind, batch)
    const odd = times.findIndex((time) => !(time >= MIN_TIME && time < MAX_TIME))
    if (odd < 0) return times
    throw wrong(placeOf(odd), Number.isNaN(times[odd]) ? 'has no time at all' : `${times[odd]} is no time in ms or µs`)
  }

  /** Rows rise by the sort key; those of one record, or of one instant, share it. */
  #checkOrder({ length, columns }: EventBatch, placeOf: PlaceOf): void {
    const { sortKey, hasInterval } = this.#kind
    const keys = columns[sortKey]!
    let last = this.#last
    for (let row = 0; row < length; row++) {
      const key = keys[row]!
      if (key < last || (hasInterval && key === last)) {
        const why = `${sortKey} ${key} does not come after ${last}: sort the file by ${sortKey}, or import its parts`
        throw wrong(placeOf(row), why)
      }
      last = key
    }
    this.#last = last
  }

  #checkGrid(opens: Float64Array, placeOf: PlaceOf): void {
    if (this.#grid!.interval === '3d' && this.#grid!.origin === undefined)
      this.#grid = { interval: '3d', origin: opens[0]! }
    const grid = this.#grid!
    for (let row = 0; row < opens.length; row++) {
      if (!isOpenTime(grid, opens[row]!))
        throw wrong(placeOf(row), `no ${grid.interval} candle opens at ${formatTime(opens[row]!)} (${opens[row]})`)
    }
  }

  #complete({ length, columns }: EventBatch): Record<string, EventColumn> {
    const whole: Record<string, EventColumn> = {}
    for (const spec of this.#kind.columns) {
      const values = columns[spec.name]
      if (spec.type === 'flags') whole[spec.name] = this.#flags(length, columns)
      else if (values !== undefined) whole[spec.name] = values
      else if (spec.type === 'id') whole[spec.name] = new BigInt64Array(length).fill(LACKING_ID)
      else whole[spec.name] = new Float64Array(length).fill(Number.NaN)
    }
    return whole
  }

  #flags(length: number, columns: EventBatch['columns']): Float64Array {
    const flags = new Float64Array(length)
    const told = columns.flags
    for (let row = 0; row < length; row++) flags[row] = Number(told?.[row] ?? 0) | CandleFlag.user
    if (!this.#grid) return flags
    const { open_time, open, high, low, close, volume } = columns as Readonly<Record<string, Float64Array>>
    const isSigned = this.#kind.id === premiumCandle.id
    for (let row = 0; row < length; row++) {
      const [top, bottom] = [high![row]!, low![row]!]
      const isSane =
        (bottom > 0 || isSigned) &&
        bottom <= Math.min(open![row]!, close![row]!) &&
        top >= Math.max(open![row]!, close![row]!) &&
        !(volume !== undefined && volume[row]! < 0)
      if (!isSane) flags[row] = flags[row]! | CandleFlag.suspect
      if (closeTimeOf(this.#grid, open_time![row]!) >= this.#until) flags[row] = flags[row]! | CandleFlag.unfinished
    }
    return flags
  }
}

const LACKING_ID = -1n

function wrong({ source, row }: ReturnType<PlaceOf>, what: string): ParseError {
  return new ParseError(source, row === undefined ? what : `row ${row}: ${what}`)
}
