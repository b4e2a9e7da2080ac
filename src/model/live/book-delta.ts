import { column, type Kind } from '../kind.ts'
import { tailColumns } from './columns.ts'
import type { RecordBase, RecordId } from './record.ts'

/** Which side of a book a row is about, in the `side` column. */
export const BookSide = {
  /** A record without any level. */
  none: 0,
  bid: 1,
  ask: 2,
} as const

/**
 * Changes of an order book, all of one update. On disk one row per changed level; the rows of one update share its ids.
 * Quantities are absolute: 0 removes the level.
 */
export const bookDelta = {
  id: 'bookDelta',
  hasInterval: false,
  sortKey: 'last_update_id',
  timeColumn: 'event_time',
  identity: 'last_update_id',
  continuity: { rule: 'chained-id' },
  columns: [
    column('last_update_id', 'id', 'count', 'id of the last update in it'),
    column('first_update_id', 'id', 'count', 'id of the first update in it'),
    column('previous_update_id', 'id', 'count', 'last id of the record before it (futures only)', { isOptional: true }),
    column('transaction_time', 'time', 'ms', 'when the engine made the update (futures only)', { isOptional: true }),
    column('side', 'integer', '0 none, 1 bid, 2 ask', 'side of the level; 0 in the one row of an empty update'),
    column('price', 'float64', 'quote per base', 'price of the level'),
    column('quantity', 'float64', 'base (contracts on coinm)', 'quantity now resting there; 0 removes the level'),
    ...tailColumns(),
  ],
} as const satisfies Kind

export interface BookDelta extends RecordBase {
  readonly kind: 'bookDelta'
  readonly firstUpdateId: RecordId
  readonly lastUpdateId: RecordId
  /** Last id of the event before it; -1 on spot, whose ids chain by themselves. */
  readonly previousUpdateId: RecordId
  /** When the engine made the update, epoch ms; NaN on spot. */
  readonly transactionTime: number
  /** Price, quantity, price, quantity, … in the exchange's order. Quantity 0 removes the level. */
  readonly bids: readonly number[]
  readonly asks: readonly number[]
}
