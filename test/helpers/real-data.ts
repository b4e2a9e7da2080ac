import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of this repository. */
export const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** Why tests on recorded data are skipped; goes into the title of what is skipped. */
export const REAL_DATA_SKIP =
  'skipped: no recorded market data (set TICKLAKE_REAL_DATA to its folder, or put it at ../shared/data)'

/**
 * The folder of recorded market data: `TICKLAKE_REAL_DATA`, else `../shared/data` beside the repository. Undefined
 * where neither exists. A folder that was named but is not there is a mistake, not a reason to skip.
 */
export function findRealData(): string | undefined {
  const named = process.env.TICKLAKE_REAL_DATA
  if (named) {
    if (!existsSync(join(named, 'MANIFEST.md'))) throw new Error(`TICKLAKE_REAL_DATA=${named} holds no MANIFEST.md.`)
    return resolve(named)
  }
  const beside = resolve(repositoryRoot, '..', 'shared', 'data')
  return existsSync(join(beside, 'MANIFEST.md')) ? beside : undefined
}

/** A title for tests on recorded data; says why they are skipped when they are. */
export function realDataTitle(title: string): string {
  return findRealData() === undefined ? `${title} (${REAL_DATA_SKIP})` : title
}
