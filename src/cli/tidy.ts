import { kindOf } from '../model/kinds.ts'
import type { SeriesId } from '../model/series.ts'
import type { Lake } from '../store/lake/lake.ts'

/** Joins the small files of events that were collected; gives how many days were. */
export async function tidySeries(lake: Lake, id: SeriesId, signal: AbortSignal): Promise<number> {
  if (kindOf(id.kind).hasInterval) return 0
  await using writer = await lake.eventWriter(id, { signal, waitMs: WAIT_MS })
  return writer.tidy(Date.now(), signal)
}

/** Who writes a series for longer is a collector, ms. */
const WAIT_MS = 5000
