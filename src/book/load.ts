import { isTicklakeError } from '../model/errors.ts'
import type { BookDelta } from '../model/live/book-delta.ts'
import type { BookSnapshot } from '../model/live/book-snapshot.ts'
import { badSnapshotId } from './chain.ts'
import type { OrderBook } from './order-book.ts'

/** What is impossible in a snapshot, or undefined. Looked for first, so that a bad one does not cost the levels there are. */
export function badSnapshot(snapshot: BookSnapshot): string | undefined {
  const { bids, asks } = snapshot
  let bestBid = Number.NEGATIVE_INFINITY
  let bestAsk = Number.POSITIVE_INFINITY
  for (const pairs of [bids, asks]) {
    if (pairs.length % 2 !== 0) return 'a price without a quantity'
    for (let i = 0; i < pairs.length; i += 2) {
      const price = pairs[i]!
      const quantity = pairs[i + 1]!
      if (!(price > 0 && Number.isFinite(price) && quantity >= 0 && Number.isFinite(quantity))) {
        return `an impossible level, ${quantity} at ${price}`
      }
      if (quantity === 0) continue
      if (pairs === bids) bestBid = Math.max(bestBid, price)
      else bestAsk = Math.min(bestAsk, price)
    }
  }
  if (bestBid >= bestAsk) return `bid ${bestBid} at or above ask ${bestAsk}`
  return badSnapshotId(snapshot.lastUpdateId)
}

/** Fills a book from a snapshot that `badSnapshot` found nothing in. @returns why its prices can not be held, or undefined. */
export function load(book: OrderBook, snapshot: BookSnapshot): string | undefined {
  try {
    book.reset(snapshot)
    return undefined
  } catch (error) {
    if (!isTicklakeError(error)) throw error
    return error.message
  }
}

/** Puts an update into a book. @returns why its values can not be held, or undefined; the book is spoilt then. */
export function applyTo(book: OrderBook, delta: BookDelta): string | undefined {
  try {
    book.apply(delta.bids, delta.asks)
    return undefined
  } catch (error) {
    if (!isTicklakeError(error)) throw error
    return error.message
  }
}

/**
 * The levels of a book that are known, at most `depth` a side, with the `depth` that a snapshot record needs: a side
 * with fewer levels than it is known whole.
 */
export function knownLevels(
  book: OrderBook,
  depth = Number.POSITIVE_INFINITY,
): { bids: number[]; asks: number[]; depth: number } {
  const { bids, asks } = book.levels(depth)
  const bidTo = book.knownTo('bid') ?? Number.NEGATIVE_INFINITY
  const askTo = book.knownTo('ask') ?? Number.POSITIVE_INFINITY
  while (bids.length > 0 && bids.at(-2)! < bidTo) bids.length -= 2
  while (asks.length > 0 && asks.at(-2)! > askTo) asks.length -= 2
  const whole = (side: 'bid' | 'ask', pairs: number[]) =>
    book.knownTo(side) === undefined && book.levelCount(side) * 2 === pairs.length
  // Both are cut to the shorter one that is not whole: a longer one beside it would make that look whole.
  const most = Math.min(
    whole('bid', bids) ? Number.POSITIVE_INFINITY : bids.length / 2,
    whole('ask', asks) ? Number.POSITIVE_INFINITY : asks.length / 2,
  )
  if (most === Number.POSITIVE_INFINITY) return { bids, asks, depth: Math.max(bids.length, asks.length) / 2 + 1 }
  return { bids: bids.slice(0, most * 2), asks: asks.slice(0, most * 2), depth: most }
}
