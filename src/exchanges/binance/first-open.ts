import { type Interval, intervalLength } from '../../model/interval.ts'
import { DAY, floorDay, type TimeRange } from '../../model/time.ts'
import { INVERSE_SPAN, pageWindows } from './candles.ts'

/** COIN-M opened in 2020: nothing of it is older than this. */
const BEGAN = Date.UTC(2019, 8, 1)
/** Looks at the same time. */
const PARALLEL = 4
/** Candles of a day of minutes, the most that a last look needs. */
const DAY_OF_MINUTES = 1440

/** Oldest of the newest `limit` opens of a window (half-open); undefined when there is none in it. */
export type Look = (interval: Interval, window: TimeRange, limit: number) => Promise<number | undefined>

/**
 * The first open at or after `from` of an exchange that tells the newest candles of a span instead of the oldest: spans
 * of 200 days are tried until one holds a day's candle, halves of it lead to the first day, and its candles to the open.
 */
export async function searchFirstOpen(
  interval: Interval,
  from: number,
  now: number,
  look: Look,
): Promise<number | undefined> {
  const end = Math.floor(now) + 1
  const earliest = Math.max(Math.ceil(from), BEGAN)
  if (intervalLength(interval) > DAY) {
    // So few that a span of them is one small page.
    const windows = [...pageWindows(interval, { from: earliest, to: end }, pageOf(interval))]
    return (await firstOf(windows, (window) => look(interval, window, pageOf(interval))))?.open
  }
  for (let start = floorDay(earliest); start < end; start += DAY) {
    const day = await firstDay(start, end, look)
    if (day === undefined) return undefined
    const rest = { from: Math.max(day, earliest), to: day + DAY }
    const open = interval === '1d' ? day : await look(interval, rest, DAY_OF_MINUTES)
    if (open !== undefined && open >= earliest) return open
    // What is left of the day that was asked from may be empty: the search goes on behind it.
    start = day
  }
  return undefined
}

/** Opens of an interval longer than a day in a span. */
function pageOf(interval: Interval): number {
  return interval === '1M' ? 6 : Math.floor(INVERSE_SPAN / intervalLength(interval))
}

async function firstDay(start: number, end: number, look: Look): Promise<number | undefined> {
  const windows = [...pageWindows('1d', { from: start, to: end }, INVERSE_SPAN / DAY)]
  const found = await firstOf(windows, (window) => look('1d', window, 1))
  if (!found) return undefined
  let { from } = found.window
  // The newest day of what is known to hold one: what lies before it is looked at by halves.
  let last = found.open
  while (from < last) {
    const middle = from + Math.ceil((last - from) / 2 / DAY) * DAY
    const before = await look('1d', { from, to: Math.min(middle, last) }, 1)
    if (before === undefined) from = Math.min(middle, last)
    else last = before
  }
  return last
}

/** The first window in which something is found, several looked at side by side. */
async function firstOf(
  windows: readonly TimeRange[],
  look: (window: TimeRange) => Promise<number | undefined>,
): Promise<{ readonly window: TimeRange; readonly open: number } | undefined> {
  for (let at = 0; at < windows.length; at += PARALLEL) {
    const batch = windows.slice(at, at + PARALLEL)
    const opens = await Promise.all(batch.map(look))
    const index = opens.findIndex((open) => open !== undefined)
    if (index >= 0) return { window: batch[index]!, open: opens[index]! }
  }
  return undefined
}
