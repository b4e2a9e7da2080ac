import { column, type Kind } from '../kind.ts'
import { tailColumns } from '../live/columns.ts'
import type { RecordBase } from '../live/record.ts'
import { MINUTE } from '../time.ts'

/** How long a period of metrics is, ms. */
export const METRICS_PERIOD = 5 * MINUTE

const optional = { isOptional: true }

/**
 * Open interest, and how traders stand, per five minutes. `time` is where the period starts, whatever the source calls
 * it: USD-M files before 2026-06-25 are labelled by the periods' ends. Single values are missing now and then.
 */
export const metrics = {
  id: 'metrics',
  hasInterval: false,
  sortKey: 'time',
  timeColumn: 'time',
  identity: 'time',
  continuity: { rule: 'step', stepMs: METRICS_PERIOD },
  filePeriod: 'month',
  columns: [
    column('time', 'time', 'ms', 'start of the five minutes'),
    column('open_interest', 'float64', 'base (contracts on coinm)', 'open contracts', optional),
    column('open_interest_value', 'float64', 'quote (base on coinm)', 'their value', optional),
    column('top_account_ratio', 'float64', 'ratio', 'accounts of top traders: long over short', optional),
    column('top_position_ratio', 'float64', 'ratio', 'positions of top traders: long over short', optional),
    column('account_ratio', 'float64', 'ratio', 'all accounts: long over short', optional),
    column('taker_ratio', 'float64', 'ratio', 'volume bought over volume sold by takers', optional),
    column('label_time', 'time', 'ms', 'the period as its archive file labels it; none from REST', {
      isDefault: false,
      isOptional: true,
    }),
    ...tailColumns(),
  ],
} as const satisfies Kind

/** Values that the exchange leaves out are NaN. */
export interface MetricsRecord extends RecordBase {
  readonly kind: 'metrics'
  /** Start of the five minutes, epoch ms. */
  readonly time: number
  readonly openInterest: number
  readonly openInterestValue: number
  readonly topAccountRatio: number
  readonly topPositionRatio: number
  readonly accountRatio: number
  readonly takerRatio: number
  /** As the archive labels the period, epoch ms; NaN from REST. */
  readonly labelTime: number
}
