import type { Table } from 'apache-arrow'
import type { BaseDataClient, Exchange } from '../exchanges/exchange.ts'
import { exchangeOf } from '../exchanges/index.ts'
import type { Batch } from '../model/batch.ts'
import { candle } from '../model/candle.ts'
import { ConfigError, InvalidRangeError } from '../model/errors.ts'
import type { StoredRecordOf } from '../model/history/index.ts'
import { kindOf, selectColumns } from '../model/kinds.ts'
import { type Log, silentLog } from '../model/log.ts'
import { assertKnownOptions, type OptionNames } from '../model/options.ts'
import { type Market, parseMarket, type SeriesId, seriesKey } from '../model/series.ts'
import { HOUR, type TimeRange } from '../model/time.ts'
import type { LakeCache } from '../store/cache/lake-cache.ts'
import type { Lake } from '../store/lake/lake.ts'
import { batchesToTable } from './arrow.ts'
import { Availability } from './availability.ts'
import { dataBatches } from './data-batches.ts'
import { type DataSource, readBounds, readSource } from './data-range.ts'
import type { DownloadContext } from './download/context.ts'
import { restPieces } from './download/rest-fill.ts'
import { downloadAll } from './downloader.ts'
import { Permits } from './limiter.ts'
import type { TransformedRecord } from './live/feed-analysis.ts'
import { ManagerParts } from './manager-parts.ts'
import { newestCandle } from './newest-candle.ts'
import type { Replay, ReplayKind, ReplayOptions, ReplayRequest } from './replay/index.ts'
import type {
  DataSourceManagerOptions,
  DownloadOptions,
  GetBatchesRequest,
  GetDataRequest,
  GetManyRequest,
  VerifyOptions,
} from './requests.ts'
import type { SelectedSymbol, SymbolSelection } from './select-symbols.ts'
import { candleSeriesOf, type SeriesRequest, seriesOf } from './series-of.ts'
import { described, lastOpen, readUnchanged, settledState, withoutBounds } from './stored-data.ts'
import { transformerOf } from './transformed.ts'
import { PARALLEL_LIMIT } from './tuning/decide.ts'
import { Tuner } from './tuning/tuner.ts'
import type { DownloadEvent, DownloadRequest, SeriesReport, SourceChoice, VerifyReport } from './types.ts'
import { verifyAll } from './verify-all.ts'

export type {
  DataSourceManagerOptions,
  DownloadOptions,
  GetBatchesRequest,
  GetDataRequest,
  GetManyRequest,
  VerifyOptions,
} from './requests.ts'

const DEFAULT_RECENT = 36 * HOUR
/** Archive files whose rows are in memory at once: some 4 MB each, for a month of 1m candles. */
const FILES_IN_MEMORY = 2
const DEFAULT_STALL = 30_000
const DEFAULT_ATTEMPTS = 6
const DEFAULT_BATCH_ROWS = 131_072

const OPTIONS: OptionNames<DataSourceManagerOptions> = {
  dataDir: true,
  cacheDir: true,
  useCache: true,
  cacheMaxBytes: true,
  exchange: true,
  market: true,
  parallel: true,
  recentMs: true,
  stallMs: true,
  transforms: true,
  log: true,
  endpoint: true,
  restUrl: true,
  archiveUrl: true,
  testnet: true,
  apiKey: true,
  timeoutMs: true,
  attempts: true,
  sharedBudget: true,
  purpose: true,
  maxFileSize: true,
  compression: true,
  lockWaitMs: true,
}

/** One call for any range: lake, archive and REST joined without seam, hole or duplicate. */
export class DataSourceManager implements AsyncDisposable {
  readonly #options: DataSourceManagerOptions
  readonly #exchange: Exchange
  readonly #market: Market
  readonly #log: Log
  readonly #parts: ManagerParts
  readonly #availability: Availability

