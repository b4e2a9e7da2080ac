import { candle } from '../../model/candle.ts'
import { ConfigError } from '../../model/errors.ts'
import { type ArrowColumn, type ArrowTable, arrowFloats, isArrowTable } from '../record-table.ts'
import { DERIVED_COLUMNS } from './expression.ts'

/** Rows with the properties of candles; more or fewer do not matter. */
export type CandleLike = Readonly<Record<string, unknown>>

/**
 * What an indicator is computed of: a batch of the lake, an Arrow table, columns by name (snake or camel case), candles
 * as rows, or one series alone (an array, or a column of an Arrow table), which then stands for every column.
 */
export type IndicatorData =
  | { readonly length: number; readonly columns: Readonly<Record<string, Float64Array>> }
  | Pick<ArrowTable, 'numRows' | 'getChild'>
  | ArrowColumn
  | { readonly [column: string]: ArrayLike<number> }
  | readonly CandleLike[]
  | ArrayLike<number>

/** Property of a candle row that holds a column. */
export function propertyOf(column: string): string {
  return candle.columns.find(({ name }) => name === column)?.property ?? column
}

/**
 * The columns named, as float64 arrays of one length; arrays that are float64 already are not copied.
 * @throws ConfigError when one is missing, two differ in length, or a value is text; rows are counted from 0.
 */
export function readColumns(data: IndicatorData, names: readonly string[]): Float64Array[] {
  const read = reader(data)
  const found = new Map<string, Float64Array>()
  const columnOf = (name: string): Float64Array | undefined => {
    let values = found.get(name)
    if (!values) {
      const parts = DERIVED_COLUMNS[name]
      values = read(name) ?? (parts ? derive(parts.map((part) => need(part))) : undefined)
      if (values) found.set(name, values)
    }
    return values
  }
  const need = (name: string): Float64Array => {
    const values = columnOf(name)
    if (!values) throw new ConfigError(`The data have no column "${name}", which an indicator here reads.`)
    return values
  }
  const columns = names.map(need)
  const length = columns[0]?.length ?? 0
  const odd = columns.findIndex((values) => values.length !== length)
  if (odd >= 0) {
    throw new ConfigError(
      `The columns differ in length: ${names[0]} has ${length} values, ${names[odd]} ${columns[odd]!.length}.`,
    )
  }
  return columns
}

function derive(parts: readonly Float64Array[]): Float64Array {
  const values = new Float64Array(Math.min(...parts.map((part) => part.length)))
  for (let i = 0; i < values.length; i++) {
    let sum = 0
    for (const part of parts) sum += part[i]!
    values[i] = sum / parts.length
  }
  return values
}

function reader(data: IndicatorData): (name: string) => Float64Array | undefined {
  if (typeof data !== 'object' || data === null) {
    throw new ConfigError(
      'There are no data: give a batch, an Arrow table or column, columns by name, rows or numbers.',
    )
  }
  if (isArrowTable(data)) {
    return (name) => {
      const column = data.getChild(name)
      return column ? arrowFloats(column) : undefined
    }
  }
  if ('toArray' in data && typeof data.toArray === 'function') {
    const values = arrowFloats(data as ArrowColumn)
    return () => values
  }
  if (Array.isArray(data) && typeof data[0] === 'object' && data[0] !== null)
    return fromRows(data as readonly CandleLike[])
  if (ArrayBuffer.isView(data) || Array.isArray(data)) {
    const values = asFloats(data as ArrayLike<unknown>, 'value')
    return () => values
  }
  const inner = (data as { readonly columns?: unknown }).columns
  const columns = (
    typeof inner === 'object' && inner !== null && !ArrayBuffer.isView(inner) && !Array.isArray(inner) ? inner : data
  ) as Readonly<Record<string, ArrayLike<number>>>
  return (name) => {
    const values = columns[name] ?? columns[propertyOf(name)]
    return values === undefined ? undefined : asFloats(values, name)
  }
}

/**
 * A value of a column as a number: NaN for one that is missing.
 * @throws ConfigError for text, which is a mistake even where it reads as a number: whoever has it has not converted it.
 */
export function floatOf(value: unknown, column: string, row?: number): number {
  return typeof value === 'number' ? value : convert(value, column, row)
}

function convert(value: unknown, column: string, row: number | undefined): number {
  if (value === null || value === undefined) return Number.NaN
  if (typeof value !== 'string') return Number(value)
  const place = row === undefined ? '' : ` of row ${row}`
  throw new ConfigError(
    `The "${column}"${place} is the text "${value.slice(0, 40)}", and indicators are computed of numbers; convert it first, e.g. with Number().`,
  )
}

function asFloats(values: ArrayLike<unknown>, column: string): Float64Array {
  if (values instanceof Float64Array) return values
  const floats = new Float64Array(values.length)
  for (let i = 0; i < floats.length; i++) floats[i] = floatOf(values[i], column, i)
  return floats
}

function fromRows(rows: readonly CandleLike[]): (name: string) => Float64Array | undefined {
  return (name) => {
    // Rows are written in the style of the library, or in that of files.
    const property = [propertyOf(name), name].find((key) => rows[0]![key] !== undefined)
    if (property === undefined) return undefined
    const values = new Float64Array(rows.length)
    for (let i = 0; i < rows.length; i++) {
      values[i] = floatOf(rows[i]![property], property, i)
    }
    return values
  }
}
