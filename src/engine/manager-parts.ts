import { setMaxListeners } from 'node:events'
import { ParsePool } from '../archive/parse-pool.ts'
import { VisionClient } from '../archive/vision-client.ts'
import type { BaseDataClient, Exchange } from '../exchanges/exchange.ts'
import { ConfigError } from '../model/errors.ts'
import type { Log } from '../model/log.ts'
import type { Market } from '../model/series.ts'
import { HttpClient } from '../net/http.ts'
import type { LakeCache } from '../store/cache/lake-cache.ts'
import { Lake } from '../store/lake/lake.ts'
import type { ArchiveAccess } from './download/context.ts'
import { RestHealth } from './download/rest-health.ts'
import type { ReplayDefaults } from './replay/request.ts'
import type { DataSourceManagerOptions } from './requests.ts'
import { openLakeCache } from './stored-data.ts'
import { MOST_FILES } from './tuning/decide.ts'

/** What a `DataSourceManager` holds open: each part is made at its first use, and all are closed together. */
export class ManagerParts {
  readonly exchange: Exchange
  readonly http: HttpClient
  readonly health: RestHealth
  readonly #options: DataSourceManagerOptions
  readonly #log: Log
  readonly #background = new Set<Promise<unknown>>()
  readonly #closing = new AbortController()
  #client: BaseDataClient | undefined
  #lake: Promise<Lake> | undefined
  #pool: ParsePool | undefined
  #vision: VisionClient | undefined
  #cache: Promise<LakeCache> | undefined
  #closed: Promise<void> | undefined

  constructor(exchange: Exchange, options: DataSourceManagerOptions, log: Log) {
    this.exchange = exchange
    this.#options = options
    this.#log = log
    this.http = new HttpClient({ connections: this.parallel })
    this.health = new RestHealth({
      client: () => this.client,
      archive: this.findArchive(),
      http: this.http,
      log,
    })
  }

  /** Archive files that are fetched at a time, at most. */
  get parallel(): number {
    return this.#options.parallel ?? MOST_FILES
  }

  get client(): BaseDataClient {
    this.assertOpen()
    this.#client ??= this.exchange.createClient({ ...this.#options, log: this.#log })
    return this.#client
  }

  async lake(): Promise<Lake> {
    this.assertOpen()
    this.#lake ??= Lake.open(this.#options.dataDir, { ...this.#options, log: this.#log })
    return this.#lake
  }

  /** Undefined without `cacheDir`, or with `useCache: false`. */
  async cache(): Promise<LakeCache | undefined> {
    this.assertOpen()
    const { cacheDir, useCache = true, cacheMaxBytes } = this.#options
    if (!useCache || cacheDir === undefined) return undefined
    this.#cache ??= openLakeCache(this.lake(), cacheDir, cacheMaxBytes, this.#log)
    return this.#cache
  }

  /** Threads that parse archive files. */
  get pool(): ParsePool {
    this.assertOpen()
    this.#pool ??= new ParsePool()
    return this.#pool
  }

  /** The archive as a source of its own, without the lake. @throws ConfigError where there is none. */
  get vision(): VisionClient {
    this.assertOpen()
    this.#vision ??= new VisionClient({ ...this.archive(), parallel: this.parallel })
    return this.#vision
  }

  /** @throws ConfigError where the exchange has no archive. */
  archive(): ArchiveAccess {
    const access = this.findArchive()
    if (!access) throw new ConfigError(`${this.exchange.id} has no archive, or its URL is not set.`)
    return access
  }

  findArchive(): ArchiveAccess | undefined {
    const { archive: url, archiveList: listUrl } = this.exchange.endpoints(this.#options)
    const layout = this.exchange.archive
    return layout && url !== undefined && listUrl !== undefined ? { layout, url, listUrl } : undefined
  }

  /** Where a replay finds what its request leaves open, and what ends it. */
  replayDefaults(market: Market): ReplayDefaults {
    this.assertOpen()
    return { exchange: this.exchange, market, registry: this.#options.transforms, closing: this.#closing.signal }
  }

  /** Ends with the caller's signal, or when the parts are closed. */
  signal(signal: AbortSignal | undefined): AbortSignal {
    this.assertOpen()
    const joined = AbortSignal.any(signal ? [signal, this.#closing.signal] : [this.#closing.signal])
    // Every transfer of a call listens to this one signal; Node would take that for a leak.
    setMaxListeners(0, joined)
    return joined
  }

  /** Work that nobody waits for, until all is closed. It must not fail. */
  inBackground(work: Promise<unknown>): void {
    this.#background.add(work)
    void work.finally(() => this.#background.delete(work))
  }

  /** @throws ConfigError once they are closed: what would be opened again, nobody would close. */
  assertOpen(): void {
    if (this.#closed) throw new ConfigError('The DataSourceManager was closed. Make a new one.')
  }

  /** Stops what is under way and closes every connection and thread; a second call waits for the first. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#closing.abort()
    await Promise.allSettled(this.#background)
    await this.#pool?.[Symbol.asyncDispose]()
    await this.#vision?.close()
    await this.#client?.[Symbol.asyncDispose]()
    await this.http.close()
    await (await this.#cache?.catch(() => undefined))?.cache.close()
  }
}
