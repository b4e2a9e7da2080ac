import type { BriefStatus } from '../../engine/live/json.ts'
import { formatBytes, formatCount, formatDuration, plural } from '../render/text.ts'

/** What a status says in numbers. */
export interface Totals {
  readonly streams: number
  readonly live: number
  readonly connections: number
  readonly records: number
  readonly holesFound: number
  readonly holesOpen: number
  readonly filled: number
  readonly duplicates: number
  readonly gaps: number
  readonly missing: number
  readonly books: number
  readonly synced: number
  /** The worst median lag of a series, ms; undefined before the first record. */
  readonly lagMs: number | undefined
}

export function totalsOf(status: BriefStatus): Totals {
  const sum = (value: (series: BriefStatus['series'][number]) => number): number =>
    status.series.reduce((total, series) => total + value(series), 0)
  const lags = status.series.map(({ lag }) => lag.p50).filter((lag) => Number.isFinite(lag))
  return {
    streams: status.channels.length,
    live: status.channels.filter(({ state }) => state === 'live').length,
    connections: status.connections.filter(({ state }) => state === 'open').length,
    records: sum(({ records }) => records),
    holesFound: sum(({ holesFound }) => holesFound),
    holesOpen: sum(({ holesOpen }) => holesOpen),
    filled: sum(({ filled, late }) => filled + late),
    duplicates: sum(({ duplicates }) => duplicates),
    gaps: sum(({ gaps }) => gaps),
    missing: sum(({ missing }) => missing),
    books: status.books.length,
    synced: status.books.filter(({ state }) => state === 'synced').length,
    lagMs: lags.length === 0 ? undefined : Math.max(...lags),
  }
}

/** One line about the whole, for logs. */
export function statusLine(status: BriefStatus, recordsPerSecond: number | undefined): string {
  const totals = totalsOf(status)
  const rate = recordsPerSecond === undefined ? '' : ` (${formatCount(recordsPerSecond)}/s)`
  const parts = [
    `${totals.live} of ${plural(totals.streams, 'stream')} live`,
    `${plural(totals.records, 'record')}${rate}`,
    ...(totals.lagMs === undefined ? [] : [`lag ${lagText(totals.lagMs)}`]),
    holesText(totals),
    ...(totals.gaps > 0 ? [plural(totals.gaps, 'gap')] : []),
    ...(totals.books > 0 ? [`${totals.synced} of ${plural(totals.books, 'book')} synced`] : []),
    ...(status.spool
      ? [`${formatCount(status.flusher.stored)} in the lake, spool ${formatBytes(status.spool.disk)}`]
      : []),
  ]
  return `${formatDuration(status.at - status.startedAt)}: ${parts.join(', ')}`
}

export function holesText({ holesFound, holesOpen }: Pick<Totals, 'holesFound' | 'holesOpen'>): string {
  if (holesFound === 0) return 'no holes'
  return `${plural(holesFound, 'hole')}, ${holesOpen} open`
}

/** `3 ms`, `-1.2 s`, `0.4 ms`; `-` where nothing is known. */
export function lagText(ms: number | null | undefined): string {
  if (ms === undefined || ms === null || !Number.isFinite(ms)) return '-'
  if (Math.abs(ms) < 9.95) return `${ms.toFixed(1)} ms`
  return ms < 0 ? `-${formatDuration(-ms)}` : formatDuration(ms)
}
