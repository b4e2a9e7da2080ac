import { setMaxListeners } from 'node:events'
import type { Table } from 'apache-arrow'
import { listSymbols } from '../archive/listing.ts'
import { ParsePool } from '../archive/parse-pool.ts'
import { VisionClient } from '../archive/vision-client.ts'
import type { BaseDataClient, ClientOptions, Exchange } from '../exchanges/exchange.ts'
import { exchangeOf } from '../exchanges/index.ts'
import { type Batch, columnOf } from '../model/batch.ts'
import { candle } from '../model/candle.ts'
import { ConfigError, InvalidRangeError } from '../model/errors.ts'
import { type Interval, parseInterval } from '../model/interval.ts'
import { kindOf, selectColumns } from '../model/kinds.ts'
import { type Log, silentLog } from '../model/log.ts'
import { type Market, parseMarket, type SeriesId } from '../model/series.ts'
import { resolveNative } from '../model/symbol.ts'
import { HOUR, parseInclusiveEnd, parseTime, type TimeInput, type TimeRange } from '../model/time.ts'
import { HttpClient } from '../net/http.ts'
import { Lake, type LakeOptions } from '../store/lake/lake.ts'
import { batchesToTable } from './arrow.ts'
import { SeriesArchive } from './download/archive-access.ts'
import type { ArchiveAccess, DownloadContext, Limiter } from './download/context.ts'
import { restPieces } from './download/rest-fill.ts'
import { RestHealth } from './download/rest-health.ts'
import { downloadAll } from './downloader.ts'
import { checkHistory } from './history.ts'
import { limiter, Permits } from './limiter.ts'
import { newestCandle } from './newest-candle.ts'
import { PublishedHashes } from './published-hashes.ts'
import type { DownloadEvent, DownloadRequest, SeriesReport, SourceChoice, VerifyReport } from './types.ts'
import { verifySeries } from './verify.ts'

export interface DataSourceManagerOptions extends Omit<ClientOptions, 'log' | 'onRetry'>, Omit<LakeOptions, 'log'> {
  /** Folder of the lake. */
  readonly dataDir: string
  /** Folder of the mapped cache. */
  readonly cacheDir?: string
  /** Default `binance`. */
  readonly exchange?: string
  /** Market of calls that name none; default `spot`. */
  readonly market?: Market | string
  /** Archive files under way at once; default 13. */
  readonly parallel?: number
  /** The archive is used for what is older than this; default 36 hours, ms. */
  readonly recentMs?: number
  /** How long a transfer may stand still, ms; default 30 s. */
  readonly stallMs?: number
  readonly log?: Log
}

/** What to get. Give `startTime`/`endTime` (both inside) or `from`/`to` (`to` outside). */
export interface GetDataRequest {
  /** In any spelling: `BTCUSDT`, `BTC/USDT`, `BTC/USDT:USDT`. */
  readonly symbol: string
  readonly market?: Market | string
  /** Default `candle`, which is the only kind with a history so far. */
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
  readonly signal?: AbortSignal
}

export interface DownloadOptions {
  readonly parallel?: number
  readonly signal?: AbortSignal
  readonly onEvent?: (event: DownloadEvent) => void
}

export interface VerifyOptions {
  /** Also ask the archive whether files were replaced since. */
  readonly archive?: boolean
  /** Fetch again what is damaged, missing or replaced. */
  readonly repair?: boolean
  readonly signal?: AbortSignal
  /** What is fetched again for a repair. */
  readonly onEvent?: (event: DownloadEvent) => void
  /** Called as soon as a series has been checked. */
  readonly onReport?: (report: VerifyReport) => void
}

const DEFAULT_PARALLEL = 13
const DEFAULT_RECENT = 36 * HOUR
/** Archive files whose rows are in memory at once: some 4 MB each, for a month of 1m candles. */
const FILES_IN_MEMORY = 2
const DEFAULT_STALL = 30_000
const DEFAULT_ATTEMPTS = 6
const CHECKSUM_TIMEOUT = 10_000

