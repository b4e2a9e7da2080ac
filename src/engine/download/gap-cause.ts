import type { GapCause } from '../../model/coverage.ts'
import { type Interval, intervalLength } from '../../model/interval.ts'
import { DAY, type TimeRange } from '../../model/time.ts'

/** What is known when a stretch is missing although every source that may be asked was asked. */
export interface GapFacts {
  readonly interval: Interval
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

/** Names the cause of a missing stretch. */
export function gapCause(stretch: TimeRange, facts: GapFacts): { readonly cause: GapCause; readonly note?: string } {
  const length = intervalLength(facts.interval)
  if (facts.listedAt !== undefined && stretch.to <= facts.listedAt) return { cause: 'not-listed' }
  if (facts.restGone) {
    if (facts.archivedUntil === undefined || stretch.to >= facts.archivedUntil - length) {
      return { cause: 'not-listed', note: 'REST no longer knows the symbol, and the archive ends here' }
    }
    return { cause: 'archive-defect', note: 'missing in the archive, and REST no longer knows the symbol' }
  }
  if (facts.restDown) return { cause: 'unknown', note: 'REST could not be asked' }
  if (!facts.restAsked) return { cause: 'unknown', note: 'REST was not asked (--source archive)' }
  if (stretch.to - stretch.from <= Math.max(LONGEST_OUTAGE, 2 * length)) return { cause: 'exchange-outage' }
  return { cause: 'unknown', note: 'no source has it, and it is too long for an outage' }
}
