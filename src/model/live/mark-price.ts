import { column, type Kind } from '../kind.ts'
import { tailColumns } from './columns.ts'
import type { RecordBase } from './record.ts'

/** Mark price, index price and running funding estimate of a futures contract, every 1 s or 3 s. */
export const markPrice = {
  id: 'markPrice',
  hasInterval: false,
  sortKey: 'event_time',
  timeColumn: 'event_time',
  identity: 'event_time',
  continuity: { rule: 'pace' },
  columns: [
    column('mark_price', 'float64', 'quote per base', 'mark price'),
    column('index_price', 'float64', 'quote per base', 'index price', { isOptional: true }),
    column('estimated_settle_price', 'float64', 'quote per base', 'useful in the last hour before settlement', {
      isOptional: true,
    }),
    column('funding_rate', 'float64', 'fraction', 'running estimate for the next funding; none on delivery contracts', {
      isOptional: true,
    }),
    column('next_funding_time', 'time', 'ms', 'when funding is paid next; none on delivery contracts', {
      isOptional: true,
    }),
    ...tailColumns(),
  ],
} as const satisfies Kind

/** Numbers that the contract does not have are NaN. */
export interface MarkPrice extends RecordBase {
  readonly kind: 'markPrice'
  readonly markPrice: number
  readonly indexPrice: number
  readonly estimatedSettlePrice: number
  /** Fraction, e.g. 0.0001. A running estimate. */
  readonly fundingRate: number
  readonly nextFundingTime: number
}
