import { join } from 'node:path'
import type { Table } from 'apache-arrow'
import { type Batch, columnOf } from '../../model/batch.ts'
import { isTicklakeError } from '../../model/errors.ts'
import type { ColumnSpec } from '../../model/kind.ts'
import { kindOf, selectColumns } from '../../model/kinds.ts'
import { type Log, silentLog } from '../../model/log.ts'
import { coversRange } from '../../model/ranges.ts'
import { type SeriesId, seriesKey } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import { JOURNAL_FILE } from '../lake/commit.ts'
import { COVERAGE_FILE, type LakeFile, type SeriesCoverage } from '../lake/coverage-file.ts'
import type { Lake, ReadOptions } from '../lake/lake.ts'
import type { ArrowCache, CacheProblem, MonthContent } from './arrow-cache.ts'
import { arrowSchema, type ColumnValues, loadArrow, recordBatchOf, toArrowValues } from './arrow-columns.ts'
import { fileState, type LakeSourceFile, type MonthEntry } from './metadata.ts'
import { type Month, monthsOf } from './months.ts'

export interface LakeCacheOptions {
  /**
   * A month that is not complete is cached once its series has not changed for so long, ms: one that grows all the time
   * would be written anew all the time. Default 10 minutes.
   */
  readonly settleMs?: number
  readonly log?: Log
}

/** Rows as Arrow holds them, in the order of the columns asked for. */
interface Piece {
  readonly length: number
  readonly values: readonly ColumnValues[]
}

const DEFAULT_SETTLE = 10 * 60_000
/** Coverages kept in memory. */
const MAX_COVERAGES = 64
/** After a month could not be written (a full disk), this long no other is tried, ms. */
const RETRY_AFTER = 30_000

/**
 * The lake, read through a cache of mapped months: the same rows, as views on files. A month is built when it is first
 * read, and anew when the lake's files of that month are no longer those that it was built from. What is not cached
 * comes straight from the lake.
 */
export class LakeCache {
  readonly lake: Lake
  readonly cache: ArrowCache
  readonly #settleMs: number
  readonly #log: Log
  readonly #coverages = new Map<string, { state: string; coverage: SeriesCoverage | undefined }>()
  #failedAt = Number.NEGATIVE_INFINITY

  constructor(lake: Lake, cache: ArrowCache, options: LakeCacheOptions = {}) {
    this.lake = lake
    this.cache = cache
    this.#settleMs = options.settleMs ?? DEFAULT_SETTLE
    this.#log = options.log ?? silentLog
  }

