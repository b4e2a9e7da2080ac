import type { Kind } from '../kind.ts'
import { type ColumnSpec, column } from '../kind.ts'
import type { RecordBase, RecordId } from '../live/record.ts'
import { HOUR } from '../time.ts'

/*
 * Quotes and books out of files that tell when each row arrived, and nothing of the exchange's own ids (tardis.dev). Without
 * ids nobody can say whether one of them is a row of `quote`, `bookDelta` or `bookSnapshot` that the lake has: they are
 * kinds of their own, so that the two are never mixed, and no id is made up that looks like the exchange's.
 */

const optional = { isOptional: true }

const sequence: ColumnSpec = column(
  'sequence',
  'id',
  'count',
  'our own count in the order of the file, made of receive_time; no id of the exchange',
)

/** When it came is what these kinds are made of; the rest is as in all live kinds. */
function arrivalColumns(): readonly ColumnSpec[] {
  return [
    column('event_time', 'time', 'ms', 'when it happened by the exchange, where it says so', optional),
    column('receive_time', 'time', 'ms', 'when it reached whoever recorded it'),
    column('flags', 'flags', 'bit mask', 'where the record came from and what was noticed (see RecordFlag)', {
      isDefault: false,
    }),
  ]
}

const ARRIVALS = {
  hasInterval: false,
  sortKey: 'sequence',
  timeColumn: 'receive_time',
  identity: 'sequence',
  continuity: { rule: 'rising-id', silentMs: HOUR },
} as const

/** Best bid and offer without ids; a side that is empty is lacking. */
export const timedQuote = {
  id: 'timedQuote',
  ...ARRIVALS,
  columns: [
    sequence,
    column('bid_price', 'float64', 'quote per base', 'highest bid', optional),
    column('bid_quantity', 'float64', 'base (contracts on coinm)', 'quantity at it', optional),
    column('ask_price', 'float64', 'quote per base', 'lowest ask', optional),
    column('ask_quantity', 'float64', 'base (contracts on coinm)', 'quantity at it', optional),
    ...arrivalColumns(),
  ],
} as const satisfies Kind

/** Changes of a book without ids, a level a row in the order in which they are to be applied. Quantity 0 removes one. */
export const timedBookDelta = {
  id: 'timedBookDelta',
  ...ARRIVALS,
  columns: [
    sequence,
    column(
      'is_snapshot',
      'boolean',
      'true or false',
      'true in the rows of a whole book: what was known before is void',
    ),
    column('side', 'integer', '1 bid, 2 ask', 'side of the level'),
    column('price', 'float64', 'quote per base', 'price of the level'),
    column('quantity', 'float64', 'base (contracts on coinm)', 'quantity now resting there; 0 removes the level'),
    ...arrivalColumns(),
  ],
} as const satisfies Kind

/** The best levels of a book at an instant, without ids: a row per level, those of one book share its `sequence`. */
export const timedBookSnapshot = {
  id: 'timedBookSnapshot',
  ...ARRIVALS,
  rowKey: ['side', 'level'],
  columns: [
    sequence,
    column('depth', 'integer', 'levels', 'levels per side that the file has: beyond them the book is unknown'),
    column('side', 'integer', '1 bid, 2 ask', 'side of the level'),
    column('level', 'integer', 'count', 'place of the level on its side, the best is 0'),
    column('price', 'float64', 'quote per base', 'price of the level'),
    column('quantity', 'float64', 'base (contracts on coinm)', 'quantity resting there'),
    ...arrivalColumns(),
  ],
} as const satisfies Kind

const FILE_KINDS: readonly string[] = [timedQuote.id, timedBookDelta.id, timedBookSnapshot.id]

/** Whether only files bring a kind: no exchange gives it out, live or in its archive. */
export function isFileKind({ id }: Pick<Kind, 'id'>): boolean {
  return FILE_KINDS.includes(id)
}

interface TimedRecord extends RecordBase {
  /** Our own count, in the order of the file. */
  readonly sequence: RecordId
}

/** Numbers of a side that is empty are NaN. */
export interface TimedQuoteRecord extends TimedRecord {
  readonly kind: 'timedQuote'
  readonly bidPrice: number
  readonly bidQuantity: number
  readonly askPrice: number
  readonly askQuantity: number
}

/** One level. */
export interface TimedBookDeltaRecord extends TimedRecord {
  readonly kind: 'timedBookDelta'
  readonly isSnapshot: boolean
  /** 1 bid, 2 ask. */
  readonly side: 1 | 2
  readonly price: number
  /** 0 removes the level. */
  readonly quantity: number
}

/** One level. */
export interface TimedBookSnapshotRecord extends TimedRecord {
  readonly kind: 'timedBookSnapshot'
  /** Levels per side that the file has. */
  readonly depth: number
  /** 1 bid, 2 ask. */
  readonly side: 1 | 2
  /** The best is 0. */
  readonly level: number
  readonly price: number
  readonly quantity: number
}
