import { InvalidRangeError } from './errors.ts'

/** An instant: epoch milliseconds, a `Date`, or text (ISO 8601, `2024-01-31`, `2024-01`, or epoch ms in digits). */
export type TimeInput = number | string | Date

/** A half-open range of epoch milliseconds: `from` is inside, `to` is not. */
export interface TimeRange {
  readonly from: number
  readonly to: number
}

export const SECOND = 1_000
export const MINUTE = 60_000
export const HOUR = 3_600_000
export const DAY = 86_400_000
export const WEEK = 604_800_000

/** Largest instant that a `Date` can hold. */
const MAX_TIME = 8.64e15

const DATE_ONLY = /^(\d{4})-(\d{2})(?:-(\d{2}))?$/
const ISO = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/i

/** True when the text names a whole day or month (`2024-01-31`, `2024-01`) and not an instant in it. */
export function isDateOnly(input: TimeInput): boolean {
  return typeof input === 'string' && DATE_ONLY.test(input.trim())
}

/**
 * Reads an instant as epoch milliseconds. Text without a zone is UTC; local time is never used.
 * @throws InvalidRangeError when the input is not an instant.
 */
export function parseTime(input: TimeInput, name = 'time'): number {
  if (input instanceof Date) return checked(input.getTime(), String(input), name)
  if (typeof input === 'number') return checked(input, String(input), name)
  const text = input.trim()
  const date = DATE_ONLY.exec(text)
  if (date)
    return calendarDate(Number(date[1]), Number(date[2]), date[3] === undefined ? 1 : Number(date[3]), text, name)
  if (/^-?\d{9,}$/.test(text)) return checked(Number(text), text, name)
  const iso = ISO.exec(text)
  if (!iso) throw badTime(text, name)
  calendarDate(Number(text.slice(0, 4)), Number(text.slice(5, 7)), Number(text.slice(8, 10)), text, name)
  const zoned = iso[1] === undefined ? `${text}Z` : text
  return checked(Date.parse(zoned.replace(' ', 'T')), text, name)
}

/**
 * Reads the inclusive end of a range and gives the exclusive one: a date stands for its whole day, a month for its
 * whole month, an instant for itself.
 */
export function parseInclusiveEnd(input: TimeInput, name = 'end'): number {
  const time = parseTime(input, name)
  if (typeof input !== 'string') return Math.floor(time) + 1
  const date = DATE_ONLY.exec(input.trim())
  if (!date) return Math.floor(time) + 1
  return date[3] === undefined ? nextMonth(time) : time + DAY
}

function calendarDate(year: number, month: number, day: number, text: string, name: string): number {
  const time = utcDay(year, month - 1, day)
  const made = new Date(time)
  // Date.UTC rolls 02-30 over into March; that is a typing mistake, not a wish.
  if (made.getUTCMonth() !== month - 1 || made.getUTCDate() !== day) throw badTime(text, name)
  return time
}

/**
 * Midnight of a day; `month` counts from 0 and may run over into other years. Unlike `Date.UTC` it takes the years 0 to
 * 99 at their word.
 */
export function utcDay(year: number, month: number, day = 1): number {
  const time = Date.UTC(year, month, day)
  return year >= 0 && year < 100 ? new Date(time).setUTCFullYear(year, month, day) : time
}

/** The calendar date of an instant. `Date` cuts fractions towards 0, which before 1970 is the following millisecond. */
function dateOf(time: number): Date {
  return new Date(Math.floor(time))
}

function checked(time: number, text: string, name: string): number {
  if (!Number.isFinite(time) || Math.abs(time) > MAX_TIME) throw badTime(text, name)
  return time
}

function badTime(text: string, name: string): InvalidRangeError {
  return new InvalidRangeError(
    `${name}: "${text}" is not a time. Use 2024-01-31, 2024-01-31T12:00:00Z (UTC when no zone is given) or epoch milliseconds.`,
  )
}

/** ISO text of an instant; milliseconds are left out when they are 0. */
export function formatTime(time: number): string {
  if (!Number.isFinite(time) || Math.abs(time) > MAX_TIME) return String(time)
  return new Date(time).toISOString().replace('.000Z', 'Z')
}

/** `2024-01-31` of an instant. */
export function formatDay(time: number): string {
  return dateOf(time).toISOString().slice(0, -'T00:00:00.000Z'.length)
}

/** `2024-01` of an instant. */
export function formatMonth(time: number): string {
  return dateOf(time).toISOString().slice(0, -'-01T00:00:00.000Z'.length)
}

export function floorDay(time: number): number {
  return Math.floor(time / DAY) * DAY
}

export function floorMonth(time: number): number {
  const date = dateOf(time)
  return utcDay(date.getUTCFullYear(), date.getUTCMonth())
}

/** Start of the calendar month after the one that holds `time`. */
export function nextMonth(time: number): number {
  const date = dateOf(time)
  return utcDay(date.getUTCFullYear(), date.getUTCMonth() + 1)
}

export function floorYear(time: number): number {
  return utcDay(dateOf(time).getUTCFullYear(), 0)
}

export function nextYear(time: number): number {
  return utcDay(dateOf(time).getUTCFullYear() + 1, 0)
}
