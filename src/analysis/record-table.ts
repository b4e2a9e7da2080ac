import { InvalidRangeError } from '../model/errors.ts'
import type { Kind } from '../model/kind.ts'

/** A column of an Arrow table, as far as it is read here. */
export interface ArrowColumn {
  readonly length: number
  readonly nullCount: number
  readonly type: object
  toArray(): ArrayLike<number> | BigInt64Array
  isValid(index: number): boolean
}

/** An Arrow table, as far as it is read here; told apart by `getChild`. */
export interface ArrowTable {
  readonly numRows: number
  readonly schema: { readonly fields: readonly { readonly name: string }[] }
  getChild(name: string): ArrowColumn | null
}

/** Records as columns: a batch of the lake, or arrays. */
export interface RecordTable {
  readonly length: number
  readonly columns: Readonly<Record<string, Float64Array>>
}

/** Records of one kind in the forms that they come in: a batch, the Arrow table of `getData`, rows of the library. */
export type TableSource = RecordTable | ArrowTable | readonly object[]

/** Whether something is an Arrow table; a single column has `getChild` too, but no rows to count. */
export function isArrowTable(input: object): input is ArrowTable {
  return 'getChild' in input && typeof input.getChild === 'function' && 'numRows' in input
}

/**
 * Records as columns. A batch is given back as it is; an Arrow table's floats are views where it is in one piece.
 * @throws InvalidRangeError for what is none of the forms, and for text in a row.
 */
export function recordTable(input: TableSource, kind: Kind): RecordTable {
  if (typeof input !== 'object' || input === null) throw notATable(input)
  if (isArrowTable(input)) {
    const columns: Record<string, Float64Array> = {}
    for (const { name } of input.schema.fields) columns[name] = arrowFloats(input.getChild(name)!)
    return { length: input.numRows, columns }
  }
  if (Array.isArray(input)) return ofRows(input as readonly Readonly<Record<string, unknown>>[], kind)
  if ('columns' in input && typeof input.columns === 'object' && input.columns !== null) return input as RecordTable
  throw notATable(input)
}

/** One table or many of them, one after the other. */
export function tablesOf(input: TableSource | Iterable<TableSource>): Iterable<TableSource> {
  if (typeof input !== 'object' || input === null) throw notATable(input)
  const isTable = (given: object): boolean => isArrowTable(given) || 'columns' in given
  if (isTable(input)) return [input as TableSource]
  if (!Array.isArray(input)) return input as Iterable<TableSource>
  const first: unknown = input[0]
  const isMany = typeof first === 'object' && first !== null && (isTable(first) || Array.isArray(first))
  return isMany || input.length === 0 ? (input as readonly TableSource[]) : [input]
}

function notATable(given: unknown): InvalidRangeError {
  const what = given === null ? 'null' : typeof given === 'object' ? 'an object without columns' : typeof given
  return new InvalidRangeError(`Give a batch ({ length, columns }), an Arrow table or rows; this is ${what}.`)
}

function ofRows(rows: readonly Readonly<Record<string, unknown>>[], kind: Kind): RecordTable {
  const columns: Record<string, Float64Array> = {}
  for (const { name, property } of kind.columns) {
    const key = rows[0] !== undefined && property in rows[0] ? property : name
    if (rows[0] !== undefined && rows[0][key] === undefined) continue
    columns[name] = Float64Array.from(rows, (row, index) => numberOf(row[key], key, index))
  }
  return { length: rows.length, columns }
}

/** @throws InvalidRangeError for text: made NaN without a word, it would be a hole that nobody put there. */
function numberOf(value: unknown, column: string, row: number): number {
  if (typeof value === 'string') {
    throw new InvalidRangeError(
      `The "${column}" of row ${row} is the text "${value.slice(0, 40)}": convert it first, e.g. with Number().`,
    )
  }
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
    ? Number(value)
    : Number.NaN
}

/** Units of an Arrow timestamp per millisecond, by its `unit`: seconds, milliseconds, microseconds, nanoseconds. */
const PER_MILLISECOND = [0.001, 1, 1_000, 1_000_000]

/** An Arrow column as float64: timestamps in epoch ms, NaN where it is null. */
export function arrowFloats(column: ArrowColumn): Float64Array {
  const raw = column.toArray()
  let values: Float64Array
  if (raw instanceof BigInt64Array) {
    const { unit } = column.type as { readonly unit?: number }
    const scale = unit === undefined ? 1 : PER_MILLISECOND[unit]!
    values = new Float64Array(raw.length)
    for (let i = 0; i < raw.length; i++) values[i] = Number(raw[i]!) / scale
  } else values = raw instanceof Float64Array ? raw : Float64Array.from(raw as ArrayLike<number>, Number)
  if (column.nullCount === 0) return values
  // What lies under a null is anything; the table's own memory is left as it is.
  const checked = Float64Array.from(values)
  for (let i = 0; i < checked.length; i++) if (!column.isValid(i)) checked[i] = Number.NaN
  return checked
}
