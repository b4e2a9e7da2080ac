import { column, type Kind } from '../kind.ts'
import { tailColumns } from '../live/columns.ts'
import type { RecordBase } from '../live/record.ts'

/** What a series of exchange info is called: there is one per market. */
export const WHOLE_MARKET = 'ALL'

/**
 * The exchange's own description of a market as it was on some days: a record per day, and beside it the answer itself
 * (`2026-01-31.json.gz`), which `DataValidator` reads.
 */
export const exchangeInfo = {
  id: 'exchangeInfo',
  hasInterval: false,
  sortKey: 'time',
  timeColumn: 'time',
  identity: 'time',
  continuity: { rule: 'none' },
  filePeriod: 'year',
  columns: [
    column('time', 'time', 'ms', 'when it was asked for, by the clock of the exchange'),
    column('symbols', 'integer', 'count', 'symbols that it lists'),
    column('trading', 'integer', 'count', 'those that are traded'),
    column('bytes', 'integer', 'bytes', 'size of the answer'),
    ...tailColumns(),
  ],
} as const satisfies Kind

export interface ExchangeInfoRecord extends RecordBase {
  readonly kind: 'exchangeInfo'
  readonly time: number
  readonly symbols: number
  readonly trading: number
  readonly bytes: number
}

/** Kinds of which there is the present only: a download takes a dated snapshot. */
export const SNAPSHOT_KINDS: readonly string[] = ['ticker', exchangeInfo.id]
