import type { Batch } from '../../model/batch.ts'
import { CandleFlag, candle } from '../../model/candle.ts'
import { roundTrips } from '../../model/decimal.ts'
import { POWERS_OF_TEN, SAFE_DIGITS } from '../../model/digits.ts'
import { ParseError } from '../../model/errors.ts'
import { closeTimeOf, type Interval, intervalLength } from '../../model/interval.ts'
import { PLAIN_KLINE_REACH, readPlainKline } from './klines-row.ts'

export interface KlinesContext {
  /** URL or file, for messages. */
  readonly source: string
  readonly interval: Interval
  /** The exchange's clock, epoch ms: candles that close at or after it are unfinished. */
  readonly now: number
  /** Rows expected at most; more are understood too. */
  readonly limit?: number
}

/** Members of a row that become columns, in order; the twelfth is unused. */
const FIELDS = 11
/** Smallest instant that can only be microseconds (as milliseconds it would be the year 5138). */
const MICROSECONDS = 1e14

const QUOTE = 34
const COMMA = 44
const MINUS = 45
const DOT = 46
const ZERO = 48
const NINE = 57
const OPEN = 91
const CLOSE = 93

/**
 * Reads the answer of the klines endpoints (an array of arrays of 12) into the columns of a candle batch, straight from
 * the bytes. Any shape that the byte loop does not know goes through `JSON.parse`, which also words the errors.
 * @throws ParseError with the JSON path of what is wrong.
 */
export function parseKlines(bytes: Uint8Array, context: KlinesContext): Batch {
  return finish(scan(bytes, context.limit ?? 1000) ?? parseGeneral(bytes, context.source), context)
}

/** The same by `JSON.parse` alone: the reference that the byte loop is tested against. */
export function parseKlinesByJson(bytes: Uint8Array, context: KlinesContext): Batch {
  return finish(parseGeneral(bytes, context.source), context)
}

type Eleven = [
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
]

interface Scanned {
  rows: number
  /** One array per field. */
  readonly fields: Float64Array[]
  /** 1 where a value of the row does not survive a float64. */
  inexact: Uint8Array
}

/** All columns of a page lie in one buffer: a page lives and dies as a whole, and twelve small buffers cost more. */
function newScanned(capacity: number): Scanned {
  const buffer = new ArrayBuffer(capacity * (FIELDS * 8 + 1))
  const fields: Float64Array[] = []
  for (let index = 0; index < FIELDS; index++) fields.push(new Float64Array(buffer, index * capacity * 8, capacity))
  return { rows: 0, fields, inexact: new Uint8Array(buffer, FIELDS * capacity * 8, capacity) }
}

function grow(scanned: Scanned): void {
  const capacity = Math.max(64, scanned.inexact.length * 2)
  for (let index = 0; index < FIELDS; index++) {
    const larger = new Float64Array(capacity)
    larger.set(scanned.fields[index]!)
    scanned.fields[index] = larger
  }
  const flags = new Uint8Array(capacity)
  flags.set(scanned.inexact)
  scanned.inexact = flags
}

/** Field 0, 6 and 8 are bare integers (open time, close time, trade count), the others decimals in quotes. */
const IS_INTEGER = [true, false, false, false, false, false, true, false, true, false, false, false]

/** The byte loop. Undefined when a byte is not what it knows. */
function scan(b: Uint8Array, expected: number): Scanned | undefined {
  const end = b.length
  let p = skipBlanks(b, 0)
  if (b[p] !== OPEN) return undefined
  // A row has 48 bytes at least.
  const scanned = newScanned(Math.min(expected, Math.ceil(end / 48)) + 1)
  p = skipBlanks(b, p + 1)
  if (b[p] === CLOSE) return skipBlanks(b, p + 1) === end ? scanned : undefined
  const view = new DataView(b.buffer, b.byteOffset, end)
  const plainEnd = end - PLAIN_KLINE_REACH
  for (;;) {
    if (scanned.rows === scanned.inexact.length) grow(scanned)
    if (p <= plainEnd) p = plainRows(b, view, p, plainEnd, scanned)
    // What the plain rows ended with: a row of another form, one too near the end, or no room.
    if (scanned.rows === scanned.inexact.length) continue
    p = scanRow(b, p, scanned)
    if (p < 0) return undefined
    p = skipBlanks(b, p)
    const c = b[p]
    if (c === CLOSE) return skipBlanks(b, p + 1) === end ? scanned : undefined
    if (c !== COMMA) return undefined
    p = skipBlanks(b, p + 1)
  }
}

