import type { Batch } from '../../model/batch.ts'
import type { ColumnSpec } from '../../model/kind.ts'
import { formatNumber } from '../render/text.ts'

/** How times are written: epoch ms (with a fraction where there is one), epoch µs, or ISO 8601 in UTC. */
export type TimeFormat = 'ms' | 'us' | 'iso'

/** A column and the name it gets in the output. */
export interface NamedColumn {
  readonly spec: ColumnSpec
  readonly name: string
}

/** ISO text of an instant; fractions of a second as far as they are not 0, in steps of three digits. */
export function isoTime(time: number): string {
  const whole = Math.floor(time)
  const micros = Math.round((time - whole) * 1000)
  // Rounding can reach the next millisecond.
  const text = new Date(micros === 1000 ? whole + 1 : whole).toISOString()
  if (micros > 0 && micros < 1000) return `${text.slice(0, -1)}${String(micros).padStart(3, '0')}Z`
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text
}

/** Text of a value; JSON needs quotes around ISO times. */
export function valueFormatter(spec: ColumnSpec, time: TimeFormat, quote: boolean): (value: number) => string {
  if (spec.type !== 'time') return formatNumber
  if (time === 'us') return (value) => String(Math.round(value * 1000))
  if (time === 'ms') return formatNumber
  return quote ? (value) => `"${isoTime(value)}"` : isoTime
}

/** CSV lines of a batch, RFC 4180 with LF; no value ever needs quotes. */
export function csvRows(batch: Batch, columns: readonly NamedColumn[], time: TimeFormat): string {
  const values = columns.map(({ spec }) => batch.columns[spec.name]!)
  const formats = columns.map(({ spec }) => valueFormatter(spec, time, false))
  let text = ''
  for (let row = 0; row < batch.length; row++) {
    for (let i = 0; i < values.length; i++) text += (i === 0 ? '' : ',') + formats[i]!(values[i]![row]!)
    text += '\n'
  }
  return text
}

export function csvHeader(columns: readonly NamedColumn[]): string {
  return `${columns.map(({ name }) => name).join(',')}\n`
}

/** JSON lines of a batch: one object per row. */
export function jsonRows(batch: Batch, columns: readonly NamedColumn[], time: TimeFormat): string {
  const values = columns.map(({ spec }) => batch.columns[spec.name]!)
  const formats = columns.map(({ spec }) => valueFormatter(spec, time, true))
  const keys = columns.map(({ name }, index) => `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`)
  let text = ''
  for (let row = 0; row < batch.length; row++) {
    for (let i = 0; i < values.length; i++) text += keys[i]! + formats[i]!(values[i]![row]!)
    text += '}\n'
  }
  return text
}
