import type { DownloadEvent, SeriesReport } from '../../engine/types.ts'
import { type SeriesId, seriesKey } from '../../model/series.ts'

/** How far one series is. */
export interface SeriesProgress {
  readonly series: SeriesId
  /** Rows still missing when the plan was made; an estimate. */
  totalRows: number
  /** Rows safely on disk. */
  rows: number
  totalBytes: number
  bytes: number
  totalRequests: number
  restRows: number
  retries: number
  /** What is being tried again at the moment. */
  trouble: string | undefined
  report: SeriesReport | undefined
}

/** Rows of one REST page, for weighing REST against the archive in an estimate. */
const PAGE = 1000

/** Where the rate is taken from: short enough to follow changes, long enough not to flicker. */
const WINDOW_MS = 15_000

/** Follows the events of a download. Knows nothing of terminals. */
export class DownloadProgress {
  readonly startedAt: number
  readonly #series = new Map<string, SeriesProgress>()
  readonly #expectedSeries: number
  readonly #now: () => number
  #samples: { at: number; fraction: number; bytes: number }[]

  constructor(expectedSeries: number, now: () => number = Date.now) {
    this.#expectedSeries = expectedSeries
    this.#now = now
    this.startedAt = now()
    this.#samples = [{ at: this.startedAt, fraction: 0, bytes: 0 }]
  }

  /** Takes an event in and gives the state of its series. */
  apply(event: DownloadEvent): SeriesProgress {
    const key = seriesKey(event.series)
    let state = this.#series.get(key)
    if (!state) {
      state = {
        series: event.series,
        totalRows: 0,
        rows: 0,
        totalBytes: 0,
        bytes: 0,
        totalRequests: 0,
        restRows: 0,
        retries: 0,
        trouble: undefined,
        report: undefined,
      }
      this.#series.set(key, state)
    }
    switch (event.type) {
      case 'plan':
        state.totalRows = Math.max(event.totalRows, state.rows)
        state.totalBytes = event.bytes
        state.totalRequests = event.restRequests
        break
      case 'bytes':
        state.bytes += event.bytes
        state.trouble = undefined
        break
      case 'rest':
        state.restRows += event.rows
        state.trouble = undefined
        break
      case 'commit':
        state.rows += event.rows
        break
      case 'retry':
        state.retries++
        state.trouble = `try ${event.attempt + 1}: ${event.error}`
        break
      case 'done':
        state.report = event.report
        state.trouble = undefined
        break
      case 'file':
      case 'defect':
        break
    }
    this.#sample()
    return state
  }

  /** Series that have begun and are not done. */
  active(): SeriesProgress[] {
    return [...this.#series.values()].filter((state) => state.report === undefined)
  }

  totals(): Totals {
    const { rows, bytes, done, retries, fraction } = this.#sum()
    const now = this.#now()
    const first = this.#samples[0]!
    const span = Math.max(1, now - first.at)
    const bytesPerSecond = ((bytes - first.bytes) / span) * 1000
    const speed = (fraction - first.fraction) / span
    const elapsedMs = now - this.startedAt
    const etaMs = fraction >= 1 ? 0 : speed > 0 && elapsedMs > 1_000 ? (1 - fraction) / speed : undefined
    return { series: this.#expectedSeries, done, fraction, rows, bytes, bytesPerSecond, etaMs, retries, elapsedMs }
  }

  #sum(): { rows: number; bytes: number; done: number; retries: number; fraction: number } {
    let rows = 0
    let bytes = 0
    let done = 0
    let retries = 0
    let planned = 0
    let weight = 0
    let weighed = 0
    for (const state of this.#series.values()) {
      rows += state.rows
      bytes += state.bytes
      retries += state.retries
      if (state.report) done++
      if (state.totalRows === 0 && !state.report) continue
      planned++
      weight += state.totalRows
      weighed += state.totalRows * fractionOf(state)
    }
    // Series that have not been planned yet count as much as those that have, on average.
    const whole = planned === 0 ? 0 : (weight / planned) * Math.max(planned, this.#expectedSeries)
    const bySeries = this.#expectedSeries === 0 ? 1 : done / this.#expectedSeries
    return { rows, bytes, done, retries, fraction: Math.min(1, whole === 0 ? bySeries : weighed / whole) }
  }

  #sample(): void {
    const now = this.#now()
    const last = this.#samples[this.#samples.length - 1]!
    if (now - last.at < 500) return
    const { bytes, fraction } = this.#sum()
    this.#samples.push({ at: now, fraction, bytes })
    while (this.#samples.length > 2 && this.#samples[1]!.at < now - WINDOW_MS) this.#samples.shift()
  }
}

export interface Totals {
  readonly series: number
  readonly done: number
  /** 0 to 1. */
  readonly fraction: number
  readonly rows: number
  readonly bytes: number
  readonly bytesPerSecond: number
  /** Undefined until it can be told. */
  readonly etaMs: number | undefined
  readonly retries: number
  readonly elapsedMs: number
}

/**
 * 0 to 1. Rows are committed a file or more at a time, so between commits the bytes and pages that have arrived stand
 * in for rows; a little is held back until they are on disk.
 */
export function fractionOf(state: SeriesProgress): number {
  if (state.report) return 1
  if (state.totalRows <= 0) return 0
  const restRows = Math.min(state.totalRows, state.totalRequests * PAGE)
  const archiveRows = state.totalRows - restRows
  const arrived = state.totalBytes > 0 ? archiveRows * Math.min(1, state.bytes / state.totalBytes) : 0
  const seen = Math.min(state.totalRows, arrived + Math.min(restRows || state.totalRows, state.restRows))
  return Math.min(0.99, Math.max(state.rows, seen * 0.97) / state.totalRows)
}

/** `BTCUSDT 1m`, with the market where it is not spot. */
export function seriesLabel(series: SeriesId): string {
  const market = series.market === 'spot' ? '' : `${series.market} `
  const kind = series.kind === 'candle' ? '' : ` ${series.kind}`
  return `${market}${series.symbol}${kind}${series.interval === undefined ? '' : ` ${series.interval}`}`
}

/** What a series is of, in tables that have its symbol beside it: `1m` of candles, `trade`, `markCandle 1m`. */
export function dataLabel({ kind, interval }: SeriesId): string {
  return interval === undefined ? kind : kind === 'candle' ? interval : `${kind} ${interval}`
}
