import type { ArchiveLayout } from '../exchanges/exchange.ts'
import { type Batch, clipBatch, concatBatches, mergeBatches } from '../model/batch.ts'
import { CandleFlag, candle } from '../model/candle.ts'
import { InvalidRangeError } from '../model/errors.ts'
import type { Interval } from '../model/interval.ts'
import { normaliseRanges } from '../model/ranges.ts'
import type { Market } from '../model/series.ts'
import type { TimeRange } from '../model/time.ts'
import { HttpClient } from '../net/http.ts'
import { type FetchedFile, fetchCandleFile } from './fetch-file.ts'
import { type ListedFile, type ListOptions, listCandleFiles, listSymbols } from './listing.ts'
import { ParsePool } from './parse-pool.ts'
import { dailyRanges, planArchive } from './plan.ts'

export interface VisionClientOptions {
  readonly layout: ArchiveLayout
  /** Base URL of the files, without a trailing slash. */
  readonly url: string
  /** URL of the listing. */
  readonly listUrl: string
  /** Files under way at once. */
  readonly parallel?: number
  /** Tries per request. */
  readonly attempts?: number
  /** How long a transfer may stand still, ms. */
  readonly stallMs?: number
}

export interface ArchiveRequest extends TimeRange {
  readonly market: Market
  readonly symbol: string
  readonly interval: Interval
  readonly signal?: AbortSignal
}

/** What the archive holds of a range, straight from its files. */
export interface ArchiveRows {
  /** Rising rows; those of files whose checksum could not be confirmed are flagged `unverified`. */
  readonly batch: Batch
  readonly files: readonly { readonly path: string; readonly state: FetchedFile['state'] }[]
  /** Parts of the range that no readable file is about. */
  readonly missing: readonly TimeRange[]
}

/** The archive by itself: lists, fetches and checks files, stores nothing. */
export class VisionClient implements AsyncDisposable {
  readonly #options: VisionClientOptions
  readonly #http: HttpClient
  readonly #pool = new ParsePool()

  constructor(options: VisionClientOptions) {
    this.#options = options
    this.#http = new HttpClient({ connections: options.parallel ?? 13 })
  }

  /** Every symbol that the archive ever had candles of, delisted ones included. */
  symbols(market: Market, signal?: AbortSignal): Promise<string[]> {
    return listSymbols(this.#list(signal), this.#options.layout, market)
  }

  /** The files that the archive has of a range. */
  async files(request: ArchiveRequest): Promise<{ monthly: ListedFile[]; daily: ListedFile[] }> {
    const { layout } = this.#options
    if (!layout.hasCandles(request.market, request.interval)) {
      throw new InvalidRangeError(`The archive has no ${request.interval} candles of ${request.market}.`)
    }
    const options = this.#list(request.signal)
    const monthly = await listCandleFiles(options, layout, request, 'monthly', request)
    const daily: ListedFile[] = []
    for (const range of dailyRanges([request], monthly, Number.POSITIVE_INFINITY)) {
      daily.push(...(await listCandleFiles(options, layout, request, 'daily', range)))
    }
    return { monthly, daily }
  }

  /** The rows of a range: monthly files, daily ones where those are missing or can't be read. */
  async fetch(request: ArchiveRequest): Promise<ArchiveRows> {
    const listed = await this.files(request)
    const excluded = new Set<string>()
    const files: { path: string; state: FetchedFile['state'] }[] = []
    let batch = concatBatches(candle, [])
    let wanted: readonly TimeRange[] = normaliseRanges([request])
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
          if (rows === undefined) failed.push(...ranges)
          else for (const range of ranges) parts.push(clipBatch(candle, rows, range.from, range.to))
        }
      }
      await Promise.all(Array.from({ length: this.#options.parallel ?? 13 }, work))
      for (const part of parts) batch = mergeBatches(candle, part, batch)
      wanted = normaliseRanges([...failed, ...plan.rest])
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]()
    await this.#http.close()
  }

  async #fetchFile(
    file: ListedFile,
    request: ArchiveRequest,
  ): Promise<{ state: FetchedFile['state']; rows: Batch | undefined }> {
    let batches: Batch[] = []
    const fetched = await fetchCandleFile(
      file,
      { path: file.path, interval: request.interval, from: file.from, to: file.to },
      {
        rows: (rows) => void batches.push(rows),
        reset: () => {
          batches = []
        },
      },
      {
        http: this.#http,
        pool: this.#pool,
        baseUrl: this.#options.url,
        retry: { attempts: this.#options.attempts ?? 5 },
        ...(this.#options.stallMs === undefined ? {} : { stallMs: this.#options.stallMs }),
        ...(request.signal ? { signal: request.signal } : {}),
      },
    )
    if (fetched.state === 'missing' || fetched.state === 'unreadable') return { state: fetched.state, rows: undefined }
    let rows = concatBatches(candle, [])
    for (const part of batches) rows = mergeBatches(candle, part, rows)
    if (fetched.state !== 'verified' && rows.length > 0) {
      rows = {
        ...rows,
        columns: { ...rows.columns, flags: rows.columns.flags!.map((flag) => flag | CandleFlag.unverified) },
      }
    }
    return { state: fetched.state, rows }
  }

  #list(signal: AbortSignal | undefined): ListOptions {
    return {
      url: this.#options.listUrl,
      http: this.#http,
      retry: { attempts: this.#options.attempts ?? 5 },
      ...(signal ? { signal } : {}),
    }
  }
}
