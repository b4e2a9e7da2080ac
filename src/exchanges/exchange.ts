import type { Batch } from '../model/batch.ts'
import type { Instrument } from '../model/instrument.ts'
import type { Interval } from '../model/interval.ts'
import type { TickerRecord } from '../model/live/index.ts'
import type { Log } from '../model/log.ts'
import type { Market } from '../model/series.ts'
import type { TimeRange } from '../model/time.ts'
import type { LiveExchange, RepairClient } from './stream.ts'

/** Where a client reaches an exchange. Every URL is without a trailing slash. */
export interface Endpoints {
  /** REST base URLs per market, equivalent ones in order of preference. */
  readonly rest: Readonly<Partial<Record<Market, readonly string[]>>>
  /** Base under which archive paths (`data/spot/…`) lie; undefined when there is no archive. */
  readonly archive?: string
  /** Base of the archive's listing (S3 ListObjects). */
  readonly archiveList?: string
}

export interface ClientOptions {
  /** One base URL for everything (a sandbox or a proxy); wins over the others. */
  readonly endpoint?: string
  readonly restUrl?: string
  readonly archiveUrl?: string
  readonly testnet?: boolean
  readonly apiKey?: string
  /** How long one request may stay without an answer, ms. */
  readonly timeoutMs?: number
  /** Tries per request, the first included. */
  readonly attempts?: number
  /**
   * Whether the programs of this user on this machine share the rate budget; a text names the folder in which they do.
   * Default: as the environment says (`TICKLAKE_SHARED_BUDGET`), else true.
   */
  readonly sharedBudget?: boolean | string
  /** `live` for live collection, which bulk downloads on the same shared budget leave some room. */
  readonly purpose?: 'bulk' | 'live'
  readonly log?: Log
  /** Called before each wait for another try. */
  readonly onRetry?: (retry: RetryInfo) => void
}

export interface RetryInfo {
  /** What is tried again, e.g. the URL. */
  readonly what: string
  /** Number of the try that failed, from 1. */
  readonly attempt: number
  readonly delayMs: number
  readonly error: Error
}

/** A range of candles of one symbol, half-open, epoch ms. */
export interface CandleRequest extends TimeRange {
  readonly market: Market
  readonly symbol: string
  readonly interval: Interval
  /** Kind of candles; `candle` (of traded prices) when left out. */
  readonly kind?: string
  /** The caller knows that the range is over (a stream told what came after), whatever the exchange's clock says. */
  readonly isPast?: boolean
  readonly signal?: AbortSignal
  readonly onRetry?: (retry: RetryInfo) => void
}

/** One page of an answer: the rows and the range that they are known to be complete for. */
export interface CandlePage extends TimeRange {
  readonly batch: Batch
}

/** How an exchange describes a market. */
export interface MarketDescription {
  /** When it was so, epoch ms. */
  readonly time: number
  readonly answer: object
  readonly symbols: number
  /** Symbols that are traded. */
  readonly trading: number
}

/** What the engine needs of an exchange's REST side. */
export interface BaseDataClient extends AsyncDisposable {
  readonly exchange: string
  /** The exchange's clock, epoch ms; measured once, then carried on by the local clock. */
  now(market: Market, signal?: AbortSignal): Promise<number>
  /** Every instrument of a market. */
  instruments(market: Market, signal?: AbortSignal): Promise<readonly Instrument[]>
  /** @throws InvalidSymbolError with the nearest known symbols. */
  instrument(market: Market, symbol: string, signal?: AbortSignal): Promise<Instrument>
  /**
   * Candles that open in the range, in pages, rising, without duplicates, unfinished candle included when the range
   * reaches it. Together the pages cover the range from `from` to `to`.
   */
  candlePages(request: CandleRequest): AsyncGenerator<CandlePage, void, void>
  /** Open time of the first candle at or after `from`, the unfinished one included; undefined when there is none. */
  nextOpen(request: Omit<CandleRequest, 'to'>): Promise<number | undefined>
  /** How many requests a range will take. */
  candleRequests(request: Pick<CandleRequest, 'market' | 'interval' | 'from' | 'to'>): number
  /**
   * Says that there is reason to think that a market's hosts answer again (a stream of it is back): calls that wait to
   * try once more do so now. Waits that the exchange asked for stay.
   */
  wake?(market: Market): void
  /** The last 24 hours of a symbol, as of now. */
  tickerNow?(market: Market, symbol: string, signal?: AbortSignal): Promise<TickerRecord>
  /** The exchange's own description of a market as it is now: the answer as it came, and what is counted in it. */
  exchangeInfoNow?(market: Market, signal?: AbortSignal): Promise<MarketDescription>
  /** What live collection needs of REST; undefined where the exchange has no live side. */
  readonly repair?: RepairClient
}

