import type { Source } from '../../model/coverage.ts'
import type { TimeRange } from '../../model/time.ts'

/** What stored candles can be held against. */
export type Witness =
  /** Trades, or aggregate trades, of the lake. */
  | 'trade'
  | 'aggTrade'
  /** Smaller candles of the lake. */
  | 'candle'
  /** What REST gives now. */
  | 'rest'
  /** Days' files of the archive against its months' files, and the other way round. */
  | 'archive'

/** A stored candle that is not what a witness says. */
export interface Difference {
  /** Open time, epoch ms. */
  readonly time: number
  /** By column: the stored value, and the witness's; null where there is none. */
  readonly values: Readonly<Record<string, readonly [stored: number | null, witness: number | null]>>
  /** Whose candle is in the lake now. */
  readonly kept: Source
  readonly why: string
  /** False while nobody knows which one is right. */
  readonly resolved: boolean
}

/** Candles of one series held against one witness. */
export interface Reconciliation {
  readonly against: Witness
  /** The witness in words: `1m candles`, `trades`, `REST`. */
  readonly witness: string
  /** From the first to the last candle that was compared; undefined when there was none. */
  readonly range: TimeRange | undefined
  /** Candles compared. */
  readonly compared: number
  /** Those of them that are not the same. */
  readonly differing: number
  readonly unresolved: number
  /** The first of them, at most `MAX_SHOWN`, the unresolved ones first. */
  readonly differences: readonly Difference[]
}

/** Differences that a report lists; all of them are counted. */
export const MAX_SHOWN = 20
