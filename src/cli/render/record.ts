import type { Row } from '../../analysis/transform/index.ts'
import type { StoredRecord } from '../../model/history/index.ts'
import type { ColumnSpec } from '../../model/kind.ts'
import { kindOf } from '../../model/kinds.ts'
import { isoTime } from '../export/rows.ts'
import { formatNumber, plural } from './text.ts'

/** A record, and what transforms made of it where there were any. */
export interface Played {
  readonly record: StoredRecord
  readonly row?: Row
}

/** A record as JSON: ids that a number cannot hold as text, numbers that it lacks as null. */
export function recordJson({ record, row }: Played, knownAt: number): string {
  return JSON.stringify({ knownAt, ...record, ...(row === undefined ? {} : { row }) }, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
}

/** A record as a line for people: when it was known, what it is, and its values. */
export function recordText({ record, row }: Played, knownAt: number): string {
  const kind = kindOf(record.kind)
  const what = 'interval' in record ? `${record.kind} ${record.interval}` : record.kind
  const shown = kind.columns.filter(isShown)
  const own = row ?? (record as unknown as Readonly<Record<string, unknown>>)
  const values = shown.flatMap((spec) => {
    const value = own[row ? spec.name : spec.property]
    // No exchange counts below 0: such an id says that there is none.
    return spec.type === 'id' && Number(value) < 0 ? [] : valueText(spec.name, value)
  })
  const made = Object.keys(row ?? {}).filter((name) => kind.columns.every((spec) => spec.name !== name))
  const added = made.flatMap((name) => valueText(name, row![name]))
  const levels = 'bids' in record ? [plural(record.bids.length / 2, 'bid'), plural(record.asks.length / 2, 'ask')] : []
  const parts = [isoTime(knownAt), what, `${record.market} ${record.symbol}`, ...levels, ...values, ...added]
  return parts.join('  ')
}

/** Times and the columns that every kind has say little more than the line does. */
function isShown({ type, isDefault }: ColumnSpec): boolean {
  return isDefault && type !== 'time'
}

function valueText(name: string, value: unknown): string[] {
  if (typeof value === 'number') return Number.isNaN(value) ? [] : [`${name} ${formatNumber(value)}`]
  return typeof value === 'boolean' || typeof value === 'bigint' ? [`${name} ${value}`] : []
}
