import type { Gap } from '../../model/coverage.ts'
import type { LiveRecord, RecordId } from '../../model/live/index.ts'
import type { Hole } from './id-ledger.ts'

/** What a series has on disk from earlier runs. */
export interface Resume {
  /** Last position stored; undefined for an empty series. */
  readonly last?: RecordId
  /** Highest id stored, counted or not; undefined for an empty series and for kinds without ids. */
  readonly highest?: RecordId
  /** Instant of the last record stored, epoch ms; NaN for an empty series. */
  readonly lastTime: number
  /** Entry of the present spool up to which it is stored; undefined when none is. */
  readonly sequence?: number
  /** Positions that are neither stored nor given up, with the instants around them. */
  readonly holes: readonly (Hole & { readonly from: number; readonly to: number })[]
}

/** Where the records of one series wait for the lake, and get there. */
export interface SeriesSink extends AsyncDisposable {
  readonly resume: Resume
  /** Keeps a record for the next flush. False for one that the lake holds already. */
  append(record: LiveRecord, sequence: number): boolean
  /** Keeps the first `count` records, all of one entry of the spool, but for those that the lake holds already. */
  appendAll(records: readonly LiveRecord[], count: number, sequence: number): void
  /** Half of the memory for what waits is used. */
  readonly isFull: boolean
  /** Records that wait. */
  readonly pending: number
  /** Memory that they take, bytes. */
  readonly memory: number
  /** Sequence in the spool of the oldest record that is not in the lake; Infinity when none waits. */
  readonly firstPending: number
  /** Keeps a gap for the next flush. */
  gap(gap: Gap): void
  /** Moves what waits to the lake. Records that come meanwhile wait for the next time. Gives the number moved. */
  flush(): Promise<number>
  /** Merges the small files of days that are over. */
  compact?(): Promise<void>
}
