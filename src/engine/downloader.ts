import { isAbortError, isTicklakeError } from '../model/errors.ts'
import { parseInterval } from '../model/interval.ts'
import { normaliseRanges } from '../model/ranges.ts'
import { seriesKey } from '../model/series.ts'
import type { DownloadContext } from './download/context.ts'
import { SeriesDownload } from './download/series-download.ts'
import type { DownloadRequest, SeriesReport } from './types.ts'

/** Series that are worked on at once: enough to keep the line full while one plans, few enough to stay small. */
const SERIES_AT_ONCE = 6

/**
 * Downloads series side by side. What fails in one series is in its report and does not stop the others; an abort stops
 * all of them, and what was committed stays.
 */
export async function downloadAll(requests: readonly DownloadRequest[], context: DownloadContext): Promise<SeriesReport[]> {
  const jobs = joinRequests(requests)
  const reports: (SeriesReport | undefined)[] = jobs.map(() => undefined)
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
  return reports.filter((report) => report !== undefined)
}

async function downloadOne(request: DownloadRequest, context: DownloadContext): Promise<SeriesReport> {
  context.signal?.throwIfAborted()
  const started = performance.now()
  try {
    await using writer = await context.lake.writer(request.series, context.signal ? { signal: context.signal } : {})
    return await new SeriesDownload(request, context, writer).run()
  } catch (error) {
    if (context.signal?.aborted || isAbortError(error) || !isTicklakeError(error)) throw error
    // The series could not even be opened (locked, damaged, no space): its report says so, the others go on.
    context.log.error({ symbol: request.series.symbol, interval: request.series.interval, error: error.message }, 'the series could not be opened')
    const report: SeriesReport = {
      series: request.series,
      from: request.from,
      to: request.to,
      rows: 0,
      added: 0,
      expected: 0,
      gaps: [],
      defects: 0,
      files: [],
      bytes: 0,
      restRequests: 0,
      complete: false,
      error: error.message,
      durationMs: Math.round(performance.now() - started),
    }
    context.onEvent({ type: 'done', series: request.series, report })
    return report
  }
}

/** Requests for the same series become one, so that no series is opened twice at once. */
function joinRequests(requests: readonly DownloadRequest[]): DownloadRequest[] {
  const bySeries = new Map<string, DownloadRequest[]>()
  for (const request of requests) {
    if (request.series.interval !== undefined) parseInterval(request.series.interval)
    const key = `${seriesKey(request.series)} ${request.source}`
    bySeries.set(key, [...(bySeries.get(key) ?? []), request])
  }
  return [...bySeries.values()].flatMap((same) =>
    normaliseRanges(same).length === 1
      ? [{ ...same[0]!, from: Math.min(...same.map(({ from }) => from)), to: Math.max(...same.map(({ to }) => to)) }]
      : same,
  )
}
