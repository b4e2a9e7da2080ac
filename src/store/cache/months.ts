import { floorMonth, formatMonth, nextMonth, type TimeRange } from '../../model/time.ts'

/** A calendar month: what one file of the cache holds. */
export interface Month extends TimeRange {
  /** E.g. `202401`. */
  readonly name: string
}

export function monthOf(time: number): Month {
  const from = floorMonth(time)
  return { name: formatMonth(from).replace('-', ''), from, to: nextMonth(from) }
}

/** The months that a range touches, in order. */
export function monthsOf(range: TimeRange): Month[] {
  const months: Month[] = []
  for (let at = range.from; at < range.to; at = months.at(-1)!.to) months.push(monthOf(at))
  return months
}
