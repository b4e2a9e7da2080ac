import { InvalidRangeError } from '../../model/errors.ts'
import type { Log } from '../../model/log.ts'

/** A stretch of the spool that could not be read. */
export interface SpoolDamage {
  readonly path: string
  readonly offset: number
  readonly length: number
  /** Nothing whole follows in the segment, as a kill or a power cut in the middle of a write leaves it. */
  readonly isTail: boolean
  /** Sequences of the lost entries, as far as the blocks around tell; undefined at the ends of a segment. */
  readonly lost?: { readonly first: number; readonly last: number }
}

export interface SpoolOptions {
  /** Longest time from an append to its fsync, ms, on a disk that keeps up. Default 200. */
  readonly commitMs?: number
  /** Memory for entries that are not durable yet, bytes. Default 32 MB. */
  readonly memoryBytes?: number
  /** Size of one block, bytes: the unit of writing and of damage. Default 1 MB. */
  readonly blockBytes?: number
  /**
   * What happens when the disk is slower than the market. `block` (default): `isFull` becomes true at half the memory,
   * and the caller pauses its sockets until `drained`. `drop`: `isFull` stays false and entries are refused when the
   * memory is used up. With either, an entry for which there is no memory is refused (`append` gives -1) and counted.
   */
  readonly whenFull?: 'block' | 'drop'
  /** Size and age at which a new segment begins. Default 64 MB and 10 minutes. */
  readonly segmentBytes?: number
  readonly segmentAgeMs?: number
  /**
   * Released segments that are kept to be written over, 0 to 16: that costs a fraction of what writing a new file costs,
   * as long as the system has the old one in memory. They are deleted when the spool is closed, and while the disk takes
   * nothing. Default 2; 0 for file systems that never write over anything (btrfs, ZFS).
   */
  readonly spareSegments?: number
  /** Time between tries while the disk is full or failing, ms. Default 1 s. */
  readonly retryMs?: number
  /** How long to wait for another process that holds the spool, ms. Default 0: it is told at once. */
  readonly lockWaitMs?: number
  readonly log?: Log
  /** Called after each fsync: every entry up to `sequence` is safe. */
  readonly onDurable?: (sequence: number) => void
  /** Called when the state changes. */
  readonly onState?: (status: SpoolStatus) => void
  /** Called for each stretch that could not be read, at the start and during a replay. */
  readonly onDamage?: (damage: SpoolDamage) => void
}

export interface SpoolStatus {
  /** `failing`: the disk takes nothing now (`error` says why), tries go on; `full`: memory is short. */
  readonly state: 'fine' | 'full' | 'failing'
  readonly error: Error | undefined
  /** Sequence of the newest entry, and of the newest one that is safe. */
  readonly last: number
  readonly durable: number
  /** Memory of entries that are not durable yet, bytes. */
  readonly memory: number
  readonly segments: number
  /** Size of all segments and of the spare ones, bytes. */
  readonly disk: number
  readonly appended: { readonly entries: number; readonly bytes: number }
  /** Entries for which there was no memory. */
  readonly refused: { readonly entries: number; readonly bytes: number }
  readonly syncs: number
  /** How long the last fsync took, ms. */
  readonly lastSyncMs: number
}

export interface SpoolLimits {
  readonly commitMs: number
  readonly memoryBytes: number
  readonly blockBytes: number
  readonly whenFull: 'block' | 'drop'
  readonly segmentBytes: number
  readonly segmentAgeMs: number
  readonly spareSegments: number
  readonly retryMs: number
}

const MB = 1024 * 1024

/** @throws InvalidRangeError for a setting that makes no sense. */
export function spoolLimits(options: SpoolOptions): SpoolLimits {
  const limits: SpoolLimits = {
    commitMs: options.commitMs ?? 200,
    memoryBytes: options.memoryBytes ?? 32 * MB,
    blockBytes: options.blockBytes ?? MB,
    whenFull: options.whenFull ?? 'block',
    segmentBytes: options.segmentBytes ?? 64 * MB,
    segmentAgeMs: options.segmentAgeMs ?? 600_000,
    spareSegments: options.spareSegments ?? 2,
    retryMs: options.retryMs ?? 1000,
  }
  const wrong = (name: keyof SpoolLimits, advice: string): never => {
    throw new InvalidRangeError(`${name} of the spool is ${limits[name]}; ${advice}.`)
  }
  if (!(limits.commitMs >= 0)) wrong('commitMs', 'use 0 or more milliseconds')
  if (!(limits.blockBytes >= 4096 && limits.blockBytes <= 64 * MB)) wrong('blockBytes', 'use 4 KB to 64 MB')
  if (!(limits.memoryBytes >= 4 * limits.blockBytes && limits.memoryBytes <= 1024 * MB))
    wrong('memoryBytes', 'use at least four blocks and at most 1 GB')
  if (!(limits.segmentBytes >= limits.blockBytes)) wrong('segmentBytes', 'use at least one block')
  if (!(limits.segmentAgeMs > 0)) wrong('segmentAgeMs', 'use a positive number of milliseconds')
  if (!(Number.isInteger(limits.spareSegments) && limits.spareSegments >= 0 && limits.spareSegments <= 16))
    wrong('spareSegments', 'use a whole number from 0 to 16')
  if (!(limits.retryMs > 0)) wrong('retryMs', 'use a positive number of milliseconds')
  return limits
}
