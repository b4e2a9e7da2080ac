import { lstat, rename, stat, symlink, utimes } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ChecksumError, StorageError } from '../../../model/errors.ts'
import { KINDS } from '../../../model/kinds.ts'
import { seriesKey } from '../../../model/series.ts'
import type { LakeFile } from '../coverage-file.ts'
import { storageError } from '../errors.ts'
import { hashFile, listFolder, removeIfThere, syncFile } from '../files.ts'
import { findSeries } from '../scan.ts'
import { locate, openDepot } from './depot.ts'

/**
 * Files that were archived have such a name: no other content ever gets it, so that whoever makes a copy or a link under
 * it cannot take the place of anything.
 */
const AWAY = /\.away-[0-9a-f]{8}\.parquet$/
const FETCHING = '.fetching-'
/** Bytes of copies that are kept of files in storage that cannot be read in place; what was used least recently goes. */
export const MAX_COPIES = 4 * 2 ** 30
/** What was used so lately may be in use, ms. */
const IN_USE = 60_000
/** What is left of a fetch after so long is of a process that died, ms. */
const GIVEN_UP = 3_600_000
const FETCHES = 4

/** Name of an archived file in its series' folder. */
export function awayName(file: Pick<LakeFile, 'name' | 'sha256'>): string {
  return `${file.name.replace(AWAY, '.parquet').replace(/\.parquet$/, '')}.away-${file.sha256.slice(0, 8)}.parquet`
}

/**
 * Sees to it that archived files can be read under their names in the series' folder: those of a folder by a link, those
 * of S3 storage by a copy. Costs nothing where no file was archived.
 * @throws StorageError when an archived file is gone, or where it is cannot be reached.
 */
export async function ensureLocal(folder: string, files: readonly LakeFile[], signal?: AbortSignal): Promise<void> {
  const away = files.filter((file) => file.depot !== undefined)
  if (away.length === 0) return
  const absent: LakeFile[] = []
  const now = new Date()
  for (const file of away) {
    const path = join(folder, file.name)
    // Says when it was used last, to whoever makes room: said before looking, it cannot go in between.
    if ((await lstat(path).catch(() => undefined))?.isFile()) await utimes(path, now, now).catch(() => {})
    if (!(await isThere(path))) absent.push(file)
  }
  if (absent.length === 0) return
  await sweepFetches(folder)
  let next = 0
  const work = async (): Promise<void> => {
    for (let index = next++; index < absent.length; index = next++) {
      signal?.throwIfAborted()
      await bringBack(folder, absent[index]!, signal)
    }
  }
  const settled = await Promise.allSettled(Array.from({ length: Math.min(FETCHES, absent.length) }, work))
  for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason
  await makeRoom(rootOf(folder), MAX_COPIES, { kept: new Set(away.map(({ name }) => join(folder, name))) })
}

/**
 * As `ensureLocal`, and keeps the copies in use until it is disposed of: whoever makes room meanwhile, in any process,
 * leaves them alone. For reads that may take their time.
 */
export async function holdLocal(folder: string, files: readonly LakeFile[], signal?: AbortSignal): Promise<Disposable> {
  await ensureLocal(folder, files, signal)
  const away = files.filter((file) => file.depot !== undefined)
  if (away.length === 0) return { [Symbol.dispose]: () => {} }
  const timer = setInterval(() => {
    // What was taken nevertheless is fetched again; a failure shows where it is read.
    ensureLocal(folder, away, signal).catch(() => {})
  }, IN_USE / 4)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

let fetchNumber = 0

async function bringBack(folder: string, file: LakeFile, signal: AbortSignal | undefined): Promise<void> {
  const path = join(folder, file.name)
  const { address, key } = locate(file.depot!)
  await using depot = await openDepot(address)
  const there = depot.path(key)
  if (there !== undefined) {
    if (!(await stat(there).catch(() => undefined))) {
      throw new StorageError(
        there,
        `the archived file is not there (it belongs to ${path}). Attach the disk that holds it, or copy it back.`,
        // Without its folder the disk is away; what is missing in its folder is lost.
        { code: 'MISSING_FILE', retryable: !(await isThere(dirname(there))) },
      )
    }
    if (await linkTo(there, path)) return
  }
  const temp = join(folder, `${FETCHING}${process.pid}-${++fetchNumber}-${file.name}`)
  try {
    await depot.fetch(key, temp, signal)
    const sha256 = await hashFile(temp, signal)
    if (sha256 !== file.sha256) throw new ChecksumError(file.depot!, file.sha256, sha256, { retryable: false })
    await syncFile(temp)
    await rename(temp, path)
  } catch (error) {
    await removeIfThere(temp).catch(() => {})
    throw storageError(path, 'the archived file could not be brought back', error)
  }
}

/** Makes a link; false where the platform does not let us (Windows without the right to). */
export async function linkTo(target: string, path: string): Promise<boolean> {
  const temp = join(dirname(path), `${FETCHING}${process.pid}-${++fetchNumber}-${basename(path)}`)
  try {
    await symlink(target, temp)
    // Takes the place of a link that points nowhere, if there is one.
    await rename(temp, path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    await removeIfThere(temp).catch(() => {})
    if (code === 'EPERM' || code === 'ENOSYS' || code === 'EOPNOTSUPP') return false
    throw storageError(path, 'the link to the archived file could not be made', error)
  }
}

/** Deletes what died processes left of their fetches. */
async function sweepFetches(folder: string): Promise<void> {
  for (const name of await listFolder(folder)) {
    if (!name.startsWith(FETCHING)) continue
    const info = await lstat(join(folder, name)).catch(() => undefined)
    if (info && Date.now() - info.mtimeMs > GIVEN_UP) await removeIfThere(join(folder, name)).catch(() => {})
  }
}

/** Deletes copies of archived files, those first that were not used for longest, until they take less than `bytes`. */
export async function makeRoom(
  dataDir: string,
  bytes: number,
  { inUse = IN_USE, kept = new Set() }: { readonly inUse?: number; readonly kept?: ReadonlySet<string> } = {},
): Promise<number> {
  const copies: { path: string; size: number; usedAt: number }[] = []
  for (const series of await findSeries(dataDir)) {
    const folder = join(dataDir, seriesKey(series))
    for (const name of await listFolder(folder)) {
      if (!AWAY.test(name)) continue
      const info = await lstat(join(folder, name)).catch(() => undefined)
      if (info?.isFile()) copies.push({ path: join(folder, name), size: info.size, usedAt: info.mtimeMs })
    }
  }
  let held = copies.reduce((sum, { size }) => sum + size, 0)
  for (const { path, size, usedAt } of copies.sort((a, b) => a.usedAt - b.usedAt)) {
    if (held <= bytes || Date.now() - usedAt < inUse) break
    // Someone may have begun to use it since it was looked at.
    const info = kept.has(path) ? undefined : await lstat(path).catch(() => undefined)
    if (!info || info.mtimeMs !== usedAt) continue
    await removeIfThere(path)
    held -= size
  }
  return held
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** The lake's own folder, from that of a series: `<lake>/<market>/<kind>/<symbol>[/<interval>]`. */
function rootOf(folder: string): string {
  const isEvents = Object.hasOwn(KINDS, basename(dirname(folder)))
  const symbols = isEvents ? dirname(folder) : dirname(dirname(folder))
  return dirname(dirname(symbols))
}
