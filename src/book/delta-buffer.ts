import type { BookDelta } from '../model/live/book-delta.ts'
import type { RecordId } from '../model/live/record.ts'
import { standing } from './chain.ts'

/**
 * Updates that wait for a snapshot, an unbroken chain at all times. Bounded by updates and by level changes; when it is
 * full the oldest go, which costs nothing but a snapshot that must be as new as the oldest one left.
 */
export class DeltaBuffer {
  readonly #maxUpdates: number
  readonly #maxChanges: number
  #updates: BookDelta[] = []
  #head = 0
  #changes = 0
  /** Updates given up for want of room. */
  overflowed = 0

  constructor(maxUpdates: number, maxChanges: number) {
    this.#maxUpdates = maxUpdates
    this.#maxChanges = maxChanges
  }

  get length(): number {
    return this.#updates.length - this.#head
  }

  get first(): BookDelta | undefined {
    return this.#updates[this.#head]
  }

  /**
   * Adds an update.
   * @returns `old` when it was there already; `gap` when it does not chain: the others are gone then, as no snapshot
   * can bridge what is missing between; else `next`.
   */
  push(delta: BookDelta): 'old' | 'next' | 'gap' {
    const last = this.#updates.at(-1)
    const at = last === undefined ? 'next' : standing(delta, last.lastUpdateId)
    if (at === 'old') return at
    if (at === 'gap') this.clear()
    this.#updates.push(delta)
    this.#changes += changesOf(delta)
    while (this.length > 1 && (this.length > this.#maxUpdates || this.#changes > this.#maxChanges)) {
      this.#shift()
      this.overflowed++
    }
    return at
  }

  /** Takes the updates that are not older than a snapshot out of the buffer, and empties it. */
  take(snapshotId: RecordId): BookDelta[] {
    const rest = this.#updates.slice(this.#head).filter((delta) => standing(delta, snapshotId) !== 'old')
    this.clear()
    return rest
  }

  clear(): void {
    this.#updates = []
    this.#head = 0
    this.#changes = 0
  }

  #shift(): void {
    this.#changes -= changesOf(this.#updates[this.#head]!)
    this.#head++
    // Cut now and then, so that each update is moved once at most.
    if (this.#head * 2 > this.#updates.length) {
      this.#updates = this.#updates.slice(this.#head)
      this.#head = 0
    }
  }
}

function changesOf(delta: BookDelta): number {
  return (delta.bids.length + delta.asks.length) / 2
}