/** One row's values, before it is known whether the row is a good one. */
const ROW = new Float64Array(FIELDS)

/** Reads the plain rows from `p` on, as many as have room. Gives the start of the first row that it did not take. */
function plainRows(b: Uint8Array, view: DataView, from: number, plainEnd: number, scanned: Scanned): number {
  const [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10] = scanned.fields as Eleven
  const capacity = scanned.inexact.length
  const row = ROW
  let n = scanned.rows
  let p = from
  while (n < capacity && p <= plainEnd) {
    const next = readPlainKline(b, view, p, row)
    // The last row has no comma behind it.
    if (next < 0 || b[next] !== COMMA) break
    c0[n] = row[0]!
    c1[n] = row[1]!
    c2[n] = row[2]!
    c3[n] = row[3]!
    c4[n] = row[4]!
    c5[n] = row[5]!
    c6[n] = row[6]!
    c7[n] = row[7]!
    c8[n] = row[8]!
    c9[n] = row[9]!
    c10[n] = row[10]!
    n++
    p = next + 1
  }
  scanned.rows = n
  return skipBlanks(b, p)
}

/** Reads a row of any form that the byte loop knows. Gives the place behind it, -1 when a byte is not what it knows. */
function scanRow(b: Uint8Array, start: number, scanned: Scanned): number {
  let p = start
  const row = scanned.rows
  if (b[p++] !== OPEN) return -1
  for (let field = 0; field <= FIELDS; field++) {
    let c = b[p]!
    if (c <= 32) {
      p = skipBlanks(b, p)
      c = b[p]!
    }
    const integer = IS_INTEGER[field]!
    let negative = false
    if (!integer) {
      if (c !== QUOTE) return -1
      c = b[++p]!
      if (c === MINUS) {
        negative = true
        c = b[++p]!
      }
    }
    const start = p
    let mantissa = 0
    for (; c >= ZERO && c <= NINE; c = b[++p]!) mantissa = mantissa * 10 + (c - ZERO)
    const whole = p - start
    if (whole === 0) return -1
    if (integer) {
      // JSON knows no leading zeros; more digits than these may not be exact.
      if (whole > 16 || (whole > 1 && b[start] === ZERO) || mantissa > Number.MAX_SAFE_INTEGER) return -1
      scanned.fields[field]![row] = mantissa
    } else {
      let value = mantissa
      let digits = 0
      if (c === DOT) {
        const point = ++p
        c = b[p]!
        for (; c >= ZERO && c <= NINE; c = b[++p]!) mantissa = mantissa * 10 + (c - ZERO)
        digits = p - point
        if (digits === 0) return -1
      }
      if (c !== QUOTE) return -1
      if (mantissa < SAFE_DIGITS && digits <= 22) value = mantissa / POWERS_OF_TEN[digits]!
      else if (field < FIELDS) {
        const text = latin(b, start, p)
        value = Number(text)
        if (value === Number.POSITIVE_INFINITY) return -1
        if (!survives(text, value)) scanned.inexact[row] = 1
      }
      p++
      if (field < FIELDS) scanned.fields[field]![row] = negative ? -value : value
    }
    c = b[p]!
    if (c <= 32) {
      p = skipBlanks(b, p)
      c = b[p]!
    }
    if (c !== (field < FIELDS ? COMMA : CLOSE)) return -1
    p++
  }
  scanned.rows = row + 1
  return p
}

/** The blanks of JSON: space, tab, line feed, carriage return. */
function skipBlanks(b: Uint8Array, from: number): number {
  let p = from
  for (;;) {
    const c = b[p]
    if (c !== 32 && c !== 9 && c !== 10 && c !== 13) return p
    p++
  }
}

function latin(b: Uint8Array, from: number, to: number): string {
  return Buffer.from(b.buffer, b.byteOffset + from, to - from).toString('latin1')
}

