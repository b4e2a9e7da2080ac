import { InvalidRangeError } from '../../model/errors.ts'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import { BookSide, type LiveRecord, type RecordId } from '../../model/live/index.ts'
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

/** Where a book kind has the columns of its levels. */
interface LevelColumns {
  readonly side: number
  readonly price: number
  readonly quantity: number
}

/** Columns that records are appended to. They grow as they fill. */
export class EventColumns {
  readonly kind: Kind
  readonly #specs: readonly ColumnSpec[]
  readonly #level: LevelColumns | undefined
  /** Puts a record into its row, for kinds that come in thousands a second. */
  #put: PutRow | undefined
  #columns: EventColumn[]
  /** The id columns as halves: writing a BigInt per id would be several times slower. */
  #halves: (Int32Array | undefined)[]
  /** Which record each row is of; kept for book kinds only, elsewhere each row is one. */
  #record: Uint32Array
  #capacity = FIRST_CAPACITY
  #rows = 0
  #records = 0

  constructor(kind: Kind) {
    this.kind = kind
    this.#specs = kind.columns
    const find = (name: string): number => kind.columns.findIndex((spec) => spec.name === name)
    this.#level = isBookKind(kind)
      ? { side: find('side'), price: find('price'), quantity: find('quantity') }
      : undefined
    this.#columns = kind.columns.map((spec) => newColumn(spec, FIRST_CAPACITY))
    this.#halves = this.#columns.map(halvesOf)
    this.#record = new Uint32Array(this.#level ? FIRST_CAPACITY : 0)
    this.#put = rowPutter(kind, this.#columns)
  }

  get rows(): number {
    return this.#rows
  }

  get records(): number {
    return this.#records
  }

  /** What one row takes, bytes. */
  get rowBytes(): number {
    return this.#columns.length * 8 + (this.#level ? 4 : 0)
  }

  /** Size of what was appended, bytes. As it grows, up to twice as much memory is held. */
  get bytes(): number {
    return this.#rows * this.rowBytes
  }

  /** Memory held, bytes. */
  get capacityBytes(): number {
    return this.#capacity * this.rowBytes
  }

  /** Forgets the rows and keeps the memory. Views of it must not be in use any more. */
  clear(): void {
    this.#rows = 0
    this.#records = 0
  }

  append(record: LiveRecord): void {
    const values = record as unknown as Values
    if (this.#level) this.#appendBook(values, this.#level)
    else {
      this.#reserve(1)
      const at = this.#rows++
      if (this.#put !== undefined) this.#put(record, at)
      else
        for (let index = 0; index < this.#specs.length; index++) {
          const value = values[this.#specs[index]!.property]
          const halves = this.#halves[index]
          // Assigning to a Float64Array makes numbers of true and false, and NaN of what is not there.
          if (halves === undefined) this.#columns[index]![at] = value as number
          else putId(halves, this.#columns[index] as BigInt64Array, at, value as RecordId)
        }
    }
    this.#records++
  }

  #appendBook(values: Values, level: LevelColumns): void {
    const bids = values.bids as readonly number[]
    const asks = values.asks as readonly number[]
    const levels = (bids.length + asks.length) >> 1
    const start = this.#rows
    const end = start + Math.max(1, levels)
    this.#reserve(end - start)
    this.#rows = end
    this.#record.fill(this.#records, start, end)
    for (let index = 0; index < this.#specs.length; index++) {
      if (index === level.side || index === level.price || index === level.quantity) continue
      const value = values[this.#specs[index]!.property]
      const column = this.#columns[index]!
      const halves = this.#halves[index]
      if (halves === undefined) (column as Float64Array).fill(value as number, start, end)
      else for (let at = start; at < end; at++) putId(halves, column as BigInt64Array, at, value as RecordId)
    }
    const sides = this.#columns[level.side]!
    const prices = this.#columns[level.price]!
    const quantities = this.#columns[level.quantity]!
    if (levels === 0) {
      sides[start] = BookSide.none
      prices[start] = 0
      quantities[start] = 0
    }
    let at = start
    for (let i = 0; i < bids.length; i += 2, at++) {
      sides[at] = BookSide.bid
      prices[at] = bids[i]!
      quantities[at] = bids[i + 1]!
    }
    for (let i = 0; i < asks.length; i += 2, at++) {
      sides[at] = BookSide.ask
      prices[at] = asks[i]!
      quantities[at] = asks[i + 1]!
    }
  }

  /** All rows as a batch of views, and the record number of each. */
  view(): { batch: EventBatch; record: Uint32Array } {
    const columns: Record<string, EventColumn> = {}
    this.#specs.forEach((spec, index) => {
      columns[spec.name] = this.#columns[index]!.subarray(0, this.#rows)
    })
    const record = this.#level ? this.#record.subarray(0, this.#rows) : new Uint32Array(this.#rows)
    if (!this.#level) for (let row = 0; row < record.length; row++) record[row] = row
    return { batch: { length: this.#rows, columns }, record }
  }

  #reserve(rows: number): void {
    if (this.#rows + rows <= this.#capacity) return
    while (this.#rows + rows > this.#capacity) this.#capacity *= 2
    this.#columns = this.#columns.map((old, index) => {
      const grown = newColumn(this.#specs[index]!, this.#capacity)
      grown.set(old as never)
      return grown
    })
    this.#halves = this.#columns.map(halvesOf)
    if (this.#level) {
      const record = new Uint32Array(this.#capacity)
      record.set(this.#record)
      this.#record = record
    }
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
