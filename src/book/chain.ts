import type { BookDelta } from '../model/live/book-delta.ts'
import { previousId, sameId } from '../model/live/ids.ts'
import type { RecordId } from '../model/live/record.ts'
import type { Market } from '../model/series.ts'

/**
 * Where an update stands to a book that is at `id`:
 * `old` brings nothing new, `next` takes the book exactly to the update's last id, `gap` would skip something.
 */
export type Standing = 'old' | 'next' | 'gap'

/**
 * An update holds the final quantity of every level that changed after some id (its **origin**) up to its last id. Spot
 * says so by `U`, which is the origin + 1; futures by `pu`, which is the origin itself (their `U` is of a counter that
 * all symbols share, and jumps).
 *
 * Hence one exact rule for every case: an update takes a book at `id` to its last id if and only if
 * `origin ≤ id < last`. For the first update after a snapshot this is the exchange's `U ≤ lastUpdateId + 1 ≤ u` on
 * spot, and on futures its `U ≤ lastUpdateId ≤ u` together with the case `pu = lastUpdateId` that the exchange's text
 * leaves out. Afterwards it is `U = u + 1` and `pu = u`, and it also takes the overlapping updates of a second
 * connection, whose bounds may differ. A book that never had an update (id −1) takes any first one.
 */
export function standing(delta: BookDelta, id: RecordId): Standing {
  if (delta.lastUpdateId <= id) return 'old'
  if (id < 0) return 'next'
  const isNext =
    delta.market === 'spot' ? previousId(delta.firstUpdateId) <= id : (delta.previousUpdateId as RecordId) <= id
  return isNext ? 'next' : 'gap'
}

/** Whether an update chains without overlap: its origin is the very id the book is at. */
export function isExact(delta: BookDelta, id: RecordId): boolean {
  const origin = delta.market === 'spot' ? previousId(delta.firstUpdateId) : delta.previousUpdateId
  return sameId(origin, id)
}

/** What makes the ids of an update impossible, or undefined. */
export function badIds(delta: BookDelta): string | undefined {
  const { firstUpdateId: first, lastUpdateId: last, previousUpdateId: before } = delta
  if (!(isId(first) && isId(last))) return `update ids ${first} to ${last} are no whole numbers`
  if (first > last) return `first update id ${first} is above the last, ${last}`
  if (delta.market === 'spot') return undefined
  if (!isId(before))
    return `previous update id ${before} is no whole number: without it nothing proves that none is missing`
  if (before >= last) return `previous update id ${before} is not below the last, ${last}`
  return undefined
}

/** A whole number that is exact: 0 and above, below 2^53 unless it is a bigint. */
function isId(id: RecordId): boolean {
  return typeof id === 'bigint' ? id >= 0n : Number.isSafeInteger(id) && id >= 0
}

/** What is wrong with the id of a snapshot, or undefined; −1 is a book that never had an update. */
export function badSnapshotId(id: RecordId): string | undefined {
  return isId(id) || sameId(id, -1) ? undefined : `update id ${id} is no whole number`
}

/** Name of a book for messages, e.g. `spot BTCUSDT`. */
export function bookName(of: { readonly market: Market; readonly symbol: string }): string {
  return `${of.market} ${of.symbol}`
}
