import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { COVERAGE_FILE, parseCoverage, type SeriesCoverage } from './coverage-file.ts'
import { removeIfThere, syncFolder, TEMP_PREFIX, writeFileAtomic, writeFileSynced } from './files.ts'

/**
 * A change of a series' folder that happens wholly or not at all. The journal is written first; from then on the change
 * is decided, and whoever opens the series next finishes it if we do not.
 */
export interface Commit {
  /** Temporary name and final name of each new data file. */
  readonly renames: readonly (readonly [from: string, to: string])[]
  /** Data files that no longer belong to the series. */
  readonly removes: readonly string[]
  readonly coverage: SeriesCoverage
}

export const JOURNAL_FILE = '.commit.json'

/**
 * Carries out a change. The renamed files must be complete and synced.
 * @param onDecided called once the change can no longer be undone, only finished.
 */
export async function commitChange(folder: string, commit: Commit, onDecided: () => void): Promise<void> {
  const { renames, removes } = commit
  const text = formatCoverage(commit.coverage)
  // Written before anything is decided: from then on only renames are left, which a full disk can't stop.
  const ready = join(folder, `${TEMP_PREFIX}${process.pid}-next-${COVERAGE_FILE}`)
  try {
    await writeFileSynced(ready, text)
    await writeFileAtomic(join(folder, JOURNAL_FILE), JSON.stringify({ renames, removes, text }))
  } catch (error) {
    await removeIfThere(ready).catch(() => {})
    throw error
  }
  onDecided()
  await carryOut(folder, { renames, removes }, () => rename(ready, join(folder, COVERAGE_FILE)))
}

/** Finishes a change that a crash interrupted. Gives true when there was one. */
export async function recoverCommit(folder: string): Promise<boolean> {
  const path = join(folder, JOURNAL_FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
  // The journal was renamed into place, so it is whole; anything else was not written by us.
  const journal = JSON.parse(text) as { renames: [string, string][]; removes: string[]; text: string }
  parseCoverage(journal.text, path)
  await carryOut(folder, journal, () => writeFileAtomic(join(folder, COVERAGE_FILE), journal.text))
  return true
}

async function carryOut(
  folder: string,
  commit: Pick<Commit, 'renames' | 'removes'>,
  writeCoverage: () => Promise<void>,
): Promise<void> {
  // Every step can be done twice: a crash in the middle is answered by doing all of them again.
  for (const [from, to] of commit.renames) {
    await rename(join(folder, from), join(folder, to)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
  }
  for (const name of commit.removes) await removeIfThere(join(folder, name))
  await writeCoverage()
  // The new coverage must be safe before the journal goes.
  await syncFolder(folder)
  await removeIfThere(join(folder, JOURNAL_FILE))
  await syncFolder(folder)
}

/** The text of `series.json`: one line per list entry, for people and for diffs. */
export function formatCoverage(coverage: SeriesCoverage): string {
  const lines = Object.entries(coverage)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      if (!Array.isArray(value) || value.length === 0) return `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`
      return `  ${JSON.stringify(key)}: [\n${value.map((entry) => `    ${JSON.stringify(entry)}`).join(',\n')}\n  ]`
    })
  return `{\n${lines.join(',\n')}\n}\n`
}
