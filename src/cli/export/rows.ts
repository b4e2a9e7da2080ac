import type { ColumnSpec } from '../../model/kind.ts'
import type { EventBatch } from '../../store/lake/event-columns.ts'
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

/** Rows of any kind: a batch of candles is one of events without ids. */
export type Rows = EventBatch

/** Rows `from` (inside) to `to` (outside), which must exist, as views. */
export function sliceRows(rows: Rows, from: number, to: number): Rows {
  const columns: Record<string, Float64Array | BigInt64Array> = {}
  for (const [name, values] of Object.entries(rows.columns)) columns[name] = values.subarray(from, to)
  return { length: to - from, columns }
}

type Format = (value: number | bigint) => string

/**
 * Text of a value. JSON has quotes around ISO times and around ids that a JSON parser would round; what a record lacks is
 * `null` there and nothing in CSV.
 */
export function valueFormatter(spec: ColumnSpec, time: TimeFormat, json: boolean): Format {
  const format = presentFormatter(spec, time, json) as Format
  if (!spec.isOptional) return format
  if (spec.type === 'id') return (value) => (value === -1n ? (json ? 'null' : '') : format(value))
  // JSON has no word for what a division by 0 gives either.
  if (json) return (value) => (Number.isFinite(value) ? format(value) : 'null')
  return (value) => (Number.isNaN(value) ? '' : format(value))
}

function presentFormatter(spec: ColumnSpec, time: TimeFormat, json: boolean): (value: never) => string {
  if (spec.type === 'id') return (id: bigint) => (json && id > Number.MAX_SAFE_INTEGER ? `"${id}"` : String(id))
  if (spec.type === 'boolean') return (value: number) => String(value === 1)
  if (spec.type !== 'time') return formatNumber
  if (time === 'us') return (value: number) => String(Math.round(value * 1000))
  if (time === 'ms') return formatNumber
  return json ? (value: number) => `"${isoTime(value)}"` : isoTime
}

/** CSV lines of a batch, RFC 4180 with LF; no value ever needs quotes. */
export function csvRows(batch: Rows, columns: readonly NamedColumn[], time: TimeFormat): string {
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
export function jsonRows(batch: Rows, columns: readonly NamedColumn[], time: TimeFormat): string {
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
