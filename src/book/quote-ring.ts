import { sameId } from '../model/live/ids.ts'
import type { QuoteRecord } from '../model/live/quote.ts'
import type { RecordId } from '../model/live/record.ts'

/** Quotes newer than the book, rising, the last few only: the newest is the top, the others wait to be compared. */
export class QuoteRing {
  readonly #capacity: number
  #quotes: QuoteRecord[] = []
  #head = 0

  constructor(capacity = 256) {
    this.#capacity = capacity
  }

  get newest(): QuoteRecord | undefined {
    return this.#quotes.length > this.#head ? this.#quotes.at(-1) : undefined
  }

  push(quote: QuoteRecord): void {
    const newest = this.newest
    // Two connections at a rotation send the same quotes.
    if (newest && quote.updateId <= newest.updateId) return
    this.#quotes.push(quote)
    if (this.#quotes.length - this.#head > this.#capacity) this.#head++
    this.#trim()
  }

  /** The book is at `id` now: forgets the quotes up to it. @returns the quote of that very id, if there is one. */
  passed(id: RecordId): QuoteRecord | undefined {
    let same: QuoteRecord | undefined
    while (this.#head < this.#quotes.length && this.#quotes[this.#head]!.updateId <= id) {
      same = this.#quotes[this.#head++]
    }
    this.#trim()
    return same && sameId(same.updateId, id) ? same : undefined
  }

  clear(): void {
    this.#quotes = []
    this.#head = 0
  }

  #trim(): void {
    if (this.#head === this.#quotes.length) {
      if (this.#head > 0) this.clear()
    } else if (this.#head > this.#capacity) {
      this.#quotes = this.#quotes.slice(this.#head)
      this.#head = 0
    }
  }
}
