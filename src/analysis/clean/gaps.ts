import { CandleFlag } from '../../model/candle.ts'
import { InvalidRangeError } from '../../model/errors.ts'
import {
  closeTimeOf,
  type Interval,
  type IntervalGrid,
  isOpenTime,
  nextOpen,
  parseInterval,
} from '../../model/interval.ts'
import { formatTime, type TimeRange } from '../../model/time.ts'
import { readTable, type Table, type TableInput } from './table.ts'

export interface GapOptions {
  readonly interval: Interval
  /** `flat` (default): the last close, and no volume. `nan`: a row without values. */
  readonly rule?: 'flat' | 'nan'
  /** Longest gap that is filled, in candles; longer ones stay. */
  readonly limit?: number
}

export interface FilledGap extends TimeRange {
  readonly count: number
}

export interface GapFill {
  /** A copy with the candles put in; they carry `CandleFlag.filled`. */
  readonly data: Table
  /** The gaps that were filled; `to` is the first candle after one. */
  readonly filled: readonly FilledGap[]
  /** The gaps that were not, as they are longer than the limit. */
  readonly left: readonly FilledGap[]
}

const PRICES: ReadonlySet<string> = new Set(['open', 'high', 'low', 'close'])

/**
 * Puts candles where the series has none, between its first and its last, by a rule that uses the past only. Each is
 * flagged, so that nobody takes it for one of the exchange's. Takes whatever `cleanData` does.
 * @throws InvalidRangeError for a rule or an interval that does not exist, when the candles do not rise on the grid of the interval, or a column that the rule needs
 * is lacking.
 */
export function fillGaps(input: TableInput, options: GapOptions): GapFill {
  const { rule = 'flat', limit = Number.POSITIVE_INFINITY } = options
  const interval = parseInterval(options.interval)
  if (rule !== 'flat' && rule !== 'nan') throw new InvalidRangeError(`rule is "${String(rule)}"; use flat or nan.`)
  if (!(limit >= 0)) throw new InvalidRangeError(`limit is ${limit}; use a number of candles, 0 or more.`)
  const { length, columns } = readTable(input)
  // Rows of the library are written in the other style.
  const opens = columns.open_time ?? columns.openTime
  if (!opens) throw new InvalidRangeError('Gaps are found by the column "open_time", which is not there.')
  if (rule === 'flat' && !columns.close) {
    throw new InvalidRangeError('A flat candle repeats the last "close", which is not there. Read it too.')
  }
  const grid: IntervalGrid = interval === '3d' && length > 0 ? { interval, origin: opens[0]! } : { interval }
  const filled: FilledGap[] = []
  const left: FilledGap[] = []
  /** Row of the source, or -1 - that of the last candle before, for a candle to be made; its open time beside it. */
  const sources: number[] = []
  const times: number[] = []
  for (let i = 0; i < length; i++) {
    const open = opens[i]!
    if (!isOpenTime(grid, open) || (i > 0 && open <= opens[i - 1]!)) {
      throw new InvalidRangeError(
        `Row ${i} opens at ${formatTime(open)}: not on the grid of ${interval}, or not rising. Resample or sort the candles first.`,
      )
    }
    if (i > 0) {
      const from = nextOpen(grid, opens[i - 1]!)
      let count = 0
      for (let at = from; at < open; at = nextOpen(grid, at)) count++
      if (count > 0) (count <= limit ? filled : left).push({ from, to: open, count })
      if (count <= limit) {
        for (let at = from; at < open; at = nextOpen(grid, at)) {
          sources.push(-i)
          times.push(at)
        }
      }
    }
    sources.push(i)
    times.push(open)
  }
  const result: Record<string, Float64Array> = {}
  const withFlags: Table['columns'] = columns.flags ? columns : { ...columns, flags: new Float64Array(length) }
  for (const [name, values] of Object.entries(withFlags)) {
    const target = new Float64Array(sources.length)
    for (let k = 0; k < target.length; k++) {
      const source = sources[k]!
      target[k] = source < 0 ? made(name, rule, columns, -source - 1, times[k]!, grid) : values[source]!
    }
    result[name] = target
  }
  return { data: { length: sources.length, columns: result }, filled, left }
}

function made(
  name: string,
  rule: 'flat' | 'nan',
  columns: Table['columns'],
  before: number,
  open: number,
  grid: IntervalGrid,
): number {
  if (name === 'open_time' || name === 'openTime') return open
  if (name === 'close_time' || name === 'closeTime') return closeTimeOf(grid, open)
  if (name === 'flags') return CandleFlag.filled
  if (rule === 'nan') return Number.NaN
  return PRICES.has(name) ? columns.close![before]! : 0
}
