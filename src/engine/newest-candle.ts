import type { BaseDataClient, CandleRequest } from '../exchanges/exchange.ts'
import { type Batch, clipBatch, columnOf } from '../model/batch.ts'
import { CandleFlag, candle } from '../model/candle.ts'
import { intervalLength } from '../model/interval.ts'
import { withFlag } from './download/file-rows.ts'

/**
 * REST's newest candle, flagged as unfinished: whatever the clock says, no later one proves it closed. Undefined when it
 * opens outside the range, or not after `after`.
 */
export async function newestCandle(
  client: BaseDataClient,
  request: CandleRequest,
  after: number,
  now: number,
): Promise<Batch | undefined> {
  // Where the open candle began depends on a clock and, for 3d, on the symbol: the one before is asked for too.
  const from = Math.max(0, now - 3 * intervalLength(request.interval))
  let newest: Batch | undefined
  for await (const { batch } of client.candlePages({ ...request, from, to: now + 1 })) {
    if (batch.length > 0) newest = batch
  }
  if (!newest) return undefined
  const open = columnOf(newest, candle.sortKey)[newest.length - 1]!
  if (open <= after || open < request.from || open >= request.to) return undefined
  return withFlag(clipBatch(candle, newest, open, Number.POSITIVE_INFINITY), CandleFlag.unfinished)
}
