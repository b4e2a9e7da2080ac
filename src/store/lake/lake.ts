import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Batch, concatBatches } from '../../model/batch.ts'
import { InvalidRangeError, StorageError } from '../../model/errors.ts'
import type { ColumnSpec } from '../../model/kind.ts'
import { kindOf, selectColumns } from '../../model/kinds.ts'
import { type Log, silentLog } from '../../model/log.ts'
import { type SeriesId, seriesKey } from '../../model/series.ts'
import { JOURNAL_FILE } from './commit.ts'
import { COVERAGE_FILE, coverageRows, type LakeFile, readCoverage, type SeriesCoverage } from './coverage-file.ts'
import { holdLocal } from './depot/local-copies.ts'
import { storageError } from './errors.ts'
import type { EventBatch } from './event-columns.ts'
import { readEventFiles } from './event-read.ts'
import { type ScannedChunk, type ScanQuery, scanEventFiles } from './event-scan.ts'
import { EventWriter } from './event-writer.ts'
import { listFolder, makeFolder, mayBeFolder, TEMP_PREFIX } from './files.ts'
import { type FileLock, lockFile } from './lock.ts'
import { type Compression, readParquet } from './parquet.ts'
import { lockForReading } from './reader-lock.ts'
import { findSeries } from './scan.ts'
import { SeriesWriter } from './series-writer.ts'
import { steadyRead } from './steady-read.ts'

export interface LakeOptions {
  /** No data file grows past this, bytes. */
  readonly maxFileSize?: number
  readonly compression?: Compression
  /** How long to wait for a series that another process writes, ms. */
  readonly lockWaitMs?: number
  readonly log?: Log
}

/** Which rows and columns of a series to read. */
export interface ReadOptions {
  /** First sort key wanted, epoch ms. */
  readonly from?: number
  /** First sort key no longer wanted, epoch ms. */
  readonly to?: number
  /** Column names or properties; the kind's default ones when left out. */
  readonly columns?: readonly string[]
  /**
   * Rows of a batch at most, for those who read many series side by side: 131,072 of candles and 65,536 of events without
   * it. Events come by 2,048 at least.
   */
  readonly batchRows?: number
  readonly signal?: AbortSignal
}

/** How a writer of a series is asked for. */
export interface WriterRequest {
  readonly signal?: AbortSignal
  /** How long to wait for another writer, ms; the lake's `lockWaitMs` without it. */
  readonly waitMs?: number
}

export interface SeriesStats {
  readonly series: SeriesId
  readonly rows: number
  /** Of events: how many records the rows are (a book's have one row per level). */
  readonly records?: number
  readonly bytes: number
  readonly files: number
  /** Earliest and latest instant, epoch ms; undefined when there is none. */
  readonly first: number | undefined
  readonly last: number | undefined
  readonly gaps: number
  readonly missing: number
  readonly updatedAt: string
}

export const LOCK_FILE = '.lock'
export const DEFAULT_MAX_FILE_SIZE = 100 * 1024 * 1024

/**
 * The store on disk: Parquet files by series and period, each series with its coverage (`series.json`). Reading needs
 * no lock and never sees half a change; a series has one writer at a time, across processes.
 */
export class Lake {
  readonly dataDir: string
  readonly #maxFileSize: number
  readonly #compression: Compression
  readonly #lockWaitMs: number
  readonly #log: Log

