import type { Table } from 'apache-arrow'
import { LRUCache } from 'lru-cache'
import { InvalidRangeError } from '../model/errors.ts'
import { assertKnownOptions, type OptionNames } from '../model/options.ts'

export interface DataCacheOptions {
  /** Results kept at most; default 500. */
  readonly maxEntries?: number
  /** Bytes that the results may take together; default 256 MB. */
  readonly maxBytes?: number
  /** How long a result is good, ms; default one minute, Infinity for ever. */
  readonly ttlMs?: number
}

const OPTIONS: OptionNames<DataCacheOptions> = { maxEntries: true, maxBytes: true, ttlMs: true }

export interface DataCacheStats {
  readonly entries: number
  readonly bytes: number
  readonly hits: number
  readonly misses: number
  /** Results that had to go for others. */
  readonly evicted: number
  /** Results that were too old when they were asked for. */
  readonly expired: number
}

export interface KeepOptions {
  readonly ttlMs?: number
  /** What the result takes; worked out where it is left out. */
  readonly bytes?: number
}

/** The library holds objects only, and tells none that is not there from one that is undefined. */
interface Entry {
  readonly value: unknown
}

const DEFAULT_ENTRIES = 500
const DEFAULT_BYTES = 256 * 2 ** 20
const DEFAULT_TTL = 60_000
/** What an object of unknown content is taken to weigh, bytes. */
const UNKNOWN_BYTES = 1024

/**
 * Hot results in memory: bounded in number and in bytes, each for a time; what was used least recently goes first. Several
 * callers that want the same at once cause one load.
 */
export class DataCache<T = Table> {
  readonly #maxBytes: number
  readonly #ttlMs: number
  /** Undefined where the bounds leave no room for anything. */
  readonly #entries: LRUCache<string, Entry> | undefined
  readonly #loads = new Map<string, Promise<T>>()
  #hits = 0
  #misses = 0
  #evicted = 0
  #expired = 0

  /** @throws InvalidRangeError for bounds that are none; ConfigError for an option that there is none of. */
  constructor(options: DataCacheOptions = {}) {
    assertKnownOptions('DataCache', options, OPTIONS)
    const { maxEntries = DEFAULT_ENTRIES, maxBytes = DEFAULT_BYTES, ttlMs = DEFAULT_TTL } = options
    for (const [name, value] of Object.entries({ maxEntries, maxBytes }))
      if (!(value >= 0)) throw new InvalidRangeError(`${name} is ${value}; use 0 or more.`)
    checkTtl(ttlMs)
    this.#maxBytes = Math.min(Math.floor(maxBytes), Number.MAX_SAFE_INTEGER)
    this.#ttlMs = ttlMs
    if (maxEntries < 1 || this.#maxBytes < 1) return
    this.#entries = new LRUCache<string, Entry>({
      ...(Number.isFinite(maxEntries) ? { max: Math.floor(maxEntries) } : {}),
      maxSize: this.#maxBytes,
      ttlResolution: 0,
      // To the library an entry of the instant 0 has no time.
      perf: { now: () => performance.now() + 1 },
      dispose: (_entry, _key, reason) => {
        if (reason === 'evict') this.#evicted++
        else if (reason === 'expire') this.#expired++
      },
    })
  }

  /** A result that is still good. */
  get(key: string): T | undefined {
    const entry = this.#entries?.get(key)
    if (entry) this.#hits++
    else this.#misses++
    return entry?.value as T | undefined
  }

  /** Whether a result is there and still good; it does not count as a use. */
  has(key: string): boolean {
    if (this.#entries?.has(key)) return true
    // One that is too old goes when it is asked for.
    this.#entries?.get(key)
    return false
  }

  /** Keeps a result. One that is larger than the whole cache is not kept. */
  set(key: string, value: T, options: KeepOptions = {}): void {
    const { ttlMs = this.#ttlMs, bytes = bytesOf(value) } = options
    checkTtl(ttlMs)
    this.delete(key)
    if (ttlMs === 0 || bytes > this.#maxBytes) return
    // To the library 0 is for ever.
    const ttl = Number.isFinite(ttlMs) ? Math.max(1, Math.round(ttlMs)) : 0
    this.#entries?.set(key, { value }, { ttl, size: Math.max(1, Math.ceil(bytes)) })
  }

  /** The result, loaded where it is not there. A load that fails is not kept, and each caller gets its error. */
  async load(key: string, load: () => Promise<T>, options: KeepOptions = {}): Promise<T> {
    if (this.has(key)) return this.get(key) as T
    const running = this.#loads.get(key)
    if (running) return running
    this.#misses++
    const loading = load()
      .then((value) => {
        // Cleared or deleted meanwhile: what was loaded may already be old.
        if (this.#loads.get(key) === loading) this.set(key, value, options)
        return value
      })
      .finally(() => {
        if (this.#loads.get(key) === loading) this.#loads.delete(key)
      })
    this.#loads.set(key, loading)
    return loading
  }

  /** Forgets a result, also one that is being loaded. @returns whether there was one. */
  delete(key: string): boolean {
    this.#loads.delete(key)
    return this.#entries?.delete(key) ?? false
  }

  /** Forgets everything. */
  clear(): void {
    this.#loads.clear()
    this.#entries?.clear()
  }

  /** Results held, those included whose time has passed and which nobody has asked for since. */
  get size(): number {
    return this.#entries?.size ?? 0
  }

  stats(): DataCacheStats {
    return {
      entries: this.size,
      bytes: this.#entries?.calculatedSize ?? 0,
      hits: this.#hits,
      misses: this.#misses,
      evicted: this.#evicted,
      expired: this.#expired,
    }
  }
}

function checkTtl(ttlMs: number): void {
  if (!(ttlMs >= 0)) throw new InvalidRangeError(`ttlMs is ${ttlMs}; use milliseconds, or Infinity for ever.`)
}

/** What a result takes: the columns of a table or batch, the bytes of an array, a guess for anything else. */
function bytesOf(value: unknown): number {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength
  if (typeof value === 'string') return value.length * 2
  if (typeof value !== 'object' || value === null) return 8
  const { data, columns } = value as { data?: unknown; columns?: unknown }
  if (Array.isArray(data) && data.every((part) => typeof part?.byteLength === 'number'))
    return data.reduce((sum: number, part: { byteLength: number }) => sum + part.byteLength, 0)
  if (typeof columns === 'object' && columns !== null)
    return Object.values(columns).reduce((sum: number, column) => sum + bytesOf(column), 0)
  return UNKNOWN_BYTES
}
