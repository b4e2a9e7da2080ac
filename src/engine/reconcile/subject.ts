import type { Batch } from '../../model/batch.ts'
import { CandleFlag } from '../../model/candle.ts'
import type { Source } from '../../model/coverage.ts'
import type { IntervalGrid } from '../../model/interval.ts'
import type { Kind } from '../../model/kind.ts'
import type { SeriesId } from '../../model/series.ts'
import type { TimeRange } from '../../model/time.ts'
import type { SeriesCoverage } from '../../store/lake/coverage-file.ts'
import type { Lake } from '../../store/lake/lake.ts'
import type { Mismatch } from './compare.ts'
import type { Witness } from './types.ts'
import type { LakeWitness } from './witnesses.ts'

/** Witnesses that have to be fetched. */
export type RemoteWitness = Extract<Witness, 'rest' | 'archive'>

export interface ReconcileContext {
  readonly lake: Lake
  /** Whom to ask besides those in the lake. */
  readonly compare: readonly RemoteWitness[]
  /** Ask REST about candles that differ, take what it gives, and put the outcome on record. */
  readonly repair: boolean
  /** Closed candles of a range that REST has now. */
  readonly rest: (series: SeriesId, range: TimeRange) => Promise<Batch>
  /** Rows of the archive's files of the other period: of days where the lake has a month's file. */
  readonly archive: (
    series: SeriesId,
    coverage: SeriesCoverage,
    range: TimeRange,
  ) => Promise<{ readonly batch: Batch; readonly ranges: readonly TimeRange[] }>
  readonly signal: AbortSignal | undefined
  /** Told how many candles were held against a witness so far, and of how many. */
  readonly onProgress?: (witness: string, done: number, total: number) => void
}

/** A series that is looked at, and what is known of it. */
export interface Subject {
  readonly series: SeriesId
  readonly kind: Kind
  readonly grid: IntervalGrid
  readonly coverage: SeriesCoverage
}

/** What differs between stored candles and one witness, not yet judged. */
export interface Findings {
  readonly against: Witness
  readonly words: string
  readonly lake?: LakeWitness
  compared: number
  range: TimeRange | undefined
  readonly mismatches: Mismatch[]
}

/** What a settled difference is found by again. */
export function placeOf({ against, words }: Pick<Findings, 'against' | 'words'>): string {
  return against === 'candle' ? words : against
}

/** Where a stored row came from. */
export function keptOf(flag: number): Source {
  if ((flag & CandleFlag.rest) !== 0) return 'rest'
  if ((flag & CandleFlag.stream) !== 0) return 'stream'
  return (flag & CandleFlag.user) !== 0 ? 'user' : 'archive'
}
