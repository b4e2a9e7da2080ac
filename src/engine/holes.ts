import { COMPLETE_CAUSES, type Gap } from '../model/coverage.ts'
import { subtractRanges } from '../model/ranges.ts'
import type { TimeRange } from '../model/time.ts'

/** Stretches between covered ranges (rising) that nobody has ever asked for. */
export function holesOf(covered: readonly TimeRange[]): TimeRange[] {
  const first = covered[0]
  return first === undefined ? [] : subtractRanges([{ from: first.from, to: covered.at(-1)!.to }], covered)
}

/** Whether nothing is lost by a gap: the exchange never published what is missing. */
export function isHarmless(gap: Gap): boolean {
  return COMPLETE_CAUSES.includes(gap.cause)
}

/** Whether a series has neither holes nor gaps of what the exchange may have published. */
export function isWhole(coverage: { readonly covered: readonly TimeRange[]; readonly gaps: readonly Gap[] }): boolean {
  return coverage.gaps.every(isHarmless) && holesOf(coverage.covered).length === 0
}
