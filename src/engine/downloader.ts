import { isAbortError, isTicklakeError } from '../model/errors.ts'
import { SNAPSHOT_KINDS } from '../model/history/index.ts'
import { parseInterval } from '../model/interval.ts'
import { kindOf } from '../model/kinds.ts'
import { normaliseRanges, subtractRanges } from '../model/ranges.ts'
import { seriesKey } from '../model/series.ts'
import type { TimeRange } from '../model/time.ts'
import type { SeriesCoverage } from '../store/lake/coverage-file.ts'
import { noteInterrupted, readInterrupted } from '../store/lake/interrupted.ts'
import type { DownloadContext } from './download/context.ts'
import { EventDownload } from './download/event-download.ts'
import { SeriesDownload } from './download/series-download.ts'
import { SnapshotDownload } from './download/snapshot-download.ts'
import { checkHistory } from './history.ts'
import type { DownloadRequest, SeriesReport } from './types.ts'

/** Series that are worked on at once: enough to keep the line full while one plans, few enough to stay small. */
const SERIES_AT_ONCE = 6

/**
 * Downloads series side by side. What fails in one series is in its report and does not stop the others; an abort stops
 * all of them, and what was committed stays.
 */
export async function downloadAll(
  requests: readonly DownloadRequest[],
  context: DownloadContext,
): Promise<SeriesReport[]> {
  const jobs = joinRequests(requests)
  const reports: SeriesReport[][] = jobs.map(() => [])
  let next = 0
  let failed: unknown
  const work = async (): Promise<void> => {
    for (let index = next++; index < jobs.length && failed === undefined; index = next++) {
      try {
        reports[index] = await downloadOne(jobs[index]!, context)
      } catch (error) {
        failed ??= error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(SERIES_AT_ONCE, jobs.length) }, work))
  context.signal?.throwIfAborted()
  if (failed !== undefined) throw failed
  return reports.flat()
}

/** Works through the ranges of one series, under one lock. */
async function downloadOne(requests: readonly DownloadRequest[], context: DownloadContext): Promise<SeriesReport[]> {
  context.signal?.throwIfAborted()
  const started = performance.now()
  const { series } = requests[0]!
  const reports: SeriesReport[] = []
  try {
    const waiting = context.signal ? { signal: context.signal } : {}
    if (kindOf(series.kind).hasInterval) {
      await using writer = await context.lake.writer(series, waiting)
      for (const request of requests)
        reports.push(await remembered(request, writer, () => new SeriesDownload(request, context, writer).run()))
    } else {
      await using writer = await context.lake.eventWriter(series, waiting)
      for (const request of requests) {
        if (SNAPSHOT_KINDS.includes(series.kind))
          reports.push(await new SnapshotDownload(request, context, writer).run())
        else reports.push(await remembered(request, writer, () => new EventDownload(request, context, writer).run()))
      }
    }
    return reports
  } catch (error) {
    if (context.signal?.aborted || isAbortError(error) || !isTicklakeError(error)) throw error
    // The series could not even be opened (locked, damaged, no space): its report says so, the others go on.
    context.log.error(
      { symbol: series.symbol, interval: series.interval, error: error.message },
      'the series could not be opened',
    )
    const failed = requests
      .slice(reports.length)
      .map((request) => failedReport(request, error.message, performance.now() - started))
    for (const report of failed) context.onEvent({ type: 'done', series, report })
    return [...reports, ...failed]
  }
}

/** Runs a request, noting what it is after for as long as that is not all there. */
async function remembered(
  request: DownloadRequest,
  writer: { readonly folder: string; readonly coverage: Pick<SeriesCoverage, 'covered'> },
  run: () => Promise<SeriesReport>,
): Promise<SeriesReport> {
  if (!request.remember) return run()
  const { folder } = writer
  const before = await readInterrupted(folder)
  const left = (): TimeRange[] => subtractRanges([...before, request], writer.coverage.covered)
  await noteInterrupted(folder, left())
  const report = await run()
  // A series that nothing came of leaves nothing behind.
  if (report.error !== undefined) await noteInterrupted(folder, writer.coverage.covered.length > 0 ? left() : [])
  else await noteInterrupted(folder, subtractRanges(before, [...writer.coverage.covered, request]))
  return report
}

function failedReport({ series, from, to }: DownloadRequest, error: string, durationMs: number): SeriesReport {
  return {
    series,
    from,
    to,
    rows: 0,
    added: 0,
    expected: 0,
    gaps: [],
    unsettled: from > 0 && from < to ? [{ from, to }] : [],
    defects: 0,
    files: [],
    bytes: 0,
    restRequests: 0,
    complete: false,
    error,
    durationMs: Math.round(durationMs),
  }
}

/** The requests of each series together, those whose ranges touch as one. */
function joinRequests(requests: readonly DownloadRequest[]): DownloadRequest[][] {
  const bySeries = new Map<string, DownloadRequest[]>()
  for (const request of requests) {
    checkHistory(request.series.kind)
    if (request.series.interval !== undefined) parseInterval(request.series.interval)
    const key = seriesKey(request.series)
    bySeries.set(key, [...(bySeries.get(key) ?? []), request])
  }
  return [...bySeries.values()].map((same) => {
    const first = same[0]!
    if (same.some((request) => request.source !== first.source)) return same
    return normaliseRanges(same).map((range) => ({ ...first, ...range }))
  })
}
