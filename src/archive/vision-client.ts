import type { ArchiveLayout, ArchivePeriod, Exchange } from '../exchanges/exchange.ts'
import { exchangeOf } from '../exchanges/index.ts'
import { type Batch, clipBatch, concatBatches, mergeBatches } from '../model/batch.ts'
import { CandleFlag, candle } from '../model/candle.ts'
import { ConfigError, InvalidRangeError } from '../model/errors.ts'
import { type Interval, parseInterval } from '../model/interval.ts'
import type { Kind } from '../model/kind.ts'
import { kindOf } from '../model/kinds.ts'
import { assertKnownOptions, type OptionNames } from '../model/options.ts'
import { normaliseRanges, subtractRanges } from '../model/ranges.ts'
import { type Market, parseMarket, type SeriesId } from '../model/series.ts'
import { resolveNative } from '../model/symbol.ts'
import { DAY, formatTime, parseTime, type TimeInput, type TimeRange } from '../model/time.ts'
import { HttpClient } from '../net/http.ts'
import { type FetchedFile, fetchFile } from './fetch-file.ts'
import { type ListedFile, type ListOptions, listFiles, listSymbols } from './listing.ts'
import { ParsePool } from './parse-pool.ts'
import { dailyRanges, planArchive } from './plan.ts'

export const VISION_OPTIONS: OptionNames<VisionClientOptions> = {
  exchange: true,
  endpoint: true,
  layout: true,
  url: true,
  listUrl: true,
  parallel: true,
  attempts: true,
  stallMs: true,
  cache: true,
}

/** Keeps months that were fetched: `ArchiveCache` of the store does. */
export interface MonthStore {
  load(
    series: SeriesId,
    from: number,
    file: { readonly path: string; readonly etag: string },
  ): Promise<{ readonly batch: Batch; readonly state: string } | undefined>
  save(
    series: SeriesId,
    from: number,
    batch: Batch,
    file: { readonly path: string; readonly etag: string; readonly state: string },
    signal?: AbortSignal,
  ): Promise<void>
}

export interface VisionClientOptions {
  /** Whose archive; default `binance`. */
  readonly exchange?: string
  /** One base URL for files and listing (a sandbox or a mirror) instead of the exchange's own. */
  readonly endpoint?: string
  /** How files are named; the exchange's own when left out. */
  readonly layout?: ArchiveLayout
  /** Base URL of the files, without a trailing slash; also the listing's, unless `listUrl` says otherwise. */
  readonly url?: string
  /** URL of the listing. */
  readonly listUrl?: string
  /** Files under way at once. */
  readonly parallel?: number
  /** Tries per request. */
  readonly attempts?: number
  /** How long a transfer may stand still, ms. */
  readonly stallMs?: number
  /** Months that are kept here are not fetched again while the archive has the same file. */
  readonly cache?: MonthStore
}

export interface ArchiveRequest {
  /** In any spelling: `BTCUSDT`, `BTC/USDT`, `BTC/USDT:USDT`. */
  readonly symbol: string
  /** Default: what the symbol says, else `spot`. */
  readonly market?: Market | string
  readonly interval: Interval | string
  /** Kind of candles; default `candle`. */
  readonly kind?: string
  /** First instant wanted. */
  readonly from: TimeInput
  /** First instant no longer wanted. */
  readonly to: TimeInput
  /** Only files of months, or only those of days; whatever serves best when left out. */
  readonly period?: ArchivePeriod
  readonly signal?: AbortSignal
}

/** A request whose words have been read. */
interface Wanted extends TimeRange {
  readonly market: Market
  readonly symbol: string
  readonly interval: Interval
  readonly kind: Kind
  readonly period: ArchivePeriod | undefined
  readonly signal: AbortSignal | undefined
}

/** What the archive holds of a range, straight from its files. */
export interface ArchiveRows {
  /** Rising rows; those of files whose checksum could not be confirmed are flagged `unverified`. */
  readonly batch: Batch
  readonly files: readonly { readonly path: string; readonly state: FetchedFile['state'] }[]
  /** Parts of the range that no readable file is about. */
  readonly missing: readonly TimeRange[]
}

