import type { BaseDataClient, CandleRequest } from '../../exchanges/exchange.ts'
import { type Batch, clipBatch, columnOf, emptyBatch } from '../../model/batch.ts'
import { CandleFlag, candle } from '../../model/candle.ts'
import { ceilOpen, type IntervalGrid, intervalLength, nextOpen } from '../../model/interval.ts'
import { MINUTE, type TimeRange } from '../../model/time.ts'

/** Rows of a range that REST was asked for, and the range that this settles. */
export interface RestPiece extends TimeRange {
  readonly batch: Batch
}

/** How the closed candles of a range are told from the open one. */
export interface RestFacts {
  readonly grid: IntervalGrid
  /** The exchange's clock, epoch ms. It may be wrong by up to `SETTLING_TIME`. */
  readonly now: number
}

/** More requests than this without a row, and it is cheaper to ask where the next row is. */
const EMPTY_REQUESTS = 2

/**
 * So far the exchange's clock is not believed. What should have closed within that time counts as closed only when a
 * later candle is there: a clock that is an hour ahead must not make a closed candle of the open one, nor gaps of
 * candles that are yet to come.
 */
export const SETTLING_TIME = 120 * MINUTE

/**
 * Reads closed candles of a range from REST, in rising pieces. What they settle ends before the range does where a
 * candle is not proved closed, or may still come.
 */
export async function* restPieces(
  client: BaseDataClient,
  request: CandleRequest,
  facts: RestFacts,
): AsyncGenerator<RestPiece, void, void> {
  const { from, to } = request
  const believed = facts.now - SETTLING_TIME
  const asked = to > believed ? Math.max(to, Math.min(successorEnd(facts.grid, to), facts.now + 1)) : to
  // A piece waits until a later candle proves its last one closed.
  let held: RestPiece | undefined
  let proved = to <= believed
  let limit = to
  for await (const piece of walk(client, { ...request, to: asked })) {
    const closed = closedOnly(piece.batch)
    const batch = closed.length === 0 ? emptyBatch(candle) : clipBatch(candle, closed, from, to)
    if (piece.batch.length > batch.length) proved = true
    if (closed.length < piece.batch.length) limit = Math.min(limit, columnOf(piece.batch, 'open_time').at(-1)!)
    const end = Math.min(piece.to, limit)
    if (held && batch.length === 0) held = { ...held, to: Math.max(held.to, end) }
    else {
      if (held) yield held
      held = { from: piece.from, to: end, batch }
    }
  }
  const last = held && !proved ? provedPart(held, facts.grid, believed) : held
  if (last && last.from < last.to) yield last
}

/** The end of a range that also holds the first candle from `to` on. */
function successorEnd(grid: IntervalGrid, to: number): number {
  // The grid of 3d may not be known yet: one length on there is a candle on any grid.
  return grid.interval === '3d' ? to + intervalLength('3d') + 1 : ceilOpen(grid, to) + 1
}

/** What the last piece settles when no later candle was seen. */
function provedPart(piece: RestPiece, grid: IntervalGrid, believed: number): RestPiece {
  const { batch } = piece
  if (batch.length === 0) return piece.from > believed ? { ...piece, to: piece.from } : piece
  const open = columnOf(batch, 'open_time')[batch.length - 1]!
  if (nextOpen(grid, open) <= believed) return piece
  return { ...piece, to: open, batch: clipBatch(candle, batch, Number.NEGATIVE_INFINITY, open) }
}

/**
 * The candles of a range, the open one included, in pieces that together make up the range. Long stretches without
 * candles (before listing, long halts) are jumped over with one request instead of walked through.
 */
async function* walk(client: BaseDataClient, request: CandleRequest): AsyncGenerator<RestPiece, void, void> {
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
      const batch = page.batch.length === 0 ? emptyBatch(candle) : clipBatch(candle, page.batch, from, request.to)
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
function closedOnly(batch: Batch): Batch {
  if (batch.length === 0) return batch
  const flags = columnOf(batch, 'flags')
  const last = flags[batch.length - 1]! & CandleFlag.unfinished
  return last === 0
    ? batch
    : clipBatch(candle, batch, Number.NEGATIVE_INFINITY, columnOf(batch, 'open_time')[batch.length - 1]!)
}
