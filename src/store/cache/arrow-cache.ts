import { randomBytes } from 'node:crypto'
import { rename, utimes } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Batch } from '../../model/batch.ts'
import { InvalidRangeError, isTicklakeError, StorageError } from '../../model/errors.ts'
import type { ColumnSpec } from '../../model/kind.ts'
import { kindOf } from '../../model/kinds.ts'
import { type Log, silentLog } from '../../model/log.ts'
import { type SeriesId, seriesKey } from '../../model/series.ts'
import { storageError } from '../lake/errors.ts'
import { hashFile, makeFolder, mayBeFolder, removeIfThere, sweepTemps, syncFolder, TEMP_PREFIX } from '../lake/files.ts'
import { LOCK_FILE } from '../lake/lake.ts'
import { lockFile } from '../lake/lock.ts'
import { bytesPerValue } from './arrow-columns.ts'
import { writeArrowFile } from './arrow-file.ts'
import { evict, listCached } from './eviction.ts'
import {
  type CacheMetadata,
  fileState,
  METADATA_FILE,
  type MonthEntry,
  type MonthSource,
  readMetadata,
  writeMetadata,
} from './metadata.ts'
import { loadMapper, type Mapper } from './mmap.ts'
import { MonthFile } from './month-file.ts'

export interface CacheOptions {
  /** Bytes that the cache's files may take; what was used least recently goes. Default 10 GB. */
  readonly maxBytes?: number
  /** False: files are read into memory, as on platforms without mapping. For file systems that are not to be mapped. */
  readonly map?: boolean
  /** Months kept open at once; default 128. */
  readonly maxOpen?: number
  /** How long to wait for another process that builds the same series, ms; default 60 s. */
  readonly lockWaitMs?: number
  readonly log?: Log
}

/** The rows of a month, and where they came from. */
export interface MonthContent {
  /** How many rows the batches hold together. */
  readonly rows: number
  readonly batches: AsyncIterable<Batch> | Iterable<Batch>
  readonly source: MonthSource
}

export interface CacheProblem {
  readonly path: string
  readonly detail: string
}

export interface CacheStats {
  readonly files: number
  readonly bytes: number
  /** Bytes that the files may take at most. */
  readonly maxBytes: number
}

const DEFAULT_MAX_BYTES = 10e9
const DEFAULT_MAX_OPEN = 128
const DEFAULT_LOCK_WAIT = 60_000
/** A month in use is stamped so often, ms: eviction goes by these stamps. */
const STAMP_EVERY = 60_000

interface OpenMonth {
  readonly month: MonthFile
  stampedAt: number
}

/**
 * Months of candles as Arrow files that are mapped instead of read. Several processes may use a folder at once: a file
 * is written aside and renamed, never changed, so that who has it mapped keeps what he has.
 */
export class ArrowCache implements AsyncDisposable {
  readonly cacheDir: string
  readonly #maxBytes: number
  readonly #maxOpen: number
  readonly #lockWaitMs: number
  readonly #mapper: Mapper | undefined
  readonly #log: Log
  readonly #metadata = new Map<string, { state: string | undefined; metadata: CacheMetadata }>()
  /** In the order of use, the latest last. */
  readonly #open = new Map<string, OpenMonth>()
  #closed = false

