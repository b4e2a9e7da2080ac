import type { Batch } from '../../model/batch.ts'
import type { CoveredRange, Defect, FileCheck } from '../../model/coverage.ts'
import type { TimeRange } from '../../model/time.ts'
import type { LakeFile } from './coverage-file.ts'
import type { GapFinding } from './gaps.ts'
import type { Period } from './periods.ts'

/** Rows of one period that wait on disk until their change is committed. */
export interface StagedRows {
  readonly period: Period
  readonly file: LakeFile
  /** Temporary name in the series' folder. */
  readonly temp: string
  /** Open times that are missing between `from` and `to` of the staged range. */
  readonly missing: readonly TimeRange[]
}

/** What a commit adds to a series. */
export interface SeriesChange {
  /** New rows; each batch rising. They take the place of stored rows with the same key. */
  readonly batches?: readonly Batch[]
  /**
   * Rows that follow the stored ones of their period go to a file of their own until there are `MAX_APPENDED` of them:
   * for a collector, whose few rows must not cost the writing of a whole period each time.
   */
  readonly append?: boolean
  /** Rows staged before, each in a period of its own. */
  readonly staged?: readonly StagedRows[]
  /** Ranges that are dealt with now: what is missing in them is a gap. */
  readonly covered?: readonly CoveredRange[]
  /** What is known of missing records in those ranges. */
  readonly findings?: readonly GapFinding[]
  /** Ranges whose stored rows are dropped first (a repair, a user's deletion). */
  readonly clear?: readonly TimeRange[]
  /** Data files that are given up unread, because they are damaged or gone. */
  readonly drop?: readonly string[]
  /** Ranges that have to be asked for again. */
  readonly uncover?: readonly TimeRange[]
  readonly checks?: readonly FileCheck[]
  /** Archive paths whose checks no longer hold. */
  readonly forget?: readonly string[]
  readonly defects?: readonly Defect[]
  /** Defects seen beyond those listed. */
  readonly moreDefects?: number
  readonly inexactValues?: number
  readonly listedAt?: number
}
