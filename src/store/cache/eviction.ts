import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isInterval } from '../../model/interval.ts'
import { KINDS } from '../../model/kinds.ts'
import { MARKETS, type Market, type SeriesId } from '../../model/series.ts'
import { removeIfThere } from '../lake/files.ts'
import { lockFile } from '../lake/lock.ts'

/** A file of the cache. */
export interface CachedFile {
  readonly path: string
  readonly bytes: number
  /** When it was last used, epoch ms. */
  readonly usedAt: number
}

/** A folder of the cache with its files. */
export interface CachedFolder {
  /** What the folder is about; undefined for a name that ticklake never gives. */
  readonly series: SeriesId | undefined
  readonly files: readonly CachedFile[]
}

/** Deepest folder: `<exchange>-<market>/<kind>/<SYMBOL>/<interval>`. */
const DEPTH = 4
const EVICTION_LOCK = '.evict.lock'

/** Every folder of a cache that holds months. */
export async function listCached(cacheDir: string): Promise<CachedFolder[]> {
  const found: CachedFolder[] = []
  const walk = async (parts: readonly string[]): Promise<void> => {
    const folder = join(cacheDir, ...parts)
    const files: CachedFile[] = []
    for (const entry of await entries(folder)) {
      if (entry.isDirectory() && !entry.name.startsWith('.') && parts.length < DEPTH) await walk([...parts, entry.name])
      if (!entry.isFile() || !/^\d{6}\.arrow$/.test(entry.name)) continue
      const path = join(folder, entry.name)
      const info = await stat(path).catch(() => undefined)
      if (info) files.push({ path, bytes: info.size, usedAt: info.mtimeMs })
    }
    if (files.length > 0) found.push({ series: seriesOf(parts), files })
  }
  await walk([])
  return found
}

/**
 * Removes the files that were used least recently until the rest fits, and gives their paths. `keep` stays. Who has a
 * file mapped keeps its content: only its name goes.
 */
export async function evict(cacheDir: string, maxBytes: number, keep: string, lockWaitMs: number): Promise<string[]> {
  // Two processes that evict at once would both count what the other one removes.
  await using _lock = await lockFile(join(cacheDir, EVICTION_LOCK), { waitMs: lockWaitMs })
  const files = (await listCached(cacheDir)).flatMap((folder) => folder.files).sort((a, b) => a.usedAt - b.usedAt)
  let total = files.reduce((sum, file) => sum + file.bytes, 0)
  const gone: string[] = []
  for (const file of files) {
    if (total <= maxBytes) break
    if (file.path === keep) continue
    await removeIfThere(file.path)
    gone.push(file.path)
    total -= file.bytes
  }
  return gone
}

function seriesOf(parts: readonly string[]): SeriesId | undefined {
  const [top, ...rest] = parts
  if (top === undefined || rest.length < 2) return undefined
  const [name, symbol, kind = 'candle'] = [...rest].reverse() as [string, string, string?]
  const dash = top.lastIndexOf('-')
  const market = top.slice(dash + 1)
  const interval = name === '1mo' ? '1M' : name
  if (dash <= 0 || !(MARKETS as readonly string[]).includes(market)) return undefined
  if (!isInterval(interval) || !Object.hasOwn(KINDS, kind)) return undefined
  return { exchange: top.slice(0, dash), market: market as Market, kind, symbol, interval }
}

async function entries(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}
