import type { Batch } from '../model/batch.ts'
import { CandleFlag, candle } from '../model/candle.ts'
import { countOpens, floorOpen, type Interval, intervalLength, isOpenTime, nextOpen } from '../model/interval.ts'
import type { Kind } from '../model/kind.ts'
import { kindOf } from '../model/kinds.ts'
import { asCandlesOf, premiumCandle } from '../model/price-candle.ts'
import type { TimeRange } from '../model/time.ts'
import { CandleCsvParser, type CandleRows } from './candle-csv.ts'
import type { BadRow } from './csv-lines.ts'
import { DefectList, type FileContent, type ReaderOptions, ZipReader } from './zip-reader.ts'

export type { FileResult as CandleFileResult } from './zip-reader.ts'
export { MAX_DEFECTS } from './zip-reader.ts'

/** What one archive file is expected to hold. */
export interface CandleFileSpec extends TimeRange {
  /** Path in the archive, for messages. */
  readonly path: string
  /** The file is the CSV itself, in no zip. */
  readonly isPlain?: boolean
  readonly interval: Interval
  /** Kind of candles; `candle` when left out. */
  readonly kind?: string
}

/** No candle spans such a range of prices; a high beyond it is garbage, and other sources are asked. */
export const ABSURD_RATIO = 1e6

/** Reads one zipped candle CSV. Each batch is rising and free of duplicates in itself. */
export class CandleZipReader extends ZipReader {
  /** @param options `hashes: false` leaves `sha256` empty, for a caller that hashes the bytes elsewhere. */
  constructor(
    spec: CandleFileSpec,
    onBatch: (batch: Batch) => void | Promise<void>,
    options: ReaderOptions & { readonly blockRows?: number } = {},
  ) {
    super(spec.path, new CandleContent(spec, options.blockRows), onBatch, options)
  }
}

/** The rules of a candle file. */
class CandleContent implements FileContent {
  readonly #spec: CandleFileSpec
  readonly #csv: CandleCsvParser
  readonly #blocks: CandleRows[] = []
  readonly #list = new DefectList()
  readonly #kind: Kind
  /** Values may be negative: the premium's. */
  readonly #isSigned: boolean
  #lastTime = Number.NEGATIVE_INFINITY

