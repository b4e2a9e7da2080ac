import type { Kind } from '../../../model/kind.ts'
import type { RowBlock } from './row-block.ts'

/** What every row of tardis.dev tells. */
export interface TardisRow {
  /** The values of the dataset's columns, in their order. */
  readonly values: readonly string[]
  /** When it happened, epoch ms; the time of arrival where the exchange does not say, which the file shows by equality. */
  readonly time: number
  /** When it reached whoever recorded it, epoch ms. */
  readonly local: number
  /** The same in microseconds, as the file has it: a whole number. */
  readonly localMicros: number
}

/** Puts a row into a block; text says what is wrong with it. Rows that tell nothing of the kind are left out in silence. */
export type TakeRow = (row: TardisRow, block: RowBlock) => string | undefined

/** A dataset of tardis.dev: which columns it has besides those that all have, and what becomes of its rows. */
export interface TardisDataset {
  /** As tardis.dev calls it in messages. */
  readonly name: string
  readonly kind: Kind
  /** Its columns among those that a file names. Those that it lacks are told by the reader. */
  columns(names: readonly string[]): readonly string[]
  /** Columns of the kind that it fills. What of the others a record may lack is lacking. */
  readonly filled: readonly string[]
  /** @param columns what `columns` gave. */
  start(columns: readonly string[]): TakeRow
}

const DECIMAL = /^\d+(?:\.\d*)?(?:[eE][+-]?\d+)?$/

/** A number that is 0 or more; NaN for anything else. */
export function amountIn(text: string): number {
  return DECIMAL.test(text) ? Number(text) : Number.NaN
}
