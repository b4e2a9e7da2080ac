import type { BookDelta } from '../model/live/book-delta.ts'
import type { BookSnapshot } from '../model/live/book-snapshot.ts'
import type { RecordId } from '../model/live/record.ts'
import type { Market } from '../model/series.ts'
import type { TickSize } from './grid.ts'

/**
 * `syncing`: there has been no right book yet. `synced`: the book is right at `lastUpdateId`. `stale`: it was right
 * once and may not be now; its levels can still be read.
 */
export type BookState = 'syncing' | 'synced' | 'stale'

/** Why a book left `synced`, or needs a (new) snapshot. */
export type BookReason =
  /** The first update arrived. */
  | 'start'
  /** No update arrives: the market is quiet, and the snapshot is all there is. */
  | 'quiet'
  /** An update is missing. */
  | 'gap'
  /** Bid at or above ask. */
  | 'crossed'
  /** An update with impossible ids, prices or quantities. */
  | 'bad-update'
  /** A quote of the very same update id says otherwise. */
  | 'quote-mismatch'
  /** The connection was lost. */
  | 'disconnected'
  /** The market moved out of the range that the snapshot knew. */
  | 'range'
  /** Little of the known range is left, or the user asked: the book stays synced. */
  | 'refresh'
  /** A new snapshot says otherwise than the book. */
  | 'refresh-mismatch'
  /** The snapshot ends before the first update that waits for it begins. */
  | 'snapshot-too-old'
  /** The snapshot holds impossible values or is crossed. */
  | 'snapshot-bad'
  /** No answer came in time. */
  | 'overdue'

/** Why a book became `synced`. */
export type SyncedBy =
  /** An update chained to the snapshot. */
  | 'bridged'
  /** A snapshot, and no update since: a quiet market. */
  | 'quiet'
  /** After a lost connection the next update chained to the last one: nothing was missed. */
  | 'resumed'

export interface SnapshotWish {
  readonly reason: BookReason
  /** 1 for the first since the book was last steadily synced; wait longer with each. */
  readonly attempt: number
  readonly at: number
}

export interface StateChange {
  readonly from: BookState
  readonly to: BookState
  readonly reason: BookReason | SyncedBy
  /** What was seen, for people. */
  readonly detail: string
  readonly at: number
  readonly lastUpdateId: RecordId | undefined
}

/** Something that should not be, whether or not it made the book stale. */
export interface BookOddity {
  readonly type: 'foreign' | 'overlap' | 'bad-update' | 'bad-snapshot' | 'bad-quote' | 'crossed' | 'mismatch' | 'gap'
  /** What and where, for people. */
  readonly detail: string
  readonly at: number
}

/** Who is told. Calls are synchronous: they must be short, must not throw, and must not call back into the book. */
export interface BookListener {
  /** Fetch a snapshot and hand it to `snapshot()`. Wishes may repeat; one answer is enough. */
  needSnapshot(wish: SnapshotWish): void
  stateChange?(change: StateChange): void
  /** The book starts anew from a snapshot; the updates after it follow through `applied`. */
  adopted?(snapshot: BookSnapshot, at: number): void
  /** A synced book took a newer snapshot for its range; it agreed with the book, which stays at its own update id. */
  refreshed?(snapshot: BookSnapshot, at: number): void
  /** An update is in the book, in order, each once. */
  applied?(delta: BookDelta, at: number): void
  oddity?(oddity: BookOddity): void
}

export interface BookSyncOptions {
  readonly market: Market
  readonly symbol: string
  /** Price increment as decimal text; see `OrderBookOptions`. */
  readonly tickSize?: TickSize
  /** Updates kept while a snapshot is on its way, at most. Default 5,000; the oldest go when it is full. */
  readonly maxBufferedUpdates?: number
  /** Level changes in them, at most. Default 50,000. */
  readonly maxBufferedChanges?: number
  /** Silence after which a book counts as quiet: a snapshot without an update is then all there is. Default 3 s. */
  readonly quietMs?: number
  /** A wish for a snapshot is repeated after so long. Default 2 min. */
  readonly snapshotTimeoutMs?: number
  /** A refresh is wished when less than this share of the known range is left. Default 0.25; 0 for never. */
  readonly refreshBelow?: number
  /** How long a book must be synced before the count of attempts starts at 1 again. Default 30 s. */
  readonly steadyMs?: number
}

/** Best bid and offer as known best. */
export interface BookTop {
  readonly bidPrice: number
  readonly bidQuantity: number
  readonly askPrice: number
  readonly askQuantity: number
  /** Update id that it is true at. */
  readonly updateId: RecordId
  /** `quote`: of the quote stream, newer than the book. Only a `book` top agrees with the levels below it. */
  readonly source: 'book' | 'quote'
  /** State of the book. A quote is true by itself, whatever the book is. */
  readonly state: BookState
  /** When it was true: by the exchange, or when it reached us where the exchange says nothing; epoch ms. */
  readonly time: number
}

/** What happened to a book so far. Times in ms. */
export interface BookStats {
  readonly state: BookState
  readonly lastUpdateId: RecordId | undefined
  /** Updates in the book. */
  readonly applied: number
  /** Updates that brought nothing new: sent twice, or older than the snapshot. */
  readonly duplicates: number
  /** Updates that overlapped the one before instead of following it exactly. */
  readonly overlaps: number
  /** Updates given up while waiting for a snapshot: before a gap, or for want of room. */
  readonly dropped: number
  readonly foreign: number
  readonly badUpdates: number
  /** How often the book left `synced`, by reason. */
  readonly resyncs: Readonly<Partial<Record<BookReason, number>>>
  readonly snapshots: {
    readonly wished: number
    readonly adopted: number
    readonly tooOld: number
    readonly bad: number
    /** Arrived when none was needed. */
    readonly unused: number
  }
  readonly quotes: { readonly checked: number; readonly mismatched: number; readonly bad: number }
  readonly staleMs: number
  readonly syncingMs: number
  readonly syncedMs: number
  /** Updates that wait for a snapshot now. */
  readonly buffered: number
  readonly gridChanges: number
}
