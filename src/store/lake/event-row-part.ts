import { join } from 'node:path'
import type { Batch } from '../../model/batch.ts'
import type { Kind } from '../../model/kind.ts'
import type { RecordId } from '../../model/live/index.ts'
import type { LakeFile } from './coverage-file.ts'
import { describeFile, keyAt } from './event-chunks.ts'
import { type EventBatch, joinEvents } from './event-columns.ts'
import { writeEvents } from './event-parquet.ts'
import { type ColumnMemory, EventPart } from './event-part.ts'
import { halvesOf } from './event-rows.ts'
import type { Compression } from './parquet.ts'
import { TWO_32 } from './vectors.ts'

/** Rows of a batch from `start` to before `end`, with the instant of each row of the batch. */
export interface RowStretch {
  readonly start: number
  readonly end: number
  /** Records that begin in it. */
  readonly records: number
  readonly instants: Float64Array
}

/** Rows of one period on their way into one file. */
export interface RowPart {
  readonly period: string
  readonly rows: number
  /** Whether rows of a batch can go into the same file. */
  takes(batch: EventBatch): boolean
  append(batch: EventBatch, stretch: RowStretch): void
  /** Writes the rows to a file and makes that durable. The part is of no use afterwards. */
  write(folder: string, temp: string, compression: Compression): Promise<LakeFile>
  /** Frees the rows. */
  drop(): void
}

/** A part for rows like those of a batch. */
export function newRowPart(kind: Kind, period: string, batch: EventBatch, memory: ColumnMemory): RowPart {
  return takesNumbers(kind, batch) ? new NumberPart(kind, period, batch, memory) : new AnyPart(kind, period)
}

/** Whether rows go the way of an archive's: trades, which come in tens of millions, as long as numbers hold their ids. */
function takesNumbers(kind: Kind, { columns }: EventBatch): boolean {
  return (
    kind.continuity.rule === 'consecutive-id' &&
    Object.values(columns).every((values) => !(values instanceof BigInt64Array) || isNarrow(values))
  )
}

/** Rows that are numbers throughout: written by our own encoder, in memory that goes from part to part. */
class NumberPart implements RowPart {
  readonly #kind: Kind
  readonly #part: EventPart

  constructor(kind: Kind, period: string, batch: EventBatch, memory: ColumnMemory) {
    this.#kind = kind
    this.#part = new EventPart(kind, period, inNumbers(batch, 0, 0), memory)
  }

  get period(): string {
    return this.#part.period
  }

  get rows(): number {
    return this.#part.rows
  }

  takes(batch: EventBatch): boolean {
    return takesNumbers(this.#kind, batch)
  }

  append(batch: EventBatch, { start, end }: RowStretch): void {
    this.#part.append(inNumbers(batch, start, end), 0, end - start)
  }

  async write(folder: string, temp: string): Promise<LakeFile> {
    const { file, handle } = await this.#part.write(folder, temp, false)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
    return file
  }

  drop(): void {
    this.#part.drop()
  }
}

/** Rows with whatever ids, and those of books: written by DuckDB. */
class AnyPart implements RowPart {
  readonly period: string
  readonly #kind: Kind
  #batches: EventBatch[] = []
  #records = 0
  #first = Number.POSITIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY
  #firstKey: RecordId | undefined
  #lastKey: RecordId = -1
  rows = 0

  constructor(kind: Kind, period: string) {
    this.#kind = kind
    this.period = period
  }

  takes(): boolean {
    return true
  }

  append(batch: EventBatch, { start, end, records, instants }: RowStretch): void {
    const columns = Object.entries(batch.columns).map(([name, values]) => [name, values.subarray(start, end)])
    this.#batches.push({ length: end - start, columns: Object.fromEntries(columns) as EventBatch['columns'] })
    this.#firstKey ??= keyAt(this.#kind, batch, start)
    this.#lastKey = keyAt(this.#kind, batch, end - 1)
    this.rows += end - start
    this.#records += records
    for (let row = start; row < end; row++) {
      this.#first = Math.min(this.#first, instants[row]!)
      this.#last = Math.max(this.#last, instants[row]!)
    }
  }

  async write(folder: string, temp: string, compression: Compression): Promise<LakeFile> {
    await writeEvents(join(folder, temp), this.#kind, this.#join(), compression)
    return describeFile(folder, temp, temp, {
      ...{ day: this.period, rows: this.rows, records: this.#records, first: this.#first, last: this.#last },
      ...{ firstKey: this.#firstKey!, lastKey: this.#lastKey },
    })
  }

  drop(): void {
    this.#batches = []
  }

  /** All rows in one piece; the pieces are let go before they are written. */
  #join(): EventBatch {
    const joined = joinEvents(this.#kind.columns, this.#batches)
    this.drop()
    return joined
  }
}

/** Whether all ids of a column, lacking ones included, are exact as numbers. */
function isNarrow(ids: BigInt64Array): boolean {
  const halves = halvesOf(ids)
  for (let at = 1; at < halves.length; at += 2) {
    const high = halves[at]!
    if (high < -1 || high >= HIGH_END) return false
  }
  return true
}

/** First upper half of ids that a number may not hold exactly. */
const HIGH_END = 2 ** 21

/** Some rows, with ids as numbers; NaN where one is lacking. */
function inNumbers({ columns }: EventBatch, start: number, end: number): Batch {
  const numbers: Record<string, Float64Array> = {}
  for (const [name, values] of Object.entries(columns)) {
    const rows = values.subarray(start, end)
    numbers[name] = rows instanceof BigInt64Array ? idNumbers(rows) : rows
  }
  return { length: end - start, columns: numbers }
}

function idNumbers(ids: BigInt64Array): Float64Array {
  // As halves, because to read a BigInt for each row would take most of the time.
  const halves = halvesOf(ids)
  const numbers = new Float64Array(ids.length)
  for (let row = 0; row < numbers.length; row++) {
    const high = halves[2 * row + 1]!
    numbers[row] = high < 0 ? Number.NaN : high * TWO_32 + (halves[2 * row]! >>> 0)
  }
  return numbers
}
