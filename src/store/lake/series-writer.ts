import { mkdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Batch, clipBatch, columnOf, concatBatches, lowerBound, sliceBatch } from '../../model/batch.ts'
import type { Defect } from '../../model/coverage.ts'
import type { IntervalGrid } from '../../model/interval.ts'
import type { Kind } from '../../model/kind.ts'
import { intersectRanges, normaliseRanges, subtractRanges } from '../../model/ranges.ts'
import type { SeriesId } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import type { SeriesChange, StagedRows } from './change.ts'
import { commitChange, recoverCommit } from './commit.ts'
import { emptyCoverage, type LakeFile, readCoverage, type SeriesCoverage } from './coverage-file.ts'
import { holdLocal } from './depot/local-copies.ts'
import { storageError } from './errors.ts'
import { hashFile, removeEmpty, removeIfThere, sweepTemps, syncFile, TEMP_PREFIX } from './files.ts'
import { missingOpens } from './gaps.ts'
import type { FileLock } from './lock.ts'
import { mergeAll, subtractFrom } from './merge.ts'
import { gridOf, nextCoverage } from './next-coverage.ts'
import { type Compression, readParquet, writeParquet } from './parquet.ts'
import { type Period, periodLength, periodOf } from './periods.ts'
import { markRevised } from './revisions.ts'

/** In a series' folder: archive files that have arrived in part. */
export const PARTS_FOLDER = '.parts'
/** Replaced values put on record per change; more are only counted. */
const MAX_REVISIONS = 200

/** Files of a period besides its first, before an append writes it whole again. */
export const MAX_APPENDED = 16

/** What a change does to one period. */
interface PeriodChange {
  readonly period: Period
  readonly batches: Batch[]
  readonly staged: StagedRows[]
}

/** A period as it was written anew, not yet committed. */
interface PeriodRewrite {
  readonly period: Period
  /** Names of the files that the new ones take the place of. */
  readonly old: readonly string[]
  /** Files of the period that stay beside the new ones. */
  readonly kept?: readonly LakeFile[]
  readonly made: readonly { readonly file: LakeFile; readonly temp: string }[]
  readonly openTimes?: Float64Array
  readonly changes: { readonly count: number; readonly defects: readonly Defect[] }
}

export interface WriterOptions {
  readonly maxFileSize: number
  readonly compression: Compression
}

/**
 * The one writer of a series, as long as it holds the series' lock. Every change is complete or did not happen, also
 * when the process is killed in the middle of it.
 */
export class SeriesWriter implements AsyncDisposable {
  readonly folder: string
  readonly kind: Kind
  readonly #lock: FileLock
  readonly #options: WriterOptions
  #coverage: SeriesCoverage
  #tempNumber = 0
  #queue: Promise<void> = Promise.resolve()
  /** A change was decided but could not be carried out to its end: its files must stay until that is made up for. */
  #unfinished = false

  private constructor(folder: string, kind: Kind, lock: FileLock, coverage: SeriesCoverage, options: WriterOptions) {
    this.folder = folder
    this.kind = kind
    this.#lock = lock
    this.#coverage = coverage
    this.#options = options
  }

  /** Opens a series whose lock the caller took: finishes what a crash interrupted and sweeps what it left. */
  static async open(
    folder: string,
    series: SeriesId,
    kind: Kind,
    lock: FileLock,
    options: WriterOptions,
  ): Promise<SeriesWriter> {
    try {
      await mkdir(folder, { recursive: true })
      await recoverCommit(folder)
      await sweepTemps(folder)
      const coverage = (await readCoverage(folder)) ?? emptyCoverage(series)
      return new SeriesWriter(folder, kind, lock, coverage, options)
    } catch (error) {
      await lock.release()
      throw storageError(folder, 'the series could not be opened', error)
    }
  }

  /** Where archive files that arrived in part are kept for the next run. */
  get partsFolder(): string {
    return join(this.folder, PARTS_FOLDER)
  }

  /** Deletes partial archive files: what they belong to is done with. */
  async dropParts(): Promise<void> {
    await rm(this.partsFolder, { recursive: true, force: true })
  }

  get coverage(): SeriesCoverage {
    return this.#coverage
  }

