import { column, type Kind } from '../kind.ts'
import { tailColumns } from '../live/columns.ts'
import type { RecordBase } from '../live/record.ts'
import { MINUTE } from '../time.ts'

/**
 * What lies in the book up to a distance from the middle, sampled about each 30 s: a row per sample and distance. Bands
 * are −5 to −1 and 1 to 5 percent; from 2026-01-15 on ±0.2 too.
 */
export const bookDepth = {
  id: 'bookDepth',
  hasInterval: false,
  sortKey: 'time',
  timeColumn: 'time',
  identity: 'time',
  rowKey: ['percentage'],
  continuity: { rule: 'pace', silentMs: 5 * MINUTE },
  columns: [
    column('time', 'time', 'ms', 'when the sample was taken, in whole seconds'),
    column('percentage', 'float64', 'percent', 'distance from the middle; negative is the bid side'),
    column('depth', 'float64', 'base (contracts on coinm)', 'quantity from the middle to there'),
    column('notional', 'float64', 'quote (base on coinm)', 'its value'),
    ...tailColumns(),
  ],
} as const satisfies Kind

export interface BookDepthRecord extends RecordBase {
  readonly kind: 'bookDepth'
  readonly time: number
  /** Percent; negative is the bid side. */
  readonly percentage: number
  readonly depth: number
  readonly notional: number
}
