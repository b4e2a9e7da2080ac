import type { SyncCounters } from './sync-counters.ts'
import type { BookListener, BookReason } from './sync-types.ts'

/** What a book asks for: when it last wished for a snapshot, and how often in the same trouble. */
export class SnapshotWishes {
  readonly #listener: BookListener
  readonly #counters: SyncCounters
  /** How long an answer may take, and how long a book must hold so that the next trouble is another one, ms. */
  readonly #options: { readonly snapshotTimeoutMs: number; readonly steadyMs: number }
  #attempt = 0
  #at = Number.NaN

  constructor(
    listener: BookListener,
    counters: SyncCounters,
    options: { readonly snapshotTimeoutMs: number; readonly steadyMs: number },
  ) {
    this.#listener = listener
    this.#counters = counters
    this.#options = options
  }

  wish(reason: BookReason, at: number): void {
    this.#attempt++
    this.#at = at
    this.#counters.wished++
    this.#listener.needSnapshot({ reason, attempt: this.#attempt, at })
  }

  /** No answer came in time to the last wish. */
  isOverdue(now: number): boolean {
    return now - this.#at >= this.#options.snapshotTimeoutMs
  }

  /** The trouble is over: the next wish is a first one. */
  fulfilled(): void {
    this.#attempt = 0
  }

  /** A live book is in trouble: a new one, when it held for a while. */
  troubled(liveSince: number, at: number): void {
    if (at - liveSince >= this.#options.steadyMs) this.#attempt = 0
  }
}
