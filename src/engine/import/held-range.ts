import type { TimeRange } from '../../model/time.ts'

/**
 * The time of which a file holds all rows: its period where its name tells one, else what its rows span (`seen`, undefined
 * without rows). Of a period that is not over yet a file can only hold what there was when it was made, and what came after
 * its last row is for a download to bring.
 */
export function heldRange(
  period: TimeRange | undefined,
  seen: TimeRange | undefined,
  now: number = Date.now(),
): TimeRange | undefined {
  if (!period || !(period.to > now)) return period ?? seen
  const to = Math.min(period.to, seen?.to ?? period.from)
  return to > period.from ? { from: period.from, to } : undefined
}
