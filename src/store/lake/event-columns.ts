import { InvalidRangeError } from '../../model/errors.ts'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import type { LiveRecord } from '../../model/live/index.ts'
import { BookColumns } from './event-book-columns.ts'
import { halvesOf, type PutRows, type RowLayout, rowLayout } from './event-rows.ts'
import { type ColumnMemory, OWN_MEMORY } from './event-scratch.ts'
import { Slots } from './event-slots.ts'

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

/** Records that are appended one by one, and become columns when they are written. */
export class EventColumns {
  readonly kind: Kind
  /** Of a book kind: all that is appended. */
  readonly #book: BookColumns | undefined
  readonly #slots = new Slots()
  readonly #layout: RowLayout
  readonly #put: PutRows
  readonly #width: number
  #rows = 0

  constructor(kind: Kind) {
    this.kind = kind
    this.#book = isBookKind(kind) ? new BookColumns(kind) : undefined
    this.#layout = rowLayout(kind)
    this.#put = this.#layout.put
    this.#width = kind.columns.length
  }

  get rows(): number {
    return this.#book === undefined ? this.#rows : this.#book.rows
  }

  get records(): number {
    return this.#book === undefined ? this.#rows : this.#book.records
  }

  /** What one row takes when it is written, bytes. */
  get rowBytes(): number {
    return this.#width * 8
  }

  /** Size of what was appended when it is written, bytes. */
  get bytes(): number {
    return this.rows * this.rowBytes
  }

  /** Memory used, bytes: of books less than what is written. */
  get usedBytes(): number {
    return this.#book === undefined ? this.bytes : this.#book.usedBytes
  }

  /** Memory held, bytes. */
  get capacityBytes(): number {
    return this.#book === undefined ? this.#slots.capacityBytes : this.#book.capacityBytes
  }

  /** Forgets everything and gives the memory back. */
  clear(): void {
    this.#rows = 0
    this.#slots.clear()
    this.#book?.clear()
  }

  append(record: LiveRecord): void {
    if (this.#book !== undefined) this.#book.append(record)
    else this.appendAll([record], 1)
  }

  /** Appends the first `count` of them. */
  appendAll(records: readonly LiveRecord[], count: number): void {
    if (this.#book !== undefined) {
      for (let index = 0; index < count; index++) this.#book.append(records[index]!)
      return
    }
    // One row behind another: to write into a column each would cost a line of the processor's cache per value.
    const slots = this.#slots
    const width = this.#width
    for (let from = 0; from < count; ) {
      const rows = Math.min(count - from, Math.max(1, Math.floor(slots.room / width)))
      const at = slots.take(width * rows)
      this.#put(slots.numbers, slots.halves, at, records, from, from + rows)
      from += rows
    }
    this.#rows += count
  }

  /** All rows as a batch, in memory that is theirs, and the record number of each. */
  view(memory: ColumnMemory = OWN_MEMORY): { batch: EventBatch; record: Uint32Array } {
    if (this.#book) {
      const { columns, record } = this.#book.rowsOf(memory)
      return { batch: { length: record.length, columns }, record }
    }
    const columns: Record<string, EventColumn> = {}
    for (const spec of this.kind.columns) columns[spec.name] = this.#column(spec, memory)
    const record = memory.counts(this.#rows)
    for (let row = 0; row < record.length; row++) record[row] = row
    return { batch: { length: this.#rows, columns }, record }
  }

  #column(spec: ColumnSpec, memory: ColumnMemory): EventColumn {
    const column = spec.type === 'id' ? memory.ids(this.#rows) : memory.numbers(this.#rows)
    const width = this.#width
    const slot = this.#layout.names.indexOf(spec.name)
    let row = 0
    if (column instanceof BigInt64Array) {
      const to = halvesOf(column)
      for (const { halves, end } of this.#slots.filled()) {
        for (let at = slot; at < end; at += width, row++) {
          to[2 * row] = halves[2 * at]!
          to[2 * row + 1] = halves[2 * at + 1]!
        }
      }
    } else {
      for (const { numbers, end } of this.#slots.filled()) {
        for (let at = slot; at < end; at += width, row++) column[row] = numbers[at]!
      }
    }
    return column
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
