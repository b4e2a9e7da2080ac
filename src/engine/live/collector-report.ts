import type { ChannelStatus, ConnectionStatus } from '../../exchanges/stream.ts'
import type { SpoolStatus } from '../../store/spool/index.ts'
import type { BackfillStatus } from './backfill.ts'
import type { BookStateChange, BookStatus } from './book-keeper.ts'
import type { ConnectionCounters, LoggedEvent } from './connection-log.ts'
import type { FlusherStatus } from './flusher.ts'
import type { SeriesStatus } from './live-series.ts'

export interface CollectorStatus {
  /** Local clock, epoch ms. */
  readonly at: number
  readonly startedAt: number
  readonly exchange: string
  /** Undefined when nothing is stored. */
  readonly dataDir: string | undefined
  readonly channels: readonly (Omit<ChannelStatus, 'channel'> & { readonly key: string })[]
  readonly connections: readonly ConnectionStatus[]
  readonly counters: ConnectionCounters & {
    readonly refusedFrames: number
    readonly unrouted: number
    /** How often the streams were held back because the disk was slower than the market. */
    readonly holds: number
    /** Frames that the recording lacks because its disk was too slow. */
    readonly unrecorded: number
  }
  readonly series: readonly SeriesStatus[]
  readonly books: readonly BookStatus[]
  readonly backfill: BackfillStatus
  readonly flusher: FlusherStatus
  readonly spool: SpoolStatus | undefined
  /** Records told on the bus. */
  readonly published: number
}

/** The proof of a run. */
export interface CollectorReport extends CollectorStatus {
  readonly format: 1
  /** What happened on the connections, oldest first; the last 1000. */
  readonly events: readonly LoggedEvent[]
  /** Changes of the books' states, oldest first; the last 1000. */
  readonly bookChanges: readonly BookStateChange[]
  /** Nothing is missing that can be counted, nothing is on record as lost, and nothing is unknown behind a lost connection. */
  readonly complete: boolean
}

export function reportOf(
  status: CollectorStatus,
  events: readonly LoggedEvent[],
  bookChanges: readonly BookStateChange[],
): CollectorReport {
  const complete =
    status.series.every(
      (series) =>
        !series.renewal &&
        series.missing === 0 &&
        Number.isNaN(series.unknownSince) &&
        series.gaps.every((gap) => gap.cause === 'no-trades'),
    ) && unsyncedBooks(status).length === 0
  return { format: 1, ...status, events: [...events], bookChanges: [...bookChanges], complete }
}

/** Books that never were right, though updates of them arrived. */
export function unsyncedBooks(status: CollectorStatus): readonly BookStatus[] {
  return status.books.filter(
    (book) => book.syncedMs === 0 && book.state !== 'synced' && book.buffered + book.dropped > 0,
  )
}
