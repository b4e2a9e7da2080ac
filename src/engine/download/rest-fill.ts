import type { BaseDataClient, CandleRequest } from '../../exchanges/exchange.ts'
import { type Batch, clipBatch, columnOf, emptyBatch } from '../../model/batch.ts'
import { CandleFlag, candle } from '../../model/candle.ts'
import { MINUTE, type TimeRange } from '../../model/time.ts'

/** Rows of a range that REST was asked for, and the range that this settles. */
export interface RestPiece extends TimeRange {
  readonly batch: Batch
}

/** More requests than this without a row, and it is cheaper to ask where the next row is. */
const EMPTY_REQUESTS = 2

/**
 * Candles that are missing up to now are late, not missing, for so long: the exchange needs a moment to give them out,
 * and a clock of the exchange that is wrong by an hour must not make gaps.
 */
const SETTLING_TIME = 120 * MINUTE

/**
 * Reads a range of closed candles from REST in rising pieces that together settle it. Long stretches without candles
 * (before listing, long halts) are jumped over with one request instead of walked through.
 */
export async function* restPieces(
  client: BaseDataClient,
  request: CandleRequest,
): AsyncGenerator<RestPiece, void, void> {
  let from = request.from
  while (from < request.to) {
    if (client.candleRequests({ ...request, from }) > EMPTY_REQUESTS) {
      const next = await client.nextOpen({ ...request, from })
      const rows = Math.min(next ?? request.to, request.to)
      if (rows > from) yield { from, to: rows, batch: emptyBatch(candle) }
      from = rows
      if (from >= request.to) return
    }
    let empty = 0
    for await (const page of client.candlePages({ ...request, from })) {
      const batch =
        page.batch.length === 0 ? emptyBatch(candle) : closedOnly(clipBatch(candle, page.batch, from, request.to))
      const to = Math.min(page.to, request.to)
      yield { from, to, batch }
      from = to
      empty = batch.length === 0 ? empty + 1 : 0
      if (empty >= EMPTY_REQUESTS) break
    }
    // A client whose pages end early has nothing more to say about the rest.
    if (empty < EMPTY_REQUESTS && from < request.to) {
      yield { from, to: request.to, batch: emptyBatch(candle) }
      return
    }
  }
}

/** The batch without the candle that is not closed yet, which can only be the last one. */
export function closedOnly(batch: Batch): Batch {
  if (batch.length === 0) return batch
  const flags = columnOf(batch, 'flags')
  const last = flags[batch.length - 1]! & CandleFlag.unfinished
  return last === 0
    ? batch
    : clipBatch(candle, batch, Number.NEGATIVE_INFINITY, columnOf(batch, 'open_time')[batch.length - 1]!)
}

/**
 * Whether the last missing stretch reaches up to now. The last candle before it may then still be open, whatever the
 * clock says: only its successor proves it closed.
 */
export function isLate(missing: TimeRange | undefined, end: number, now: number): boolean {
  return missing !== undefined && missing.to === end && missing.from > now - SETTLING_TIME
}

/** The last open time of columns of them. */
export function lastOpen(times: readonly Float64Array[]): number | undefined {
  return times.findLast(({ length }) => length > 0)?.at(-1)
}
