import { InvalidRangeError } from './errors.ts'
import { DAY, floorMonth, HOUR, MINUTE, nextMonth, SECOND, type TimeRange, utcDay, WEEK } from './time.ts'

/** Every candle interval of Binance, smallest first. `1m` is a minute, `1M` a calendar month. */
export const INTERVALS = [
  '1s',
  '1m',
  '3m',
  '5m',
  '15m',
  '30m',
  '1h',
  '2h',
  '4h',
  '6h',
  '8h',
  '12h',
  '1d',
  '3d',
  '1w',
  '1M',
] as const

export type Interval = (typeof INTERVALS)[number]

const FIXED: Readonly<Record<Exclude<Interval, '1M'>, number>> = {
  '1s': SECOND,
  '1m': MINUTE,
  '3m': 3 * MINUTE,
  '5m': 5 * MINUTE,
  '15m': 15 * MINUTE,
  '30m': 30 * MINUTE,
  '1h': HOUR,
  '2h': 2 * HOUR,
  '4h': 4 * HOUR,
  '6h': 6 * HOUR,
  '8h': 8 * HOUR,
  '12h': 12 * HOUR,
  '1d': DAY,
  '3d': 3 * DAY,
  '1w': WEEK,
}

/** Epoch 0 was a Thursday; Binance weeks start on Monday 00:00 UTC, so the weekly grid starts at 1970-01-05. */
const FIRST_MONDAY = 4 * DAY

export function isInterval(text: string): text is Interval {
  return (INTERVALS as readonly string[]).includes(text)
}

/**
 * Reads an interval. Case matters (`1m` and `1M` differ); `1mo`, the archive's name for a month, is understood.
 * @throws InvalidRangeError naming the allowed intervals.
 */
export function parseInterval(text: string): Interval {
  if (isInterval(text)) return text
  if (text === '1mo') return '1M'
  throw new InvalidRangeError(
    `Unknown interval "${text}". Use one of ${INTERVALS.join(', ')} (1m is a minute, 1M a month).`,
  )
}

/** Length in milliseconds; for `1M` that of the shortest month, so use `nextOpen` to step. */
export function intervalLength(interval: Interval): number {
  return interval === '1M' ? 28 * DAY : FIXED[interval]
}

/**
 * The open times that candles of an interval can have. The grid of `3d` differs per symbol: Binance counts from the
 * symbol's first trading day, so `origin` (any known open time) fixes it; every other interval has one grid.
 */
export interface IntervalGrid {
  readonly interval: Interval
  /** Any open time on the grid. Only `3d` needs it; until it is known the grid counts days from 1970-01-01. */
  readonly origin?: number
}

function gridPhase(grid: IntervalGrid, length: number): number {
  if (grid.interval === '1w') return FIRST_MONDAY
  if (grid.interval === '3d' && grid.origin !== undefined) return ((grid.origin % length) + length) % length
  return 0
}

/** The last open time at or before `time`. */
export function floorOpen(grid: IntervalGrid, time: number): number {
  if (grid.interval === '1M') return floorMonth(time)
  const length = FIXED[grid.interval]
  const phase = gridPhase(grid, length)
  return Math.floor((time - phase) / length) * length + phase
}

/** The first open time at or after `time`. */
export function ceilOpen(grid: IntervalGrid, time: number): number {
  const open = floorOpen(grid, time)
  return open === time ? open : nextOpen(grid, open)
}

/** The open time after `open`, which must lie on the grid. */
export function nextOpen(grid: IntervalGrid, open: number): number {
  return grid.interval === '1M' ? nextMonth(open) : open + FIXED[grid.interval]
}

/** The regular close time of the candle that opens at `open`: one millisecond before the next open. */
export function closeTimeOf(grid: IntervalGrid, open: number): number {
  return nextOpen(grid, open) - 1
}

export function isOpenTime(grid: IntervalGrid, time: number): boolean {
  return floorOpen(grid, time) === time
}

/** How many candles open inside `range`. */
export function countOpens(grid: IntervalGrid, range: TimeRange): number {
  const first = ceilOpen(grid, range.from)
  if (first >= range.to) return 0
  if (grid.interval !== '1M') return Math.ceil((range.to - first) / FIXED[grid.interval])
  const a = new Date(first)
  const b = new Date(ceilOpen(grid, range.to))
  return (b.getUTCFullYear() - a.getUTCFullYear()) * 12 + b.getUTCMonth() - a.getUTCMonth()
}

/** The open time `count` candles after `open` (before it, when negative). `open` must lie on the grid. */
export function addOpens(grid: IntervalGrid, open: number, count: number): number {
  if (grid.interval !== '1M') return open + count * FIXED[grid.interval]
  const date = new Date(open)
  return utcDay(date.getUTCFullYear(), date.getUTCMonth() + count)
}
