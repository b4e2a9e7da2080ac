import type { CollectorStatus } from './collector-report.ts'
import type { SeriesStatus } from './live-series.ts'

/**
 * JSON text of a status, a report or an event: ids beyond 2^53 as decimal text, unknown numbers as null, errors by their
 * message, raw frames as text.
 */
export function liveJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, plain, indent)
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Error) return value.message
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
  return value
}

/** A series without the lists that grow: what is told again and again. */
export type BriefSeries = Omit<SeriesStatus, 'holes' | 'gaps'> & { readonly gaps: number }

export type BriefStatus = Omit<CollectorStatus, 'series'> & { readonly series: readonly BriefSeries[] }

export function briefStatus(status: CollectorStatus): BriefStatus {
  return {
    ...status,
    series: status.series.map(({ holes: _holes, gaps, ...series }) => ({ ...series, gaps: gaps.length })),
  }
}