  private constructor(dataDir: string, options: LakeOptions) {
    this.dataDir = dataDir
    this.#maxFileSize = options.maxFileSize ?? DEFAULT_MAX_FILE_SIZE
    this.#compression = options.compression ?? 'zstd'
    this.#lockWaitMs = options.lockWaitMs ?? 30_000
    this.#log = options.log ?? silentLog
    if (!(this.#maxFileSize >= 4096)) {
      throw new InvalidRangeError(`maxFileSize is ${this.#maxFileSize} bytes; use at least 4096 (4 KB).`)
    }
  }

  /** Opens a lake. The folder comes into being with the first write. */
  static async open(dataDir: string, options: LakeOptions = {}): Promise<Lake> {
    const path = resolve(dataDir)
    if (!mayBeFolder(path, 'the lake'))
      throw new StorageError(path, 'is a file, not a folder. Choose another --data-dir.')
    return new Lake(path, options)
  }

  /** Folder of a series. */
  folder(series: SeriesId): string {
    return join(this.dataDir, seriesKey(series))
  }

  /** Every series on disk, sorted. */
  async list(): Promise<SeriesId[]> {
    return findSeries(this.dataDir)
  }

  /** What a series holds; undefined when the lake does not have it. */
  async coverage(series: SeriesId): Promise<SeriesCoverage | undefined> {
    await this.#finishInterrupted(series)
    return readCoverage(this.folder(series))
  }

  /**
   * Rows of a series in order, as batches of bounded size. A series that the lake does not have gives none. Where it is
   * written meanwhile, each batch is as the series was before or after that.
   */
  read(series: SeriesId, options: ReadOptions = {}): AsyncGenerator<Batch, void, void> {
    return this.#read(series, options)
  }

  async *#read(series: SeriesId, options: ReadOptions, blockRows?: number): AsyncGenerator<Batch, void, void> {
    const kind = kindOf(series.kind)
    if (!kind.hasInterval) throw new InvalidRangeError(`A series of ${kind.id} is read with readEvents.`)
    const columns = selectColumns(kind, options.columns)
    const { from, to } = rangeOf(options)
    const key = kind.columns.find(({ name }) => name === kind.sortKey)!
    // Who gets all rows at once begins anew; who gets them one after another goes on behind the last.
    const hidesKey = blockRows === undefined && !columns.includes(key)
    const read = { ...options, columns: hidesKey ? [key, ...columns] : columns, to }
    yield* steadyRead({
      revision: async () => (await this.coverage(series))?.revision,
      read: (start, seen) => this.#readFiles(series, { ...read, from: start, seen }, blockRows ?? options.batchRows),
      ...{ from, key: key.name, hidesKey, ...(options.signal ? { signal: options.signal } : {}) },
      isWhole: blockRows !== undefined,
    })
  }