/** The archive by itself: lists, fetches and checks files, stores nothing. Without options it is Binance's. */
export class VisionClient implements AsyncDisposable {
  readonly #options: VisionClientOptions
  readonly #exchange: Exchange
  readonly #layout: ArchiveLayout
  readonly #url: string
  readonly #listUrl: string
  readonly #http: HttpClient
  readonly #pool = new ParsePool()
  #closed: Promise<void> | undefined

  /** @throws ConfigError for an exchange without an archive, a URL that is none, or an option that there is none of. */
  constructor(options: VisionClientOptions = {}) {
    assertKnownOptions('VisionClient', options, VISION_OPTIONS)
    const exchange = exchangeOf(options.exchange ?? 'binance')
    const own = exchange.endpoints(options.endpoint === undefined ? {} : { endpoint: options.endpoint })
    const layout = options.layout ?? exchange.archive
    const url = options.url ?? own.archive
    const listUrl = options.listUrl ?? options.url ?? own.archiveList
    if (!layout || url === undefined || listUrl === undefined) throw new ConfigError(`${exchange.id} has no archive.`)
    this.#options = options
    this.#exchange = exchange
    this.#layout = layout
    this.#url = url
    this.#listUrl = listUrl
    this.#http = new HttpClient({ connections: options.parallel ?? 13 })
  }

  /** Every symbol that the archive ever had candles of, delisted ones included. */
  symbols(market: Market | string = 'spot', signal?: AbortSignal): Promise<string[]> {
    return listSymbols(this.#list(signal), this.#layout, parseMarket(market))
  }

  /**
   * The files that the archive has of a range.
   * @throws InvalidSymbolError, InvalidRangeError for what can't be.
   */
  async files(request: ArchiveRequest): Promise<{ monthly: ListedFile[]; daily: ListedFile[] }> {
    return this.#files(wantedOf(this.#exchange, request))
  }

  async #files(request: Wanted): Promise<{ monthly: ListedFile[]; daily: ListedFile[] }> {
    const layout = this.#layout
    const series = { ...request, kind: request.kind.id }
    if (!layout.has(series)) {
      throw new InvalidRangeError(`The archive has no ${request.interval} ${series.kind}s of ${request.market}.`)
    }
    const options = this.#list(request.signal)
    const { period } = request
    const monthly = period === 'daily' ? [] : await listFiles(options, layout, series, 'monthly', request)
    const daily: ListedFile[] = []
    if (period === 'monthly') return { monthly, daily }
    for (const range of dailyRanges([request], monthly, Number.POSITIVE_INFINITY)) {
      daily.push(...(await listFiles(options, layout, series, 'daily', range)))
    }
    return { monthly, daily }
  }

  /**
   * The rows of a range: monthly files, daily ones where those are missing or can't be read. With a `cache` the archive
   * is only asked which files it has, where it has not replaced them.
   */
  async fetch(wish: ArchiveRequest): Promise<ArchiveRows> {
    return this.#fetch(wantedOf(this.#exchange, wish))
  }

