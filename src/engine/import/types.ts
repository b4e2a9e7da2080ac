import type { Defect, FileCheck } from '../../model/coverage.ts'
import type { Interval } from '../../model/interval.ts'
import type { Market, SeriesId } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import type { EventBatch } from '../../store/lake/event-columns.ts'

/** How the rows of a file are written. */
export type ImportFormat =
  /** A zip of the exchange's archive, or the CSV in it. */
  | 'archive'
  /** `[[time, open, high, low, close, volume], …]`, as ccxt gives candles. */
  | 'ccxt'
  /** Feather as freqtrade keeps candles. */
  | 'freqtrade'
  /** CSV as tardis.dev gives it out, gzipped or not. */
  | 'tardis'
  /** CSV with the columns of a kind, as `export` writes it, gzipped or not. */
  | 'csv'
  /** JSON lines with the columns of a kind, gzipped or not. */
  | 'jsonl'
  /** Parquet with the columns of a kind. */
  | 'parquet'
  /** An Arrow IPC file (Feather) or stream with the columns of a kind. */
  | 'arrow'

const TABLES: readonly ImportFormat[] = ['csv', 'jsonl', 'parquet', 'arrow']

/** Whether a format is a table with the lake's own columns. */
export function isTableFormat(format: ImportFormat): boolean {
  return TABLES.includes(format)
}

/** What is said of files whose names do not tell. */
export interface ImportHints {
  readonly exchange: string
  readonly market?: Market
  readonly kind?: string
  /** The exchange's own id. */
  readonly symbol?: string
  readonly interval?: Interval
  readonly format?: ImportFormat
  /** The columns of CSV without a line of names, in their order. */
  readonly columns?: readonly string[]
}

/** A file, and what it is about. */
export interface ImportTarget {
  /** Absolute. */
  readonly path: string
  readonly format: ImportFormat
  readonly series: SeriesId
  /** What the file is said to hold all of; undefined: from its first to its last row. */
  readonly range?: TimeRange
  /** Rows of it may lie so far outside, ms: it was cut by another time than the one that is stored. */
  readonly slackMs?: number
  /** Path under which the exchange's archive has this very file. */
  readonly archivePath?: string
}

/** Rows of a file, in its order. Of tables all columns of the kind; of other files those that they have. */
export type OnBatch = (batch: EventBatch) => Promise<void>

/** What was read of a file. */
export interface ReadFacts {
  /** Of the file's bytes, lower-case hex. */
  readonly sha256: string
  readonly rows: number
  readonly inexactValues: number
  readonly defects: readonly Defect[]
  readonly defectCount: number
  readonly notes: readonly string[]
}

/** What goes on record of a file. */
export interface FileFacts {
  readonly checks: readonly FileCheck[]
  readonly defects: readonly Defect[]
  /** Defects seen beyond those listed. */
  readonly moreDefects: number
  readonly inexactValues: number
}

/** What became of one file. */
export interface ImportReport {
  /** As it was found. */
  readonly path: string
  readonly series?: SeriesId
  readonly format?: ImportFormat
  readonly outcome: /** Its rows are in the lake, those included that were there before. */
    | 'taken'
    /** Nothing of it is in the lake: `error` says why. */
    | 'failed'
  readonly check?: FileCheck
  /** Rows in the file, of them new to the lake, and of them equal to what the lake had. */
  readonly rows: number
  readonly added: number
  readonly same: number
  /** Rows that the lake has with other values: the lake's stand, and the differences are in its defects. */
  readonly differing: number
  /** Rows that the lake has inside the file's range and the file has not. */
  readonly lacking: number
  /** Defects recorded of the file. */
  readonly defects: number
  /** The first of them, e.g. a row that could not be read, with its line. */
  readonly firstDefect?: string
  readonly error?: string
}

/** Counts of a comparison with the lake. */
export interface Taken {
  readonly added: number
  readonly same: number
  readonly differing: number
  readonly lacking: number
}