/** One call for any range: lake, archive and REST joined without seam, hole or duplicate. */
export class DataSourceManager implements AsyncDisposable {
  readonly #options: DataSourceManagerOptions
  readonly #exchange: Exchange
  readonly #market: Market
  readonly #log: Log
  readonly #http: HttpClient
  readonly #health: RestHealth
  readonly #background = new Set<Promise<unknown>>()
  readonly #closing = new AbortController()
  #client: BaseDataClient | undefined
  #lake: Promise<Lake> | undefined
  #pool: ParsePool | undefined
  #vision: VisionClient | undefined
  #closed: Promise<void> | undefined

  constructor(options: DataSourceManagerOptions) {
    if (!options.dataDir) throw new ConfigError('dataDir is missing: say in which folder the lake is.')
    const parallel = options.parallel ?? DEFAULT_PARALLEL
    if (!Number.isInteger(parallel) || parallel < 1 || parallel > 100) {
      throw new ConfigError(`parallel is ${parallel}; use a whole number from 1 to 100.`)
    }
    this.#options = options
    this.#exchange = exchangeOf(options.exchange ?? 'binance')
    this.#market = parseMarket(options.market ?? 'spot')
    this.#log = options.log ?? silentLog
    this.#http = new HttpClient({ connections: parallel })
    this.#health = new RestHealth({
      client: () => this.client,
      archive: this.#findArchive(),
      http: this.#http,
      log: this.#log,
    })
  }

  /** REST access to the exchange. */
  get client(): BaseDataClient {
    this.#client ??= this.#exchange.createClient({ ...this.#options, log: this.#log })
    return this.#client
  }

  lake(): Promise<Lake> {
    this.#lake ??= Lake.open(this.#options.dataDir, { ...this.#options, log: this.#log })
    return this.#lake
  }

  /**
   * The exchange's clock, epoch ms. With `auto` the archive tells the time when REST does not answer; with `archive`
   * REST is not asked. @throws what REST fails with when nobody tells the time.
   */
  now(market: Market = this.#market, signal?: AbortSignal, source: SourceChoice = 'auto'): Promise<number> {
    return this.#health.now(market, source, signal)
  }

  /**
   * First instant that a series has a candle at; undefined when the source has none. Where REST does not answer, or is
   * not to be asked, the archive's first file tells.
   */
  async firstAvailable(
    series: SeriesId,
    signal?: AbortSignal,
    source: SourceChoice = 'auto',
  ): Promise<number | undefined> {
    const stored = await (await this.lake()).coverage(series)
    if (stored?.listedAt !== undefined) return stored.listedAt
    const { market, symbol, interval = '1m' } = series
    if (source === 'rest' || (source === 'auto' && !this.#health.down(market))) {
      try {
        return await this.client.nextOpen({ market, symbol, interval, from: 0, ...(signal ? { signal } : {}) })
      } catch (error) {
        signal?.throwIfAborted()
        if (source === 'rest' || !this.#health.note(market, error) || !this.#findArchive()) throw error
      }
    }
    const attempts = this.#options.attempts ?? DEFAULT_ATTEMPTS
    const access = { archive: this.#archiveAccess(), http: this.#http, attempts, signal, log: this.#log }
    return new SeriesArchive(access, { kind: series.kind, market, symbol, interval }, () => {}).start()
  }

  /** Every symbol that the archive ever had candles of, delisted ones included. */
  archivedSymbols(market: Market = this.#market, signal?: AbortSignal): Promise<string[]> {
    const { layout, listUrl } = this.#archiveAccess()
    return listSymbols({ url: listUrl, http: this.#http, ...(signal ? { signal } : {}) }, layout, market)
  }

  /** Brings series up to date on disk. What fails in one series stands in its report; an abort throws. */
  async download(requests: readonly DownloadRequest[], options: DownloadOptions = {}): Promise<SeriesReport[]> {
    const parallel = options.parallel ?? this.#options.parallel ?? DEFAULT_PARALLEL
    const signal = this.#signal(options.signal)
    return downloadAll(requests, await this.#context(limiter(parallel), signal, options.onEvent))
  }

  /**
   * The rows of a range as an Arrow table, rising by `open_time`. Schema metadata says whether it is complete
   * (`ticklake.complete`) and lists the gaps (`ticklake.gaps`, JSON).
   */
  async getData(request: GetDataRequest): Promise<Table> {
    const series = this.series(request)
    const interval = series.interval!
    const range = await this.#range(request, series.market, request.source)
    const columns = selectColumns(candle, request.columns)
    const { signal } = request
    const abort = signal ? { signal } : {}
    const names = [...new Set([candle.sortKey, ...columns.map((spec) => spec.name)])]
    const source = request.source ?? 'auto'
    const batches: Batch[] = []
    let complete = true
    let gaps: readonly TimeRange[] = []
    if (source === 'rest') {
      const facts = { grid: { interval }, now: await this.now(series.market, signal, 'rest') }
      for await (const { batch } of restPieces(this.client, { ...series, interval, ...range, ...abort }, facts)) {
        if (batch.length > 0) batches.push(batch)
      }
    } else if (source === 'archive') {
      const rows = await this.#archiveClient().fetch({ ...series, interval, ...range, ...abort })
      if (rows.batch.length > 0) batches.push(rows.batch)
      gaps = rows.missing
      complete = rows.missing.length === 0 && rows.files.every((file) => file.state === 'verified')
    } else {
      if (source === 'auto') {
        const [report] = await this.download([{ series, ...range, source }], abort)
        complete = report?.complete ?? false
        const error = report?.error ?? (complete ? undefined : report?.restError)
        if (error !== undefined) this.#log.warn({ symbol: series.symbol, interval, error }, 'the range is incomplete')
      }
      const lake = await this.lake()
      for await (const batch of lake.read(series, { ...range, columns: names, ...abort })) batches.push(batch)
      const coverage = await lake.coverage(series)
      gaps = (coverage?.gaps ?? []).filter((gap) => gap.from < range.to && gap.to > range.from)
    }
    if (request.includeUnfinished) {
      const last = batches.at(-1)
      const after = last ? columnOf(last, candle.sortKey)[last.length - 1]! : Number.NEGATIVE_INFINITY
      const now = await this.now(series.market, signal, 'rest')
      const tail = await newestCandle(this.client, { ...series, interval, ...range, ...abort }, after, now)
      if (tail) batches.push(tail)
    }
    const table = await batchesToTable(columns, batches)
    table.schema.metadata.set('ticklake.complete', String(complete))
    table.schema.metadata.set('ticklake.gaps', JSON.stringify(gaps))
    return table
  }

  /** Fetches a range in the background, at most `maxDays` of it; a failure is logged and otherwise without effect. */
  prefetch(request: Omit<GetDataRequest, 'columns' | 'includeUnfinished' | 'source'>, maxDays = 5): void {
    const work = (async () => {
      const series = this.series(request)
      const range = await this.#range(request, series.market)
      const from = Math.max(range.from, range.to - maxDays * 24 * HOUR)
      await this.download(
        [{ series, from, to: range.to, source: 'auto' }],
        request.signal ? { signal: request.signal } : {},
      )
    })().catch((error: unknown) => this.#log.warn({ symbol: request.symbol, error: String(error) }, 'prefetch failed'))
    this.#background.add(work)
    void work.finally(() => this.#background.delete(work))
  }

  /** Checks what is on disk against its coverage, and with `archive` against what the archive publishes now. */
  async verify(ids: readonly SeriesId[], options: VerifyOptions = {}): Promise<VerifyReport[]> {
    const reports: VerifyReport[] = []
    const lake = await this.lake()
    const { onEvent } = options
    const signal = this.#signal(options.signal)
    const parallel = this.#options.parallel ?? DEFAULT_PARALLEL
    // A checksum is a line of text: whoever takes longer for it than this is out of reach.
    await using http = new HttpClient({ connections: parallel, timeoutMs: CHECKSUM_TIMEOUT, stallMs: CHECKSUM_TIMEOUT })
    const published = options.archive
      ? new PublishedHashes({ archive: this.#archiveAccess(), http, limit: limiter(parallel), signal })
      : undefined
    for (const series of ids) {
      signal.throwIfAborted()
      const report = await verifySeries(series, {
        lake,
        published,
        repair: options.repair ?? false,
        log: this.#log,
        signal,
        download: (requests) => this.download(requests, { signal, ...(onEvent ? { onEvent } : {}) }),
      })
      reports.push(report)
      options.onReport?.(report)
    }
    return reports
  }

  /** The series that a request is about. @throws InvalidRangeError, InvalidSymbolError for what can't be one. */
  series(request: Pick<GetDataRequest, 'symbol' | 'market' | 'kind' | 'interval'>): SeriesId {
    const kind = kindOf(request.kind ?? 'candle').id
    checkHistory(kind)
    const interval = parseInterval(request.interval)
    const named = request.market === undefined ? undefined : parseMarket(request.market)
    const { market, symbol } = resolveNative(request.symbol, named, this.#market)
    if (!this.#exchange.markets.includes(market)) {
      throw new InvalidRangeError(
        `${this.#exchange.id} has no market ${market} here. Use one of ${this.#exchange.markets.join(', ')}.`,
      )
    }
    if (!this.#exchange.intervals(market).includes(interval)) {
      throw new InvalidRangeError(
        `${market} has no ${interval} candles. Use one of ${this.#exchange.intervals(market).join(', ')}.`,
      )
    }
    return { exchange: this.#exchange.id, market, kind, symbol, interval }
  }

  /** Stops what is under way and closes every connection and thread; a second call waits for the first. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#closing.abort()
    await Promise.allSettled(this.#background)
    await this.#pool?.[Symbol.asyncDispose]()
    await this.#vision?.close()
    await this.#client?.[Symbol.asyncDispose]()
    await this.#http.close()
  }

  async #range(
    request: Pick<GetDataRequest, 'startTime' | 'endTime' | 'from' | 'to' | 'signal'>,
    market: Market,
    source: GetDataRequest['source'] = 'auto',
  ): Promise<TimeRange> {
    if (request.startTime !== undefined && request.from !== undefined)
      throw new InvalidRangeError('Give startTime or from, not both.')
    if (request.endTime !== undefined && request.to !== undefined)
      throw new InvalidRangeError('Give endTime or to, not both.')
    const start = request.startTime ?? request.from
    if (start === undefined) throw new InvalidRangeError('The start is missing: give startTime or from.')
    const from = parseTime(start, request.startTime === undefined ? 'from' : 'startTime')
    const to =
      request.endTime !== undefined
        ? parseInclusiveEnd(request.endTime, 'endTime')
        : request.to !== undefined
          ? parseTime(request.to, 'to')
          : Math.floor(source === 'lake' ? Date.now() : await this.now(market, request.signal, source)) + 1
    if (to < from) throw new InvalidRangeError(`The range ends (${to}) before it begins (${from}).`)
    return { from, to }
  }

  /** Ends with the caller's signal, or with this manager. */
  #signal(signal: AbortSignal | undefined): AbortSignal {
    const joined = AbortSignal.any(signal ? [signal, this.#closing.signal] : [this.#closing.signal])
    // Every transfer of a call listens to this one signal; Node would take that for a leak.
    setMaxListeners(0, joined)
    return joined
  }

  #archiveAccess(): ArchiveAccess {
    const access = this.#findArchive()
    if (!access) throw new ConfigError(`${this.#exchange.id} has no archive, or its URL is not set.`)
    return access
  }

  #findArchive(): ArchiveAccess | undefined {
    const { archive: url, archiveList: listUrl } = this.#exchange.endpoints(this.#options)
    const layout = this.#exchange.archive
    return layout && url !== undefined && listUrl !== undefined ? { layout, url, listUrl } : undefined
  }

  #archiveClient(): VisionClient {
    this.#vision ??= new VisionClient({
      ...this.#archiveAccess(),
      parallel: this.#options.parallel ?? DEFAULT_PARALLEL,
    })
    return this.#vision
  }

  async #context(
    limitFiles: Limiter,
    signal: AbortSignal,
    onEvent?: (event: DownloadEvent) => void,
  ): Promise<DownloadContext> {
    this.#pool ??= new ParsePool()
    return {
      lake: await this.lake(),
      client: this.client,
      health: this.#health.forRun(),
      archive: this.#findArchive(),
      http: this.#http,
      pool: this.#pool,
      limitFiles,
      permits: new Permits(FILES_IN_MEMORY),
      recentMs: this.#options.recentMs ?? DEFAULT_RECENT,
      attempts: this.#options.attempts ?? DEFAULT_ATTEMPTS,
      stallMs: this.#options.stallMs ?? DEFAULT_STALL,
      log: this.#log,
      signal,
      onEvent: onEvent ?? (() => {}),
    }
  }
}
