import type { StoredRecord } from '../../model/history/index.ts'
import type { LiveRecord } from '../../model/live/index.ts'
import type { TimeRange } from '../../model/time.ts'
import type { EventDownload } from './event-download.ts'

/** Records that are collected from REST before they are stored. */
const COMMIT_RECORDS = 50_000

/** Fetches a range from REST and stores what comes, piece by piece. */
export async function takeEventRange(download: EventDownload, range: TimeRange): Promise<void> {
  const { writer, rest } = download
  const property = writer.kind.columns.find((spec) => spec.name === writer.kind.timeColumn)!.property
  let start = range.from
  let last = range.from
  const flush = async (end: number): Promise<void> => {
    const covered = end > start ? [{ from: start, to: end, source: 'rest' as const }] : []
    start = Math.max(start, end)
    await download.note({ covered })
  }
  for await (const page of rest.at(range)) {
    for (const record of page) {
      // The writer goes by the columns of its kind, whatever they are.
      writer.append(record as LiveRecord)
      last = Math.max(last, timeOf(record, property))
    }
    // Ids rise, times do so nearly: only what lies a while before the newest record is settled for certain.
    if (writer.pendingRecords >= COMMIT_RECORDS || writer.isFull) await flush(Math.min(range.to, last - DISORDER))
  }
  // REST that went silent has told what came before; the next run goes on from there.
  await flush(rest.usable ? range.to : Math.min(range.to, last - DISORDER))
}

/** How far times of records may run against their ids, ms. */
const DISORDER = 60_000

export function timeOf(record: StoredRecord, property: string): number {
  return (record as unknown as Readonly<Record<string, number>>)[property]!
}
