import { type ListedFile, listCandleFiles } from '../../archive/listing.ts'
import type { RetryInfo } from '../../exchanges/exchange.ts'
import type { Interval } from '../../model/interval.ts'
import type { Market } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import type { HttpClient } from '../../net/http.ts'
import type { ArchiveAccess, DownloadContext } from './context.ts'

/** Files of one period that the archive has for a series; none when it keeps no candles of this kind. */
export async function listFiles(
  context: DownloadContext,
  series: { readonly market: Market; readonly symbol: string; readonly interval: Interval },
  period: 'monthly' | 'daily',
  range: TimeRange,
  onRetry: (retry: RetryInfo) => void,
): Promise<ListedFile[]> {
  const { archive, http, attempts, signal } = context
  if (!archive?.layout.hasCandles(series.market, series.interval)) return []
  return listCandleFiles(
    {
      url: archive.listUrl,
      http,
      retry: { attempts, onRetry: (retry) => onRetry({ ...retry, what: 'the archive listing' }) },
      ...(signal ? { signal } : {}),
    },
    archive.layout,
    series,
    period,
    range,
  )
}

/**
 * The time by the archive's `Date` header, epoch ms; undefined when the archive is silent too. Asked once: whoever is
 * offline should hear so soon.
 */
export async function archiveClock(
  archive: ArchiveAccess,
  http: HttpClient,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  try {
    await using response = await http.request({ url: archive.listUrl, signal })
    if (response.status >= 500) return undefined
    const date = Date.parse(response.headers.date ?? '')
    return Number.isNaN(date) ? undefined : date
  } catch {
    signal?.throwIfAborted()
    return undefined
  }
}