  /**
   * Brings the months of a range into the cache, at most those of its last `maxDays` days; months that the archive has
   * no file of yet are left out. @throws ConfigError without a `cache`.
   */
  async prefetch(wish: ArchiveRequest, maxDays = 5): Promise<void> {
    const request = wantedOf(this.#exchange, wish)
    if (!this.#options.cache) throw new ConfigError('prefetch needs a cache: new VisionDataClient({ cacheDir }).')
    const from = Math.max(request.from, request.to - maxDays * DAY)
    const { monthly } = await this.#files({ ...request, from })
    for (const month of monthly) await this.#fetch({ ...request, from: month.from, to: month.to })
  }

  async #fetch(request: Wanted): Promise<ArchiveRows> {
    const listed = await this.#files(request)
    const excluded = new Set<string>()
    const files: { path: string; state: FetchedFile['state'] }[] = []
    const kept = await this.#kept(request, listed.monthly)
    for (const { path, state } of kept) files.push({ path, state })
    let batch = concatBatches(
      request.kind,
      kept.map((month) => month.batch),
    )
    let wanted: readonly TimeRange[] = subtractRanges([request], kept)
    for (;;) {
      const plan = planArchive({ wanted, ...listed, archiveUntil: Number.POSITIVE_INFINITY, excluded })
      if (plan.files.length === 0) return { batch, files, missing: plan.rest }
      const failed: TimeRange[] = []
      const pending = [...plan.files]
      const parts: Batch[] = []
      const work = async (): Promise<void> => {
        for (let next = pending.shift(); next; next = pending.shift()) {
          request.signal?.throwIfAborted()
          const { file, ranges } = next
          const { state, rows } = await this.#fetchFile(file, request)
          files.push({ path: file.path, state })
          excluded.add(file.path)
          // The file has come whole, whatever was wanted of it.
          if (rows !== undefined && file.period === 'monthly')
            await this.#options.cache?.save(this.#series(request), file.from, rows, { ...file, state }, request.signal)
          if (rows === undefined) failed.push(...ranges)
          else for (const range of ranges) parts.push(clipBatch(request.kind, rows, range.from, range.to))
        }
      }
      await Promise.all(Array.from({ length: this.#options.parallel ?? 13 }, work))
      for (const part of parts) batch = mergeBatches(request.kind, part, batch)
      wanted = normaliseRanges([...failed, ...plan.rest])
    }
  }

  /** Closes every connection and thread. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      await this.#pool[Symbol.asyncDispose]()
      await this.#http.close()
    })()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #fetchFile(
    file: ListedFile,
    request: Wanted,
  ): Promise<{ state: FetchedFile['state']; rows: Batch | undefined }> {
    let batches: Batch[] = []
    const fetched = await fetchFile(
      file,
      { path: file.path, kind: request.kind.id, interval: request.interval, from: file.from, to: file.to },
      {
        rows: (rows) => void batches.push(rows),
        reset: () => {
          batches = []
        },
      },
      {
        http: this.#http,
        pool: this.#pool,
        baseUrl: this.#url,
        retry: { attempts: this.#options.attempts ?? 5 },
        ...(this.#options.stallMs === undefined ? {} : { stallMs: this.#options.stallMs }),
        ...(request.signal ? { signal: request.signal } : {}),
      },
    )
    if (fetched.state === 'missing' || fetched.state === 'unreadable') return { state: fetched.state, rows: undefined }
    let rows = concatBatches(request.kind, [])
    for (const part of batches) rows = mergeBatches(request.kind, part, rows)
    if (fetched.state !== 'verified' && rows.length > 0) {
      rows = {
        ...rows,
        columns: { ...rows.columns, flags: rows.columns.flags!.map((flag) => flag | CandleFlag.unverified) },
      }
    }
    return { state: fetched.state, rows }
  }

  /** Months of the cache that the archive still has the same file of. */
  async #kept(request: Wanted, monthly: readonly ListedFile[]) {
    const { cache } = this.#options
    const months: { path: string; state: FetchedFile['state']; batch: Batch; from: number; to: number }[] = []
    for (const file of cache ? monthly : []) {
      request.signal?.throwIfAborted()
      const found = await cache!.load(this.#series(request), file.from, file)
      const range = { from: Math.max(file.from, request.from), to: Math.min(file.to, request.to) }
      if (!found || range.from >= range.to) continue
      const batch = clipBatch(request.kind, found.batch, range.from, range.to)
      months.push({ path: file.path, state: found.state as FetchedFile['state'], batch, ...range })
    }
    return months
  }

  #series({ market, kind, symbol, interval }: Wanted): SeriesId {
    return { exchange: this.#exchange.id, market, kind: kind.id, symbol, interval }
  }

  #list(signal: AbortSignal | undefined): ListOptions {
    return {
      url: this.#listUrl,
      http: this.#http,
      retry: { attempts: this.#options.attempts ?? 5 },
      ...(signal ? { signal } : {}),
    }
  }
}

function wantedOf(exchange: Exchange, request: ArchiveRequest): Wanted {
  const { market, symbol } = resolveNative(
    request.symbol,
    request.market === undefined ? undefined : parseMarket(request.market),
  )
  const from = parseTime(request.from, 'from')
  const to = parseTime(request.to, 'to')
  if (to < from)
    throw new InvalidRangeError(`The range ends (${formatTime(to)}) before it begins (${formatTime(from)}).`)
  const kind = kindOf(request.kind ?? candle.id)
  if (!kind.hasInterval) throw new InvalidRangeError(`${kind.id} is no kind of candles.`)
  return {
    market,
    symbol: exchange.seriesSymbol?.(market, kind.id, symbol) ?? symbol,
    kind,
    interval: parseInterval(request.interval),
    from,
    to,
    period: request.period,
    signal: request.signal,
  }
}
