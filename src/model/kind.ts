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
  /** Ids that the exchange counts and that may pass 2^53: BIGINT on disk, BigInt64Array in event columns. */
  | 'id'
  /** Float64Array of 0 and 1; BOOLEAN on disk. */
  | 'boolean'

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
  /** Whether a record may lack the value: NaN in memory (-1 in an id column), NULL on disk. */
  readonly isOptional: boolean
}

/** What makes a missing record visible. */
export type Continuity =
  /** The next record's time follows from the interval. */
  | { readonly rule: 'interval' }
  /** The next record's id is the previous one plus 1. */
  | { readonly rule: 'consecutive-id' }
  /** Each record names the one before it: `U = previous u + 1` on spot, `pu = previous u` on futures. */
  | { readonly rule: 'chained-id' }
  /** Ids rise, and jump: a missing record leaves no trace but silence, in an archive one of more than `silentMs`. */
  | { readonly rule: 'rising-id'; readonly silentMs?: number }
  /**
   * Records come at a pace that the stream states; a longer silence is a gap. Of an archive, which states none, a silence
   * of more than `silentMs`.
   */
  | { readonly rule: 'pace'; readonly silentMs?: number }
  /** There is one record for each `stepMs`. */
  | { readonly rule: 'step'; readonly stepMs: number }
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
  /** Column of the instant that a record belongs to: says in which period it is stored. */
  readonly timeColumn: string
  /** Column that tells two records apart. */
  readonly identity: string
  /** Columns that tell rows of the same sort key apart, where one key may have several rows that are no book's levels. */
  readonly rowKey?: readonly string[]
  readonly continuity: Continuity
  /** Of events: how much of a series is one file; a day when left out. For kinds of few records a year. */
  readonly filePeriod?: 'day' | 'month' | 'year'
}

export function column(
  name: string,
  type: ColumnType,
  unit: string,
  meaning: string,
  options: { isDefault?: boolean; isOptional?: boolean } = {},
): ColumnSpec {
  const property = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  return {
    name,
    property,
    type,
    unit,
    meaning,
    isDefault: options.isDefault ?? true,
    isOptional: options.isOptional ?? false,
  }
}
