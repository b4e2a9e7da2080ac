import { InvalidRangeError } from '../../model/errors.ts'
import { KINDS } from '../../model/kinds.ts'

/** Columns of numbers of one length; a batch of the lake is one. NaN stands for a value that is missing. */
export interface Table {
  readonly length: number
  readonly columns: Readonly<Record<string, Float64Array>>
}

/** An Arrow table, as far as it is read here. */
export interface ArrowTableLike {
  readonly numRows: number
  readonly schema: { readonly fields: readonly { readonly name: string }[] }
  getChild(name: string): { get(index: number): unknown } | null
}

/** Numbers with or without gaps. */
export type Values = ArrayLike<number | null | undefined>

/** What is cleaned and normalised: a batch, columns by name, an Arrow table, rows as objects, or one column alone. */
export type TableInput =
  | { readonly length: number; readonly columns: Readonly<Record<string, Values>> }
  | ArrowTableLike
  | Readonly<Record<string, Values>>
  | readonly object[]
  | Values

/** Name of the column of a table that was made of one column alone. */
export const ONLY = 'value'

/**
 * Copies what was given into columns of float64; null, undefined and what is no number become NaN. Columns of rows and
 * of Arrow tables that hold no number at all are left out.
 * @throws InvalidRangeError when there are no data, columns differ in length, or hold text among or in place of numbers.
 */
export function readTable(input: TableInput): { length: number; columns: Record<string, Float64Array> } {
  if (typeof input !== 'object' || input === null) {
    throw new InvalidRangeError('There are no data: give a batch, an Arrow table, columns by name, rows or one column.')
  }
  const columns: Record<string, Float64Array> = {}
  if (isArrow(input)) {
    for (const { name } of input.schema.fields) {
      const column = input.getChild(name)
      const values = Array.from({ length: input.numRows }, (_, i) => column?.get(i))
      if (input.numRows === 0 || values.some(isNumber)) columns[name] = floats(name, values)
    }
    return { length: input.numRows, columns }
  }
  if (isValues(input)) {
    const list: ArrayLike<unknown> = input
    if (typeof list[0] !== 'object' || list[0] === null)
      return { length: list.length, columns: { [ONLY]: floats(ONLY, list) } }
    const rows = Array.from(list) as Readonly<Record<string, unknown>>[]
    for (const name of new Set(rows.flatMap((row) => Object.keys(row)))) {
      const values = rows.map((row) => row[name])
      if (values.some(isNumber)) columns[name] = floats(name, values)
    }
    return { length: rows.length, columns }
  }
  const { columns: inner } = input as { readonly columns?: unknown }
  const named = (typeof inner === 'object' && inner !== null && !isValues(inner) ? inner : input) as Record<
    string,
    Values
  >
  for (const [name, values] of Object.entries(named)) if (isValues(values)) columns[name] = floats(name, values)
  const [first] = Object.entries(columns)
  const length = first?.[1].length ?? 0
  const odd = Object.entries(columns).find(([, values]) => values.length !== length)
  if (first && odd) {
    throw new InvalidRangeError(
      `The columns differ in length: ${first[0]} has ${length} values, ${odd[0]} ${odd[1].length}.`,
    )
  }
  return { length, columns }
}

function isArrow(input: TableInput): input is ArrowTableLike {
  return 'getChild' in input && typeof input.getChild === 'function'
}

function isValues(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint'
}

/** @throws InvalidRangeError for text: as a missing value it would be filled, and a number in quotes be lost. */
function floats(name: string, values: ArrayLike<unknown>): Float64Array {
  if (values instanceof Float64Array) return values.slice()
  const copy = new Float64Array(values.length)
  for (let i = 0; i < copy.length; i++) {
    const value = values[i]
    if (typeof value === 'string') {
      throw new InvalidRangeError(
        `Row ${i} of "${name}" is the text "${value}": give numbers, and NaN or null where one is missing.`,
      )
    }
    copy[i] = typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : Number.NaN
  }
  return copy
}

/** Names of columns that files write otherwise (`quote_volume`) than the library (`quoteVolume`), both ways. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map(
  Object.values(KINDS).flatMap((kind) =>
    kind.columns.flatMap(({ name, property }) =>
      name === property ? [] : [[name, property] as const, [property, name] as const],
    ),
  ),
)

/** How a table or row calls a column: by this name, or as the other style has it; undefined where it lacks it. */
export function nameIn(given: object, column: string): string | undefined {
  if (Object.hasOwn(given, column)) return column
  const other = OTHER_NAMES.get(column)
  return other !== undefined && Object.hasOwn(given, other) ? other : undefined
}

/** Columns that say when, which and how, not how much: nothing is ever changed in them unless they are named. */
const NOT_VALUES: ReadonlySet<string> = new Set([
  ...Object.values(KINDS).flatMap((kind) =>
    kind.columns
      .filter(({ type }) => type === 'time' || type === 'id' || type === 'flags' || type === 'boolean')
      .flatMap(({ name, property }) => [name, property]),
  ),
  'timestamp',
  'date',
  'index',
])

/**
 * The columns to work on: those named, else all that hold values.
 * @throws InvalidRangeError for a name that the table does not have.
 */
export function chosenColumns(table: Table, names: readonly string[] | undefined): string[] {
  const there = Object.keys(table.columns)
  const unknown = names?.find((name) => !there.includes(name))
  if (unknown !== undefined) {
    throw new InvalidRangeError(`There is no column "${unknown}", only ${there.join(', ')}.`)
  }
  return names === undefined ? there.filter((name) => !NOT_VALUES.has(name)) : [...names]
}

/** The instants of a table's rows, epoch ms, where it has them. */
export function timesOf(table: Table): Float64Array | undefined {
  for (const name of ['open_time', 'openTime', 'time', 'event_time', 'eventTime', 'timestamp']) {
    const times = table.columns[name]
    if (times) return times
  }
  return undefined
}
