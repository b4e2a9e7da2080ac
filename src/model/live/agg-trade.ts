import { column, type Kind } from '../kind.ts'
import { tailColumns } from './columns.ts'
import type { RecordBase, RecordId } from './record.ts'

/** The trades of one taker order at one price (on futures within 100 ms). Identity: `id`, counted without a hole. */
export const aggTrade = {
  id: 'aggTrade',
  hasInterval: false,
  sortKey: 'id',
  timeColumn: 'time',
  identity: 'id',
  continuity: { rule: 'consecutive-id' },
  columns: [
    column('id', 'id', 'count', 'aggregate trade id'),
    column('time', 'time', 'ms', 'when the trade happened'),
    column('price', 'float64', 'quote per base', 'price'),
    column('quantity', 'float64', 'base (contracts on coinm)', 'quantity'),
    column('first_trade_id', 'id', 'count', 'id of the first trade in it'),
    column('last_trade_id', 'id', 'count', 'id of the last trade in it'),
    column('buyer_is_maker', 'boolean', 'true or false', 'true where the taker sold'),
    ...tailColumns(),
  ],
} as const satisfies Kind

export interface AggTradeRecord extends RecordBase {
  readonly kind: 'aggTrade'
  readonly id: RecordId
  /** When the trade happened, epoch ms. */
  readonly time: number
  readonly price: number
  readonly quantity: number
  readonly firstTradeId: RecordId
  readonly lastTradeId: RecordId
  /** True where the taker sold. */
  readonly buyerIsMaker: boolean
}