/** Whether the float64 gives the decimal text back. The common case needs no big numbers. */
function survives(text: string, value: number): boolean {
  const shortest = String(value)
  if (text.startsWith(shortest) && /^\.?0*$/.test(text.slice(shortest.length))) {
    return shortest.includes('.') || !/^\d/.test(text.slice(shortest.length))
  }
  return roundTrips(text)
}

const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?$/

function parseGeneral(bytes: Uint8Array, source: string): Scanned {
  const text = new TextDecoder().decode(bytes)
  let rows: unknown
  try {
    rows = JSON.parse(text)
  } catch (error) {
    throw new ParseError(source, `the answer is not JSON: ${preview(text)}`, { cause: error })
  }
  if (!Array.isArray(rows)) throw new ParseError(source, `$: expected an array of candles, got ${preview(text)}`)
  const scanned = newScanned(rows.length)
  for (const [index, row] of (rows as unknown[]).entries()) {
    if (!Array.isArray(row)) throw new ParseError(source, `$[${index}]: expected an array, got ${kindOf(row)}`)
    if (row.length < FIELDS) {
      throw new ParseError(source, `$[${index}]: expected 12 members, got ${row.length}`)
    }
    for (let field = 0; field < FIELDS; field++) {
      scanned.fields[field]![index] = memberOf(row[field], field, index, scanned, source)
    }
    scanned.rows = index + 1
  }
  return scanned
}

function memberOf(member: unknown, field: number, index: number, scanned: Scanned, source: string): number {
  if (IS_INTEGER[field]) {
    if (typeof member === 'number' && Number.isSafeInteger(member) && member >= 0) return member
    throw new ParseError(source, `$[${index}][${field}]: expected a whole number, got ${kindOf(member)}`)
  }
  const value = typeof member === 'string' && DECIMAL.test(member) ? Number(member) : Number.NaN
  if (!Number.isFinite(value)) {
    throw new ParseError(source, `$[${index}][${field}]: expected a decimal number as text, got ${kindOf(member)}`)
  }
  if (!roundTrips(member as string)) scanned.inexact[index] = 1
  return value
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'string') return `the text "${value.slice(0, 40)}"`
  return typeof value === 'undefined' ? 'nothing' : `${String(value)} (${typeof value})`
}

function preview(text: string): string {
  return text.length === 0 ? 'it is empty' : JSON.stringify(text.slice(0, 80))
}

/** Times to milliseconds, flags, order; the columns get their names. */
function finish(scanned: Scanned, context: KlinesContext): Batch {
  const { rows, fields, inexact } = scanned
  const { interval, now } = context
  const open = fields[0]!
  const close = fields[6]!
  const flags = new Float64Array(rows)
  const length = interval === '1M' ? 0 : intervalLength(interval)
  let previous = Number.NEGATIVE_INFINITY
  for (let row = 0; row < rows; row++) {
    if (open[row]! >= MICROSECONDS) open[row] = open[row]! / 1000
    if (close[row]! >= MICROSECONDS) close[row] = Math.floor(close[row]! / 1000)
    const openTime = open[row]!
    const closeTime = close[row]!
    if (openTime <= previous) {
      throw new ParseError(context.source, `$[${row}][0]: open time ${openTime} does not come after ${previous}`)
    }
    previous = openTime
    let flag: number = CandleFlag.rest
    if (closeTime >= now) flag |= CandleFlag.unfinished
    else if (closeTime < (length > 0 ? openTime + length - 1 : closeTimeOf({ interval }, openTime))) {
      flag |= CandleFlag.short
    }
    if (inexact[row] === 1) flag |= CandleFlag.inexact
    flags[row] = flag
  }
  const columns: Record<string, Float64Array> = {}
  for (const [index, spec] of candle.columns.entries()) {
    columns[spec.name] = index < FIELDS ? trim(fields[index]!, rows) : flags
  }
  return { length: rows, columns }
}

/** A view where the array is nearly full, a copy where most of it would be held for nothing. */
function trim(values: Float64Array, rows: number): Float64Array {
  if (values.length === rows) return values
  return values.length > rows * 1.25 + 16 ? values.slice(0, rows) : values.subarray(0, rows)
}
