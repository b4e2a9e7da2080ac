import type { Table } from 'apache-arrow'
import { type Batch, columnOf } from '../model/batch.ts'
import { candle } from '../model/candle.ts'
import { StorageError } from '../model/errors.ts'
import type { Log } from '../model/log.ts'
import { coversRange, subtractRanges } from '../model/ranges.ts'
import type { TimeRange } from '../model/time.ts'
import { sleep } from '../net/abort.ts'
import { ArrowCache, type CacheProblem } from '../store/cache/arrow-cache.ts'
import { LakeCache } from '../store/cache/lake-cache.ts'
import type { SeriesCoverage } from '../store/lake/coverage-file.ts'
import type { Lake } from '../store/lake/lake.ts'
import { isHarmless } from './holes.ts'
import type { VerifyProblem } from './types.ts'

export async function openLakeCache(
  lake: Promise<Lake>,
  cacheDir: string,
  maxBytes: number | undefined,
  log: Log,
): Promise<LakeCache> {
  const cache = await ArrowCache.open(cacheDir, { ...(maxBytes === undefined ? {} : { maxBytes }), log })
  return new LakeCache(await lake, cache, { log })
}

/**
 * Whether a range is complete, where everything about it is known; undefined where a download might bring more: it has
 * never been asked for, or it has gaps of unknown cause that REST was not asked about.
 */
export function settledState(coverage: SeriesCoverage | undefined, range: TimeRange): boolean | undefined {
  if (!coverage || range.from <= 0) return undefined
  const gaps = coverage.gaps.filter((gap) => gap.from < range.to && gap.to > range.from)
  const unasked = gaps.filter((gap) => gap.cause === 'unknown' && !gap.checked.includes('rest'))
  if (!coversRange(subtractRanges(coverage.covered, unasked), range)) return undefined
  return gaps.every(isHarmless)
}

/** Open time of the last row; -Infinity when there is none. */
export function lastOpen(batches: readonly Batch[]): number {
  const last = batches.at(-1)
  return last ? columnOf(last, candle.sortKey)[last.length - 1]! : Number.NEGATIVE_INFINITY
}

/** Puts on a table what is known of its range. */
export function described(table: Table, complete: boolean, gaps: readonly TimeRange[]): Table {
  table.schema.metadata.set('ticklake.complete', String(complete))
  table.schema.metadata.set('ticklake.gaps', JSON.stringify(gaps))
  return table
}

const READS = 4
/** A change has happened when its files are in place, and is told of a little later, ms. */
const CHANGE_TAKES = 50

/** Reads again when it failed and the series was written meanwhile: a file may be replaced while DuckDB opens it. */
export async function readUnchanged<T>(
  coverage: () => Promise<SeriesCoverage | undefined>,
  read: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const before = await coverage()
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof StorageError) || attempt === READS) throw error
      await sleep(CHANGE_TAKES)
      if ((await coverage())?.revision === before?.revision) throw error
    }
  }
}

interface Bounds {
  readonly startTime?: unknown
  readonly endTime?: unknown
  readonly from?: unknown
  readonly to?: unknown
}

/** A request without the range that it names. */
export function withoutBounds<T extends Bounds>(request: T): Omit<T, keyof Bounds> {
  const { startTime: _start, endTime: _end, from: _from, to: _to, ...rest } = request
  return rest
}

export function ofCache({ path, detail }: CacheProblem): VerifyProblem {
  return { type: 'damaged-cache', path, detail, repaired: true }
}
