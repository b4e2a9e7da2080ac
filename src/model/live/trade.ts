import { column, type Kind } from '../kind.ts'
import { tailColumns } from './columns.ts'
import type { RecordBase, RecordId } from './record.ts'

/** One match of two orders. Identity: `id`, which the exchange counts without a hole per symbol. */
export const trade = {
  id: 'trade',
  hasInterval: false,
  sortKey: 'id',
  timeColumn: 'time',
  identity: 'id',
  continuity: { rule: 'consecutive-id' },
  columns: [
    column('id', 'id', 'count', 'trade id'),
    column('time', 'time', 'ms', 'when the trade happened'),
    column('price', 'float64', 'quote per base', 'price'),
    column('quantity', 'float64', 'base (contracts on coinm)', 'quantity'),
    column('buyer_is_maker', 'boolean', 'true or false', 'true where the taker sold'),
    ...tailColumns(),
  ],
} as const satisfies Kind

export interface TradeRecord extends RecordBase {
  readonly kind: 'trade'
  readonly id: RecordId
  /** When the trade happened, epoch ms. */
  readonly time: number
  readonly price: number
  readonly quantity: number
  /** True where the taker sold. */
  readonly buyerIsMaker: boolean
}
