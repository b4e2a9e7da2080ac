import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CollectorReport } from '../../engine/live/collector-report.ts'
import { liveJson } from '../../engine/live/json.ts'
import { storageError } from '../../store/lake/errors.ts'
import { makeFolder } from '../../store/lake/files.ts'

export const REPORTS_FOLDER = '.reports'

/** Where the report of a run is kept in a lake. */
export function reportPath(dataDir: string, report: Pick<CollectorReport, 'at'>): string {
  return join(dataDir, REPORTS_FOLDER, `${new Date(report.at).toISOString().replaceAll(':', '-')}.json`)
}

/** @throws StorageError when the file can't be written. */
export async function writeReport(path: string, report: CollectorReport): Promise<void> {
  try {
    await makeFolder(dirname(path))
    await writeFile(path, `${liveJson(report, 2)}\n`)
  } catch (cause) {
    throw storageError(path, 'the report could not be written', cause)
  }
}
