import type { Table } from 'apache-arrow'
import { InvalidRangeError } from '../model/errors.ts'

export interface DataCacheOptions {
  /** Results kept at most; default 500. */
  readonly maxEntries?: number
  /** Bytes that the results may take together; default 256 MB. */
  readonly maxBytes?: number
  /** How long a result is good, ms; default one minute, Infinity for ever. */
  readonly ttlMs?: number
}

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

interface Entry {
  readonly value: unknown
  readonly bytes: number
  readonly until: number
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
  readonly #maxEntries: number
  readonly #maxBytes: number
  readonly #ttlMs: number
  /** In the order of use, the latest last. */
  readonly #entries = new Map<string, Entry>()
  readonly #loads = new Map<string, Promise<T>>()
  #bytes = 0
  #hits = 0
  #misses = 0
  #evicted = 0
  #expired = 0

  /** @throws InvalidRangeError for bounds that are none. */
  constructor(options: DataCacheOptions = {}) {
    this.#maxEntries = options.maxEntries ?? DEFAULT_ENTRIES
    this.#maxBytes = options.maxBytes ?? DEFAULT_BYTES
    this.#ttlMs = options.ttlMs ?? DEFAULT_TTL
    for (const [name, value] of Object.entries({ maxEntries: this.#maxEntries, maxBytes: this.#maxBytes }))
      if (!(value >= 0)) throw new InvalidRangeError(`${name} is ${value}; use 0 or more.`)
    checkTtl(this.#ttlMs)
  }

  /** A result that is still good. */
  get(key: string): T | undefined {
    const entry = this.#good(key)
    if (!entry) {
      this.#misses++
      return undefined
    }
    this.#hits++
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value as T
  }

  /** Whether a result is there and still good; it does not count as a use. */
  has(key: string): boolean {
    return this.#good(key) !== undefined
  }

  /** Keeps a result. One that is larger than the whole cache is not kept. */
  set(key: string, value: T, options: KeepOptions = {}): void {
    const { ttlMs = this.#ttlMs, bytes = bytesOf(value) } = options
    checkTtl(ttlMs)
    this.delete(key)
    if (bytes > this.#maxBytes || this.#maxEntries < 1) return
    this.#entries.set(key, { value, bytes, until: performance.now() + ttlMs })
    this.#bytes += bytes
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxEntries && this.#bytes <= this.#maxBytes) break
      this.delete(oldest)
      this.#evicted++
    }
  }

  /** The result, loaded where it is not there. A load that fails is not kept, and each caller gets its error. */
  async load(key: string, load: () => Promise<T>, options: KeepOptions = {}): Promise<T> {
    const entry = this.#good(key)
    if (entry) return this.get(key) as T
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
    const entry = this.#entries.get(key)
    if (!entry) return false
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
    return true
  }

  /** Forgets everything. */
  clear(): void {
    this.#loads.clear()
    this.#entries.clear()
    this.#bytes = 0
  }

  /** Results held, those included whose time has passed and which nobody has asked for since. */
  get size(): number {
    return this.#entries.size
  }

  stats(): DataCacheStats {
    return {
      entries: this.#entries.size,
      bytes: this.#bytes,
      hits: this.#hits,
      misses: this.#misses,
      evicted: this.#evicted,
      expired: this.#expired,
    }
  }

  #good(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (!entry || performance.now() < entry.until) return entry
    this.delete(key)
    this.#expired++
    return undefined
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
