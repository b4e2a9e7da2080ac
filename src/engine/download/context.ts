import type { ParsePool } from '../../archive/parse-pool.ts'
import type { ArchiveLayout, BaseDataClient } from '../../exchanges/exchange.ts'
import type { Log } from '../../model/log.ts'
import type { HttpClient } from '../../net/http.ts'
import type { Lake } from '../../store/lake/lake.ts'
import type { Permits } from '../limiter.ts'
import type { DownloadEvent } from '../types.ts'
import type { RestHealth } from './rest-health.ts'

/** Where a download reaches an archive. */
export interface ArchiveAccess {
  readonly layout: ArchiveLayout
  /** Base URL of the files, without a trailing slash. */
  readonly url: string
  /** URL of the listing. */
  readonly listUrl: string
}

/** Runs at most so many tasks at once; the rest wait in line. */
export type Limiter = <T>(task: () => Promise<T>, signal?: AbortSignal) => Promise<T>

/** What all series of a download share. */
export interface DownloadContext {
  readonly lake: Lake
  readonly client: BaseDataClient
  /** Whether REST answers, and what time it is. */
  readonly health: RestHealth
  readonly archive: ArchiveAccess | undefined
  readonly http: HttpClient
  readonly pool: ParsePool
  /** Bounds the archive files under way. */
  readonly limitFiles: Limiter
  /** Bounds the archive files whose rows are in memory. */
  readonly permits: Permits
  /** The archive is used for what is older than this, ms. */
  readonly recentMs: number
  /** Tries per request. */
  readonly attempts: number
  /** How long a transfer may stand still, ms. */
  readonly stallMs: number
  readonly log: Log
  readonly signal: AbortSignal | undefined
  readonly onEvent: (event: DownloadEvent) => void
}
