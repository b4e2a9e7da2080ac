export { BookSync } from './book-sync.ts'
export { isExact, type Standing, standing } from './chain.ts'
export type { TickSize } from './grid.ts'
export type { BookDepth, BookLevel, BookLevels, Fill, Reach, Side } from './levels.ts'
export { OrderBook, type OrderBookOptions } from './order-book.ts'
export { type BookInstant, type RebuiltBook, rebuildBook } from './rebuild.ts'
export {
  type SnapshotBudget,
  type SnapshotCost,
  SnapshotQueue,
  type SnapshotQueueOptions,
  type SnapshotRequest,
  type SnapshotTurn,
} from './snapshot-queue.ts'
export type {
  BookListener,
  BookOddity,
  BookReason,
  BookState,
  BookStats,
  BookSyncOptions,
  BookTop,
  SnapshotWish,
  StateChange,
  SyncedBy,
} from './sync-types.ts'
