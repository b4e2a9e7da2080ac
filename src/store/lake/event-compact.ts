import { join } from 'node:path'
import { StorageError } from '../../model/errors.ts'
import type { Kind } from '../../model/kind.ts'
import { maxId, minId } from '../../model/live/ids.ts'
import type { RecordId } from '../../model/live/index.ts'
import type { LakeFile } from './coverage-file.ts'
import { holdLocal } from './depot/local-copies.ts'
import { copyToFile, quote } from './duckdb.ts'
import { dayEnd, describeFile, nextChunkName } from './event-chunks.ts'
import { sortFiles } from './event-coverage.ts'
import { copyOptions, readEventSql } from './event-parquet.ts'
import { groupOverlapping, orderedSql } from './event-read.ts'
import { readId } from './ids.ts'
import type { Compression } from './parquet.ts'
import { RisingCheck } from './rising.ts'

/** Files that become one. */
export interface Merge {
  readonly sources: readonly LakeFile[]
  readonly name: string
  /** The merged file is the whole of a finished day, or a part of it. */
  readonly compacted: boolean
}

export interface CompactionPlan {
  readonly day: string
  readonly merges: readonly Merge[]
}

/** How long after its end a day counts as finished: late records may still come, ms. */
const GRACE = 10 * 60_000
/** Files of the running day are joined when so many small ones lie side by side. */
const MANY = 24
const SMALL = 4 * 1024 * 1024

/** What has to be merged for a day to be one file (or as few as `maxFileSize` allows). Undefined when it is so. */
export function planCompaction(
  files: readonly LakeFile[],
  day: string,
  maxFileSize: number,
): CompactionPlan | undefined {
  const bins: LakeFile[][] = []
  let size = 0
  for (const group of groupOverlapping(files.filter((file) => file.period === day))) {
    const bytes = group.reduce((sum, file) => sum + file.bytes, 0)
    if (bins.length > 0 && size + bytes <= maxFileSize) bins.at(-1)!.push(...group)
    else {
      bins.push(group)
      size = 0
    }
    size += bytes
  }
  // An archive's day comes in parts that are whole already: joining them would cost much and win nothing.
  const isDone = (bin: readonly LakeFile[]): boolean =>
    bin.every((file) => file.compacted === true) && groupOverlapping(bin).length === bin.length
  const taken = new Set(bins.filter(isDone).flatMap((bin) => bin.map((file) => file.name)))
  const merges: Merge[] = []
  for (const sources of bins.filter((bin) => !isDone(bin))) {
    let name = `${day}.parquet`
    for (let part = 1; bins.length > 1 && (part === 1 || taken.has(name)); part++)
      name = `${day}.p${String(part).padStart(3, '0')}.parquet`
    taken.add(name)
    merges.push({ sources, name, compacted: true })
  }
  return merges.length > 0 ? { day, merges } : undefined
}

/** What there is to do for a series now, as plans to be made when their turn comes. */
export function planTidying(
  files: readonly LakeFile[],
  now: number,
  maxFileSize: number,
): ((present: readonly LakeFile[]) => CompactionPlan | undefined)[] {
  return [...new Set(files.map((file) => file.period))]
    .sort()
    .map((day) =>
      dayEnd(day) + GRACE <= now
        ? (present: readonly LakeFile[]) => planCompaction(present, day, maxFileSize)
        : (present: readonly LakeFile[]) => planJoin(present, day, maxFileSize),
    )
}

/** Joins small files of a day that lie side by side, when they are many. */
function planJoin(files: readonly LakeFile[], day: string, maxFileSize: number): CompactionPlan | undefined {
  let run: LakeFile[] = []
  let best: LakeFile[] = []
  for (const file of sortFiles(files.filter((candidate) => candidate.period === day))) {
    const size = run.reduce((sum, { bytes }) => sum + bytes, file.bytes)
    run = file.bytes < SMALL && size <= maxFileSize ? [...run, file] : []
    if (run.length > best.length) best = run
  }
  if (best.length < MANY) return undefined
  const name = nextChunkName(
    day,
    files.map((file) => file.name),
  )
  return { day, merges: [{ sources: best, name, compacted: false }] }
}

/**
 * Writes the rows of several files to one, in order, under a temporary name. What was written is read again before it
 * may take the place of the others.
 */
export async function mergeFiles(
  folder: string,
  kind: Kind,
  merge: Merge,
  temp: string,
  compression: Compression,
  signal?: AbortSignal,
): Promise<LakeFile> {
  const { sources, name, compacted } = merge
  const path = join(folder, temp)
  const sql = orderedSql(folder, kind, sources, kind.columns)
  const sum = (of: (file: LakeFile) => number): number => sources.reduce((total, file) => total + of(file), 0)
  const rows = sum((file) => file.rows)
  const options = copyOptions(kind, compression, compacted ? 'day' : 'chunk', rows)
  using _held = await holdLocal(folder, sources, signal)
  await copyToFile(sql, path, options, signal)
  await checkMerged(path, kind, rows, signal)
  const keys = (of: (file: LakeFile) => RecordId, pick: (a: RecordId, b: RecordId) => RecordId): RecordId =>
    sources.map(of).reduce(pick)
  return describeFile(folder, temp, name, {
    day: sources[0]!.period,
    rows,
    records: sum((file) => file.records ?? file.rows),
    first: Math.min(...sources.map((file) => file.first)),
    last: Math.max(...sources.map((file) => file.last)),
    firstKey: keys((file) => readId(file.firstKey ?? file.first), minId),
    lastKey: keys((file) => readId(file.lastKey ?? file.last), maxId),
    compacted,
  })
}

async function checkMerged(path: string, kind: Kind, rows: number, signal: AbortSignal | undefined): Promise<void> {
  const key = kind.columns.find((spec) => spec.name === kind.sortKey)!
  const check = new RisingCheck()
  for await (const batch of readEventSql(
    `SELECT "${key.name}" FROM read_parquet(${quote(path)})`,
    [key],
    path,
    signal,
  )) {
    const broken = check.add(batch.columns[key.name]!)
    if (broken !== undefined) throw new StorageError(path, `a merge put ${broken} out of order. Nothing was changed.`)
  }
  if (check.rows !== rows)
    throw new StorageError(path, `a merge of ${rows} rows gave ${check.rows}. Nothing was changed.`)
}
