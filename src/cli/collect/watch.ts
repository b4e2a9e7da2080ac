import type { BookStateChange } from '../../engine/live/book-keeper.ts'
import type { CollectorStatus } from '../../engine/live/collector-report.ts'
import type { HoleReport, SeriesStatus } from '../../engine/live/live-series.ts'
import { formatDuration, plural, printable } from '../render/text.ts'
import { clockText, labelOfKey, type News, positionText } from './words.ts'

interface Seen {
  /** Holes told of that are open, by their place and the instant they were found. */
  readonly open: Map<string, HoleReport>
  /** Holes at the beginning of the list that have ended and were told of. */
  done: number
  gaps: number
  renewed?: boolean
}

/** Compares each status with the one before it: what is new of holes, gaps, streams and the disk. */
export class StatusWatch {
  readonly #series = new Map<string, Seen>()
  #live = -1
  #spool = 'fine'
  #flushFailures = 0
  #restError: string | undefined

  /** What happened since the last look. */
  news(status: CollectorStatus): News[] {
    const found: News[] = []
    for (const series of status.series) this.#ofSeries(series, status.at, found)
    this.#ofStreams(status, found)
    this.#ofDisk(status, found)
    const { lastError } = status.backfill
    if (lastError !== undefined && lastError !== this.#restError) {
      const text = `REST could not fill a hole yet, and is asked again: ${printable(lastError)}`
      found.push({ at: status.at, event: 'repair-failed', text, tone: 'bad', fields: { error: lastError } })
    }
    this.#restError = lastError
    return found
  }

  #ofSeries(series: SeriesStatus, at: number, found: News[]): void {
    const seen = this.#series.get(series.series) ?? { open: new Map<string, HoleReport>(), done: 0, gaps: 0 }
    this.#series.set(series.series, seen)
    const done = series.holes.length - series.holesOpen
    for (const hole of series.holes.slice(seen.done, done)) {
      const known = seen.open.delete(holeKey(hole))
      found.push(endOfHole(series, hole, known))
    }
    seen.done = done
    const open = new Set<string>()
    for (const hole of series.holes.slice(done)) {
      const key = holeKey(hole)
      open.add(key)
      if (seen.open.has(key)) continue
      seen.open.set(key, hole)
      found.push(startOfHole(series, hole))
    }
    // The list of ended holes is bounded: beyond it they end without a word.
    for (const key of seen.open.keys()) if (!open.has(key)) seen.open.delete(key)
    for (const gap of series.gaps.slice(seen.gaps)) {
      // What became of a hole is told with the hole.
      const text =
        gap.firstId === undefined
          ? `${labelOfKey(series.series)}: a gap from ${clockText(gap.from)} to ${clockText(gap.to)}: ${gap.note ?? gap.cause}`
          : undefined
      found.push({ at, event: 'gap', text, tone: 'bad', fields: { series: series.series, ...gap } })
    }
    seen.gaps = series.gaps.length
    if (series.renewal && !seen.renewed) {
      const { detail, ...fields } = series.renewal
      const text = `${labelOfKey(series.series)}: ${detail}`
      found.push({ at, event: 'ids-renewed', text, tone: 'bad', fields: { series: series.series, ...fields } })
    }
    seen.renewed = series.renewal !== undefined
  }

  #ofStreams({ at, channels }: CollectorStatus, found: News[]): void {
    const live = channels.filter(({ state }) => state === 'live').length
    const all = channels.length
    if (live === all && this.#live !== all && all > 0) {
      const text = all === 1 ? 'the stream is live' : `all ${all} streams are live`
      found.push({ at, event: 'all-live', text, tone: 'good', fields: { streams: all } })
    }
    this.#live = live === all ? all : -1
  }

  #ofDisk({ at, spool, flusher }: CollectorStatus, found: News[]): void {
    if (spool && spool.state !== this.#spool) {
      const why =
        spool.error === undefined ? '' : `: ${printable(String((spool.error as Error).message ?? spool.error))}`
      const text = {
        fine: 'the disk takes records again',
        full: `the disk is slower than the market and memory is used up${why}`,
        failing: `the disk does not take records now; they are kept in memory${why}`,
      }[spool.state]
      found.push({
        at,
        event: 'spool',
        text,
        tone: spool.state === 'fine' ? 'good' : 'bad',
        fields: { state: spool.state },
      })
      this.#spool = spool.state
    }
    if (flusher.failures > this.#flushFailures) {
      const error = flusher.lastError ?? 'unknown'
      const text = `records could not be moved to the lake; they wait: ${printable(error)}`
      found.push({ at, event: 'flush-failed', text, tone: 'bad', fields: { error } })
    }
    this.#flushFailures = flusher.failures
  }
}

/** A book that became right, or is not right any more. */
export function newsOfBook(change: BookStateChange): News {
  const { at, ...fields } = change
  const market = change.market === 'spot' ? '' : `${change.market} `
  const detail = change.detail === '' ? change.reason : printable(change.detail)
  return {
    at,
    event: 'book',
    text: `${market}${printable(change.symbol)} book: ${change.from} → ${change.to} (${detail})`,
    tone: change.to === 'synced' ? 'good' : change.to === 'stale' ? 'bad' : 'plain',
    fields,
  }
}

function startOfHole({ series, kind }: SeriesStatus, hole: HoleReport): News {
  const text = `${labelOfKey(series)}: ${missing(kind, hole)}; asking REST`
  return { at: hole.openedAt, event: 'hole', text, tone: 'bad', fields: { series, ...hole } }
}

function endOfHole({ series, kind }: SeriesStatus, hole: HoleReport, known: boolean): News {
  const at = hole.closedAt ?? hole.openedAt
  const after = formatDuration(at - hole.openedAt)
  const what = known ? '' : `${missing(kind, hole)}; `
  const whole = hole.filled >= hole.count
  const rest = whole
    ? ''
    : `; the rest is a gap: ${hole.cause ?? 'unknown'}${hole.note ? `, ${printable(hole.note)}` : ''}`
  const text = `${labelOfKey(series)}: ${what}${hole.filled} of ${hole.count} filled after ${after}${rest}`
  return { at, event: whole ? 'filled' : 'given-up', text, tone: whole ? 'good' : 'bad', fields: { series, ...hole } }
}

function missing(kind: string, { first, last, count }: HoleReport): string {
  const range =
    first === last ? positionText(kind, first) : `${positionText(kind, first)} to ${positionText(kind, last)}`
  return `${plural(count, kind === 'candle' ? 'candle' : 'record')} missing (${range})`
}

function holeKey({ first, last, openedAt }: HoleReport): string {
  return `${first}/${last}/${openedAt}`
}
