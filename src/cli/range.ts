import { ConfigError, InvalidRangeError } from '../model/errors.ts'
import { DAY, formatTime, parseInclusiveEnd, parseTime, type TimeRange } from '../model/time.ts'

/** Flags that say from when to when. */
export interface RangeOptions {
  readonly from?: string
  readonly to?: string
  readonly startDate?: string
  readonly endDate?: string
  readonly days?: string
  readonly months?: string
}

/** What the flags say; an end that is left open is undefined. */
export interface OpenRange {
  readonly from: number | undefined
  readonly to: number | undefined
}

/** `--from`/`--to` (half-open) or `--start-date`/`--end-date` (inclusive). @throws ConfigError, InvalidRangeError */
export function readRange(options: RangeOptions): OpenRange {
  if (options.from !== undefined && options.startDate !== undefined) {
    throw new ConfigError('--from and --start-date mean the same; give one of them.')
  }
  if (options.to !== undefined && options.endDate !== undefined) {
    throw new ConfigError('--to and --end-date are two ways to say the end; give one of them.')
  }
  const from =
    options.from !== undefined
      ? parseTime(options.from, '--from')
      : options.startDate === undefined
        ? undefined
        : parseTime(options.startDate, '--start-date')
  const to =
    options.to !== undefined
      ? parseTime(options.to, '--to')
      : options.endDate === undefined
        ? undefined
        : parseInclusiveEnd(options.endDate, '--end-date')
  checkOrder({ from, to })
  return { from, to }
}

/**
 * As `readRange`, with `--days` and `--months`: a length that counts back from the end, or on from the start where only
 * that is given.
 * @param now the exchange's clock, which ends what has no end
 */
export function readRangeWithLength(options: RangeOptions, now: number): OpenRange {
  const { from, to } = readRange(options)
  if (options.days === undefined && options.months === undefined) return { from, to }
  if (options.days !== undefined && options.months !== undefined)
    throw new ConfigError('Give --days or --months, not both.')
  if (from !== undefined && to !== undefined) {
    throw new ConfigError(
      `A start, an end and ${options.days === undefined ? '--months' : '--days'} are one too many; leave one of them out.`,
    )
  }
  const step =
    options.days === undefined
      ? monthStepper(wholeNumber(options.months!, '--months'))
      : dayStepper(wholeNumber(options.days, '--days'))
  if (from !== undefined) return { from, to: Math.min(now, step(from, 1)) }
  const end = to ?? now
  return { from: step(end, -1), to: end }
}

function dayStepper(days: number): (time: number, sign: 1 | -1) => number {
  return (time, sign) => time + sign * days * DAY
}

function monthStepper(months: number): (time: number, sign: 1 | -1) => number {
  return (time, sign) => addMonths(time, sign * months)
}

/** The same day and time of day some calendar months on; the last day of the month where it has no such day. */
export function addMonths(time: number, months: number): number {
  const date = new Date(time)
  const day = date.getUTCDate()
  date.setUTCDate(1)
  date.setUTCMonth(date.getUTCMonth() + months)
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate()
  date.setUTCDate(Math.min(day, last))
  return date.getTime()
}

function wholeNumber(text: string, flag: string): number {
  if (/^\d{1,6}$/.test(text) && Number(text) > 0) return Number(text)
  throw new ConfigError(`${flag} is "${text}"; allowed: a whole number of at least 1.`)
}

function checkOrder({ from, to }: OpenRange): void {
  if (from !== undefined && to !== undefined) checkRange({ from, to })
}

/** @throws InvalidRangeError when nothing lies in the range. */
export function checkRange(range: TimeRange): void {
  if (range.from < range.to) return
  throw new InvalidRangeError(
    `The range is empty: it starts at ${formatTime(range.from)} and ends at ${formatTime(range.to)}.`,
  )
}
