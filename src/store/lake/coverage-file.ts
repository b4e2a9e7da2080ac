import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CoveredRange, Defect, FileCheck, Gap } from '../../model/coverage.ts'
import { StorageError } from '../../model/errors.ts'
import type { SeriesId } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import { storageError } from './errors.ts'
import type { StoredId } from './ids.ts'

/** Version of the layout of `series.json`. */
const FORMAT = 1

/** One Parquet file of a series. */
export interface LakeFile {
  /** Name in the series' folder, e.g. `2024-01.parquet`. */
  readonly name: string
  /** Period that it belongs to, e.g. `2024-01`. */
  readonly period: string
  readonly rows: number
  readonly bytes: number
  readonly sha256: string
  /** Earliest and latest instant of its rows, epoch ms. */
  readonly first: number
  readonly last: number
  /** Of events: sort key of the first and the last row (ids, or epoch ms), and how many records the rows are. */
  readonly firstKey?: StoredId
  readonly lastKey?: StoredId
  readonly records?: number
  /** Of events: true when it is the whole of a finished day, or a part of it. */
  readonly compacted?: boolean
  /** Where it is, when it was archived: a `file:` or `s3:` URL. Its name then says so too. */
  readonly depot?: string
}

/** Ids held without a hole, and when their first and last record happened, epoch ms. */
export interface StoredIds extends TimeRange {
  readonly first: StoredId
  readonly last: StoredId
}

/** What a series holds, from where, and how it was checked: the content of `series.json`. */
export interface SeriesCoverage {
  /** Version of this layout. */
  readonly format: typeof FORMAT
  readonly series: SeriesId
  /** Counts the commits. */
  readonly revision: number
  readonly updatedAt: string
  /** An open time on the series' grid; set for `3d`, whose grid differs per symbol. */
  readonly origin?: number
  /** First instant that the exchange has data for, once it was found. */
  readonly listedAt?: number
  /** Rising, not overlapping. Every instant in them was asked for and is either stored or a gap. */
  readonly covered: readonly CoveredRange[]
  readonly files: readonly LakeFile[]
  /** Rising, not overlapping, all inside `covered`. */
  readonly gaps: readonly Gap[]
  /** What was done with each archive file, the newest entry per path. */
  readonly checks: readonly FileCheck[]
  /** Newest last; at most `MAX_DEFECTS`. */
  readonly defects: readonly Defect[]
  /** All defects ever recorded, those that no longer fit in `defects` included. */
  readonly defectCount: number
  /** Values stored that have more digits than a float64 keeps. */
  readonly inexactValues: number
  /** Of events whose ids are counted or chained: the ids held, rising. Each hole between them is a gap. */
  readonly ids?: readonly StoredIds[]
  /** Of events: up to which entry of which spool everything is stored. */
  readonly spool?: SpoolMark
}

/** An entry of a spool. */
export interface SpoolMark {
  readonly id: string
  readonly sequence: number
}

export const COVERAGE_FILE = 'series.json'
/** Defects kept per series: a broken source must not make the coverage grow without end. */
export const MAX_DEFECTS = 10_000

export function emptyCoverage(series: SeriesId): SeriesCoverage {
  return {
    format: FORMAT,
    series,
    revision: 0,
    updatedAt: new Date(0).toISOString(),
    covered: [],
    files: [],
    gaps: [],
    checks: [],
    defects: [],
    defectCount: 0,
    inexactValues: 0,
  }
}

/** Total rows of a series. */
export function coverageRows(coverage: SeriesCoverage): number {
  return coverage.files.reduce((sum, file) => sum + file.rows, 0)
}

/** Ranges that need not be asked for again. */
export function coveredRanges(coverage: SeriesCoverage): readonly TimeRange[] {
  return coverage.covered
}

/**
 * Reads `series.json`. Undefined when the folder has none.
 * @throws StorageError when it is damaged; `ticklake verify --repair` rebuilds it from the files.
 */
export async function readCoverage(folder: string): Promise<SeriesCoverage | undefined> {
  const path = join(folder, COVERAGE_FILE)
  let text: string
  try {
    // At once: the few KB are in the kernel's memory nearly always, where four turns of the thread pool (open, ask its size,
    // read, close) take twenty times as long.
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw storageError(path, 'the coverage could not be read', error)
  }
  return parseCoverage(text, path)
}

/** @throws StorageError when the text is not a coverage of a known format. */
export function parseCoverage(text: string, path: string): SeriesCoverage {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw damaged(path, 'it is no JSON', cause)
  }
  if (isObject(value) && typeof value.format === 'number' && value.format > FORMAT) throw newer(path, value.format)
  const problem = findProblem(value)
  if (problem !== undefined) throw damaged(path, problem)
  return value as SeriesCoverage
}

/** A repair would lose what the newer version has put on record. */
function newer(path: string, format: number): StorageError {
  const what = `the coverage was written by a newer version of ticklake (format ${format}; this one reads ${FORMAT})`
  return new StorageError(path, `${what}. Nothing was changed. Update ticklake.`, { code: 'NEWER_COVERAGE' })
}

function damaged(path: string, what: string, cause?: unknown): StorageError {
  return new StorageError(
    path,
    `the coverage is damaged (${what}). Nothing was changed. Run "ticklake verify --repair" to rebuild it from the data files.`,
    { code: 'DAMAGED_COVERAGE', ...(cause === undefined ? {} : { cause }) },
  )
}

type Shape = Readonly<Record<string, 'string' | 'number'>>
const RANGE: Shape = { from: 'number', to: 'number' }

function findProblem(value: unknown): string | undefined {
  if (!isObject(value)) return 'it is no object'
  if (value.format !== FORMAT) return `format ${JSON.stringify(value.format)} is not known to this version`
  if (!isObject(value.series) || typeof value.series.symbol !== 'string') return 'series is missing'
  for (const key of ['revision', 'defectCount', 'inexactValues']) {
    if (typeof value[key] !== 'number') return `${key} is no number`
  }
  return (
    checkList(value, 'covered', { ...RANGE, source: 'string' }) ??
    checkList(value, 'files', {
      name: 'string',
      period: 'string',
      rows: 'number',
      bytes: 'number',
      sha256: 'string',
      first: 'number',
      last: 'number',
    }) ??
    checkList(value, 'gaps', { ...RANGE, cause: 'string' }) ??
    checkList(value, 'checks', { path: 'string', outcome: 'string' }) ??
    checkList(value, 'defects', { type: 'string', where: 'string', detail: 'string' })
  )
}

function checkList(value: Record<string, unknown>, key: string, shape: Shape): string | undefined {
  const list = value[key]
  if (!Array.isArray(list)) return `${key} is no list`
  for (const [index, entry] of list.entries()) {
    if (!isObject(entry)) return `${key}[${index}] is no object`
    for (const [field, type] of Object.entries(shape)) {
      if (typeof entry[field] !== type) return `${key}[${index}].${field} is no ${type}`
    }
  }
  return undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Joins covered ranges of the same source (and symbol) that touch. */
export function joinCovered(ranges: readonly CoveredRange[]): CoveredRange[] {
  const sorted = ranges.filter((range) => range.from < range.to).sort((a, b) => a.from - b.from)
  const joined: CoveredRange[] = []
  for (const range of sorted) {
    const last = joined.at(-1)
    if (last && last.source === range.source && last.symbol === range.symbol && range.from <= last.to) {
      joined[joined.length - 1] = { ...last, to: Math.max(last.to, range.to) }
    } else if (last && range.from < last.to) {
      if (range.to > last.to) joined.push({ ...range, from: last.to })
    } else joined.push(range)
  }
  return joined
}
