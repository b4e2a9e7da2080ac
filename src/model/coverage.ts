import type { TimeRange } from './time.ts'

/** Where records came from: `user` what a program saved, `import` files that the user had. */
export type Source = 'archive' | 'rest' | 'stream' | 'user' | 'import'

/** Why records are missing. */
export type GapCause =
  /** No source has them though the series goes on before and after: the exchange stood still. */
  | 'exchange-outage'
  /** The exchange stood still, as it had said it would, or as it said afterwards. */
  | 'maintenance'
  | 'no-trades'
  /** The archive lacks or garbles them and no other source could fill them. */
  | 'archive-defect'
  /** Before the first record that the exchange ever published. */
  | 'not-listed'
  /** After the last one: the symbol is traded no more. */
  | 'delisted'
  /** The exchange does not publish it, or no longer does: its archive began later or has ended, and REST has none. */
  | 'not-published'
  | 'own-outage'
  | 'unknown'

/** Causes that mean: the exchange never published the records, so nothing is lost. */
export const COMPLETE_CAUSES: readonly GapCause[] = [
  'exchange-outage',
  'maintenance',
  'no-trades',
  'not-listed',
  'delisted',
  'not-published',
]

/** Missing records. `from` and `to` are instants: half-open. */
export interface Gap extends TimeRange {
  readonly cause: GapCause
  /** How many records are missing; undefined where that can't be known. */
  readonly count?: number
  /** Which sources were asked. */
  readonly checked: readonly Source[]
  readonly note?: string
  /** Of kinds whose ids are counted: the missing ids, both ends included; decimal text beyond 2^53. */
  readonly firstId?: number | string
  readonly lastId?: number | string
}

/** A piece of the series that was fetched and checked, and how. */
export interface CoveredRange extends TimeRange {
  readonly source: Source
  /** The symbol that it was asked for under, where that is a former name of the series' own. */
  readonly symbol?: string
}

/** What was done with one archive file. */
export interface FileCheck {
  /** Path of the file in the archive, e.g. `data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip`. */
  readonly path: string
  readonly outcome: /** Hash equals the published one. */
    | 'verified'
    /** Hash differs from the published one, values equal REST's. */
    | 'mismatch-confirmed-by-rest'
    /** Hash differs; where values differ REST's were kept. */
    | 'mismatch-replaced-by-rest'
    /** Hash differs or none was published, and REST could not be asked: rows are flagged `unverified`. */
    | 'unverified'
    /** Can't be unpacked: its range was taken from REST, or is a gap. */
    | 'unreadable'
    /** Listed or expected, but the archive answers that it does not exist. */
    | 'missing'
    /** A file of the user's that nobody publishes a hash of: its rows are flagged `user`. */
    | 'imported'
  readonly sha256?: string
  /** The hash that the archive publishes for it. */
  readonly published?: string
  readonly rows?: number
  /** When it was checked, ISO. */
  readonly at: string
  readonly note?: string
}

/** A row that broke a rule, or two sources that disagree. */
export interface Defect {
  /** Open time of the row; undefined when the row does not have one. */
  readonly time?: number
  readonly type: 'bad-row' | 'duplicate' | 'out-of-order' | 'off-grid' | 'suspect' | 'difference' | 'lost-file'
  /** File or URL that held it. */
  readonly where: string
  /** What was seen, e.g. the raw row, or `archive volume 12.5, rest 12.6`. */
  readonly detail: string
  /** What was done. */
  readonly kept: 'archive' | 'rest' | 'stream' | 'none' | 'first' | 'lake' | 'import'
}
