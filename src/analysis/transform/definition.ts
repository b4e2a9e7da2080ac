import { ConfigError } from '../../model/errors.ts'

/** Columns by name, all of one length. */
export type Columns = Readonly<Record<string, Float64Array>>

/** One row: columns by name. */
export type Row = Readonly<Record<string, number>>

interface Named {
  /** Unique in a registry; shown in errors. */
  readonly name: string
  readonly meaning?: string
}

/**
 * Makes columns of columns. `compute` must be pure: the same inputs give the same outputs, and nothing else happens. It
 * gets copies, so that it cannot reach what it was made of.
 */
export interface ColumnTransform extends Named {
  readonly type: 'column'
  /** Columns that it reads. */
  readonly inputs: readonly string[]
  /** Columns that it adds; one that is there already is replaced, in the result only. */
  readonly outputs: readonly string[]
  /**
   * How many rows before a row its values depend on. Without it the transform cannot run on a stream: what it needs of
   * the past has no bound.
   */
  readonly lookback?: number
  /** Whether a value depends on later rows; then it cannot run on a stream either. Default false. */
  readonly lookAhead?: boolean
  /** @returns one array per output, each of `length` values; the array alone where there is one output */
  compute(inputs: Columns, length: number): Columns | Float64Array
}

/** Makes one row of one row, or drops it (undefined). It knows no other rows, so it runs on streams as it is. */
export interface RecordTransform extends Named {
  readonly type: 'record'
  /** Columns that it reads, so that they are read for it; without them it gets those that are read anyway. */
  readonly inputs?: readonly string[]
  /** Columns that it adds, for those who have to know them before the first row, as the head of a CSV does. */
  readonly outputs?: readonly string[]
  apply(row: Row): Row | undefined
}

/** Keeps the rows for which its column is neither 0 nor NaN. */
export interface FilterTransform extends Named {
  readonly type: 'filter'
  readonly inputs: readonly string[]
  readonly lookback?: number
  readonly lookAhead?: boolean
  compute(inputs: Columns, length: number): Float64Array
}

export type Transform = ColumnTransform | RecordTransform | FilterTransform

/** @throws ConfigError for what is no transform: plain JavaScript has no compiler that tells. */
export function checkTransform(transform: Transform): void {
  const given: Partial<Record<string, unknown>> = Object(transform)
  const { type, name } = given
  if (typeof name !== 'string') throw new ConfigError('A transform needs a name: { type, name, … }.')
  const run = type === 'record' ? given.apply : given.compute
  const known = type === 'column' || type === 'filter' || type === 'record'
  if (!known || typeof run !== 'function') {
    throw new ConfigError(
      `The transform "${name}" has type "${String(type)}"; use column or filter with compute, or record with apply.`,
    )
  }
  for (const list of type === 'column' ? ['inputs', 'outputs'] : type === 'filter' ? ['inputs'] : []) {
    if (!Array.isArray(given[list])) throw new ConfigError(`The transform "${name}" has no ${list}: name the columns.`)
  }
}

/** Gives a transform its type; nothing else. */
export function defineTransform<T extends Transform>(transform: T): T {
  return transform
}
