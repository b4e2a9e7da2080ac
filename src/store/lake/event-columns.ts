import { InvalidRangeError } from '../../model/errors.ts'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import type { LiveRecord, RecordId } from '../../model/live/index.ts'
import { BookColumns } from './event-book-columns.ts'
import { halvesOf, type PutRow, putId, rowPutter } from './event-rows.ts'

/**
 * Records of a live kind as columns. Ids are BigInt64Array (exact beyond 2^53; -1 where an optional one is lacking), all
 * else Float64Array: times as epoch ms with a fraction, booleans as 0 and 1, NaN where an optional value is lacking.
 */
export interface EventBatch {
  /** Rows: of book kinds one per level. */
  readonly length: number
  /** One array per column, rising by the kind's sort key. */
  readonly columns: Readonly<Record<string, EventColumn>>
}

export type EventColumn = Float64Array | BigInt64Array

/** An id column of a batch. @throws InvalidRangeError when the batch was read without it. */
export function idsOf(batch: EventBatch, name: string): BigInt64Array {
  const values = batch.columns[name]
  if (values instanceof BigInt64Array) return values
  throw new InvalidRangeError(`The batch has no id column "${name}", only ${Object.keys(batch.columns).join(', ')}.`)
}

/** A column of numbers of a batch. @throws InvalidRangeError when the batch was read without it. */
export function numbersOf(batch: EventBatch, name: string): Float64Array {
  const values = batch.columns[name]
  if (values instanceof Float64Array) return values
  throw new InvalidRangeError(`The batch has no column "${name}", only ${Object.keys(batch.columns).join(', ')}.`)
}

const FIRST_CAPACITY = 64

/** The values of one record, by property. */
type Values = Readonly<Record<string, unknown>>

/** Columns that records are appended to. They grow as they fill. */
export class EventColumns {
  readonly kind: Kind
  readonly #specs: readonly ColumnSpec[]
  /** Of a book kind: all that is appended. */
  readonly #book: BookColumns | undefined
  /** Puts a record into its row, for kinds that come in thousands a second. */
  #put: PutRow | undefined
  #columns: EventColumn[]
  /** The id columns as halves: writing a BigInt per id would be several times slower. */
  #halves: (Int32Array | undefined)[]
  #capacity = FIRST_CAPACITY
  #rows = 0
  #records = 0

  constructor(kind: Kind) {
    this.kind = kind
    this.#specs = kind.columns
    this.#book = isBookKind(kind) ? new BookColumns(kind) : undefined
    // A book's rows are kept elsewhere.
    if (this.#book) this.#capacity = 0
    this.#columns = kind.columns.map((spec) => newColumn(spec, this.#capacity))
    this.#halves = this.#columns.map(halvesOf)
    this.#put = rowPutter(kind, this.#columns)
  }

  get rows(): number {
    return this.#rows
  }

  get records(): number {
    return this.#records
  }

  /** What one row takes when it is written, bytes. */
  get rowBytes(): number {
    return this.#columns.length * 8
  }

  /** Size of what was appended when it is written, bytes. */
  get bytes(): number {
    return this.#rows * this.rowBytes
  }

  /** Memory used, bytes: of books less than what is written. */
  get usedBytes(): number {
    return this.#book ? this.#book.usedBytes : this.bytes
  }

  /** Memory held, bytes. */
  get capacityBytes(): number {
    return this.#book ? this.#book.capacityBytes : this.#capacity * this.rowBytes
  }

  /** Forgets the rows and keeps the memory. Views of it must not be in use any more. */
  clear(): void {
    this.#rows = 0
    this.#records = 0
    this.#book?.clear()
  }

  append(record: LiveRecord): void {
    if (this.#book) {
      this.#book.append(record)
      this.#rows = this.#book.rows
    } else {
      this.#reserve()
      const at = this.#rows++
      if (this.#put !== undefined) this.#put(record, at)
      else this.#putAny(record as unknown as Values, at)
    }
    this.#records++
  }

  #putAny(values: Values, at: number): void {
    for (let index = 0; index < this.#specs.length; index++) {
      const value = values[this.#specs[index]!.property]
      const halves = this.#halves[index]
      // Assigning to a Float64Array makes numbers of true and false, and NaN of what is not there.
      if (halves === undefined) this.#columns[index]![at] = value as number
      else putId(halves, this.#columns[index] as BigInt64Array, at, value as RecordId)
    }
  }

  /** All rows as a batch, of views where that is how they are kept, and the record number of each. */
  view(): { batch: EventBatch; record: Uint32Array } {
    if (this.#book) {
      const { columns, record } = this.#book.rowsOf()
      return { batch: { length: this.#rows, columns }, record }
    }
    const columns: Record<string, EventColumn> = {}
    this.#specs.forEach((spec, index) => {
      columns[spec.name] = this.#columns[index]!.subarray(0, this.#rows)
    })
    const record = new Uint32Array(this.#rows)
    for (let row = 0; row < record.length; row++) record[row] = row
    return { batch: { length: this.#rows, columns }, record }
  }

  #reserve(): void {
    if (this.#rows < this.#capacity) return
    this.#capacity *= 2
    this.#columns = this.#columns.map((old, index) => {
      const grown = newColumn(this.#specs[index]!, this.#capacity)
      grown.set(old as never)
      return grown
    })
    this.#halves = this.#columns.map(halvesOf)
    this.#put = rowPutter(this.kind, this.#columns)
  }
}

/** Whether a record of the kind becomes one row per level of the book. */
export function isBookKind(kind: Kind): boolean {
  return kind.columns.some((spec) => spec.name === 'side') && kind.sortKey === 'last_update_id'
}

function newColumn(spec: ColumnSpec, rows: number): EventColumn {
  return spec.type === 'id' ? new BigInt64Array(rows) : new Float64Array(rows)
}

/** The rows with the given indexes, in their order. */
export function pickRows(batch: EventBatch, rows: Uint32Array): EventBatch {
  const columns: Record<string, EventColumn> = {}
  for (const [name, values] of Object.entries(batch.columns)) {
    if (values instanceof BigInt64Array) {
      const picked = new BigInt64Array(rows.length)
      for (let i = 0; i < rows.length; i++) picked[i] = values[rows[i]!]!
      columns[name] = picked
    } else {
      const picked = new Float64Array(rows.length)
      for (let i = 0; i < rows.length; i++) picked[i] = values[rows[i]!]!
      columns[name] = picked
    }
  }
  return { length: rows.length, columns }
}

/** Rows of batches one after another. */
export function joinEvents(specs: readonly ColumnSpec[], batches: readonly EventBatch[]): EventBatch {
  if (batches.length === 1) return batches[0]!
  const length = batches.reduce((sum, batch) => sum + batch.length, 0)
  const columns: Record<string, EventColumn> = {}
  for (const spec of specs) {
    const joined = newColumn(spec, length)
    let offset = 0
    for (const batch of batches) {
      joined.set(batch.columns[spec.name]! as never, offset)
      offset += batch.length
    }
    columns[spec.name] = joined
  }
  return { length, columns }
}
