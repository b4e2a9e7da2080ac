import { type Batch, columnOf } from '../../model/batch.ts'
import { candle } from '../../model/candle.ts'
import type { TimeRange } from '../../model/time.ts'
import { missingOpens } from '../../store/lake/gaps.ts'
import type { SeriesDownload } from './series-download.ts'

/** Rows that are collected from REST before they are committed. */
const COMMIT_ROWS = 50_000

/**
 * Fetches a range from REST and commits what it settles, piece by piece. What REST leaves open at the end of the range
 * is left to the next run; what a symbol that REST does not know leaves open is given up.
 */
export async function takeRestRange(download: SeriesDownload, range: TimeRange): Promise<void> {
  let batches: Batch[] = []
  let rows = 0
  let start = range.from
  let end = range.from
  const flush = async (): Promise<void> => {
    if (end <= start) return
    const settled = { from: start, to: end }
    const times = batches.map((batch) => columnOf(batch, candle.sortKey))
    const findings = missingOpens(download.grid, settled, times).map((stretch) => download.finding(stretch, 'rest'))
    const change = { batches, covered: [{ ...settled, source: 'rest' as const }], findings }
    batches = []
    rows = 0
    start = end
    await download.commit(change)
  }
  try {
    for await (const piece of download.rest.pieces(range)) {
      if (piece.batch.length > 0) {
        download.noteOpen(columnOf(piece.batch, candle.sortKey)[0]!)
        batches.push(piece.batch)
      }
      rows += piece.batch.length
      end = piece.to
      if (rows >= COMMIT_ROWS) await flush()
    }
  } catch (error) {
    // What came before the failure is good; the next run need not fetch it again.
    if (error === download.rest.down) await flush()
    throw error
  }
  await flush()
  if (download.rest.unknown) await download.giveUp([{ from: start, to: range.to }])
}
