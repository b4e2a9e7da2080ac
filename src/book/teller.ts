import type { BookDelta } from '../model/live/book-delta.ts'
import type { RecordId } from '../model/live/record.ts'
import type { Market } from '../model/series.ts'
import { bookName } from './chain.ts'
import type { OrderBook } from './order-book.ts'
import type { SyncCounters } from './sync-counters.ts'
import type { BookListener, BookOddity } from './sync-types.ts'

/** Puts what was odd about a book into words, for its listener. */
export class BookTeller {
  readonly #name: string
  readonly #listener: BookListener
  readonly #counters: SyncCounters

  constructor(
    of: { readonly market: Market; readonly symbol: string },
    listener: BookListener,
    counters: SyncCounters,
  ) {
    this.#name = bookName(of)
    this.#listener = listener
    this.#counters = counters
  }

  odd(type: BookOddity['type'], detail: string, at: number): void {
    this.#listener.oddity?.({ type, detail: `${this.#name}: ${detail}`, at })
  }

  /** A record of another book came here. */
  foreign(record: { readonly market: Market; readonly symbol: string; readonly kind: string }, at: number): void {
    this.#counters.foreign++
    this.odd('foreign', `a ${record.kind} of ${bookName(record)} reached the book of ${this.#name}`, at)
  }

  /** An update overlaps the book, as those of a second connection may. */
  overlap(delta: BookDelta, id: RecordId, at: number): void {
    this.#counters.overlaps++
    this.odd('overlap', `update ${delta.firstUpdateId}–${delta.lastUpdateId} overlaps the book at ${id}`, at)
  }
}

/** What is between a book at `id` and an update that does not follow it. */
export function gapText(delta: BookDelta, id: RecordId): string {
  const origin = delta.market === 'spot' ? `U ${delta.firstUpdateId}` : `pu ${delta.previousUpdateId}`
  return `the book is at ${id}, the next update has ${origin} and u ${delta.lastUpdateId}`
}

export function crossedText(book: OrderBook, id: RecordId): string {
  return `bid ${book.bestBid} at or above ask ${book.bestAsk} after update ${id}`
}
