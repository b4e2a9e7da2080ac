import { isoTime, type TimeFormat } from '../export/rows.ts'
import { formatNumber } from '../render/text.ts'

/** A value of a query's result as JSON, whatever form DuckDB gave it. */
export function jsonValue(value: unknown, type: string, time: TimeFormat): unknown {
  if (value === null || value === undefined) return null
  const instant = instantOf(value, type)
  if (instant !== undefined)
    return time === 'iso' ? isoTime(instant) : time === 'ms' ? instant : Math.round(instant * 1000)
  if (typeof value === 'bigint') {
    // JSON has no whole numbers past 2^53 that every reader keeps exact.
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value)
      : String(value)
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value === 'string' || typeof value === 'boolean') return value
  const items = itemsOf(value)
  if (items) return items.map((item) => jsonValue(item, elementType(type), time))
  const fields = fieldsOf(value)
  if (fields) return Object.fromEntries(Object.entries(fields).map(([key, item]) => [key, jsonValue(item, '', time)]))
  return String(value)
}

/** A value as text for tables and CSV; empty for NULL. */
export function textValue(value: unknown, type: string, time: TimeFormat): string {
  if (typeof value === 'number' && instantOf(value, type) === undefined) {
    return Number.isFinite(value) ? formatNumber(value) : String(value)
  }
  if (typeof value === 'bigint') return String(value)
  const json = jsonValue(value, type, time)
  if (json === null) return ''
  if (typeof json === 'number') return formatNumber(json)
  return typeof json === 'object' ? JSON.stringify(json) : String(json)
}

/** Whether values of a SQL type are aligned to the right. */
export function isNumericType(type: string): boolean {
  return /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL|REAL)\b/i.test(type)
}

function instantOf(value: unknown, type: string): number | undefined {
  if (value instanceof Date) return value.getTime()
  if (!/^TIMESTAMP/i.test(type)) return undefined
  if (typeof value === 'number') return value
  if (typeof value !== 'object' || value === null) return undefined
  const parts = value as { micros?: unknown; millis?: unknown; seconds?: unknown; nanos?: unknown }
  if (typeof parts.micros === 'bigint') return Number(parts.micros) / 1000
  if (typeof parts.millis === 'bigint') return Number(parts.millis)
  if (typeof parts.seconds === 'bigint') return Number(parts.seconds) * 1000
  if (typeof parts.nanos === 'bigint') return Number(parts.nanos / 1000n) / 1000
  return undefined
}

function itemsOf(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value
  const { items } = value as { items?: unknown }
  return Array.isArray(items) ? items : undefined
}

function fieldsOf(value: unknown): Record<string, unknown> | undefined {
  const { entries } = value as { entries?: unknown }
  if (entries !== null && typeof entries === 'object' && !Array.isArray(entries))
    return entries as Record<string, unknown>
  return Object.getPrototypeOf(value) === Object.prototype ? (value as Record<string, unknown>) : undefined
}

function elementType(type: string): string {
  return type.replace(/\[\d*\]$/, '')
}

/** A CSV field, quoted where RFC 4180 asks for it. */
export function csvField(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