  /** What a series holds, as the lake says; read anew only when it has changed. */
  async coverage(series: SeriesId): Promise<SeriesCoverage | undefined> {
    const key = seriesKey(series)
    const folder = this.lake.folder(series)
    // A journal is a change that has happened though the coverage does not say so yet.
    const state = `${fileState(join(folder, COVERAGE_FILE))} ${fileState(join(folder, JOURNAL_FILE))}`
    const known = this.#coverages.get(key)
    if (known?.state === state) return known.coverage
    const coverage = await this.lake.coverage(series)
    this.#coverages.delete(key)
    this.#coverages.set(key, { state, coverage })
    for (const oldest of this.#coverages.keys()) {
      if (this.#coverages.size <= MAX_COVERAGES) break
      this.#coverages.delete(oldest)
    }
    return coverage
  }

  /** The rows of a range as an Arrow table, a record batch per month: columns of cached months are views on their files. */
  async read(series: SeriesId, options: ReadOptions = {}): Promise<Table> {
    const columns = selectColumns(kindOf(series.kind), options.columns)
    const pieces: Piece[] = []
    for await (const piece of this.#pieces(series, columns, options)) pieces.push(piece)
    return tableOf(columns, pieces)
  }

  /** The same, piece by piece, as tables of at most `batchRows` rows: for ranges larger than memory. */
  async *batches(
    series: SeriesId,
    options: ReadOptions & { readonly batchRows: number },
  ): AsyncGenerator<Table, void, void> {
    const columns = selectColumns(kindOf(series.kind), options.columns)
    for await (const piece of this.#pieces(series, columns, options)) {
      for (let from = 0; from < piece.length; from += options.batchRows) {
        const to = Math.min(piece.length, from + options.batchRows)
        const values = piece.values.map((column) => column.subarray(from, to))
        yield await tableOf(columns, [{ length: to - from, values }])
      }
    }
  }

  /** Builds the months of a range that are not cached as the lake has them now. @returns how many were built. */
  async prefetch(series: SeriesId, range: TimeRange, signal?: AbortSignal): Promise<number> {
    const coverage = await this.coverage(series)
    let built = 0
    for (const month of coverage ? monthsWithRows(coverage, range) : []) {
      signal?.throwIfAborted()
      const entry = lakeEntry(await this.cache.months(series), month)
      const isThere = entry && goodUntil(entry, filesOf(coverage!, month)) === Number.POSITIVE_INFINITY
      if (isThere && fileState(join(this.cache.folder(series), entry.file)) !== undefined) continue
      if (await this.#build(series, month, signal)) built++
    }
    return built
  }

  /** Checks every cached month of a series in full; with `repair` what was damaged is built anew from the lake. */
  async verify(
    series: SeriesId,
    options: { readonly repair?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<CacheProblem[]> {
    const months = Object.values(await this.cache.months(series))
    const problems = await this.cache.verify(series, options.signal)
    if (options.repair) {
      for (const entry of months) {
        if (!problems.some(({ path }) => path.endsWith(entry.file))) continue
        await this.prefetch(series, { from: entry.first, to: entry.last + 1 }, options.signal)
      }
    }
    return problems
  }

  async *#pieces(
    series: SeriesId,
    columns: readonly ColumnSpec[],
    options: ReadOptions,
  ): AsyncGenerator<Piece, void, void> {
    const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY, signal } = options
    const coverage = await this.coverage(series)
    if (!coverage) return
    for (const month of monthsWithRows(coverage, { from, to })) {
      signal?.throwIfAborted()
      const part = { from: Math.max(from, month.from), to: Math.min(to, month.to) }
      const cached = await this.#cached(series, coverage, month, part, columns, signal)
      if (cached && cached.piece.length > 0) yield cached.piece
      if (cached && cached.until >= part.to) continue
      yield* this.#straight(
        series,
        { from: Math.max(part.from, cached?.until ?? part.from), to: part.to },
        columns,
        signal,
      )
    }
  }

  /** What the cache has of a part of a month, and up to where; the month is built where that is worth it. */
  async #cached(
    series: SeriesId,
    coverage: SeriesCoverage,
    month: Month,
    part: TimeRange,
    columns: readonly ColumnSpec[],
    signal: AbortSignal | undefined,
  ): Promise<{ piece: Piece; until: number } | undefined> {
    const files = filesOf(coverage, month)
    for (let attempt = 1; attempt <= 2; attempt++) {
      const entry = lakeEntry(await this.cache.months(series), month)
      const until = entry ? goodUntil(entry, files) : Number.NEGATIVE_INFINITY
      const mayBuild = attempt === 1 && this.#isSettled(coverage, month)
      if (entry && until > part.from && (until >= part.to || !mayBuild)) {
        const piece = await this.cache.read(series, entry, async (file): Promise<Piece> => {
          const { start, end } = file.find(part.from, Math.min(part.to, until))
          const values = file.columns(columns, start, end)
          return { length: end - start, values: values instanceof Promise ? await values : values }
        })
        if (piece) return { piece, until }
      }
      if (!mayBuild || !(await this.#build(series, month, signal))) return undefined
    }
    return undefined
  }

  #isSettled(coverage: SeriesCoverage, month: Month): boolean {
    return coversRange(coverage.covered, month) || Date.now() - Date.parse(coverage.updatedAt) >= this.#settleMs
  }

  /** False when there is nothing to read then: whoever wanted it reads the lake. */
  async #build(series: SeriesId, month: Month, signal: AbortSignal | undefined): Promise<boolean> {
    if (performance.now() - this.#failedAt < RETRY_AFTER) return false
    try {
      let isThere = false
      const content = async (known: MonthEntry | undefined): Promise<MonthContent | undefined> => {
        const coverage = await this.coverage(series)
        const files = coverage ? filesOf(coverage, month) : []
        // While we waited for the lock another process may have built it.
        isThere =
          known?.source.type === 'lake' &&
          goodUntil(known, files) === Number.POSITIVE_INFINITY &&
          (await this.cache.read(series, known, () => true)) === true
        return isThere ? undefined : this.#content(series, month, coverage!, files, signal)
      }
      return (await this.cache.build(series, month.name, content, signal)) !== undefined || isThere
    } catch (error) {
      signal?.throwIfAborted()
      if (!isTicklakeError(error)) throw error
      // A cache that can not be written is slow, not wrong: the lake has the rows.
      this.#failedAt = performance.now()
      this.#log.warn(
        { symbol: series.symbol, interval: series.interval, error: error.message },
        'the cache is not used',
      )
      return false
    }
  }

  async #content(
    series: SeriesId,
    month: Month,
    coverage: SeriesCoverage,
    files: readonly LakeFile[],
    signal: AbortSignal | undefined,
  ): Promise<MonthContent> {
    const { columns } = kindOf(series.kind)
    const names = columns.map((spec) => spec.name)
    const options = { from: month.from, to: month.to, columns: names, ...(signal ? { signal } : {}) }
    const source = { type: 'lake', revision: coverage.revision, files: files.map(sourceFile) } as const
    if (files.every((file) => file.first >= month.from && file.last < month.to)) {
      const rows = files.reduce((sum, file) => sum + file.rows, 0)
      return { rows, batches: this.lake.read(series, options), source }
    }
    // Files that hold more than the month are those of long intervals: a month of 15m candles has 2976 rows.
    const batch = await this.lake.load(series, options)
    return { rows: batch.length, batches: [batch], source }
  }

