import { InvalidRangeError, LookAheadError } from '../../model/errors.ts'
import { readTable, type Table, type TableInput } from '../clean/table.ts'
import {
  type Columns,
  type ColumnTransform,
  checkTransform,
  type FilterTransform,
  type Row,
  type Transform,
} from './definition.ts'

/**
 * Runs transforms one after the other, each on what the one before gave. What was given in stays as it is.
 * @throws ConfigError for what is no transform; InvalidRangeError where one reads a column that is not there, or gives what it did not promise.
 */
export function applyTransforms(input: TableInput, transforms: readonly Transform[]): Table {
  let table: Table = readTable(input)
  for (const transform of transforms) {
    checkTransform(transform)
    if (transform.type === 'column') {
      table = { length: table.length, columns: { ...table.columns, ...run(transform, table) } }
    } else if (transform.type === 'filter') table = filtered(transform, table)
    else table = mapped(transform.apply, table)
  }
  return table
}

/** The outputs of a column transform, checked. */
function run(transform: ColumnTransform, table: Table): Columns {
  const { name, outputs } = transform
  const result = transform.compute(inputsOf(transform, table), table.length)
  const only = outputs[0]
  const columns = result instanceof Float64Array && only !== undefined ? { [only]: result } : (result as Columns)
  for (const output of outputs) checkOutput(name, output, columns[output], table.length)
  return Object.fromEntries(outputs.map((output) => [output, columns[output]!]))
}

function checkOutput(name: string, output: string, values: unknown, length: number): void {
  if (!(values instanceof Float64Array)) {
    throw new InvalidRangeError(`The transform "${name}" gave no Float64Array for its output "${output}".`)
  }
  if (values.length !== length) {
    throw new InvalidRangeError(
      `The transform "${name}" gave ${values.length} values of "${output}" for ${length} rows.`,
    )
  }
}

function filtered(transform: FilterTransform, { length, columns }: Table): Table {
  const keep = transform.compute(inputsOf(transform, { length, columns }), length)
  checkOutput(transform.name, 'keep', keep, length)
  let count = 0
  const rows = new Int32Array(length)
  for (let i = 0; i < length; i++) if (isKept(keep[i]!)) rows[count++] = i
  const kept = (values: Float64Array) => Float64Array.from(rows.subarray(0, count), (row) => values[row]!)
  return { length: count, columns: mapColumns(columns, kept) }
}

function isKept(value: number): boolean {
  return value !== 0 && !Number.isNaN(value)
}

function mapColumns(columns: Columns, change: (values: Float64Array) => Float64Array): Columns {
  return Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, change(values)]))
}

function mapped(apply: (row: Row) => Row | undefined, { length, columns }: Table): Table {
  const names = Object.keys(columns)
  const rows: Row[] = []
  const found = new Set(names)
  for (let i = 0; i < length; i++) {
    const row = apply(Object.fromEntries(names.map((name) => [name, columns[name]![i]!])))
    if (row === undefined) continue
    rows.push(row)
    for (const name of Object.keys(row)) found.add(name)
  }
  const kept = rows.length === 0 ? [...found] : [...found].filter((name) => rows.some((row) => name in row))
  const result = kept.map((name) => [name, Float64Array.from(rows, (row) => row[name] ?? Number.NaN)] as const)
  return { length: rows.length, columns: Object.fromEntries(result) }
}

/** Copies of the columns that a transform reads. */
function inputsOf({ name, inputs }: ColumnTransform | FilterTransform, { columns }: Table): Columns {
  return Object.fromEntries(
    inputs.map((input) => {
      const values = Object.hasOwn(columns, input) ? columns[input] : undefined
      if (values) return [input, values.slice()]
      throw new InvalidRangeError(
        `The transform "${name}" reads "${input}", which is not there, only ${Object.keys(columns).join(', ')}.`,
      )
    }),
  )
}

/** Transforms on rows as they come. Each remembers as many rows as it looks back, and no more. */
export class TransformStream {
  readonly #stages: readonly ((row: Row) => Row | undefined)[]

  /**
   * @throws ConfigError for what is no transform; LookAheadError for one that needs later rows.
   * @throws InvalidRangeError for one that does not say how far it looks back.
   */
  constructor(transforms: readonly Transform[]) {
    for (const transform of transforms) checkTransform(transform)
    this.#stages = transforms.map((transform) =>
      transform.type === 'record' ? (row) => transform.apply({ ...row }) : windowStage(transform),
    )
  }

  /** The row after all transforms, or undefined where one dropped it. */
  push(row: Row): Row | undefined {
    let current: Row | undefined = row
    for (const stage of this.#stages) {
      current = stage(current)
      if (current === undefined) return undefined
    }
    return current
  }
}

function windowStage(transform: ColumnTransform | FilterTransform): (row: Row) => Row | undefined {
  const { name, inputs, lookback, lookAhead } = transform
  if (lookAhead === true) throw new LookAheadError(name, 'a stream has no later rows.')
  if (lookback === undefined || !Number.isInteger(lookback) || lookback < 0) {
    throw new InvalidRangeError(
      `The transform "${name}" has no lookback, so it cannot run on a stream. Say how many rows it looks back.`,
    )
  }
  const windows = new Map(inputs.map((input) => [input, new Float64Array(lookback + 1)]))
  let count = 0
  return (row) => {
    const isFull = count > lookback
    if (!isFull) count++
    const columns: Record<string, Float64Array> = {}
    for (const [input, window] of windows) {
      const value = row[input]
      if (value === undefined)
        throw new InvalidRangeError(`The transform "${name}" reads "${input}", which a row lacks.`)
      if (isFull) window.copyWithin(0, 1)
      window[count - 1] = value
      columns[input] = window.subarray(0, count)
    }
    const table = { length: count, columns }
    if (transform.type === 'filter') {
      const keep = transform.compute(inputsOf(transform, table), count)
      checkOutput(name, 'keep', keep, count)
      return isKept(keep[count - 1]!) ? row : undefined
    }
    const made: Record<string, number> = { ...row }
    for (const [output, values] of Object.entries(run(transform, table))) made[output] = values[count - 1]!
    return made
  }
}
