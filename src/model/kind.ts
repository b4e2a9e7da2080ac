/** How a column's values are held in memory and on disk. */
export type ColumnType =
  /** Float64Array of epoch milliseconds; `timestamp(us, UTC)` on disk. */
  | 'time'
  /** Float64Array; DOUBLE on disk. */
  | 'float64'
  /** Float64Array of whole numbers below 2^53; BIGINT on disk. */
  | 'integer'
  /** Float64Array of a bit mask; INTEGER on disk. */
  | 'flags'

export interface ColumnSpec {
  /** Name in batches, Arrow tables, files and SQL (snake case). */
  readonly name: string
  /** Name in JS row objects (camel case). */
  readonly property: string
  readonly type: ColumnType
  readonly unit: string
  readonly meaning: string
  /** Part of what callers get when they name no columns. */
  readonly isDefault: boolean
}

/** What makes a missing record visible. */
export type Continuity =
  /** The next record's time follows from the interval. */
  | { readonly rule: 'interval' }
  /** The next record's id is the previous one plus 1. */
  | { readonly rule: 'consecutive-id' }
  /** Nothing can be said about the next record. */
  | { readonly rule: 'none' }

/** A kind of data, defined once: schemas, codecs, views and docs follow from it. */
export interface Kind {
  readonly id: string
  /** Whether series of this kind exist per interval. */
  readonly hasInterval: boolean
  readonly columns: readonly ColumnSpec[]
  /** Column that orders the records. */
  readonly sortKey: string
  /** Column that tells two records apart. */
  readonly identity: string
  readonly continuity: Continuity
}

export function column(
  name: string,
  type: ColumnType,
  unit: string,
  meaning: string,
  options: { isDefault?: boolean } = {},
): ColumnSpec {
  const property = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  return { name, property, type, unit, meaning, isDefault: options.isDefault ?? true }
}
