import type { RecordId } from '../model/live/record.ts'
import type { BookReason, BookState, BookStats } from './sync-types.ts'

/** Counts what happens to one book, and how long it was in which state. */
export class SyncCounters {
  applied = 0
  duplicates = 0
  overlaps = 0
  dropped = 0
  foreign = 0
  badUpdates = 0
  wished = 0
  snapshotsAdopted = 0
  snapshotsTooOld = 0
  snapshotsBad = 0
  snapshotsUnused = 0
  quotesChecked = 0
  quotesMismatched = 0
  quotesBad = 0
  readonly #resyncs: Partial<Record<BookReason, number>> = {}
  readonly #spent: Record<BookState, number> = { syncing: 0, synced: 0, stale: 0 }
  #at = Number.NaN

  /** The book was in `state` until `at`. A clock that goes back costs nothing and counts nothing. */
  since(state: BookState, at: number): void {
    if (at > this.#at) this.#spent[state] += at - this.#at
    if (!Number.isNaN(at)) this.#at = at
  }

  resync(reason: BookReason): void {
    this.#resyncs[reason] = (this.#resyncs[reason] ?? 0) + 1
  }

  stats(now: {
    state: BookState
    lastUpdateId: RecordId | undefined
    buffered: number
    overflowed: number
    gridChanges: number
  }): BookStats {
    return {
      state: now.state,
      lastUpdateId: now.lastUpdateId,
      applied: this.applied,
      duplicates: this.duplicates,
      overlaps: this.overlaps,
      dropped: this.dropped + now.overflowed,
      foreign: this.foreign,
      badUpdates: this.badUpdates,
      resyncs: { ...this.#resyncs },
      snapshots: {
        wished: this.wished,
        adopted: this.snapshotsAdopted,
        tooOld: this.snapshotsTooOld,
        bad: this.snapshotsBad,
        unused: this.snapshotsUnused,
      },
      quotes: { checked: this.quotesChecked, mismatched: this.quotesMismatched, bad: this.quotesBad },
      staleMs: this.#spent.stale,
      syncingMs: this.#spent.syncing,
      syncedMs: this.#spent.synced,
      buffered: now.buffered,
      gridChanges: now.gridChanges,
    }
  }
}
