import { column, type Kind } from '../kind.ts'
import { tailColumns } from './columns.ts'
import type { RecordBase } from './record.ts'

/** A funding that was paid. Read from REST after each funding time, or from the archive. */
export const fundingRate = {
  id: 'fundingRate',
  hasInterval: false,
  sortKey: 'funding_time',
  timeColumn: 'funding_time',
  identity: 'funding_time',
  continuity: { rule: 'none' },
  filePeriod: 'year',
  columns: [
    column('funding_time', 'time', 'ms', 'when it was paid'),
    column('funding_rate', 'float64', 'fraction', 'rate that was paid'),
    column('mark_price', 'float64', 'quote per base', 'mark price then', { isOptional: true }),
    column('interval_hours', 'float64', 'hours', 'time from one funding to the next, where the source tells it', {
      isOptional: true,
    }),
    ...tailColumns(),
  ],
} as const satisfies Kind

export interface FundingRateRecord extends RecordBase {
  readonly kind: 'fundingRate'
  readonly fundingTime: number
  /** Fraction, e.g. 0.0001. */
  readonly fundingRate: number
  /** NaN where the exchange gives none (before 2023-10). */
  readonly markPrice: number
  /** Hours from one funding to the next; only the archive tells it. */
  readonly intervalHours?: number
}
