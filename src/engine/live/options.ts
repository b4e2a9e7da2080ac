import type { ClientOptions } from '../../exchanges/exchange.ts'
import type { Channel, StreamEvent, StreamOptions } from '../../exchanges/stream.ts'
import type { Log } from '../../model/log.ts'
import type { LakeOptions } from '../../store/lake/lake.ts'
import type { SpoolOptions } from '../../store/spool/index.ts'
import type { BackfillOptions } from './backfill.ts'
import type { BookStateChange } from './book-keeper.ts'

export interface CollectorOptions {
  /** Default `binance`. */
  readonly exchange?: string
  /** The lake; without it nothing is stored, and holes are filled for subscribers only. */
  readonly dataDir?: string
  readonly channels?: readonly Channel[]
  /** REST side: endpoint, keys, timeouts. */
  readonly client?: ClientOptions
  /** Stream side: pings, reconnects, rotation. `endpoint` of `client` is used here too. */
  readonly stream?: StreamOptions
  /** How the lake packs its files. */
  readonly lake?: Omit<LakeOptions, 'log'>
  readonly spool?: Omit<SpoolOptions, 'log'>
  /** Longest time that a record waits for the lake, ms. Default 30 s. */
  readonly flushMs?: number
  /** Records that wait for the lake at most before they are moved there. Default 100,000. */
  readonly flushRecords?: number
  /**
   * How long the streams may be held back while the disk is slower than the market, ms, before what there is no room for
   * is refused, and becomes holes that REST fills. Default 5 s; 0, and where the spool's `whenFull` is `drop`: not at all.
   */
  readonly holdMs?: number
  /** Time between looks for small files to merge, ms. Default 10 min. */
  readonly compactMs?: number
  /** Time between stored snapshots of each synced book, ms; 0 for none but those that begin a chain. Default 10 min. */
  readonly snapshotMs?: number
  /** Levels per side that a book is started with. Default 1000. */
  readonly bookDepth?: number
  /** Fill what was missed since the lake's last record. Default true. */
  readonly resume?: boolean
  /** Positions per hole that REST is asked for at most. Default 5,000,000. */
  readonly maxBackfill?: number
  /** How holes are filled, where the defaults do not fit. */
  readonly backfill?: Pick<BackfillOptions, 'parallel' | 'graceMs' | 'asks' | 'retryMs' | 'maxRetryMs'>
  /** File that every raw frame is written to, as ndjson (gzip when it ends in .gz). */
  readonly record?: string
  readonly log?: Log
  /** What happens on the connections, after the collector took note of it. */
  readonly onEvent?: (event: StreamEvent) => void
  /** Told of each change of a book's state. */
  readonly onBook?: (change: BookStateChange) => void
}
