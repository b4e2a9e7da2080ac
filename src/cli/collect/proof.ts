import { type CollectorReport, unsyncedBooks } from '../../engine/live/collector-report.ts'
import type { SeriesStatus } from '../../engine/live/live-series.ts'
import type { Gap } from '../../model/coverage.ts'
import type { Style } from '../render/style.ts'
import { renderTable } from '../render/table.ts'
import { formatCount, formatDuration, plural } from '../render/text.ts'
import { lagText } from './status-line.ts'
import { partsOfKey, positionText } from './words.ts'

/** The short form of a report: a line per series, one per book, and what happened to the connections. */
export function proofLines(report: CollectorReport, silent: readonly string[], style: Style): string[] {
  const lines = renderTable(COLUMNS, report.series.map(rowOf), { paintTitle: style.bold, maxCell: 32 })
  if (report.books.length > 0) {
    const rows = report.books.map((book) => {
      const resyncs = Object.entries(book.resyncs).map(([reason, count]) => `${count} ${reason}`)
      return [
        book.market,
        book.symbol,
        formatCount(book.applied),
        resyncs.length === 0 ? 'none' : resyncs.join(', '),
        formatDuration(book.syncedMs),
        formatDuration(book.staleMs),
        formatDuration(book.syncingMs),
      ]
    })
    lines.push('', ...renderTable(BOOK_COLUMNS, rows, { paintTitle: style.bold }))
  }
  const { counters } = report
  const happened = [
    `${plural(counters.opened, 'connection')} opened, ${counters.lost} lost`,
    ...(counters.rotated > 0 ? [`${counters.rotated} rotated`] : []),
    ...(counters.silent > 0 ? [`${plural(counters.silent, 'silent stream')} moved`] : []),
    ...(counters.refused > 0 ? [plural(counters.refused, 'refusal')] : []),
    ...(counters.badFrames > 0 ? [plural(counters.badFrames, 'unreadable frame')] : []),
    ...(counters.unknownEvents > 0 ? [plural(counters.unknownEvents, 'unknown event')] : []),
    ...(counters.refusedFrames > 0 ? [`${plural(counters.refusedFrames, 'frame')} refused for want of memory`] : []),
    ...(counters.unrecorded > 0 ? [`${plural(counters.unrecorded, 'frame')} not recorded: the disk was too slow`] : []),
    plural(report.backfill.requested, 'repair'),
  ]
  lines.push('', `${formatDuration(report.at - report.startedAt)}: ${happened.join(', ')}`)
  for (const key of silent) lines.push(style.red(`nothing ever arrived of ${key}`))
  const missing = report.series.reduce((sum, series) => sum + series.missing, 0)
  const lost = report.series.flatMap(({ gaps }) => gaps.filter(({ cause }) => cause !== 'no-trades'))
  const renewed = report.series.filter(({ renewal }) => renewal !== undefined).length
  const unknown = report.series.filter(({ unknownSince }) => Number.isFinite(unknownSince))
  const unsynced = unsyncedBooks(report).length
  const faults = [
    ...(unsynced > 0 ? [`${plural(unsynced, 'book')} never right: no snapshot fitted the updates`] : []),
    ...(renewed > 0 ? [`the ids of ${renewed} series began anew, and nothing was stored of them since`] : []),
    ...(missing > 0 ? [`${plural(missing, 'record')} still missing: the next start asks for them`] : []),
    ...(unknown.length > 0
      ? [
          `${unknown.length} series brought nothing since they were interrupted: the next start finds out what is missing`,
        ]
      : []),
    ...(lost.length > 0
      ? [`${plural(lost.length, 'gap')} that nothing can fill: ${reasonsOf(lost)} (ticklake coverage shows them)`]
      : []),
  ]
  if (faults.length === 0 && silent.length === 0) lines.push(style.green('Complete: nothing is missing.'))
  else if (faults.length > 0) lines.push(style.red(`Not complete: ${faults.join('; ')}.`))
  return lines
}

/** `the collector was not running (2), the connection was down (1)`: the commonest first. */
function reasonsOf(gaps: readonly Gap[]): string {
  const counts = new Map<string, number>()
  for (const { note, cause } of gaps) counts.set(note ?? cause, (counts.get(note ?? cause) ?? 0) + 1)
  const sorted = [...counts].sort(([, a], [, b]) => b - a)
  const others = sorted.length > MAX_REASONS ? [`${plural(sorted.length - MAX_REASONS, 'other reason')}`] : []
  return [...sorted.slice(0, MAX_REASONS).map(([why, count]) => `${why} (${formatCount(count)})`), ...others].join(', ')
}

const MAX_REASONS = 3

const right = (title: string): { title: string; align: 'right' } => ({ title, align: 'right' })

const COLUMNS = [
  { title: 'market' },
  { title: 'symbol' },
  { title: 'kind' },
  { title: 'first' },
  { title: 'last' },
  right('records'),
  right('holes'),
  right('filled'),
  right('missing'),
  right('gaps'),
  right('duplicates'),
  right('outages'),
  right('lag p50'),
  right('p99'),
  right('max'),
]

const BOOK_COLUMNS = [
  { title: 'market' },
  { title: 'book' },
  right('updates'),
  { title: 'resyncs' },
  right('synced'),
  right('stale'),
  right('syncing'),
]

function rowOf(series: SeriesStatus): string[] {
  const { market, symbol, kind, interval } = partsOfKey(series.series)
  return [
    market,
    symbol,
    interval === undefined ? kind : `${kind} ${interval}`,
    positionText(kind, series.first),
    positionText(kind, series.last),
    formatCount(series.records),
    formatCount(series.holesFound),
    formatCount(series.filled + series.late),
    formatCount(series.missing),
    formatCount(series.gaps.length),
    formatCount(series.duplicates),
    formatCount(series.outages),
    lagText(series.lag.p50),
    lagText(series.lag.p99),
    lagText(series.lag.max),
  ]
}
