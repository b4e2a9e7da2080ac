import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isInterval } from '../../model/interval.ts'
import { KINDS } from '../../model/kinds.ts'
import { MARKETS, type Market, type SeriesId } from '../../model/series.ts'
import { storageError } from './errors.ts'

/** Every series under a data folder, from the names of its folders: `<exchange>-<market>/<kind>/<SYMBOL>[/<interval>]`. */
export async function findSeries(dataDir: string): Promise<SeriesId[]> {
  const found: SeriesId[] = []
  for (const top of await folders(dataDir)) {
    const dash = top.lastIndexOf('-')
    const market = top.slice(dash + 1)
    if (dash <= 0 || !(MARKETS as readonly string[]).includes(market)) continue
    const base = { exchange: top.slice(0, dash), market: market as Market }
    for (const [kindId, kind] of Object.entries(KINDS)) {
      for (const symbol of await folders(join(dataDir, top, kindId))) {
        if (!kind.hasInterval) {
          found.push({ ...base, kind: kindId, symbol })
          continue
        }
        for (const name of await folders(join(dataDir, top, kindId, symbol))) {
          const interval = name === '1mo' ? '1M' : name
          if (isInterval(interval)) found.push({ ...base, kind: kindId, symbol, interval })
        }
      }
    }
  }
  return found
}

async function folders(path: string): Promise<string[]> {
  let entries: Dirent[]
  try {
    entries = await readdir(path, { withFileTypes: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw storageError(path, 'the lake could not be read', error)
  }
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .sort()
}
