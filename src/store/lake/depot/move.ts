import { join } from 'node:path'
import { ChecksumError } from '../../../model/errors.ts'
import { kindOf } from '../../../model/kinds.ts'
import { type SeriesId, seriesKey } from '../../../model/series.ts'
import type { LakeFile } from '../coverage-file.ts'
import { hashFile } from '../files.ts'
import { type Period, periodLength, periodOf } from '../periods.ts'
import { Refiler } from '../refile.ts'
import type { Depot } from './depot.ts'
import { awayName, linkTo } from './local-copies.ts'

export interface MoveOptions {
  /** Periods that ended before this instant are moved, epoch ms. */
  readonly before: number
  readonly waitMs?: number
  readonly signal?: AbortSignal
  /** Called for each file that has been moved. */
  readonly onFile?: (file: LakeFile) => void
}

export interface Moved {
  readonly files: number
  readonly bytes: number
}

const WAIT_MS = 5000

/**
 * Moves the data files of ended periods to a depot, one after another: copied, read back and compared by SHA-256, and
 * only then, in one change with the coverage, given up here. A crash leaves each file either here or there.
 * @throws StorageError, ChecksumError when a file cannot be moved; those before it have been.
 */
export async function moveToDepot(
  folder: string,
  series: SeriesId,
  depot: Depot,
  options: MoveOptions,
): Promise<Moved> {
  const { before, signal } = options
  const opened = await Refiler.open(folder, { waitMs: options.waitMs ?? WAIT_MS, ...(signal ? { signal } : {}) })
  if (!opened) return { files: 0, bytes: 0 }
  await using refiler = opened
  let [files, bytes] = [0, 0]
  for (const file of refiler.coverage.files) {
    if (file.depot !== undefined || periodOfFile(series, file).to > before) continue
    signal?.throwIfAborted()
    const moved = await copyAway(folder, series, file, depot, signal)
    const temp = await linkInPlace(refiler, depot, moved.key, file)
    await refiler.commit({ gone: [file], made: [{ file: moved.file, ...(temp === undefined ? {} : { temp }) }] })
    files++
    bytes += file.bytes
    options.onFile?.(moved.file)
  }
  return { files, bytes }
}

/** The period of a file. One that never ends is never moved. */
export function periodOfFile(series: SeriesId, file: LakeFile): Period {
  return periodOf(periodLength(kindOf(series.kind), series.interval), file.first)
}

async function copyAway(
  folder: string,
  series: SeriesId,
  file: LakeFile,
  depot: Depot,
  signal: AbortSignal | undefined,
): Promise<{ readonly file: LakeFile; readonly key: string }> {
  const path = join(folder, file.name)
  // A damaged file must not be moved as if it were whole: verify --repair deals with it here.
  const sha256 = await hashFile(path, signal)
  if (sha256 !== file.sha256) throw new ChecksumError(path, file.sha256, sha256, { retryable: false })
  const name = awayName(file)
  // Its hash is in the name: what stands there under it is this file, or a part of it after a crash.
  const key = `${seriesKey(series)}/${name}`
  if ((await depot.hash(key, signal)) !== file.sha256) {
    await depot.put(key, path, signal)
    const there = await depot.hash(key, signal)
    if (there !== file.sha256) throw new ChecksumError(depot.url(key), file.sha256, there ?? 'nothing')
  }
  return { file: { ...file, name, depot: depot.url(key) }, key }
}

/** A link to a file that can be read where it is; undefined where there is none, or links cannot be made. */
async function linkInPlace(refiler: Refiler, depot: Depot, key: string, file: LakeFile): Promise<string | undefined> {
  const there = depot.path(key)
  if (there === undefined) return undefined
  const temp = refiler.tempName(file.name)
  return (await linkTo(there, join(refiler.folder, temp))) ? temp : undefined
}
