import type { Kind } from '../../../model/kind.ts'
import type { SeriesId } from '../../../model/series.ts'
import type { Rows } from '../rows.ts'

/** How much of a series is one file where a layout has a file per period. */
export type LayoutPeriod = 'day' | 'month' | 'whole'

/** Turns the rows of one file into its bytes. */
export interface LayoutEncoder {
  begin(): string | Uint8Array
  rows(batch: Rows): string | Uint8Array
  end(): string | Uint8Array
}

/** A form that another program reads. */
export interface ExportLayout {
  /** The columns that it is made of. @throws ConfigError for a kind of data that it has no form for. */
  columns(kind: Kind, series: SeriesId): readonly string[]
  /** How a folder is divided into files; the first is the default. */
  periods(series: SeriesId): readonly LayoutPeriod[]
  /** Path inside a folder. `typed` is the symbol as the user wrote it. */
  fileName(series: SeriesId, period: LayoutPeriod, start: number, typed: string): Promise<string>
  /** How the files in a folder are packed. */
  readonly packing: 'zip' | 'gzip' | 'none'
  /** A line of SHA-256 beside each file, in a file of its own with this at the end of its name. */
  readonly checksum?: string
  encoder(series: SeriesId): Promise<LayoutEncoder>
}