/** A series as an archive has it. */
export interface ArchiveSeries {
  readonly market: Market
  /** Id of the kind of data. */
  readonly kind: string
  readonly symbol: string
  /** Of candles. */
  readonly interval?: Interval
}

/** How the text of a CSV column is read. */
export type ArchiveFieldType =
  | 'id'
  | 'integer'
  | 'decimal'
  | 'time'
  | 'boolean'
  /** `2024-01-31 12:00:05`, UTC. */
  | 'text-time'
  /** `BUY` becomes 1, `SELL` 2. */
  | 'side'

/** One column of an archive's CSV. */
export interface ArchiveField {
  /** Header words that name it, lower case, in all generations of files. */
  readonly words: readonly string[]
  /** Column of the kind that it becomes; undefined for what is not kept. */
  readonly column?: string
  readonly type?: ArchiveFieldType
  /** A negative value is no value of this column, and 0 is odd. */
  readonly isPositive?: boolean
  /** The cell may be blank, and the whole column be missing. */
  readonly isOptional?: boolean
}

/** What is peculiar to an archive's files of a kind. */
export interface ArchiveTraits {
  /** Such files ceased to be published: from this instant on there are none, or what there is may end anywhere. */
  readonly endedAt?: number
  /** Rows may lie so far outside the period of their file, ms: it was cut by another time than the one that is stored. */
  readonly slackMs?: number
  /** Times are labels of periods. */
  readonly labels?: PeriodLabels
}

/** How rows name the period that they are about. */
export interface PeriodLabels {
  readonly periodMs: number
  /** Files from before this instant label periods by their ends, later ones by their starts. */
  readonly endsBefore: number
}

/** How an exchange's archive names its files, and what is in them. Pure: knows nothing of the network. */
export interface ArchiveLayout {
  /** Whether the archive has files of such series, whatever the symbol. */
  has(series: Omit<ArchiveSeries, 'symbol'>): boolean
  /** Folder of a series, with a trailing slash. Undefined where the archive has no such folder. */
  folder(series: ArchiveSeries, period: ArchivePeriod): string | undefined
  /** Folder that holds one folder per symbol; of candles when no kind is named. */
  symbolsFolder(market: Market, period: ArchivePeriod, kind?: string): string
  /** Path of one file. `start` is the first instant of its day or month. */
  file(series: ArchiveSeries, period: ArchivePeriod, start: number): string
  /** The range that a path's file is about; undefined for anything that is no file of data. */
  parseFile(path: string): (TimeRange & { readonly period: ArchivePeriod }) | undefined
  /** Path of the file that holds the published hash. */
  checksumPath(path: string): string
  /** The columns of a kind's CSV in the order of a file without a header; undefined for candles, which have their own reader. */
  fields(market: Market, kind: string): readonly ArchiveField[] | undefined
  /** Undefined where there is nothing to know. */
  traits?(market: Market, kind: string): ArchiveTraits | undefined
}

export type ArchivePeriod = 'monthly' | 'daily'

/** A stretch of an exchange's history that is known to be missing, and why. */
export interface KnownGap extends TimeRange {
  readonly market: Market
  /** Kinds that lack it; all of them when left out. */
  readonly kinds?: readonly string[]
  /** Symbols that lack it; all of them when left out. */
  readonly symbols?: readonly string[]
  readonly cause: 'exchange-outage' | 'maintenance' | 'archive-defect'
  /** What is known of it, for people. */
  readonly note: string
}

/** The name that an instrument had before. */
export interface FormerSymbol {
  readonly symbol: string
  /** From this instant on the name means something else, epoch ms. */
  readonly until?: number
}

/** One exchange, as data and constructors: a new exchange is one file (or folder) and one line in the registry. */
export interface Exchange {
  readonly id: string
  readonly markets: readonly Market[]
  /** Intervals that the market's candles exist in. */
  intervals(market: Market): readonly Interval[]
  endpoints(options: ClientOptions): Endpoints
  /** The symbol that another one continues under a new name, one unit for one. */
  formerSymbol?(market: Market, symbol: string): FormerSymbol | undefined
  /** The name under which it keeps data of a kind; the symbol itself when left out. */
  seriesSymbol?(market: Market, kind: string, symbol: string): string
  /** Whether a symbol can have data of a kind that its market has; true when left out. */
  hasKind?(market: Market, kind: string, symbol: string): boolean
  createClient(options?: ClientOptions): BaseDataClient
  readonly archive?: ArchiveLayout
  /** Stretches that are known to be missing, rising. */
  readonly knownGaps?: readonly KnownGap[]
  /** Undefined where nothing is known of its streams. */
  readonly live?: LiveExchange
}
