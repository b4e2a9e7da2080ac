import type { DownloadEvent, SeriesReport } from '../../engine/types.ts'
import { formatBytes, formatCount, formatDuration, formatLeft, plural } from '../render/text.ts'
import type { ProgressView } from './show.ts'
import { DownloadProgress, seriesLabel, type Totals } from './state.ts'

/** Lines about the whole never come faster than this… */
const LEAST_MS = 1_000
/** …and, when there is nothing new to tell, as slowly as this. */
const CALM_MS = 5_000
/** With more series than this only the whole is told of, and what went wrong. */
const MAX_NAMED = 4
/** More failures than this are left to the table at the end. */
const MAX_FAILURES = 10

/** Plain lines for logs and pipes: start, end, and about one a second at most in between. */
export class LineView implements ProgressView {
  readonly #write: (line: string) => void
  readonly #progress: DownloadProgress
  readonly #seriesCount: number
  readonly #now: () => number
  #shownAt: number
  #shownTenth = 0
  #shownDone = 0
  #failures = 0

  constructor(write: (line: string) => void, seriesCount: number, now: () => number = Date.now) {
    this.#write = write
    this.#seriesCount = seriesCount
    this.#progress = new DownloadProgress(seriesCount, now)
    this.#now = now
    this.#shownAt = now()
    write(`downloading ${plural(seriesCount, 'series', 'series')}`)
  }

  event(event: DownloadEvent): void {
    this.#progress.apply(event)
    const named = this.#seriesCount <= MAX_NAMED
    if (event.type === 'plan' && named) this.#write(planLine(event))
    if (event.type === 'done') {
      const { report } = event
      const failed = report.error !== undefined || !report.complete
      if (named || (failed && this.#failures++ < MAX_FAILURES)) this.#write(reportLine(report))
    }
    const totals = this.#progress.totals()
    if (totals.done === this.#seriesCount) {
      if (event.type === 'done' && !named) this.#write(endLine(totals))
      return
    }
    const tenth = Math.floor(totals.fraction * 10)
    const isNew = tenth > this.#shownTenth || totals.done > this.#shownDone
    if (this.#now() - this.#shownAt < (isNew ? LEAST_MS : CALM_MS)) return
    this.#shownAt = this.#now()
    this.#shownTenth = tenth
    this.#shownDone = totals.done
    this.#write(totalsLine(totals))
  }

  close(): void {}
}

function planLine(event: Extract<DownloadEvent, { type: 'plan' }>): string {
  const parts = [
    ...(event.files > 0
      ? [`${plural(event.files, 'archive file')}${event.bytes > 0 ? `, ${formatBytes(event.bytes)}` : ''}`]
      : []),
    ...(event.restRequests > 0 ? [plural(event.restRequests, 'REST request')] : []),
  ]
  if (parts.length === 0 && event.asksRest === true) parts.push('from REST')
  return `${seriesLabel(event.series)}: ${parts.length > 0 ? `fetching ${parts.join(' and ')}` : 'nothing to fetch'}`
}

/** `60 of 60 series, 1,234,567 rows stored, 45.6 MB in 12.3 s`. */
function endLine(totals: Totals): string {
  return `${totals.done} of ${totals.series} series, ${plural(totals.rows, 'row')} stored, ${formatBytes(totals.bytes)} in ${formatDuration(totals.elapsedMs)}`
}

/** `BTCUSDT 1m: 525,600 rows, complete, in 4.2 s`. */
export function reportLine(report: SeriesReport): string {
  const missing = report.expected - report.rows
  const state = report.error
    ? `failed: ${report.error}`
    : report.complete
      ? missing > 0
        ? `complete (${plural(missing, 'candle')} never published)`
        : 'complete'
      : `INCOMPLETE${missing > 0 ? ` (${formatCount(missing)} missing)` : ''}`
  return `${seriesLabel(report.series)}: ${plural(report.rows, 'row')} (${formatCount(report.added)} new), ${state}, in ${formatDuration(report.durationMs)}`
}

export function totalsLine(totals: Totals): string {
  const eta = totals.etaMs === undefined ? '' : `, ${formatLeft(totals.etaMs)}`
  return `${Math.floor(totals.fraction * 100)} %: ${totals.done} of ${totals.series} series, ${plural(totals.rows, 'row')} stored, ${formatBytes(totals.bytes)} at ${formatBytes(totals.bytesPerSecond)}/s${eta}`
}
