import { InvalidRangeError } from '../../../model/errors.ts'
import type { Kind } from '../../../model/kind.ts'
import { BookSide } from '../../../model/live/book-delta.ts'
import { type ArrowTable, arrowFloats } from '../../record-table.ts'

/** Columns of one kind, as lake, collector and Arrow give them. */
export interface RecordColumns {
  readonly length: number
  readonly columns: Readonly<Record<string, ArrayLike<number | bigint>>>
}

export type RecordInput = RecordColumns | ArrowTable | Iterable<object>

/** Columns of an Arrow table; ids stay the whole numbers that they are. */
export function arrowRecords(table: ArrowTable): RecordColumns {
  const columns: Record<string, ArrayLike<number | bigint>> = {}
  for (const { name } of table.schema.fields) {
    const column = table.getChild(name)!
    const raw = column.nullCount === 0 && !('unit' in column.type) ? column.toArray() : undefined
    columns[name] = raw instanceof BigInt64Array ? raw : arrowFloats(column)
  }
  return { length: table.numRows, columns }
}

export function isColumns(input: RecordInput): input is RecordColumns {
  return 'columns' in input && typeof input.columns === 'object'
}

type Row = Record<string, unknown>

/**
 * The rows of columns, one after the other, in one object that is filled anew each time. Properties are named as in row
 * objects; an optional value that is not there (-1 in an id column) is undefined.
 */
export function* rowsOf(kind: Kind, { length, columns }: RecordColumns): Generator<Row, void, void> {
  const specs = kind.columns.filter(({ name }) => columns[name] !== undefined)
  if (specs.length === 0) {
    throw new InvalidRangeError(
      `The columns given (${Object.keys(columns).join(', ')}) are none of kind "${kind.id}", which has ${kind.columns.map(({ name }) => name).join(', ')}.`,
    )
  }
  const sources = specs.map(({ name, property, type, isOptional }) => ({
    property,
    values: columns[name]!,
    none: isOptional && type === 'id',
    nan: isOptional && type === 'time',
  }))
  const row: Row = {}
  for (let i = 0; i < length; i++) {
    for (const { property, values, none, nan } of sources) {
      const value = values[i]!
      row[property] = (none && value < 0) || (nan && Number.isNaN(value)) ? undefined : value
    }
    yield row
  }
}

/**
 * Columns that rows call as files do (`open_time`), where the library calls them otherwise (`openTime`).
 * @throws InvalidRangeError for a row that is no object.
 */
export function fileNames(kind: Kind, row: object): (readonly [name: string, property: string])[] {
  if (typeof row !== 'object' || row === null) {
    throw new InvalidRangeError(`A record is an object, e.g. { openTime, open, … }, not ${String(row)}.`)
  }
  return kind.columns.flatMap(({ name, property }) =>
    name !== property && name in row && !(property in row) ? [[name, property] as const] : [],
  )
}

/** The records of a book kind from its rows, one per level; `at` is the index of the first row. */
export function* bookRecordsOf(kind: Kind, input: RecordColumns): Generator<{ row: Row; at: number }, void, void> {
  let record: Row | undefined
  let start = 0
  let index = 0
  for (const row of rowsOf(kind, input)) {
    const { side, price, quantity, ...rest } = row
    if (record === undefined || row.lastUpdateId !== record.lastUpdateId) {
      if (record !== undefined) yield { row: record, at: start }
      record = { ...rest, bids: [], asks: [] }
      start = index
    }
    if (side === BookSide.bid) (record.bids as unknown[]).push(price, quantity)
    else if (side === BookSide.ask) (record.asks as unknown[]).push(price, quantity)
    index++
  }
  if (record !== undefined) yield { row: record, at: start }
}
