import { InvalidRangeError } from '../../model/errors.ts'
import { formatTime } from '../../model/time.ts'
import type { BarGrid } from './grid.ts'

/** Bars that are looked for in one go: what is read of a column meanwhile stays in the processor's cache. */
const MOST = 256

/** Which rows make which bars, found once for all columns. */
export class BarSpans {
  count = 0
  /** First row of each bar, and the row after its last. */
  readonly from = new Int32Array(MOST)
  readonly to = new Int32Array(MOST)
  /** The row that gives a bar its first price: for whoever makes the bars to say. */
  readonly opening = new Int32Array(MOST)
  /** First instant of each bar, and the first after it. */
  readonly start = new Float64Array(MOST)
  readonly end = new Float64Array(MOST)

  /**
   * Finds the next bars of rows that rise by time from `newest` on.
   * @returns the row after those that were looked at
   * @throws InvalidRangeError where times do not rise
   */
  find(grid: BarGrid, times: Float64Array, row: number, length: number, newest: number): number {
    this.count = 0
    let before = newest
    let from = row
    let size = 1
    while (from < length && this.count < MOST) {
      const time = times[from]!
      if (!(time > before)) throw outOfOrder(time, before)
      if (!grid.seek(time)) {
        before = time
        from++
        continue
      }
      const { end } = grid
      const to = endOfBar(times, from, length, end, size)
      this.from[this.count] = from
      this.to[this.count] = to
      this.start[this.count] = grid.start
      this.end[this.count] = end
      this.count++
      before = times[to - 1]!
      size = to - from
      from = to
    }
    return from
  }
}

/**
 * The row after the last one before `end`.
 * @param size rows that the bar probably has
 * @throws InvalidRangeError where times do not rise
 */
export function endOfBar(times: Float64Array, from: number, length: number, end: number, size: number): number {
  const guess = Math.min(length, from + size) | 0
  if (times[guess - 1]! < end && (guess === length || times[guess]! >= end) && isRising(times, from, guess)) {
    return guess
  }
  let before = times[from]!
  let row = (from + 1) | 0
  while (row < length) {
    const time = times[row]!
    if (time >= end) break
    if (!(time > before)) throw outOfOrder(time, before)
    before = time
    row++
  }
  return row
}

/** Eight at a time: one that is wrong is rare. */
function isRising(times: Float64Array, from: number, to: number): boolean {
  let before = times[from]!
  let row = (from + 1) | 0
  for (; row + 7 < to; row += 8) {
    const a = times[row]!
    const b = times[row + 1]!
    const c = times[row + 2]!
    const d = times[row + 3]!
    const e = times[row + 4]!
    const f = times[row + 5]!
    const g = times[row + 6]!
    const h = times[row + 7]!
    if (!(a > before && b > a && c > b && d > c && e > d && f > e && g > f && h > g)) return false
    before = h
  }
  for (; row < to; row++) {
    const time = times[row]!
    if (!(time > before)) return false
    before = time
  }
  return true
}

export function outOfOrder(time: number, before: number): InvalidRangeError {
  return new InvalidRangeError(
    `The candle of ${formatTime(time)} comes after that of ${formatTime(before)}; candles must rise by open_time, each once.`,
  )
}
