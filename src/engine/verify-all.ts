import type { VisionClient } from '../archive/vision-client.ts'
import type { BaseDataClient } from '../exchanges/exchange.ts'
import type { Log } from '../model/log.ts'
import type { Market, SeriesId } from '../model/series.ts'
import { HttpClient } from '../net/http.ts'
import type { LakeCache } from '../store/cache/lake-cache.ts'
import type { Lake } from '../store/lake/lake.ts'
import type { ArchiveAccess } from './download/context.ts'
import { limiter } from './limiter.ts'
import { PublishedHashes } from './published-hashes.ts'
import { remoteWitnesses } from './reconcile/index.ts'
import type { VerifyOptions } from './requests.ts'
import { ofCache } from './stored-data.ts'
import type { DownloadRequest, SeriesReport, VerifyReport } from './types.ts'
import { verifySeries } from './verify.ts'

/** A checksum is a line of text: whoever takes longer for it than this is out of reach. */
const CHECKSUM_TIMEOUT = 10_000

/** What a check needs of its owner. What may not be needed is only opened when it is. */
export interface VerifyParts {
  readonly lake: Lake
  readonly cache: LakeCache | undefined
  readonly archive: () => ArchiveAccess
  readonly client: () => BaseDataClient
  readonly vision: () => VisionClient
  /** The exchange's clock, epoch ms. */
  readonly now: (market: Market) => Promise<number>
  readonly parallel: number
  readonly log: Log
  readonly signal: AbortSignal
  readonly download: (requests: readonly DownloadRequest[]) => Promise<SeriesReport[]>
}

/** Checks series one after another, in the lake and in the cache. */
export async function verifyAll(
  ids: readonly SeriesId[],
  options: VerifyOptions,
  parts: VerifyParts,
): Promise<VerifyReport[]> {
  const { lake, cache, parallel, log, signal, download } = parts
  const { archive = false, repair = false, compare = [] } = options
  const reports: VerifyReport[] = []
  await using http = new HttpClient({ connections: parallel, timeoutMs: CHECKSUM_TIMEOUT, stallMs: CHECKSUM_TIMEOUT })
  const published = archive
    ? new PublishedHashes({ archive: parts.archive(), http, limit: limiter(parallel), signal })
    : undefined
  const reconcile = { compare, ...remoteWitnesses(parts) }
  const takeReplaced = archive === 'take'
  for (const series of ids) {
    signal.throwIfAborted()
    const report = await verifySeries(series, {
      ...{ lake, published, repair, takeReplaced, log, signal, reconcile, download },
      onProgress: (doing, done, total) => options.onProgress?.({ series, doing, done, total }),
    })
    const problems = (await cache?.verify(series, { repair, signal })) ?? []
    const whole =
      problems.length === 0 ? report : { ...report, problems: [...report.problems, ...problems.map(ofCache)] }
    reports.push(whole)
    options.onReport?.(whole)
  }
  return reports
}