  constructor(options: DataSourceManagerOptions) {
    assertKnownOptions('DataSourceManager', options, OPTIONS)
    if (!options.dataDir) throw new ConfigError('dataDir is missing: say in which folder the lake is.')
    const { parallel } = options
    if (parallel !== undefined && (!Number.isInteger(parallel) || parallel < 1 || parallel > PARALLEL_LIMIT)) {
      throw new ConfigError(`parallel is ${parallel}; use a whole number from 1 to ${PARALLEL_LIMIT}.`)
    }
    this.#options = options
    this.#exchange = exchangeOf(options.exchange ?? 'binance')
    this.#market = parseMarket(options.market ?? 'spot')
    this.#log = options.log ?? silentLog
    const parts = new ManagerParts(this.#exchange, options, this.#log)
    this.#parts = parts
    this.#availability = new Availability({
      exchange: this.#exchange,
      client: () => parts.client,
      lake: () => parts.lake(),
      archive: () => parts.archive(),
      hasArchive: () => parts.findArchive() !== undefined,
      http: parts.http,
      health: parts.health,
      attempts: options.attempts ?? DEFAULT_ATTEMPTS,
      log: this.#log,
    })
  }

  /** REST access to the exchange. */
  get client(): BaseDataClient {
    return this.#parts.client
  }

  lake(): Promise<Lake> {
    return this.#parts.lake()
  }

  /** The lake behind its mapped cache; undefined without `cacheDir`, or with `useCache: false`. */
  cache(): Promise<LakeCache | undefined> {
    return this.#parts.cache()
  }

  /**
   * The exchange's clock, epoch ms. With `auto` the archive tells the time when REST does not answer; with `archive`
   * REST is not asked. @throws what REST fails with when nobody tells the time.
   */
  async now(market: Market = this.#market, signal?: AbortSignal, source: SourceChoice = 'auto'): Promise<number> {
    this.#parts.assertOpen()
    return this.#parts.health.now(market, source, signal)
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
    this.#parts.assertOpen()
    return this.#availability.first(series, signal, source)
  }

  /** Every symbol that the archive ever had candles of, delisted ones included. */
  async archivedSymbols(market: Market = this.#market, signal?: AbortSignal): Promise<string[]> {
    this.#parts.assertOpen()
    return this.#availability.archived(market, signal)
  }

  /**
   * The symbols that names, patterns (`*USDT`, `BTC*`), a quote asset or `ALL` mean.
   * @throws InvalidSymbolError for a pattern that nothing matches, with what comes near.
   */
  async symbols(selection: SymbolSelection): Promise<SelectedSymbol[]> {
    this.#parts.assertOpen()
    return this.#availability.select({ market: this.#market, ...selection })
  }

  /** Brings series up to date on disk. What fails in one series stands in its report; an abort throws. */
  async download(requests: readonly DownloadRequest[], options: DownloadOptions = {}): Promise<SeriesReport[]> {
    const signal = this.#parts.signal(options.signal)
    const permits = new Permits(FILES_IN_MEMORY)
    using tuner = new Tuner({
      parallel: options.parallel ?? this.#options.parallel,
      diskQueue: () => permits.waiting,
      onDecision: options.onTuning,
      log: this.#log,
    })
    const reports = await downloadAll(requests, await this.#context(tuner, permits, signal, options.onEvent))
    return reports.map((report) => ({ ...report, parallel: tuner.report() }))
  }

  /**
   * The rows of a range as an Arrow table, rising by `open_time`. Schema metadata says whether it is complete
   * (`ticklake.complete`) and lists the gaps (`ticklake.gaps`, JSON).
   * @throws InvalidSymbolError for a symbol that the exchange does not know; what a source fails with where the lake
   * has never had anything of the series. A series that is there is given as far as it goes.
   */
  async getData(request: GetDataRequest): Promise<Table> {
    const change = await transformerOf(request, this.#options.transforms)
    if (!change) return this.#getData(request)
    return change.apply(await this.#getData({ ...request, columns: change.columns }))
  }

  async #getData(request: GetDataRequest): Promise<Table> {
    const series = this.#candles(request)
    const interval = series.interval!
    const source = readSource(request.source)
    const range = await this.#range(request, series.market, source)
    const columns = selectColumns(kindOf(series.kind), request.columns)
    const { signal } = request
    const abort = signal ? { signal } : {}
    const batches: Batch[] = []
    let complete = true
    let gaps: readonly TimeRange[] = []
    if (source === 'rest') {
      const facts = { grid: { interval }, now: await this.now(series.market, signal, 'rest') }
      for await (const { batch } of restPieces(this.client, { ...series, interval, ...range, ...abort }, facts)) {
        if (batch.length > 0) batches.push(batch)
      }
    } else if (source === 'archive') {
      const rows = await this.#parts.vision.fetch({ ...series, interval, ...range, ...abort })
      if (rows.batch.length > 0) batches.push(rows.batch)
      else if (rows.files.length === 0 && (await this.firstAvailable(series, signal, 'archive')) === undefined) {
        const { market, symbol, kind } = series
        throw new InvalidRangeError(`The archive has no ${interval} ${kind}s of ${symbol} (${market}) at all.`)
      }
      gaps = rows.missing
      complete = rows.missing.length === 0 && rows.files.every((file) => file.state === 'verified')
    } else {
      ;[complete = false] = await this.#settle(source, [series], range, signal)
      // Of what nobody has ever had the reason is told: an unknown symbol, or no source that answers.
      if (source === 'auto' && !complete && !(await (await this.lake()).coverage(series))) {
        await this.firstAvailable(series, signal)
      }
      return this.#stored(series, range, request, complete)
    }
    const tail = await this.#unfinished(series, range, request, lastOpen(batches))
    return described(await batchesToTable(columns, [...batches, ...tail]), complete, gaps)
  }

  /**
   * `getData` of many symbols: what is missing of any of them is fetched side by side. Tables by the symbols as they
   * were given; one that could not be fetched is incomplete (`ticklake.complete`), and the others do not suffer.
   */
  async getMany(request: GetManyRequest): Promise<Map<string, Table>> {
    const { signal } = request
    const symbols: readonly string[] = request.symbols
    if (!Array.isArray(symbols)) throw new InvalidRangeError(`symbols is ${symbols}; use a list, e.g. ["BTCUSDT"].`)
    const source = readSource(request.source)
    const named = symbols.map((symbol) => ({ symbol, series: this.#candles({ ...request, symbol }) }))
    const tables = new Map<string, Table>()
    const [first] = named
    if (!first) return tables
    // One end for all: what is the present moves on while they are read.
    const range = await this.#range(request, first.series.market, source)
    const stored = source === 'auto' || source === 'lake'
    // Two spellings of one symbol are one series, and that has one writer.
    const all = new Map(named.map(({ series }) => [seriesKey(series), series]))
    const settled = stored ? await this.#settle(source, [...all.values()], range, signal) : []
    const complete = new Map([...all.keys()].map((key, index) => [key, settled[index] ?? true]))
    const change = await transformerOf(request, this.#options.transforms)
    const wish = change ? { ...request, columns: change.columns } : request
    for (const { symbol, series } of named) {
      const table = stored
        ? await this.#stored(series, range, wish, complete.get(seriesKey(series))!)
        : await this.#getData({ ...withoutBounds(wish), ...range, symbol })
      tables.set(symbol, change ? await change.apply(table) : table)
    }
    return tables
  }

  /**
   * `getData` piece by piece, for ranges larger than memory: tables of at most `batchRows` rows, in order. While one is
   * worked on, what comes next is fetched. Leaving the loop ends it.
   */
  async *getDataBatches(request: GetBatchesRequest): AsyncGenerator<Table, void, void> {
    const change = await transformerOf(request, this.#options.transforms, true)
    if (!change) return yield* this.#getDataBatches(request)
    for await (const table of this.#getDataBatches({ ...request, columns: change.columns })) {
      yield await change.apply(table)
    }
  }

  async *#getDataBatches(request: GetBatchesRequest): AsyncGenerator<Table, void, void> {
    const series = this.#candles(request)
    const { batchRows = DEFAULT_BATCH_ROWS, includeUnfinished = false } = request
    const source = readSource(request.source)
    const signal = this.#parts.signal(request.signal)
    const range = await this.#range(request, series.market, source)
    const start = await this.#firstOf(series, source, signal)
    const span = { from: Math.min(range.to, Math.max(range.from, start ?? range.from)), to: range.to }
    yield* dataBatches(
      { interval: series.interval!, range: span, batchRows, signal },
      {
        settle: async (part, ended) =>
          source !== 'auto' || ((await this.#settle(source, [series], part, ended))[0] ?? false),
        read: (part, complete, isLast) => {
          const piece = { ...withoutBounds(request), ...part, signal, includeUnfinished: includeUnfinished && isLast }
          return source === 'auto' ? this.#stored(series, part, piece, complete) : this.#getData(piece)
        },
      },
    )
  }

  /**
   * What the lake holds of one or many series as one stream of records, in the order in which they were known: candles at
   * their close. No network is used. What is missing stands in `gaps` before the first record.
   * @throws InvalidRangeError for a series that the lake has nothing of, with how to get it; ConfigError for an option that
   * there is none of; LookAheadError for a transform that needs later rows.
   */
  replay<K extends ReplayKind = 'candle'>(
    request: ReplayRequest<K>,
    options: ReplayOptions & { readonly transforms: NonNullable<ReplayOptions['transforms']> },
  ): Promise<Replay<TransformedRecord<StoredRecordOf<K>>>>
  replay<K extends ReplayKind = 'candle'>(
    request: ReplayRequest<K>,
    options?: ReplayOptions,
  ): Promise<Replay<StoredRecordOf<K>>>
  async replay(request: ReplayRequest, options: ReplayOptions = {}): Promise<Replay<unknown>> {
    const { openReplay } = await import('./replay/index.ts')
    return openReplay(await this.lake(), request, options, this.#parts.replayDefaults(this.#market))
  }

  /**
   * Fetches a range in the background, at most the last `maxDays` of it, into the lake and the cache; a failure is
   * logged and otherwise without effect. @throws InvalidRangeError, InvalidSymbolError for what can be no series.
   */
  prefetch(request: Omit<GetDataRequest, 'columns' | 'includeUnfinished' | 'source'>, maxDays = 5): void {
    this.#parts.assertOpen()
    if (!(maxDays > 0)) throw new InvalidRangeError(`maxDays is ${maxDays}; use a number of days above 0.`)
    const series = this.#candles(request)
    const work = (async () => {
      const range = await this.#range(request, series.market)
      const wanted = { from: Math.max(range.from, range.to - maxDays * 24 * HOUR), to: range.to }
      const signal = this.#parts.signal(request.signal)
      await this.download([{ series, ...wanted, source: 'auto' }], { signal })
      await (await this.cache())?.prefetch(series, wanted, signal)
    })().catch((error: unknown) => this.#log.warn({ symbol: request.symbol, error: String(error) }, 'prefetch failed'))
    this.#parts.inBackground(work)
  }

  /** Checks what is on disk against its coverage, and with `archive` against what the archive publishes now. */
  async verify(ids: readonly SeriesId[], options: VerifyOptions = {}): Promise<VerifyReport[]> {
    const { onEvent } = options
    const signal = this.#parts.signal(options.signal)
    return verifyAll(ids, options, {
      lake: await this.lake(),
      cache: await this.cache(),
      archive: () => this.#parts.archive(),
      client: () => this.client,
      vision: () => this.#parts.vision,
      now: (market) => this.now(market, signal, 'rest'),
      parallel: this.#parts.parallel,
      log: this.#log,
      signal,
      download: (requests) => this.download(requests, { signal, ...(onEvent ? { onEvent } : {}) }),
    })
  }

  /** The series of any kind that a request is about. @throws InvalidRangeError, InvalidSymbolError for what can't be one. */
  series(request: SeriesRequest): SeriesId {
    return seriesOf(this.#exchange, this.#market, request)
  }

  #candles(request: SeriesRequest): SeriesId {
    return candleSeriesOf(this.#exchange, this.#market, request)
  }

  /** Stops what is under way and closes every connection and thread; a second call waits for the first. */
  close(): Promise<void> {
    return this.#parts.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * Says of each series whether the lake has all of a range; with `auto` brings it up to it first. What is settled is
   * not asked for again.
   */
  async #settle(
    source: DataSource,
    all: readonly SeriesId[],
    range: TimeRange,
    signal: AbortSignal | undefined,
  ): Promise<boolean[]> {
    if (range.from >= range.to) return all.map(() => true)
    const held = (await this.cache()) ?? (source === 'lake' ? await this.lake() : undefined)
    const complete: boolean[] = []
    const open: number[] = []
    for (const [index, series] of all.entries()) {
      const settled = settledState(await held?.coverage(series), range)
      complete.push(settled ?? false)
      if (settled === undefined) open.push(index)
    }
    if (open.length === 0 || source === 'lake') return complete
    const requests = open.map((index) => ({ series: all[index]!, ...range, source: 'auto' as const }))
    const reports = await this.download(requests, signal ? { signal } : {})
    for (const [at, report] of reports.entries()) {
      const error = report.error ?? (report.complete ? undefined : report.restError)
      const { symbol, interval } = report.series
      if (error !== undefined) this.#log.warn({ symbol, interval, error }, 'the range is incomplete')
      complete[open[at]!] = report.complete
    }
    return complete
  }

  /** Where the rows of a source begin, as far as that is known without fetching any. */
  async #firstOf(series: SeriesId, source: GetDataRequest['source'], signal: AbortSignal): Promise<number | undefined> {
    if (source === 'auto') return this.firstAvailable(series, signal)
    return source === 'lake' ? (await (await this.lake()).stats(series))?.first : undefined
  }

  /** Rows of the lake, through the cache where there is one. */
  async #stored(
    series: SeriesId,
    range: TimeRange,
    request: Pick<GetDataRequest, 'columns' | 'includeUnfinished' | 'signal'>,
    complete: boolean,
  ): Promise<Table> {
    const { signal } = request
    const columns = selectColumns(kindOf(series.kind), request.columns)
    const names = columns.map((spec) => spec.name)
    const cache = await this.cache()
    const lake = await this.lake()
    const options = { ...range, columns: [...new Set([candle.sortKey, ...names])], ...(signal ? { signal } : {}) }
    const held = () => (cache ?? lake).coverage(series)
    const table = await readUnchanged(held, async () => {
      if (cache && !request.includeUnfinished) return cache.read(series, { ...options, columns: names })
      const batches: Batch[] = []
      for await (const batch of lake.read(series, options)) batches.push(batch)
      batches.push(...(await this.#unfinished(series, range, request, lastOpen(batches))))
      return batchesToTable(columns, batches)
    })
    const gaps = ((await held())?.gaps ?? []).filter((gap) => gap.from < range.to && gap.to > range.from)
    return described(table, complete, gaps)
  }

  /** The candle that is still open, if it is wanted and there is one. */
  async #unfinished(
    series: SeriesId,
    range: TimeRange,
    { includeUnfinished, signal }: Pick<GetDataRequest, 'includeUnfinished' | 'signal'>,
    after: number,
  ): Promise<Batch[]> {
    if (!includeUnfinished) return []
    const now = await this.now(series.market, signal, 'rest')
    const wish = { ...series, interval: series.interval!, ...range, ...(signal ? { signal } : {}) }
    const tail = await newestCandle(this.client, wish, after, now)
    return tail ? [tail] : []
  }

  #range(
    request: Pick<GetDataRequest, 'startTime' | 'endTime' | 'from' | 'to' | 'signal'>,
    market: Market,
    source: DataSource = 'auto',
  ): Promise<TimeRange> {
    return readBounds(request, () => (source === 'lake' ? Date.now() : this.now(market, request.signal, source)))
  }

  async #context(
    tuner: Tuner,
    permits: Permits,
    signal: AbortSignal,
    onEvent: (event: DownloadEvent) => void = () => {},
  ): Promise<DownloadContext> {
    return {
      lake: await this.lake(),
      client: this.client,
      health: this.#parts.health.forRun(),
      archive: this.#parts.findArchive(),
      http: this.#parts.http,
      pool: this.#parts.pool,
      limitFiles: tuner.limit,
      permits,
      recentMs: this.#options.recentMs ?? DEFAULT_RECENT,
      attempts: this.#options.attempts ?? DEFAULT_ATTEMPTS,
      stallMs: this.#options.stallMs ?? DEFAULT_STALL,
      log: this.#log,
      signal,
      onEvent: tuner.watch(onEvent),
    }
  }
}
