import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { normaliseRanges } from '../../model/ranges.ts'
import type { TimeRange } from '../../model/time.ts'
import { removeIfThere, writeFileAtomic } from './files.ts'

/** Beside a series' coverage: what downloads wanted that have not come to their end. */
const INTERRUPTED_FILE = '.unfinished.json'

/** What downloads wanted of a series that were stopped, or failed; none where nobody can read the note. */
export async function readInterrupted(folder: string): Promise<TimeRange[]> {
  try {
    const noted: unknown = JSON.parse(await readFile(join(folder, INTERRUPTED_FILE), 'utf8'))
    return normaliseRanges(Array.isArray(noted) ? noted.filter(isRange) : [])
  } catch {
    return []
  }
}

/**
 * Keeps a note of what is wanted, under the lock of the series; nothing wanted is no note. It only helps the next
 * update: a disk that does not take it is no reason to stop.
 */
export async function noteInterrupted(folder: string, ranges: readonly TimeRange[]): Promise<void> {
  const path = join(folder, INTERRUPTED_FILE)
  const wanted = normaliseRanges(ranges)
  const work = wanted.length > 0 ? writeFileAtomic(path, JSON.stringify(wanted)) : removeIfThere(path)
  await work.catch(() => undefined)
}

function isRange(value: unknown): value is TimeRange {
  const { from, to } = (value ?? {}) as Partial<TimeRange>
  return Number.isFinite(from) && Number.isFinite(to)
}
