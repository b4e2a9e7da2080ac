import { type MonthStore, VISION_OPTIONS, VisionClient, type VisionClientOptions } from '../archive/vision-client.ts'
import { assertKnownOptions, type OptionNames } from '../model/options.ts'
import { ArchiveCache } from '../store/cache/archive-cache.ts'
import { ArrowCache } from '../store/cache/arrow-cache.ts'

export interface VisionDataClientOptions extends VisionClientOptions {
  /** Folder of the mapped cache: months that were fetched are kept there. Without it nothing is kept. */
  readonly cacheDir?: string
  /** False: the cache is left alone, though there is a folder for it. */
  readonly useCache?: boolean
  /** Bytes that the cache may take; what was used least recently goes. Default 10 GB. */
  readonly cacheMaxBytes?: number
}

const OPTIONS: OptionNames<VisionDataClientOptions> = {
  ...VISION_OPTIONS,
  cacheDir: true,
  useCache: true,
  cacheMaxBytes: true,
}

/**
 * The archive behind the mapped cache, without a lake: `fetch` gives a range, and takes months from the cache where the
 * archive still has the same file; `prefetch` brings months in.
 */
export class VisionDataClient extends VisionClient {
  readonly #months: CachedMonths | undefined

  /** @throws ConfigError for an exchange without an archive, a URL that is none, or an option that there is none of. */
  constructor(options: VisionDataClientOptions = {}) {
    assertKnownOptions('VisionDataClient', options, OPTIONS)
    const { cacheDir, useCache = true, cacheMaxBytes, cache, ...rest } = options
    const months = cacheDir === undefined ? undefined : new CachedMonths(cacheDir, cacheMaxBytes)
    const store = useCache ? (cache ?? months) : undefined
    super({ ...rest, ...(store && { cache: store }) })
    this.#months = months
  }

  /** Closes every connection and thread, and the cache. */
  override async close(): Promise<void> {
    await super.close()
    await this.#months?.close()
  }
}

/** A cache that opens with its first month. */
class CachedMonths implements MonthStore {
  readonly #cacheDir: string
  readonly #maxBytes: number | undefined
  #opened: Promise<ArchiveCache> | undefined

  constructor(cacheDir: string, maxBytes: number | undefined) {
    this.#cacheDir = cacheDir
    this.#maxBytes = maxBytes
  }

  async load(...request: Parameters<MonthStore['load']>): ReturnType<MonthStore['load']> {
    return (await this.#open()).load(...request)
  }

  async save(...request: Parameters<MonthStore['save']>): Promise<void> {
    await (await this.#open()).save(...request)
  }

  async close(): Promise<void> {
    await (await this.#opened?.catch(() => undefined))?.cache.close()
  }

  #open(): Promise<ArchiveCache> {
    this.#opened ??= (async () => {
      const options = this.#maxBytes === undefined ? {} : { maxBytes: this.#maxBytes }
      return new ArchiveCache(await ArrowCache.open(this.#cacheDir, options))
    })()
    return this.#opened
  }
}
