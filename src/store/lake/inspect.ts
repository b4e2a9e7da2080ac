import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Batch, columnOf } from '../../model/batch.ts'
import { isTicklakeError, type TicklakeError } from '../../model/errors.ts'
import { isOpenTime, nextOpen } from '../../model/interval.ts'
import { kindOf } from '../../model/kinds.ts'
import type { SeriesId } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import type { LakeFile, SeriesCoverage } from './coverage-file.ts'
import { ensureLocal } from './depot/local-copies.ts'
import { storageError } from './errors.ts'
import { describeEventFile, inspectEventRows } from './event-inspect.ts'
import { hashFile, TEMP_PREFIX } from './files.ts'
import { IdRanges } from './ids.ts'
import { gridOf } from './next-coverage.ts'
import { readParquet } from './parquet.ts'
import { periodLength, periodOf } from './periods.ts'

export interface FileProblem {
  readonly type: 'missing-file' | 'out-of-reach' | 'damaged-file' | 'hash-mismatch' | 'row-count' | 'order' | 'values'
  readonly detail: string
}

/** Reads a data file whole and compares it with what the coverage says of it. Undefined when all is well. */
export async function inspectFile(
  folder: string,
  file: LakeFile,
  coverage: SeriesCoverage,
  signal?: AbortSignal,
): Promise<FileProblem | undefined> {
  const path = join(folder, file.name)
  const brought = await ensureLocal(folder, [file], signal).catch((error: unknown) => {
    if (!isTicklakeError(error)) throw error
    return error
  })
  if (brought) return { type: typeOf(brought), detail: brought.message }
  try {
    const info = await stat(path)
    const { size } = info
    // What somebody put there is not ours to remove.
    if (!info.isFile())
      return { type: 'out-of-reach', detail: 'something that is no file lies in its place. Move it away, then repair' }
    if (size !== file.bytes)
      return { type: 'damaged-file', detail: `the file has ${size} bytes, ${file.bytes} were written` }
    const sha256 = await hashFile(path, signal)
    if (sha256 !== file.sha256)
      return { type: 'hash-mismatch', detail: `SHA-256 is ${sha256}, ${file.sha256} was written` }
  } catch (error) {
    signal?.throwIfAborted()
    return refusal(path, error)
  }
  const kind = kindOf(coverage.series.kind)
  const grid = gridOf(coverage, file.first)
  let rows = 0
  let last = Number.NEGATIVE_INFINITY
  try {
    if (!kind.hasInterval) return await inspectEventRows(path, file, coverage, signal)
    for await (const batch of readParquet(kind, {
      paths: [path],
      columns: kind.columns,
      ...(signal ? { signal } : {}),
    })) {
      const times = columnOf(batch, kind.sortKey)
      for (const time of times) {
        if (time <= last) return { type: 'order', detail: `the row at ${time} does not come after ${last}` }
        if (coverage.series.interval !== undefined && !isOpenTime(grid, time))
          return { type: 'values', detail: `${time} is no open time` }
        last = time
      }
      const nan = findNaN(batch)
      if (nan !== undefined) return { type: 'values', detail: `column ${nan} holds NaN` }
      rows += batch.length
    }
  } catch (error) {
    signal?.throwIfAborted()
    return { type: 'damaged-file', detail: error instanceof Error ? error.message : String(error) }
  }
  if (rows !== file.rows) return { type: 'row-count', detail: `the file has ${rows} rows, ${file.rows} were written` }
  return undefined
}

/** A disk that is away, or storage that does not answer, comes back: its files are not lost. */
function typeOf({ retryable, code }: TicklakeError): FileProblem['type'] {
  if (retryable) return 'out-of-reach'
  return code === 'CHECKSUM' ? 'hash-mismatch' : 'missing-file'
}

/** What the system's answer to a read says of the file: one that may not be read now is not lost. */
function refusal(path: string, error: unknown): FileProblem {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP')
    return { type: 'missing-file', detail: 'the file is gone' }
  const type = code === 'EIO' ? 'damaged-file' : 'out-of-reach'
  return { type, detail: storageError(path, 'the file could not be read', error).message }
}

function findNaN(batch: Batch): string | undefined {
  for (const [name, values] of Object.entries(batch.columns)) if (values.some(Number.isNaN)) return name
  return undefined
}

/** Parquet files in a series' folder that its coverage does not know. Readers never see them. */
export async function strayFiles(
  folder: string,
  coverage: Pick<SeriesCoverage, 'files'> | undefined,
): Promise<string[]> {
  const known = new Set(coverage?.files.map((file) => file.name))
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => name.endsWith('.parquet') && !name.startsWith(TEMP_PREFIX) && !known.has(name)).sort()
}

/**
 * Describes the readable data files of a folder anew, for a series whose coverage is lost. Stretches with rows count as
 * covered; what was known of gaps and checks is gone and is found again by the next download. Of events the ids in them
 * are given too, where those are counted.
 */
export async function rebuildFiles(
  folder: string,
  series: SeriesId,
): Promise<{ files: LakeFile[]; covered: TimeRange[]; unreadable: string[]; held: IdRanges }> {
  const kind = kindOf(series.kind)
  const held = new IdRanges()
  const files: LakeFile[] = []
  const covered: TimeRange[] = []
  const unreadable: string[] = []
  for (const name of await strayFiles(folder, undefined)) {
    const path = join(folder, name)
    try {
      if (!kind.hasInterval) {
        // Its own, so that a file which can't be read to its end adds nothing.
        const ids = new IdRanges()
        const file = await describeEventFile(folder, name, kind, ids)
        if (file) files.push(file)
        for (const { first, last, from, to } of ids.ranges) held.add(first, last, from, to)
        continue
      }
      let rows = 0
      let first: number | undefined
      let last = 0
      const stretches: TimeRange[] = []
      for await (const batch of readParquet(kind, { paths: [path], columns: kind.columns })) {
        const times = columnOf(batch, kind.sortKey)
        first ??= times[0]!
        last = times[batch.length - 1]!
        rows += batch.length
        stretches.push(...stretchesOf(times, series, first))
      }
      if (first === undefined) continue
      const period = periodOf(periodLength(kind, series.interval), first)
      files.push({
        name,
        period: period.name,
        rows,
        bytes: (await stat(path)).size,
        sha256: await hashFile(path),
        first,
        last,
      })
      covered.push(...stretches)
    } catch {
      unreadable.push(name)
    }
  }
  return { files: files.sort((a, b) => a.first - b.first), covered, unreadable, held }
}

function stretchesOf(times: Float64Array, series: SeriesId, origin: number): TimeRange[] {
  const { interval } = series
  if (interval === undefined) return []
  const grid = { interval, origin }
  const stretches: TimeRange[] = []
  let from = times[0]!
  let expected = nextOpen(grid, from)
  for (let i = 1; i < times.length; i++) {
    if (times[i] !== expected) {
      stretches.push({ from, to: expected })
      from = times[i]!
    }
    expected = nextOpen(grid, times[i]!)
  }
  stretches.push({ from, to: expected })
  return stretches
}
