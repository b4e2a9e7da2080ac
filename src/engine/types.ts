import type { Defect, FileCheck, Gap } from '../model/coverage.ts'
import type { SeriesId } from '../model/series.ts'
import type { TimeRange } from '../model/time.ts'
import type { Reconciliation } from './reconcile/types.ts'
import type { ParallelReport } from './tuning/decide.ts'

/** Where records may be taken from: `auto` is lake, then archive, then REST. */
export type SourceChoice = 'auto' | 'archive' | 'rest'

/** One series and the half-open range wanted of it, in epoch milliseconds. */
export interface DownloadRequest {
  readonly series: SeriesId
  readonly from: number
  readonly to: number
  readonly source: SourceChoice
  /** Also ask again about what the archive may have published since it was found missing. */
  readonly unfinished?: boolean
  /** Keep a note of the range until it is done: what a stopped run leaves is what the next update takes up. */
  readonly remember?: boolean
  /** Of events: archive files that were published anew, by path. Their rows are compared with the stored ones. */
  readonly renew?: readonly string[]
}

/** What happens during a download, in order, per series. */
export type DownloadEvent =
  /** The plan stands: what will be fetched. `totalRows` estimates the rows that are still missing. */
  | {
      readonly type: 'plan'
      readonly series: SeriesId
      readonly files: number
      readonly bytes: number
      readonly restRequests: number
      /** True where REST is asked too, for as many pages as it takes: how many events there are nobody knows before. */
      readonly asksRest?: boolean
      readonly totalRows: number
    }
  /** Bytes of an archive file arrived. */
  | { readonly type: 'bytes'; readonly series: SeriesId; readonly path: string; readonly bytes: number }
  /** An archive file was dealt with. */
  | { readonly type: 'file'; readonly series: SeriesId; readonly check: FileCheck }
  /** A page of REST rows arrived. */
  | { readonly type: 'rest'; readonly series: SeriesId; readonly rows: number }
  /** Something failed and is tried again. */
  | {
      readonly type: 'retry'
      readonly series: SeriesId
      readonly what: string
      readonly attempt: number
      readonly delayMs: number
      readonly error: string
    }
  /** Rows are safely on disk. */
  | { readonly type: 'commit'; readonly series: SeriesId; readonly rows: number }
  | { readonly type: 'defect'; readonly series: SeriesId; readonly defect: Defect }
  | { readonly type: 'done'; readonly series: SeriesId; readonly report: SeriesReport }

/** The outcome for one series. */
export interface SeriesReport {
  /** How many archive files at a time its download took, with all the others of the same call, and why. */
  readonly parallel?: ParallelReport
  readonly series: SeriesId
  readonly from: number
  readonly to: number
  /** Rows in the lake inside the range. */
  readonly rows: number
  /** Rows that this run brought in. */
  readonly added: number
  /** Rows that the range would hold without any gap. */
  readonly expected: number
  /** Gaps inside the range. */
  readonly gaps: readonly Gap[]
  /** Defects recorded inside the range, in this run or before. */
  readonly defects: number
  /** Archive files fetched in this run, and what became of them. */
  readonly files: readonly FileCheck[]
  /** Bytes received in this run. */
  readonly bytes: number
  readonly restRequests: number
  /** Stretches of the range that nothing is known of yet: no source could be asked, or none has published them. */
  readonly unsettled: readonly TimeRange[]
  /** False when records are missing for any reason but that the exchange never published them. */
  readonly complete: boolean
  /** Why the series could not be finished, if it could not. */
  readonly error?: string
  /** Why REST could not be asked, if it could not; the archive was taken as far as it goes. */
  readonly restError?: string
  readonly durationMs: number
}

/** What `verify` found in one series. */
export interface VerifyReport {
  readonly series: SeriesId
  readonly files: number
  readonly rows: number
  readonly bytes: number
  /** Problems, each with the file and what was or can be done. */
  readonly problems: readonly VerifyProblem[]
  readonly gaps: readonly Gap[]
  /** Stretches between covered ranges that nobody has ever asked for. */
  readonly holes: readonly TimeRange[]
  /** Candles held against trades, smaller candles and what else there was. */
  readonly reconciled: readonly Reconciliation[]
  /** Archive files whose hashes were compared with those that are published now; undefined where nobody asked for it. */
  readonly compared: number | undefined
  /** True when there is no hole, and no gap but of what the exchange never published. */
  readonly complete: boolean
  /** True when nothing is wrong, or everything wrong was repaired. */
  readonly ok: boolean
}

/** How far the check of a series is. */
export interface VerifyProgress {
  readonly series: SeriesId
  /** What is looked at: `files`, or the witness in words that candles are held against (`REST`, `trades`). */
  readonly doing: string
  /** Files, or candles. */
  readonly done: number
  readonly total: number
}

export interface VerifyProblem {
  readonly type:
    | 'missing-file'
    /** A file that may not be read now, or an archived one whose disk or storage does not answer: not known to be wrong. */
    | 'out-of-reach'
    | 'damaged-file'
    | 'hash-mismatch'
    | 'row-count'
    | 'order'
    | 'values'
    | 'damaged-coverage'
    | 'stray-file'
    | 'replaced-in-archive'
    /** Rows that were stored once, were given up because their file was damaged, and could not be fetched again yet. */
    | 'not-covered'
    /** The archive's checksum of a file, or a witness to compare with, could not be asked for: nothing is known. */
    | 'not-checked'
    /** A file of the cache: it was removed, and is made again from the lake when it is needed. */
    | 'damaged-cache'
  /** Path inside the lake, or in the archive. */
  readonly path: string
  readonly detail: string
  readonly repaired: boolean
}
