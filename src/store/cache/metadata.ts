import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { SeriesId } from '../../model/series.ts'
import { writeFileAtomic } from '../lake/files.ts'
import type { ArrowFrame } from './arrow-file.ts'

/** A data file of the lake that rows of a month came from. */
export interface LakeSourceFile {
  readonly name: string
  readonly sha256: string
  /** Earliest and latest open time in it, epoch ms. */
  readonly first: number
  readonly last: number
}

/** A file of the archive that rows of a month came from. */
export interface ArchiveSourceFile {
  readonly path: string
  /** Changes when the archive replaces the file. */
  readonly etag: string
  /** What became of its checksum. */
  readonly state: string
}

/** Where the rows of a cached month came from: what must be unchanged for the month to be of use. */
export type MonthSource =
  | { readonly type: 'lake'; readonly revision: number; readonly files: readonly LakeSourceFile[] }
  | { readonly type: 'archive'; readonly files: readonly ArchiveSourceFile[] }

/** One month of a series in the cache. */
export interface MonthEntry {
  /** Name in the series' folder, e.g. `202401.arrow`. */
  readonly file: string
  /** Also stands in the file: tells that file and entry are of one making. */
  readonly build: string
  readonly sha256: string
  readonly bytes: number
  /** Header and footer of the file: what is checked whenever it is opened. */
  readonly frame: ArrowFrame
  readonly rows: number
  /** Open times of the first and the last row, epoch ms. */
  readonly first: number
  readonly last: number
  readonly source: MonthSource
  readonly builtAt: string
}

/** Content of `metadata.json`: the months of a series in the cache, by name (`202401`). */
export interface CacheMetadata {
  readonly format: 1
  readonly series: SeriesId
  readonly months: Readonly<Record<string, MonthEntry>>
}

export const METADATA_FILE = 'metadata.json'

/**
 * Tells one state of a file from another without reading it; undefined when it is not there. Synchronous: the answer is
 * in the kernel's memory, where a turn of the thread pool would take twenty times as long.
 */
export function fileState(path: string): string | undefined {
  try {
    const info = statSync(path, { throwIfNoEntry: false })
    return info && `${info.ino}:${info.size}:${info.mtimeMs}`
  } catch {
    // A part of the path is a file, or not ours to look into: whoever opens it will say so.
    return undefined
  }
}

/** Reads `metadata.json`. One that is not there or damaged counts as empty: everything in a cache can be made again. */
export function readMetadata(folder: string, series: SeriesId): CacheMetadata {
  const empty: CacheMetadata = { format: 1, series, months: {} }
  let value: unknown
  try {
    value = JSON.parse(readFileSync(join(folder, METADATA_FILE), 'utf8'))
  } catch {
    return empty
  }
  if (!isObject(value) || value.format !== 1 || !isObject(value.months)) return empty
  const months = Object.entries(value.months).filter(([month, entry]) => isEntry(month, entry))
  return { ...empty, months: Object.fromEntries(months) as Record<string, MonthEntry> }
}

export async function writeMetadata(folder: string, metadata: CacheMetadata): Promise<void> {
  const months = Object.fromEntries(Object.entries(metadata.months).sort(([a], [b]) => (a < b ? -1 : 1)))
  await writeFileAtomic(join(folder, METADATA_FILE), `${JSON.stringify({ ...metadata, months }, undefined, 2)}\n`)
}

function isEntry(month: string, value: unknown): boolean {
  if (
    !/^\d{6}$/.test(month) ||
    !isObject(value) ||
    value.file !== `${month}.arrow` ||
    !isObject(value.source) ||
    !isObject(value.frame)
  )
    return false
  const numbers = ['bytes', 'rows', 'first', 'last'].every((key) => Number.isFinite(value[key]))
  const texts = ['build', 'sha256'].every((key) => typeof value[key] === 'string')
  const { type, files } = value.source
  const names = type === 'lake' ? ['name', 'sha256'] : ['path', 'etag']
  return (
    numbers &&
    texts &&
    Array.isArray(files) &&
    files.every((file: unknown) => isObject(file) && names.every((name) => typeof file[name] === 'string'))
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
