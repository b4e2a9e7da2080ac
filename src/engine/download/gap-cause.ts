import type { KnownGap } from '../../exchanges/exchange.ts'
import { exchangeOf } from '../../exchanges/index.ts'
import type { GapCause } from '../../model/coverage.ts'
import { type Interval, intervalLength } from '../../model/interval.ts'
import type { SeriesId } from '../../model/series.ts'
import { DAY, type TimeRange } from '../../model/time.ts'

/** What is known when a stretch is missing although every source that may be asked was asked. */
export interface GapFacts {
  readonly interval: Interval
  /** What is known to be missing of the series. */
  readonly known?: readonly KnownGap[]
  /** First instant that the exchange has data for. */
  readonly listedAt: number | undefined
  /** End of the archive's last file. */
  readonly archivedUntil: number | undefined
  readonly restAsked: boolean
  /** REST does not know the symbol any more. */
  readonly restGone: boolean
  /** REST was to be asked, and did not answer. */
  readonly restDown: boolean
}

/** Longer than this the exchange never stood still (34 hours in February 2018): a longer hole has another cause. */
const LONGEST_OUTAGE = 3 * DAY

/** The stretches of a series that its exchange is known to lack. */
export function knownGapsOf(series: SeriesId): readonly KnownGap[] {
  return (exchangeOf(series.exchange).knownGaps ?? []).filter(
    ({ market, kinds, symbols }) =>
      market === series.market && (kinds?.includes(series.kind) ?? true) && (symbols?.includes(series.symbol) ?? true),
  )
}

/** Names the cause of a missing stretch. */
export function gapCause(stretch: TimeRange, facts: GapFacts): { readonly cause: GapCause; readonly note?: string } {
  const length = intervalLength(facts.interval)
  if (facts.listedAt !== undefined && stretch.to <= facts.listedAt) return { cause: 'not-listed' }
  // A candle is missing where it would have begun, which may be a candle's length before the exchange stood still.
  const known = facts.known?.find(({ from, to }) => stretch.from > from - length && stretch.to < to + length)
  // Nobody needs to be asked about a halt; what only the archive lacks REST may still have.
  if (known && (known.cause !== 'archive-defect' || facts.restAsked || facts.restGone))
    return { cause: known.cause, note: known.note }
  if (facts.restGone) {
    // The archive's first month tells no better when trading began than its first row does.
    if (facts.listedAt !== undefined && stretch.from <= facts.listedAt) {
      return { cause: 'not-listed', note: 'before the first candle of the archive; REST no longer knows the symbol' }
    }
    if (facts.archivedUntil === undefined || stretch.to >= facts.archivedUntil - length) {
      return { cause: 'delisted', note: 'REST no longer knows the symbol, and the archive ends here' }
    }
    return { cause: 'archive-defect', note: 'missing in the archive, and REST no longer knows the symbol' }
  }
  if (facts.restDown) return { cause: 'unknown', note: 'REST could not be asked' }
  if (!facts.restAsked) return { cause: 'unknown', note: 'REST was not asked (--source archive)' }
  if (stretch.to - stretch.from <= Math.max(LONGEST_OUTAGE, 2 * length)) return { cause: 'exchange-outage' }
  return { cause: 'unknown', note: 'no source has it, and it is too long for an outage' }
}
