import { column, type Kind } from '../kind.ts'
import { HOUR } from '../time.ts'
import { tailColumns } from './columns.ts'
import type { RecordBase, RecordId } from './record.ts'

/** Best bid and offer. Identity: `update_id`, which rises and jumps. */
export const quote = {
  id: 'quote',
  hasInterval: false,
  sortKey: 'update_id',
  // Spot quotes carry no time of the exchange.
  timeColumn: 'receive_time',
  identity: 'update_id',
  continuity: { rule: 'rising-id', silentMs: HOUR },
  columns: [
    column('update_id', 'id', 'count', 'update of the book that made it'),
    column('bid_price', 'float64', 'quote per base', 'highest bid'),
    column('bid_quantity', 'float64', 'base (contracts on coinm)', 'quantity at it'),
    column('ask_price', 'float64', 'quote per base', 'lowest ask'),
    column('ask_quantity', 'float64', 'base (contracts on coinm)', 'quantity at it'),
    column('transaction_time', 'time', 'ms', 'when the engine made the update (futures only)', { isOptional: true }),
    ...tailColumns(),
  ],
} as const satisfies Kind

export interface QuoteRecord extends RecordBase {
  readonly kind: 'quote'
  readonly updateId: RecordId
  readonly bidPrice: number
  readonly bidQuantity: number
  readonly askPrice: number
  readonly askQuantity: number
  /** When the engine made the update, epoch ms; NaN on spot. */
  readonly transactionTime: number
}
