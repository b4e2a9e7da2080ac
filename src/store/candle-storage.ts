import { type Batch, columnOf, concatBatches } from '../model/batch.ts'
import { type Candle, CandleFlag, candle } from '../model/candle.ts'
import { InvalidRangeError } from '../model/errors.ts'
import {
  closeTimeOf,
  type Interval,
  type IntervalGrid,
  isOpenTime,
  nextOpen,
  parseInterval,
} from '../model/interval.ts'
import { type Market, parseMarket, type SeriesId } from '../model/series.ts'
import { parseTime, type TimeInput } from '../model/time.ts'
import { Lake, type LakeOptions, type SeriesStats } from './lake/lake.ts'

export interface CandleStorageOptions extends LakeOptions {
  readonly dataDir: string
  readonly exchange?: string
  readonly market?: Market | string
}

export interface LoadOptions {
  /** First open time wanted. */
  readonly from?: TimeInput
  /** First open time no longer wanted. */
  readonly to?: TimeInput
  readonly columns?: readonly string[]
  readonly signal?: AbortSignal
}

/** The lake for those who hold candles already: rows in, rows out. */
export class CandleStorage {
  readonly #options: CandleStorageOptions
  #lake: Promise<Lake> | undefined

  constructor(options: CandleStorageOptions) {
    this.#options = options
  }

  /**
   * Stores candles of a series; rows with the open time of a stored one take its place. What lies between the first and
   * the last row given counts as covered: open times missing there become gaps.
   * @throws InvalidRangeError for a row off the interval's grid, or with a value that is no number.
   */
  async save(symbol: string, interval: Interval | string, candles: readonly Candle[] | Batch): Promise<void> {
    const series = this.#series(symbol, interval)
    await using writer = await (await this.#open()).writer(series)
    const stored = writer.grid
    const batch = Array.isArray(candles) ? rowsToBatch(candles, stored) : checkBatch(candles as Batch, stored)
    if (batch.length === 0) return
    const times = columnOf(batch, candle.sortKey)
    const range = { from: times[0]!, to: nextOpen(writer.grid, times[batch.length - 1]!) }
    await writer.commit({ batches: [batch], covered: [{ ...range, source: 'user' }] })
  }

  /** Stores candles that follow the stored ones. @throws InvalidRangeError when the first is not after the last stored. */
  async append(symbol: string, interval: Interval | string, candles: readonly Candle[] | Batch): Promise<void> {
    const series = this.#series(symbol, interval)
    const last = (await (await this.#open()).stats(series))?.last
    const first = Array.isArray(candles) ? candles[0]?.openTime : (candles as Batch).columns.open_time?.[0]
    if (last !== undefined && first !== undefined && first <= last) {
      throw new InvalidRangeError(
        `append: the first candle (${new Date(first).toISOString()}) is not after the last stored one (${new Date(last).toISOString()}). Use save to replace candles.`,
      )
    }
    await this.save(symbol, interval, candles)
  }

  /** Stored candles as columns. */
  async load(symbol: string, interval: Interval | string, options: LoadOptions = {}): Promise<Batch> {
    const { from, to, ...rest } = options
    return (await this.#open()).load(this.#series(symbol, interval), {
      ...rest,
      ...(from === undefined ? {} : { from: parseTime(from, 'from') }),
      ...(to === undefined ? {} : { to: parseTime(to, 'to') }),
    })
  }

  /** Stored candles as rows. */
  async loadRows(
    symbol: string,
    interval: Interval | string,
    options: Omit<LoadOptions, 'columns'> = {},
  ): Promise<Candle[]> {
    return batchToRows(
      await this.load(symbol, interval, { ...options, columns: candle.columns.map((spec) => spec.name) }),
    )
  }

  /** Rows, bytes, first and last open time, gaps; undefined when the lake does not have the series. */
  async getStats(symbol: string, interval: Interval | string): Promise<SeriesStats | undefined> {
    return (await this.#open()).stats(this.#series(symbol, interval))
  }

  #open(): Promise<Lake> {
    this.#lake ??= Lake.open(this.#options.dataDir, this.#options)
    return this.#lake
  }

  #series(symbol: string, interval: Interval | string): SeriesId {
    return {
      exchange: this.#options.exchange ?? 'binance',
      market: parseMarket(this.#options.market ?? 'spot'),
      kind: candle.id,
      symbol,
      interval: parseInterval(interval),
    }
  }
}

/** Rows as objects. */
export function batchToRows(batch: Batch): Candle[] {
  const specs = candle.columns.filter((spec) => batch.columns[spec.name] !== undefined)
  return Array.from({ length: batch.length }, (_, index) => {
    const row: Record<string, number> = {}
    for (const spec of specs) row[spec.property] = columnOf(batch, spec.name)[index]!
    return row as unknown as Candle
  })
}

/** Columns out of rows: sorted, the later one of two with the same open time. */
function rowsToBatch(rows: readonly Candle[], grid: IntervalGrid): Batch {
  const latest = new Map<number, Candle>()
  for (const row of rows) latest.set(row.openTime, row)
  const sorted = [...latest.values()].sort((a, b) => a.openTime - b.openTime)
  const columns: Record<string, Float64Array> = {}
  for (const spec of candle.columns) {
    columns[spec.name] = Float64Array.from(sorted, (row) => {
      const value = row[spec.property as keyof Candle]
      if (value !== undefined) return value
      if (spec.name === 'close_time') return closeTimeOf(grid, row.openTime)
      if (spec.name === 'flags') return 0
      return Number.NaN
    })
  }
  return checkBatch({ length: sorted.length, columns }, grid)
}

function checkBatch(batch: Batch, grid: IntervalGrid): Batch {
  if (batch.length === 0) return concatBatches(candle, [])
  const times = columnOf(batch, candle.sortKey)
  const origin = grid.interval === '3d' && grid.origin === undefined ? { ...grid, origin: times[0]! } : grid
  for (let i = 0; i < batch.length; i++) {
    if (!isOpenTime(origin, times[i]!))
      throw new InvalidRangeError(`Row ${i}: no ${grid.interval} candle opens at ${times[i]}.`)
    if (i > 0 && times[i]! <= times[i - 1]!)
      throw new InvalidRangeError(`Row ${i}: open times must rise, ${times[i]} follows ${times[i - 1]}.`)
  }
  for (const spec of candle.columns) {
    if (spec.name === 'flags' && batch.columns.flags === undefined) continue
    const values = columnOf(batch, spec.name)
    const bad = values.subarray(0, batch.length).findIndex((value) => !Number.isFinite(value))
    if (bad >= 0) throw new InvalidRangeError(`Row ${bad}: ${spec.property} is ${values[bad]}, not a number.`)
  }
  const flags = (batch.columns.flags ?? new Float64Array(batch.length)).map((flag) => flag | CandleFlag.user)
  return { length: batch.length, columns: { ...batch.columns, flags } }
}
