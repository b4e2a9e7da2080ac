import type { Transform, TransformRegistry } from '../analysis/transform/index.ts'
import type { ClientOptions } from '../exchanges/exchange.ts'
import type { Interval } from '../model/interval.ts'
import type { Log } from '../model/log.ts'
import type { Market } from '../model/series.ts'
import type { TimeInput } from '../model/time.ts'
import type { LakeOptions } from '../store/lake/lake.ts'
import type { RemoteWitness } from './reconcile/index.ts'
import type { TimedDecision } from './tuning/decide.ts'
import type { DownloadEvent, SourceChoice, VerifyProgress, VerifyReport } from './types.ts'

export interface DataSourceManagerOptions extends Omit<ClientOptions, 'log' | 'onRetry'>, Omit<LakeOptions, 'log'> {
  /** Folder of the lake. */
  readonly dataDir: string
  /** Folder of the mapped cache; without it there is none. */
  readonly cacheDir?: string
  /** False: the cache is left alone, though there is a folder for it. */
  readonly useCache?: boolean
  /** Bytes that the cache may take; what was used least recently goes. Default 10 GB. */
  readonly cacheMaxBytes?: number
  /** Default `binance`. */
  readonly exchange?: string
  /** Market of calls that name none; default `spot`. */
  readonly market?: Market | string
  /** Archive files under way at once; when left out, as many as machine and line bear, 13 at most. */
  readonly parallel?: number
  /** The archive is used for what is older than this; default 36 hours, ms. */
  readonly recentMs?: number
  /** How long a transfer may stand still, ms; default 30 s. */
  readonly stallMs?: number
  /** Where names of transforms are looked up; default `transformRegistry`. */
  readonly transforms?: TransformRegistry
  readonly log?: Log
}

/** What to get. Give `startTime`/`endTime` (both inside) or `from`/`to` (`to` outside). */
export interface GetDataRequest {
  /** In any spelling: `BTCUSDT`, `BTC/USDT`, `BTC/USDT:USDT`. */
  readonly symbol: string
  readonly market?: Market | string
  /** Default `candle`; also the candles of mark, index, premium and continuous prices. */
  readonly kind?: string
  readonly interval: Interval | string
  /** First instant wanted. */
  readonly startTime?: TimeInput
  /** Last instant wanted: candles that open at it are inside. A date stands for its whole day. */
  readonly endTime?: TimeInput
  /** First instant wanted. */
  readonly from?: TimeInput
  /** First instant no longer wanted. */
  readonly to?: TimeInput
  /** Column names or properties; the eleven candle columns when left out. */
  readonly columns?: readonly string[]
  /** `auto`: lake, archive, REST. `lake`: no network. `archive`, `rest`: straight from there, past the lake. */
  readonly source?: SourceChoice | 'lake'
  /** Also give the candle that is not closed yet (from REST). */
  readonly includeUnfinished?: boolean
  /**
   * Transforms of the rows, one after the other: as they are, or names in the registry. They see the rows of the range
   * and no others. Of tables piece by piece each must say how far it looks back.
   */
  readonly transforms?: readonly (string | Transform)[]
  readonly signal?: AbortSignal
}

/** What to get of many symbols at once. */
export interface GetManyRequest extends Omit<GetDataRequest, 'symbol'> {
  readonly symbols: readonly string[]
}

/** What to get piece by piece. */
export interface GetBatchesRequest extends GetDataRequest {
  /** Rows of a table at most; default 131,072. */
  readonly batchRows?: number
}

export interface DownloadOptions {
  /** Archive files under way at once, of this call. */
  readonly parallel?: number
  readonly signal?: AbortSignal
  readonly onEvent?: (event: DownloadEvent) => void
  /** Called when another number of files at a time is chosen. */
  readonly onTuning?: (decision: TimedDecision) => void
}

export interface VerifyOptions {
  /** Also ask the archive whether files were replaced since; `take` brings the new ones in, as `repair` does. */
  readonly archive?: boolean | 'take'
  /** Fetch again what is damaged, missing or replaced, and ask REST which candle is right where two sources differ. */
  readonly repair?: boolean
  /**
   * Hold stored candles also against what has to be fetched for it: `rest`, or `archive` for its days' files where the
   * lake has a month's, and the other way round. What the lake holds itself is always compared.
   */
  readonly compare?: readonly RemoteWitness[]
  readonly signal?: AbortSignal
  /** What is fetched again for a repair. */
  readonly onEvent?: (event: DownloadEvent) => void
  /** Called after each file, and after each stretch of candles that was held against a witness. */
  readonly onProgress?: (progress: VerifyProgress) => void
  /** Called as soon as a series has been checked. */
  readonly onReport?: (report: VerifyReport) => void
}
