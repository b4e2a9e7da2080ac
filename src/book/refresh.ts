import type { BookDelta } from '../model/live/book-delta.ts'
import type { BookSnapshot } from '../model/live/book-snapshot.ts'
import { sameId } from '../model/live/ids.ts'
import type { RecordId } from '../model/live/record.ts'
import { standing } from './chain.ts'
import type { DeltaBuffer } from './delta-buffer.ts'
import { badSnapshot, load } from './load.ts'
import { OrderBook, type OrderBookOptions } from './order-book.ts'

export type RefreshOutcome =
  /** The snapshot is ahead of the book: kept until the book gets there. */
  | { readonly type: 'ahead' }
  | { readonly type: 'too-old' }
  | { readonly type: 'bad'; readonly detail: string }
  | { readonly type: 'different'; readonly detail: string }
  /** The book has the snapshot's range now. */
  | { readonly type: 'done'; readonly snapshot: BookSnapshot }

/**
 * A second start of a book that is right: from a new snapshot and the updates since, beside the book. If both agree the
 * book takes over the new range; if they don't, one of the two is wrong.
 */
export class Refresh {
  readonly #buffer: DeltaBuffer
  #ahead: BookSnapshot | undefined

  constructor(buffer: DeltaBuffer) {
    this.#buffer = buffer
  }

  /** An update went into the book. @returns an outcome when that settles a snapshot that was ahead. */
  applied(delta: BookDelta, book: OrderBook, options: OrderBookOptions): RefreshOutcome | undefined {
    this.#buffer.push(delta)
    const ahead = this.#ahead
    if (!ahead || delta.lastUpdateId < ahead.lastUpdateId) return undefined
    this.#ahead = undefined
    return this.settle(ahead, book, delta.lastUpdateId, options)
  }

  /** @param id update that the book is at. */
  settle(snapshot: BookSnapshot, book: OrderBook, id: RecordId, options: OrderBookOptions): RefreshOutcome {
    const bad = badSnapshot(snapshot)
    if (bad !== undefined) return { type: 'bad', detail: bad }
    const { lastUpdateId } = snapshot
    if (lastUpdateId > id) {
      this.#ahead = snapshot
      return { type: 'ahead' }
    }
    const first = this.#buffer.first
    // Without an update since it was wished for, the book is where it was then, and so must the snapshot be.
    if (first ? standing(first, lastUpdateId) === 'gap' : !sameId(lastUpdateId, id)) return { type: 'too-old' }
    const fresh = new OrderBook(options)
    const unheld = load(fresh, snapshot)
    if (unheld !== undefined) return { type: 'bad', detail: unheld }
    const since = this.#buffer.take(lastUpdateId)
    for (const delta of since) fresh.apply(delta.bids, delta.asks)
    if (!(fresh.knownShare('bid') > 0 && fresh.knownShare('ask') > 0)) {
      // The market has left what it knew since: the book would not know its own best price.
      for (const delta of since) this.#buffer.push(delta)
      return { type: 'too-old' }
    }
    const differences = book.differences(fresh)
    if (differences > 0) {
      return { type: 'different', detail: `${differences} levels differ from the snapshot at ${lastUpdateId}` }
    }
    book.reset(snapshot)
    for (const delta of since) book.apply(delta.bids, delta.asks)
    return { type: 'done', snapshot }
  }
}