  /** The series' open times; `3d` counts from the first one seen. */
  get grid(): IntervalGrid {
    return gridOf(this.#coverage)
  }

  /** The period that holds an instant. */
  period(time: number): Period {
    return periodOf(periodLength(this.kind, this.#coverage.series.interval), time)
  }

  /** Splits a rising batch where its periods change, as views. */
  *splitByPeriod(batch: Batch): Generator<readonly [Period, Batch], void, void> {
    const keys = columnOf(batch, this.kind.sortKey)
    for (let start = 0; start < batch.length; ) {
      const period = this.period(keys[start]!)
      const end = lowerBound(keys, period.to, batch.length)
      yield [period, sliceBatch(batch, start, end)]
      start = end
    }
  }

  /** Puts rows of one period on disk, uncommitted, so that memory stays small while a large file is read. */
  async stage(period: Period, batches: readonly Batch[], covered: TimeRange): Promise<StagedRows> {
    const batch = mergeAll(this.kind, batches)
    const temp = this.#tempName(period)
    const file = await this.#write(period, `${period.name}.parquet`, temp, batch)
    const part = intersectRanges([covered], [period])
    const times = [columnOf(batch, this.kind.sortKey)]
    const grid = batch.length > 0 ? gridOf(this.#coverage, times[0]![0]!) : this.grid
    return { period, file, temp, missing: part.flatMap((range) => missingOpens(grid, range, times)) }
  }

  /** Rows staged before, with the parts of `ranges` that each period settles; what no period holds comes empty. */
  async *readStaged(
    staged: readonly StagedRows[],
    ranges: readonly TimeRange[],
  ): AsyncGenerator<{ range: TimeRange; batch: Batch }, void, void> {
    for (const range of subtractRanges(
      ranges,
      staged.map((part) => part.period),
    ))
      yield { range, batch: concatBatches(this.kind, []) }
    for (const part of staged) {
      const batch = await this.#readAll([part.temp])
      for (const range of intersectRanges(ranges, [part.period]))
        yield { range, batch: clipBatch(this.kind, batch, range.from, range.to) }
    }
  }

  /** Forgets staged rows. */
  async discard(staged: readonly StagedRows[]): Promise<void> {
    for (const { temp } of staged) await removeIfThere(join(this.folder, temp))
  }

  /** Carries out a change; changes are carried out one after another. */
  commit(change: SeriesChange): Promise<void> {
    const done = this.#queue.then(() => this.#commit(change))
    this.#queue = done.catch(() => {})
    return done.catch((error: unknown) => {
      throw storageError(this.folder, 'the data could not be stored', error)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue
    try {
      if (!this.#unfinished) await sweepTemps(this.folder)
    } finally {
      await this.#lock.release()
      // Nothing was ever stored: an empty folder would look like a series.
      if (this.#coverage.revision === 0) await removeEmpty([this.folder, dirname(this.folder)])
    }
  }

  async #commit(change: SeriesChange): Promise<void> {
    if (this.#unfinished) {
      await recoverCommit(this.folder)
      this.#coverage = (await readCoverage(this.folder)) ?? this.#coverage
      this.#unfinished = false
    }
    const before = this.#coverage
    const touched = new Map<string, PeriodChange>()
    const touch = (period: Period) => {
      let entry = touched.get(period.name)
      if (!entry) {
        entry = { period, batches: [], staged: [] }
        touched.set(period.name, entry)
      }
      return entry
    }
    for (const batch of change.batches ?? []) {
      for (const [period, part] of this.splitByPeriod(batch)) touch(period).batches.push(part)
    }
    for (const staged of change.staged ?? []) touch(staged.period).staged.push(staged)
    const clear = normaliseRanges(change.clear ?? [])
    for (const file of before.files) {
      const period = this.period(file.first)
      if (clear.some((range) => range.from <= file.last && range.to > file.first)) touch(period)
    }

    const drop = new Set(change.drop ?? [])
    let files = before.files.filter((file) => !drop.has(file.name))
    const renames: [string, string][] = []
    const removes: string[] = [...drop]
    /** Open times of the periods that were rewritten, by period. */
    const times = new Map<string, Float64Array>()
    const temps: string[] = []
    let revised = 0
    const revisions: Defect[] = []
    try {
      const ordered = [...touched.values()].sort((a, b) => a.period.from - b.period.from)
      const rewrites: PeriodRewrite[] = []
      let next = 0
      // Two periods at a time: while DuckDB packs one, the next is handed to it.
      const work = async (): Promise<void> => {
        for (let index = next++; index < ordered.length; index = next++) {
          const one = ordered[index]!
          const appended = change.append ? await this.#appendToPeriod(one, files, clear, temps) : undefined
          rewrites[index] = appended ?? (await this.#rewritePeriod(one, files, clear, temps))
        }
      }
      const settled = await Promise.allSettled([work(), work()])
      for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason
      const rewritten = new Set(rewrites.map(({ period }) => period.name))
      files = files.filter((file) => !rewritten.has(file.period))
      for (const { period, made, old, kept = [], openTimes, changes } of rewrites) {
        for (const { file, temp } of made) renames.push([temp, file.name])
        files.push(...kept, ...made.map(({ file }) => file))
        removes.push(...old)
        if (openTimes) times.set(period.name, openTimes)
        revised += changes.count
        revisions.push(...changes.defects.slice(0, Math.max(0, MAX_REVISIONS - revisions.length)))
      }
      files.sort((a, b) => a.first - b.first)
      const recorded: SeriesChange =
        revised === 0
          ? change
          : {
              ...change,
              defects: [...(change.defects ?? []), ...revisions],
              moreDefects: (change.moreDefects ?? 0) + revised - revisions.length,
            }
      const readTimes = async (names: readonly string[]) =>
        columnOf(await this.#readAll(names, [this.kind.sortKey]), this.kind.sortKey)
      const coverage = await nextCoverage({ kind: this.kind, before, change: recorded, files, times, readTimes })
      const made = new Set(renames.map(([, name]) => name))
      const gone = removes.filter((name) => !made.has(name))
      await commitChange(this.folder, { renames, removes: gone, coverage }, () => {
        this.#unfinished = true
      })
      this.#unfinished = false
      this.#coverage = coverage
    } finally {
      if (!this.#unfinished) {
        for (const temp of temps) await removeIfThere(join(this.folder, temp)).catch(() => {})
        await this.discard(change.staged ?? []).catch(() => {})
      }
    }
  }

  /** Puts rows that follow the stored ones into a file of their own. Undefined where the period has to be written anew. */
  async #appendToPeriod(
    { period, batches, staged }: PeriodChange,
    files: readonly LakeFile[],
    clear: readonly TimeRange[],
    temps: string[],
  ): Promise<PeriodRewrite | undefined> {
    const kept = files.filter((file) => file.period === period.name)
    const merged = mergeAll(this.kind, batches)
    const keys = columnOf(merged, this.kind.sortKey)
    const last = kept.reduce((latest, file) => Math.max(latest, file.last), Number.NEGATIVE_INFINITY)
    if (kept.length === 0 || kept.length > MAX_APPENDED || staged.length > 0 || merged.length === 0) return undefined
    if (keys[0]! <= last || intersectRanges(clear, [period]).length > 0) return undefined
    const numbers = kept.map(({ name }) => Number(/\.(\d+)\.parquet$/.exec(name)?.[1] ?? 0))
    const temp = this.#tempName(period)
    temps.push(temp)
    const name = `${period.name}.${String(Math.max(...numbers) + 1).padStart(3, '0')}.parquet`
    const file = await this.#write(period, name, temp, merged)
    const stored = await this.#readAll(
      kept.map((one) => one.name),
      [this.kind.sortKey],
    )
    const openTimes = new Float64Array(stored.length + merged.length)
    openTimes.set(columnOf(stored, this.kind.sortKey))
    openTimes.set(keys.subarray(0, merged.length), stored.length)
    return { period, old: [], kept, made: [{ file, temp }], openTimes, changes: { count: 0, defects: [] } }
  }

  /** Writes one period anew: what is stored of it, less what is cleared, with what was staged and given. */
  async #rewritePeriod(
    { period, batches, staged }: PeriodChange,
    files: readonly LakeFile[],
    clear: readonly TimeRange[],
    temps: string[],
  ): Promise<PeriodRewrite> {
    const kind = this.kind
    const old = files.filter((file) => file.period === period.name).map((file) => file.name)
    const only = staged[0]
    if (only && staged.length === 1 && batches.length === 0 && old.length === 0) {
      return { period, old, made: await this.#fitted(only, period, temps), changes: { count: 0, defects: [] } }
    }
    const kept = old.length > 0 ? subtractFrom(kind, await this.#readAll(old), clear) : []
    const stagedRows: Batch[] = []
    for (const part of staged) stagedRows.push(await this.#readAll([part.temp]))
    const merged = mergeAll(kind, [...kept, ...stagedRows, ...batches])
    const changes = markRevised(kind, kept, merged, `${period.name}.parquet`, MAX_REVISIONS)
    const openTimes = columnOf(merged, kind.sortKey).subarray(0, merged.length)
    const made = merged.length > 0 ? await this.#writeFitted(period, merged, temps) : []
    return { period, old, made, openTimes, changes }
  }

  async #readAll(names: readonly string[], columns?: readonly string[]): Promise<Batch> {
    const specs =
      columns === undefined ? this.kind.columns : this.kind.columns.filter((spec) => columns.includes(spec.name))
    const kind = columns === undefined ? this.kind : { ...this.kind, columns: specs }
    const batches: Batch[] = []
    using _held = await holdLocal(
      this.folder,
      this.#coverage.files.filter(({ name }) => names.includes(name)),
    )
    for await (const batch of readParquet(kind, {
      paths: names.map((name) => join(this.folder, name)),
      columns: specs,
    }))
      batches.push(batch)
    return concatBatches(kind, batches)
  }

  #tempName(period: Period): string {
    // Not `.parquet`: outside readers that take every *.parquet, dot files included, must not see it.
    return `${TEMP_PREFIX}${process.pid}-${++this.#tempNumber}-${period.name}.part`
  }

  async #write(period: Period, name: string, temp: string, batch: Batch): Promise<LakeFile> {
    const path = join(this.folder, temp)
    await writeParquet(path, this.kind, [batch], this.#options.compression)
    await syncFile(path)
    const keys = columnOf(batch, this.kind.sortKey)
    const { size } = await stat(path)
    return {
      name,
      period: period.name,
      rows: batch.length,
      bytes: size,
      sha256: await hashFile(path),
      first: keys[0]!,
      last: keys[batch.length - 1]!,
    }
  }

  /** Writes a period as one file, or as numbered parts when one would pass `maxFileSize`. */
  async #writeFitted(period: Period, batch: Batch, temps: string[]): Promise<{ file: LakeFile; temp: string }[]> {
    const temp = this.#tempName(period)
    temps.push(temp)
    const whole = await this.#write(period, `${period.name}.parquet`, temp, batch)
    if (whole.bytes <= this.#options.maxFileSize || batch.length < 2) return [{ file: whole, temp }]
    await removeIfThere(join(this.folder, temp))
    // Rows do not pack alike: a tenth of slack saves writing twice.
    const parts = Math.min(batch.length, Math.ceil((whole.bytes * 1.1) / this.#options.maxFileSize))
    const made: { file: LakeFile; temp: string }[] = []
    for (let part = 0; part < parts; part++) {
      const rows = sliceBatch(
        batch,
        Math.floor((batch.length * part) / parts),
        Math.floor((batch.length * (part + 1)) / parts),
      )
      const partTemp = this.#tempName(period)
      temps.push(partTemp)
      const name = `${period.name}.${String(part + 1).padStart(3, '0')}.parquet`
      made.push({ file: await this.#write(period, name, partTemp, rows), temp: partTemp })
    }
    return made
  }

  async #fitted(staged: StagedRows, period: Period, temps: string[]): Promise<{ file: LakeFile; temp: string }[]> {
    if (staged.file.bytes <= this.#options.maxFileSize) return [{ file: staged.file, temp: staged.temp }]
    return this.#writeFitted(period, await this.#readAll([staged.temp]), temps)
  }
}
