import type { Interval } from '../../model/interval.ts'
import type { Kind } from '../../model/kind.ts'
import {
  DAY,
  floorDay,
  floorMonth,
  floorYear,
  formatDay,
  formatMonth,
  nextMonth,
  nextYear,
  type TimeRange,
} from '../../model/time.ts'

/** A stretch of a series that is stored in one file (or, past `maxFileSize`, in numbered parts of it). */
export interface Period extends TimeRange {
  /** File name without its end, e.g. `2024-01`. */
  readonly name: string
}

export type PeriodLength = 'day' | 'month' | 'year' | 'all'

/**
 * How long the periods of a series are: an update should rewrite little, and a read should open few files. At most
 * 86,400 rows (1s, days), 44,640 (1m, months) or 35,136 (15m, years) stand in one file.
 */
const CANDLE_PERIODS: Readonly<Record<Interval, PeriodLength>> = {
  '1s': 'day',
  '1m': 'month',
  '3m': 'month',
  '5m': 'month',
  '15m': 'year',
  '30m': 'year',
  '1h': 'year',
  '2h': 'year',
  '4h': 'year',
  '6h': 'year',
  '8h': 'year',
  '12h': 'year',
  '1d': 'all',
  '3d': 'all',
  '1w': 'all',
  '1M': 'all',
}

export function periodLength(kind: Kind, interval: Interval | undefined): PeriodLength {
  return interval === undefined ? (kind.filePeriod ?? 'day') : CANDLE_PERIODS[interval]
}

/** The period of a series of events that holds an instant. */
export function eventPeriod(kind: Kind, time: number): Period {
  return periodOf(kind.filePeriod ?? 'day', time)
}

/** The period that holds `time`. */
export function periodOf(length: PeriodLength, time: number): Period {
  if (length === 'day') {
    const from = floorDay(time)
    return { name: formatDay(from), from, to: from + DAY }
  }
  if (length === 'month') {
    const from = floorMonth(time)
    return { name: formatMonth(from), from, to: nextMonth(from) }
  }
  if (length === 'year') {
    const from = floorYear(time)
    return { name: formatDay(from).slice(0, 4), from, to: nextYear(from) }
  }
  return { name: 'all', from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }
}