  async *#straight(
    series: SeriesId,
    range: TimeRange,
    columns: readonly ColumnSpec[],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Piece, void, void> {
    const names = columns.map((spec) => spec.name)
    const batches = this.lake.read(series, { ...range, columns: names, ...(signal ? { signal } : {}) })
    for await (const batch of batches) yield pieceOf(batch, columns)
  }
}

/** A batch as Arrow holds it. */
function pieceOf(batch: Batch, columns: readonly ColumnSpec[]): Piece {
  const values = columns.map((spec) => toArrowValues(columnOf(batch, spec.name).subarray(0, batch.length), spec))
  return { length: batch.length, values }
}

async function tableOf(columns: readonly ColumnSpec[], pieces: readonly Piece[]): Promise<Table> {
  const arrow = await loadArrow()
  const schema = arrowSchema(arrow, columns)
  const empty: Piece = { length: 0, values: columns.map((spec) => toArrowValues(new Float64Array(0), spec)) }
  const records = (pieces.length > 0 ? pieces : [empty]).map(({ values, length }) =>
    recordBatchOf(arrow, schema, values, length),
  )
  return new arrow.Table(schema, records)
}

function monthsWithRows(coverage: SeriesCoverage, range: TimeRange): Month[] {
  const { files } = coverage
  if (files.length === 0) return []
  const first = files.reduce((least, file) => Math.min(least, file.first), Number.POSITIVE_INFINITY)
  const last = files.reduce((most, file) => Math.max(most, file.last), Number.NEGATIVE_INFINITY)
  const months = monthsOf({ from: Math.max(range.from, first), to: Math.min(range.to, last + 1) })
  return months.filter((month) => filesOf(coverage, month).length > 0)
}

/** The lake's files that hold rows of a month, in the order of time. */
function filesOf(coverage: SeriesCoverage, month: Month): LakeFile[] {
  return coverage.files
    .filter((file) => file.last >= month.from && file.first < month.to)
    .sort((a, b) => a.first - b.first)
}

function sourceFile({ name, sha256, first, last }: LakeFile): LakeSourceFile {
  return { name, sha256, first, last }
}

function lakeEntry(months: Readonly<Record<string, MonthEntry>>, month: Month): MonthEntry | undefined {
  const entry = months[month.name]
  return entry?.source.type === 'lake' ? entry : undefined
}

/**
 * Up to where a cached month is as the lake has it now: rows before the first file that has changed, come or gone are
 * still good, so that a month which grows day by day is not written anew every day.
 */
function goodUntil(entry: MonthEntry, files: readonly LakeFile[]): number {
  if (entry.source.type !== 'lake') return Number.NEGATIVE_INFINITY
  const built = entry.source.files
  for (let i = 0; i < Math.max(built.length, files.length); i++) {
    if (built[i]?.name === files[i]?.name && built[i]?.sha256 === files[i]?.sha256) continue
    const starts = [built[i], files[i]].map((file) => file?.first ?? Number.POSITIVE_INFINITY)
    return Math.min(...starts)
  }
  return Number.POSITIVE_INFINITY
}