  async *#readFiles(
    series: SeriesId,
    options: {
      readonly from: number
      readonly to: number
      readonly columns: ColumnSpec[]
      readonly seen: (revision: number | undefined) => void
      readonly signal?: AbortSignal
    },
    blockRows: number | undefined,
  ): AsyncGenerator<Batch, void, void> {
    const kind = kindOf(series.kind)
    const { from, to, columns } = options
    const files = await this.#filesOf(series, from, to, options.seen)
    using _held = await holdLocal(this.folder(series), files, options.signal)
    // A file wholly inside the range needs no filter: DuckDB then copies columns instead of picking rows.
    const inside = files.every((file) => file.first >= from && file.last < to)
    yield* readParquet(kind, {
      paths: files.map((file) => join(this.folder(series), file.name)),
      columns,
      ...(inside ? {} : { from, to }),
      rowsHint: files.reduce((sum, file) => sum + file.rows, 0),
      ...(blockRows === undefined ? {} : { blockRows }),
      ...(options.signal ? { signal: options.signal } : {}),
    })
  }

  /**
   * Records of a series of events (every kind but candles) in the order of its sort key, as batches of bounded size:
   * ids as BigInt64Array, all else as Float64Array. `from` and `to` are of the kind's time. A series that the lake does
   * not have gives none.
   */
  async *readEvents(series: SeriesId, options: ReadOptions = {}): AsyncGenerator<EventBatch, void, void> {
    const kind = kindOf(series.kind)
    if (kind.hasInterval) throw new InvalidRangeError(`A series of ${kind.id} is read with read.`)
    const columns = selectColumns(kind, options.columns)
    const { from, to } = rangeOf(options)
    const { signal, batchRows } = options
    // Merges wait until the last batch was taken.
    await using _reading = await this.#lockForReading(series)
    const files = await this.#filesOf(series, from, to)
    const query = {
      ...{ columns, from, to },
      ...(batchRows === undefined ? {} : { batchRows }),
      ...(signal ? { signal } : {}),
    }
    yield* readEventFiles(this.folder(series), kind, files, query)
  }

  /**
   * Numbers out of a series of events, in the order of its sort key: the quick way for those who look at each row once.
   * A chunk is good until the next one is asked for.
   */
  async *scanEvents(series: SeriesId, query: ScanQuery): AsyncGenerator<ScannedChunk, void, void> {
    const kind = kindOf(series.kind)
    if (kind.hasInterval) throw new InvalidRangeError(`A series of ${kind.id} is read with read.`)
    await using _reading = await this.#lockForReading(series)
    const files = await this.#filesOf(series, query.from, query.to)
    using _held = await holdLocal(this.folder(series), files, query.signal)
    yield* scanEventFiles(this.folder(series), kind, files, query)
  }

  /** All rows of a range in one batch: for ranges that fit in memory. */
  async load(series: SeriesId, options: ReadOptions = {}): Promise<Batch> {
    const kind = kindOf(series.kind)
    const columns = selectColumns(kind, options.columns)
    const batches: Batch[] = []
    // One batch of the right size from the start: nothing is copied together afterwards.
    for await (const batch of this.#read(series, options, Number.POSITIVE_INFINITY)) batches.push(batch)
    return concatBatches({ ...kind, columns }, batches)
  }

  async stats(series: SeriesId): Promise<SeriesStats | undefined> {
    const coverage = await this.coverage(series)
    if (!coverage) return undefined
    return {
      series,
      rows: coverageRows(coverage),
      ...(series.interval === undefined
        ? { records: coverage.files.reduce((sum, file) => sum + (file.records ?? file.rows), 0) }
        : {}),
      bytes: coverage.files.reduce((sum, file) => sum + file.bytes, 0),
      files: coverage.files.length,
      first: least(coverage.files.map((file) => file.first)),
      last: most(coverage.files.map((file) => file.last)),
      gaps: coverage.gaps.length,
      missing: coverage.gaps.reduce((sum, gap) => sum + (gap.count ?? 0), 0),
      updatedAt: coverage.updatedAt,
    }
  }

  /**
   * Opens a series for writing; close it to let others write.
   * @throws LakeLockedError when another process keeps it longer than `lockWaitMs`.
   */
  async writer(series: SeriesId, options: WriterRequest = {}): Promise<SeriesWriter> {
    const kind = kindOf(series.kind)
    if (!kind.hasInterval) throw new InvalidRangeError(`A series of ${kind.id} is written with eventWriter.`)
    const lock = await this.#lock(series, options)
    return SeriesWriter.open(this.folder(series), series, kind, lock, {
      maxFileSize: this.#maxFileSize,
      compression: this.#compression,
    })
  }

  /**
   * Opens a series of events for writing; close it to let others write.
   * @throws LakeLockedError when another process keeps it longer than `lockWaitMs`.
   */
  async eventWriter(
    series: SeriesId,
    options: WriterRequest & {
      readonly spoolId?: string
      readonly maxPendingBytes?: number
      readonly mergeElsewhere?: boolean
    } = {},
  ): Promise<EventWriter> {
    const kind = kindOf(series.kind)
    if (kind.hasInterval) throw new InvalidRangeError(`A series of ${kind.id} is written with writer.`)
    const lock = await this.#lock(series, options)
    return EventWriter.open(this.folder(series), series, kind, lock, {
      maxFileSize: this.#maxFileSize,
      compression: this.#compression,
      ...(options.spoolId === undefined ? {} : { spoolId: options.spoolId }),
      ...(options.maxPendingBytes === undefined ? {} : { maxPendingBytes: options.maxPendingBytes }),
      ...(options.mergeElsewhere === undefined ? {} : { mergeElsewhere: options.mergeElsewhere }),
    })
  }

  async #lock(series: SeriesId, options: WriterRequest): Promise<FileLock> {
    const folder = this.folder(series)
    await makeFolder(folder).catch((cause: unknown) => {
      throw storageError(folder, 'the folder could not be made', cause)
    })
    return lockFile(join(folder, LOCK_FILE), {
      waitMs: options.waitMs ?? this.#lockWaitMs,
      ...(options.signal ? { signal: options.signal } : {}),
      onWait: (holder) =>
        this.#log.warn({ symbol: series.symbol, interval: series.interval, holder }, 'waiting for another writer'),
    })
  }

  async #lockForReading(series: SeriesId): Promise<AsyncDisposable | undefined> {
    // A series that is not there must not come into being by being read.
    const exists = await stat(join(this.folder(series), COVERAGE_FILE)).catch(() => undefined)
    return exists && lockForReading(this.folder(series))
  }

  /**
   * Finishes and sweeps what killed processes left in any series: journals, temporary files, lock files. Series that
   * someone is writing are left alone.
   */
  async recover(signal?: AbortSignal): Promise<void> {
    for (const series of await this.list()) {
      signal?.throwIfAborted()
      const names = await listFolder(this.folder(series))
      if (!names.some((name) => name === JOURNAL_FILE || name === LOCK_FILE || name.startsWith(TEMP_PREFIX))) continue
      await this.#openBriefly(series)
    }
  }

  async #filesOf(
    series: SeriesId,
    from: number,
    to: number,
    seen?: (revision: number | undefined) => void,
  ): Promise<LakeFile[]> {
    const folder = this.folder(series)
    for (let attempt = 1; ; attempt++) {
      const coverage = await this.coverage(series)
      seen?.(coverage?.revision)
      const files = (coverage?.files ?? []).filter((file) => file.last >= from && file.first < to)
      const missing: string[] = []
      // Archived ones are brought back by whoever reads them, when he comes to them.
      for (const file of files)
        if (file.depot === undefined) await stat(join(folder, file.name)).catch(() => missing.push(file.name))
      if (missing.length === 0) return files
      // A writer may have replaced files since the coverage was read; then it now says so.
      if (attempt === 3) {
        throw new StorageError(
          join(folder, missing[0]!),
          `the data file is missing${missing.length > 1 ? ` (and ${missing.length - 1} more)` : ''}. Run "ticklake verify --repair".`,
          { code: 'MISSING_FILE' },
        )
      }
    }
  }

  /** A journal without a writer is a change that a crash cut short: it is finished before anything is read. */
  async #finishInterrupted(series: SeriesId): Promise<void> {
    if (existsSync(join(this.folder(series), JOURNAL_FILE))) await this.#openBriefly(series)
  }

  async #openBriefly(series: SeriesId): Promise<void> {
    try {
      await using _writer = kindOf(series.kind).hasInterval
        ? await this.writer(series, { waitMs: 0 })
        : await this.eventWriter(series, { waitMs: 0 })
    } catch (error) {
      // Someone is writing it, or we may not: then the last whole state is what there is to read.
      this.#log.debug({ symbol: series.symbol, interval: series.interval, error }, 'left as it is')
    }
  }
}

/** @throws InvalidRangeError for bounds that are no range. */
function rangeOf(options: ReadOptions): { from: number; to: number } {
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = options
  if (Number.isNaN(from) || Number.isNaN(to) || from > to)
    throw new InvalidRangeError(`The range from ${from} to ${to} is no range.`)
  return { from, to }
}

function least(values: readonly number[]): number | undefined {
  return values.length > 0 ? values.reduce((a, b) => Math.min(a, b)) : undefined
}

function most(values: readonly number[]): number | undefined {
  return values.length > 0 ? values.reduce((a, b) => Math.max(a, b)) : undefined
}
