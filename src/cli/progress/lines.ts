import type { DownloadEvent, SeriesReport } from '../../engine/types.ts'
import { formatBytes, formatCount, formatDuration, formatLeft, plural } from '../render/text.ts'
import type { ProgressView } from './show.ts'
import { DownloadProgress, seriesLabel, type Totals } from './state.ts'

const EVERY_MS = 5_000
/** With more series than this their plans are left out: the ends tell enough. */
const MAX_PLANS = 20

/** Plain lines for logs and pipes: a line per series when it ends, and one about the whole now and then. */
export class LineView implements ProgressView {
  readonly #write: (line: string) => void
  readonly #progress: DownloadProgress
  readonly #seriesCount: number
  readonly #now: () => number
  #shownAt: number
  #shownTenth = 0

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
    if (event.type === 'plan' && this.#seriesCount <= MAX_PLANS) {
      const parts = [
        ...(event.files > 0
          ? [`${plural(event.files, 'archive file')}${event.bytes > 0 ? `, ${formatBytes(event.bytes)}` : ''}`]
          : []),
        ...(event.restRequests > 0 ? [plural(event.restRequests, 'REST request')] : []),
      ]
      this.#write(
        `${seriesLabel(event.series)}: ${parts.length > 0 ? `fetching ${parts.join(' and ')}` : 'nothing to fetch'}`,
      )
    }
    if (event.type === 'done') this.#write(reportLine(event.report))
    const totals = this.#progress.totals()
    const tenth = Math.floor(totals.fraction * 10)
    const due = this.#now() - this.#shownAt >= EVERY_MS || (tenth > this.#shownTenth && this.#seriesCount <= MAX_PLANS)
    if (due && totals.done < this.#seriesCount) {
      this.#shownAt = this.#now()
      this.#shownTenth = tenth
      this.#write(totalsLine(totals))
    }
  }

  close(): void {}
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
      : `INCOMPLETE (${formatCount(missing)} missing)`
  return `${seriesLabel(report.series)}: ${plural(report.rows, 'row')} (${formatCount(report.added)} new), ${state}, in ${formatDuration(report.durationMs)}`
}

export function totalsLine(totals: Totals): string {
  const eta = totals.etaMs === undefined ? '' : `, ${formatLeft(totals.etaMs)}`
  return `${Math.floor(totals.fraction * 100)} %: ${totals.done} of ${totals.series} series, ${plural(totals.rows, 'row')} stored, ${formatBytes(totals.bytes)} at ${formatBytes(totals.bytesPerSecond)}/s${eta}`
}
