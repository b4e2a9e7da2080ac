import { InvalidRangeError } from '../model/errors.ts'
import type { BookDelta } from '../model/live/book-delta.ts'
import type { BookSnapshot } from '../model/live/book-snapshot.ts'
import type { RecordId } from '../model/live/record.ts'
import { badIds, standing } from './chain.ts'
import { applyTo, badSnapshot, load } from './load.ts'
import { OrderBook, type OrderBookOptions } from './order-book.ts'

/** The instant of a past book: an update, or a time by the exchange's clock (epoch ms, its own updates included). */
export type BookInstant = { readonly updateId: RecordId } | { readonly time: number }

export interface RebuiltBook {
  readonly book: OrderBook
  /** Update that the levels are at. */
  readonly updateId: RecordId
  /** When that update was sent, or the snapshot taken; epoch ms. */
  readonly time: number
  /** Snapshot it started from. */
  readonly snapshotId: RecordId
  /** Updates applied to that. */
  readonly applied: number
  /**
   * Undefined for a right book. Else why the stored records do not reach the instant: the book is right at `updateId`
   * and knows nothing of what came after.
   */
  readonly stale?: string
}

/**
 * Rebuilds a past book from stored records of one symbol. Order does not matter, and records that are there twice do no
 * harm. The newest snapshot that is not past the instant is taken, by update id: times of spot snapshots are of the
 * local clock, ids are of the exchange. Where the chain from that one breaks, older ones can not do better.
 *
 * @returns undefined when no snapshot is old enough.
 * @throws InvalidRangeError when the records are of more than one symbol, and for an instant that is none.
 */
export function rebuildBook(
  snapshots: Iterable<BookSnapshot>,
  deltas: Iterable<BookDelta>,
  at: BookInstant,
  options: OrderBookOptions = {},
): RebuiltBook | undefined {
  assertInstant(at)
  const wanted: BookDelta[] = []
  for (const delta of deltas) {
    const isPast = 'updateId' in at ? delta.lastUpdateId > at.updateId : timeOf(delta) > at.time
    if (!isPast) wanted.push(delta)
  }
  wanted.sort((a, b) => (a.lastUpdateId < b.lastUpdateId ? -1 : a.lastUpdateId > b.lastUpdateId ? 1 : 0))
  const last = wanted.at(-1)
  const start = newestSnapshot(snapshots, at, last)
  if (!start) return undefined

  const book = new OrderBook(options)
  const unheld = load(book, start)
  if (unheld !== undefined) throw new InvalidRangeError(`Snapshot ${start.lastUpdateId}: ${unheld}`)
  let updateId = start.lastUpdateId
  let time = start.time
  let applied = 0
  const result = (stale?: string): RebuiltBook => ({
    book,
    updateId,
    time,
    snapshotId: start.lastUpdateId,
    applied,
    ...(stale === undefined ? {} : { stale }),
  })
  for (const delta of wanted) {
    if (delta.symbol !== start.symbol || delta.market !== start.market) {
      throw new InvalidRangeError(
        `A book of ${start.market} ${start.symbol} can not be rebuilt from updates of ${delta.market} ${delta.symbol}.`,
      )
    }
    const bad = badIds(delta)
    if (bad !== undefined) return result(bad)
    const where = standing(delta, updateId)
    if (where === 'old') continue
    if (where === 'gap') {
      return result(`updates are missing between ${updateId} and ${delta.firstUpdateId}–${delta.lastUpdateId}`)
    }
    const impossible = applyTo(book, delta)
    if (impossible !== undefined) return result(impossible)
    updateId = delta.lastUpdateId
    time = timeOf(delta)
    applied++
    if (book.isCrossed) return result(`bid ${book.bestBid} is at or above ask ${book.bestAsk} after update ${updateId}`)
    if (book.knownShare('bid') <= 0 || book.knownShare('ask') <= 0) {
      return result(`the market left the range that snapshot ${start.lastUpdateId} knew, at update ${updateId}`)
    }
  }
  if ('updateId' in at && updateId < at.updateId) {
    return result(`the records end at update ${updateId}, before ${at.updateId}`)
  }
  return result()
}

/** Compared with what is no number, every record is past, or none: that would be the book of another instant. */
function assertInstant(at: BookInstant): void {
  const instant = 'updateId' in at ? at.updateId : at.time
  if (typeof instant === 'bigint' || (typeof instant === 'number' && !Number.isNaN(instant))) return
  throw new InvalidRangeError(
    `No book can be rebuilt at ${JSON.stringify(at)}: give { time } in epoch ms, or { updateId }.`,
  )
}

function newestSnapshot(
  snapshots: Iterable<BookSnapshot>,
  at: BookInstant,
  last: BookDelta | undefined,
): BookSnapshot | undefined {
  let newest: BookSnapshot | undefined
  for (const snapshot of snapshots) {
    const id = snapshot.lastUpdateId
    let isPast: boolean
    if ('updateId' in at) isPast = id > at.updateId
    else isPast = last === undefined || id > last.lastUpdateId ? snapshot.time > at.time : false
    if (isPast || (newest && id <= newest.lastUpdateId) || badSnapshot(snapshot) !== undefined) continue
    newest = snapshot
  }
  return newest
}

/** By the exchange's clock; spot and futures updates carry it. */
function timeOf(delta: BookDelta): number {
  return Number.isNaN(delta.eventTime) ? delta.receiveTime : delta.eventTime
}