  private constructor(cacheDir: string, mapper: Mapper | undefined, options: CacheOptions) {
    this.cacheDir = cacheDir
    this.#mapper = mapper
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES
    this.#maxOpen = options.maxOpen ?? DEFAULT_MAX_OPEN
    this.#lockWaitMs = options.lockWaitMs ?? DEFAULT_LOCK_WAIT
    this.#log = options.log ?? silentLog
    if (!(this.#maxBytes >= 0))
      throw new InvalidRangeError(`maxBytes is ${this.#maxBytes}; use a number of bytes, 0 for no cache.`)
    if (!(this.#maxOpen >= 1)) throw new InvalidRangeError(`maxOpen is ${this.#maxOpen}; use 1 or more.`)
  }

  /** Opens a cache. The folder comes into being with the first month. */
  static async open(cacheDir: string, options: CacheOptions = {}): Promise<ArrowCache> {
    const path = resolve(cacheDir)
    if (!mayBeFolder(path, 'the cache'))
      throw new StorageError(path, 'is a file, not a folder. Choose another --cache-dir.')
    return new ArrowCache(path, options.map === false ? undefined : await loadMapper(), options)
  }

  /** Whether files are mapped here, or read. */
  get mapped(): boolean {
    return this.#mapper !== undefined
  }

  /** Folder of a series: `<exchange>-<market>/<SYMBOL>/<interval>`; of other kinds than candles the kind stands between. */
  folder(series: SeriesId): string {
    return join(this.cacheDir, seriesKey(series).replace('/candle/', '/'))
  }

  /** The months of a series that are recorded, by name (`202401`). Their files may have been evicted since. */
  async months(series: SeriesId): Promise<Readonly<Record<string, MonthEntry>>> {
    const folder = this.folder(series)
    const state = fileState(join(folder, METADATA_FILE))
    const known = this.#metadata.get(folder)
    if (known && known.state === state) return known.metadata.months
    const metadata = readMetadata(folder, series)
    // The state was taken before the content: if it changed in between, it is read again next time.
    this.#metadata.set(folder, { state, metadata })
    return metadata.months
  }

  /**
   * Calls `use` with an open month; it must take what it wants before it returns. Undefined when the month's file is
   * gone or damaged, which is logged: then it is to be built anew.
   */
  async read<T>(series: SeriesId, entry: MonthEntry, use: (month: MonthFile) => T): Promise<Awaited<T> | undefined> {
    const path = join(this.folder(series), entry.file)
    try {
      for (;;) {
        const month = this.#opened(path, entry) ?? (await this.#openFile(path, series, entry))
        // While it was being opened, others may have opened so many that it was closed again.
        if (!month.isClosed) return await use(month)
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'DAMAGED_FILE') this.#log.warn({ error: (error as Error).message }, 'a cache file is made anew')
      else if (code !== 'ENOENT') throw systemError(path, 'the cache file could not be read', error)
      this.#forget(path)
      return undefined
    }
  }

  /**
   * Builds a month. `content` is called once nobody else builds the series; undefined from it means that the month is
   * not wanted any more. Gives the entry; undefined when the month is empty, or larger than the cache may be.
   */
  async build(
    series: SeriesId,
    month: string,
    content: (known: MonthEntry | undefined) => Promise<MonthContent | undefined>,
    signal?: AbortSignal,
  ): Promise<MonthEntry | undefined> {
    const folder = this.folder(series)
    const kind = kindOf(series.kind)
    const name = `${month}.arrow`
    try {
      await makeFolder(folder)
      await using _lock = await lockFile(join(folder, LOCK_FILE), {
        waitMs: this.#lockWaitMs,
        ...(signal ? { signal } : {}),
      })
      const metadata = readMetadata(folder, series)
      const made = await content(metadata.months[month])
      if (!made || made.rows === 0 || made.rows * rowBytes(kind.columns) > this.#maxBytes) return undefined
      await sweepTemps(folder)
      const temp = join(folder, `${TEMP_PREFIX}${process.pid}-${name}`)
      const ends = { first: Number.NaN, last: Number.NaN }
      try {
        const build = randomBytes(8).toString('hex')
        const { bytes, frame } = await writeArrowFile(temp, {
          columns: kind.columns,
          rows: made.rows,
          batches: watchEnds(made.batches, kind.sortKey, ends),
          metadata: new Map([
            ['ticklake.series', seriesKey(series)],
            ['ticklake.month', month],
            ['ticklake.build', build],
          ]),
          ...(signal ? { signal } : {}),
        })
        const sha256 = await hashFile(temp, signal)
        const entry: MonthEntry = {
          ...{ file: name, build, sha256, bytes, frame, rows: made.rows, ...ends },
          ...{ source: made.source, builtAt: new Date().toISOString() },
        }
        await rename(temp, join(folder, name))
        await syncFolder(folder)
        const months: Record<string, MonthEntry> = { [month]: entry }
        for (const [other, known] of Object.entries(metadata.months))
          if (other !== month && fileState(join(folder, known.file)) !== undefined) months[other] = known
        await writeMetadata(folder, { ...metadata, months })
        await this.#evict(join(folder, name))
        return entry
      } finally {
        await removeIfThere(temp)
      }
    } catch (error) {
      signal?.throwIfAborted()
      throw systemError(join(folder, name), 'the cache file could not be written', error)
    }
  }

  /** Every series with months in the cache. */
  async list(): Promise<SeriesId[]> {
    return (await listCached(this.cacheDir)).flatMap(({ series }) => (series ? [series] : []))
  }

  async stats(): Promise<CacheStats> {
    const files = (await listCached(this.cacheDir)).flatMap((folder) => folder.files)
    return { files: files.length, bytes: files.reduce((sum, file) => sum + file.bytes, 0), maxBytes: this.#maxBytes }
  }

  /**
   * Reads every month of a series whole and compares it with what was recorded: hash, rows, order. What is damaged is
   * removed, for it can be made again.
   */
  async verify(series: SeriesId, signal?: AbortSignal): Promise<CacheProblem[]> {
    const problems: CacheProblem[] = []
    for (const entry of Object.values(await this.months(series))) {
      signal?.throwIfAborted()
      const path = join(this.folder(series), entry.file)
      const detail = await this.#inspect(path, series, entry, signal)
      if (detail === undefined) continue
      // Another process may have built it anew meanwhile.
      if (readMetadata(this.folder(series), series).months[entry.file.slice(0, 6)]?.build !== entry.build) continue
      problems.push({ path, detail })
      await this.drop(series, entry)
    }
    return problems
  }

  /** Removes the file of a month. Who has it mapped keeps what he has. */
  async drop(series: SeriesId, entry: MonthEntry): Promise<void> {
    const path = join(this.folder(series), entry.file)
    this.#forget(path)
    await removeIfThere(path)
  }

  /** Closes what is open. Tables that were read stay good: their maps end with them. */
  async close(): Promise<void> {
    this.#closed = true
    for (const { month } of this.#open.values()) month.close()
    this.#open.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #inspect(path: string, series: SeriesId, entry: MonthEntry, signal?: AbortSignal): Promise<string | undefined> {
    try {
      const sha256 = await hashFile(path, signal)
      if (sha256 !== entry.sha256) return `SHA-256 is ${sha256}, ${entry.sha256} was written`
      const month = await MonthFile.open(path, kindOf(series.kind), entry, this.#mapper)
      try {
        return (await month.isSorted()) ? undefined : 'its rows do not rise by their time'
      } finally {
        month.close()
      }
    } catch (error) {
      signal?.throwIfAborted()
      // An evicted month is no problem.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      if (isTicklakeError(error)) return error.message
      throw storageError(path, 'the cache file could not be read', error)
    }
  }

  /** The open month, if its file is still the one that the entry speaks of. */
  #opened(path: string, entry: MonthEntry): MonthFile | undefined {
    const known = this.#open.get(path)
    if (!known) return undefined
    const state = fileState(path)
    if (
      state === undefined ||
      !state.startsWith(`${known.month.inode}:${entry.bytes}:`) ||
      known.month.entry.build !== entry.build
    ) {
      this.#forget(path)
      return undefined
    }
    this.#open.delete(path)
    this.#open.set(path, known)
    if (performance.now() - known.stampedAt > STAMP_EVERY) this.#stamp(path, known)
    return known.month
  }

  async #openFile(path: string, series: SeriesId, entry: MonthEntry): Promise<MonthFile> {
    if (this.#closed) throw new StorageError(this.cacheDir, 'the cache is closed')
    const month = await MonthFile.open(path, kindOf(series.kind), entry, this.#mapper)
    this.#forget(path)
    const open = { month, stampedAt: 0 }
    this.#open.set(path, open)
    this.#stamp(path, open)
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= this.#maxOpen) break
      this.#forget(oldest)
    }
    return month
  }

  #stamp(path: string, open: OpenMonth): void {
    open.stampedAt = performance.now()
    const now = new Date()
    // Both times: a file system that keeps no access times keeps this one.
    utimes(path, now, now).catch(() => {})
  }

  #forget(path: string): void {
    const known = this.#open.get(path)
    if (!known) return
    this.#open.delete(path)
    known.month.close()
  }

  async #evict(keep: string): Promise<void> {
    const gone = await evict(this.cacheDir, this.#maxBytes, keep, this.#lockWaitMs)
    for (const path of gone) this.#forget(path)
    if (gone.length > 0) this.#log.debug({ files: gone.length }, 'cache files were evicted')
  }
}

/** What the system refuses is for the caller to deal with; anything else is a mistake of ours and must not look like it. */
function systemError(path: string, doing: string, error: unknown): unknown {
  return typeof (error as NodeJS.ErrnoException).code === 'string' ? storageError(path, doing, error) : error
}

function rowBytes(columns: readonly ColumnSpec[]): number {
  return columns.reduce((sum, spec) => sum + bytesPerValue(spec), 0)
}

/** Passes batches on and notes the first and the last sort key. */
async function* watchEnds(
  batches: AsyncIterable<Batch> | Iterable<Batch>,
  sortKey: string,
  ends: { first: number; last: number },
): AsyncGenerator<Batch, void, void> {
  for await (const batch of batches) {
    const keys = batch.columns[sortKey]!
    if (batch.length > 0) {
      if (Number.isNaN(ends.first)) ends.first = keys[0]!
      ends.last = keys[batch.length - 1]!
    }
    yield batch
  }
}
