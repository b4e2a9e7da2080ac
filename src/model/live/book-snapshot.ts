import { column, type Kind } from '../kind.ts'
import { tailColumns } from './columns.ts'
import type { RecordBase, RecordId } from './record.ts'

/**
 * The state of an order book at one update: from REST, from a partial-depth stream, or of our own book. On disk one row
 * per level. With the deltas after it, it rebuilds the book of any later instant.
 */
export const bookSnapshot = {
  id: 'bookSnapshot',
  hasInterval: false,
  sortKey: 'last_update_id',
  timeColumn: 'time',
  identity: 'last_update_id',
  continuity: { rule: 'rising-id' },
  columns: [
    column('last_update_id', 'id', 'count', 'the last update that it contains'),
    column('time', 'time', 'ms', 'the instant it was taken, by the exchange where it says so, else by us'),
    column('depth', 'integer', 'levels', 'levels per side that were asked for: beyond them the book is unknown'),
    column('side', 'integer', '0 none, 1 bid, 2 ask', 'side of the level; 0 in the one row of an empty book'),
    column('price', 'float64', 'quote per base', 'price of the level'),
    column('quantity', 'float64', 'base (contracts on coinm)', 'quantity resting there'),
    ...tailColumns(),
  ],
} as const satisfies Kind

export interface BookSnapshot extends RecordBase {
  readonly kind: 'bookSnapshot'
  /** -1 for a book that never had an update. */
  readonly lastUpdateId: RecordId
  /** The instant it was taken, epoch ms: by the exchange where it says so, else by us. */
  readonly time: number
  /** Levels per side that were asked for; where a side has fewer, it is known whole. */
  readonly depth: number
  /** Price, quantity, price, quantity, … best first. */
  readonly bids: readonly number[]
  readonly asks: readonly number[]
}