  constructor(spec: CandleFileSpec, blockRows = blockRowsOf(spec)) {
    this.#spec = spec
    this.#kind = kindOf(spec.kind ?? 'candle')
    this.#isSigned = spec.kind === premiumCandle.id
    this.#csv = new CandleCsvParser({
      blockRows,
      onRows: (rows) => this.#blocks.push(rows),
      onBadRow: (row) => this.#badRow(row),
    })
  }

  push(bytes: Uint8Array): void {
    this.#csv.push(bytes)
  }

  finish(): void {
    this.#csv.finish()
  }

  take(): Batch | undefined {
    const rows = this.#blocks.shift()
    return rows && asCandlesOf(this.#kind, this.#check(rows))
  }

  summary(): ReturnType<FileContent['summary']> {
    const { rowCount, inexactValues, timeUnit, hasHeader } = this.#csv
    const { defects, count } = this.#list
    return { rows: rowCount, inexactValues, timeUnit, hasHeader, defects, defectCount: count }
  }

  /** Applies the rules of a candle file to a block of rows and makes a batch of those that stand. */
  #check(rows: CandleRows): Batch {
    const { interval, from, to, path } = this.#spec
    const fields = rows.fields as readonly Float64Array[]
    const openTime = fields[0]!
    const [, open, high, low, close, volume, closeTime, quoteVolume, trades, takerVolume, takerQuote] =
      fields as Float64Array[]
    const flags = new Float64Array(rows.length)
    const grid = { interval, ...(interval === '3d' && rows.length > 0 ? { origin: openTime[0]! } : {}) }
    // Months need the calendar; all other grids are one remainder, which millions of rows notice.
    const step = interval === '1M' ? 0 : intervalLength(interval)
    const anchor = floorOpen(grid, from)
    const signed = this.#isSigned
    let rising = true
    let keep: Uint8Array | undefined
    let last = this.#lastTime
    for (let i = 0; i < rows.length; i++) {
      const time = openTime[i]!
      if (time <= last) rising = false
      else last = time
      let flag = rows.inexact[i] === 1 ? CandleFlag.inexact : 0
      if (time < from || time >= to) {
        keep ??= new Uint8Array(rows.length).fill(1)
        keep[i] = 0
        this.#list.add({ time, type: 'bad-row', where: path, detail: 'the row lies outside its file', kept: 'none' })
      } else if (step === 0 ? !isOpenTime(grid, time) : (time - anchor) % step !== 0) {
        keep ??= new Uint8Array(rows.length).fill(1)
        keep[i] = 0
        this.#list.add({
          time,
          type: 'off-grid',
          where: path,
          detail: `no ${interval} candle opens at ${time}`,
          kept: 'none',
        })
      }
      const end = step === 0 ? nextOpen(grid, time) : time + step
      if (closeTime![i]! < end - 1) flag |= CandleFlag.short
      const sane =
        (low![i]! > 0 || signed) &&
        low![i]! <= open![i]! &&
        low![i]! <= close![i]! &&
        high![i]! >= open![i]! &&
        high![i]! >= close![i]! &&
        (high![i]! <= low![i]! * ABSURD_RATIO || (signed && Math.abs(high![i]!) < ABSURD_RATIO)) &&
        volume![i]! >= 0 &&
        quoteVolume![i]! >= 0 &&
        trades![i]! >= 0 &&
        takerVolume![i]! >= 0 &&
        takerQuote![i]! >= 0 &&
        closeTime![i]! < end
      if (!sane) flag |= CandleFlag.suspect
      flags[i] = flag
    }
    this.#lastTime = last
    const columns: Record<string, Float64Array> = {}
    if (rising && keep === undefined) {
      candle.columns.forEach(({ name }, index) => {
        columns[name] = index >= fields.length ? flags : trimmed(fields[index]!, rows.length)
      })
      return { length: rows.length, columns }
    }
    const picks = this.#order(openTime, rows.length, keep)
    candle.columns.forEach(({ name }, index) => {
      const values = index < fields.length ? fields[index]! : flags
      columns[name] = Float64Array.from(picks, (pick) => values[pick]!)
    })
    return { length: picks.length, columns }
  }

  /** The rows to keep, rising and without duplicates. Of rows with the same open time the first stays. */
  #order(openTime: Float64Array, length: number, keep: Uint8Array | undefined): number[] {
    const { path } = this.#spec
    const picks: number[] = []
    for (let i = 0; i < length; i++) if (keep === undefined || keep[i] === 1) picks.push(i)
    const sorted = [...picks].sort((a, b) => openTime[a]! - openTime[b]! || a - b)
    if (sorted.some((pick, index) => pick !== picks[index])) {
      const first = picks.find((pick, index) => pick !== sorted[index])
      this.#list.add({
        ...(first === undefined ? {} : { time: openTime[first]! }),
        type: 'out-of-order',
        where: path,
        detail: 'rows are not in the order of time; they were sorted',
        kept: 'archive',
      })
    }
    return sorted.filter((pick, index) => {
      const before = sorted[index - 1]
      if (before === undefined || openTime[before] !== openTime[pick]) return true
      this.#list.add({
        time: openTime[pick]!,
        type: 'duplicate',
        where: path,
        detail: 'two rows have the same open time',
        kept: 'first',
      })
      return false
    })
  }

  #badRow(row: BadRow): void {
    const time = Number(/^(\d{13})(?:\d{3})?,/.exec(row.text)?.[1] ?? Number.NaN)
    this.#list.add({
      ...(Number.isNaN(time) ? {} : { time }),
      type: 'bad-row',
      where: `${this.#spec.path}:${row.line}`,
      detail: `${row.reason}: ${row.text}`,
      kept: 'none',
    })
  }
}

function trimmed(values: Float64Array, length: number): Float64Array {
  return values.length === length ? values : values.slice(0, length)
}

/** Rows per batch, at most. */
const MAX_BLOCK_ROWS = 65_536
const MIN_BLOCK_ROWS = 256

/** What the file holds if that is not much, so that its rows come in one block and are never copied. */
function blockRowsOf(spec: CandleFileSpec): number {
  return Math.min(MAX_BLOCK_ROWS, Math.max(MIN_BLOCK_ROWS, countOpens({ interval: spec.interval }, spec)))
}
