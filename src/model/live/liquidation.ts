import { column, type Kind } from '../kind.ts'
import { tailColumns } from './columns.ts'
import type { RecordBase } from './record.ts'

/**
 * A liquidation order. The stream sends at most one per symbol and second: a sample, never complete. The archive may hold
 * several of one instant; what its rows say besides (type, time in force, status) is the same in nearly all.
 */
export const liquidation = {
  id: 'liquidation',
  hasInterval: false,
  sortKey: 'time',
  timeColumn: 'time',
  identity: 'time',
  rowKey: ['side', 'price', 'average_price', 'quantity', 'last_filled_quantity', 'filled_quantity'],
  continuity: { rule: 'none' },
  columns: [
    column('time', 'time', 'ms', 'when the order was filled'),
    column('side', 'integer', '1 buy, 2 sell', 'side of the order: a sell liquidates a long'),
    column('price', 'float64', 'quote per base', 'price of the order; files of tardis.dev lack it', {
      isOptional: true,
    }),
    column('average_price', 'float64', 'quote per base', 'average price of the fills'),
    column('quantity', 'float64', 'base (contracts on coinm)', 'quantity of the order'),
    column(
      'last_filled_quantity',
      'float64',
      'base (contracts on coinm)',
      'quantity of the last fill; lacking as price',
      {
        isOptional: true,
      },
    ),
    column('filled_quantity', 'float64', 'base (contracts on coinm)', 'quantity filled altogether'),
    ...tailColumns(),
  ],
} as const satisfies Kind

export interface Liquidation extends RecordBase {
  readonly kind: 'liquidation'
  readonly time: number
  /** 1 buy (a short was liquidated), 2 sell (a long was). */
  readonly side: 1 | 2
  readonly price: number
  readonly averagePrice: number
  readonly quantity: number
  readonly lastFilledQuantity: number
  readonly filledQuantity: number
}
