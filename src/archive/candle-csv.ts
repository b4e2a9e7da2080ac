import { roundTrips } from '../model/decimal.ts'
import { POWERS_OF_TEN as POW10, SAFE_DIGITS } from '../model/digits.ts'
import { PLAIN_ROW_REACH, readPlainRow } from './candle-row.ts'
import { type BadRow, CsvLines, LONGEST_ROW, latin1, MAX_TIME, MICROS, MIN_TIME, rowText } from './csv-lines.ts'

export type { BadRow } from './csv-lines.ts'

/** Columns of a parsed candle row, in the order of `model/candle.ts`. */
export const CANDLE_FIELDS = 11
const FIELDS = CANDLE_FIELDS
const OPEN_TIME = 0
const CLOSE_TIME = 6
const TRADES = 8

/** Columns under construction: `length` rows of 11 values and one bit mask each. */
export interface CandleRows {
  length: number
  readonly fields: readonly Float64Array[]
  /** 1 where at least one value has more digits than a float64 keeps. */
  readonly inexact: Uint8Array
}

export interface CandleCsvOptions {
  /** Rows per emitted block. */
  readonly blockRows?: number
  /** Gets each full block; the arrays are handed over and not touched again. */
  readonly onRows: (rows: CandleRows) => void
  readonly onBadRow: (row: BadRow) => void
}

const COMMA = 44
const NEWLINE = 10
const RETURN = 13
const POINT = 46

/** Header words of the archive, in all generations seen, and the field that each names. */
const HEADER_FIELDS: Readonly<Record<string, number>> = {
  open_time: 0,
  open: 1,
  high: 2,
  low: 3,
  close: 4,
  volume: 5,
  close_time: 6,
  quote_volume: 7,
  quote_asset_volume: 7,
  count: 8,
  trades: 8,
  number_of_trades: 8,
  taker_buy_volume: 9,
  taker_buy_base: 9,
  taker_buy_base_asset_volume: 9,
  taker_buy_quote_volume: 10,
  taker_buy_quote: 10,
  taker_buy_quote_asset_volume: 10,
}

/**
 * Reads the archive's candle CSV from bytes as they arrive, into columns: no string per field, no object per row.
 * Header and time unit are found per file: a first byte that is no digit makes a header, times from 1e14 on are
 * microseconds and are floored to milliseconds, as REST gives them (reference: binance-vision.md, sections 4 and 5).
 */
export class CandleCsvParser {
  readonly #onRows: (rows: CandleRows) => void
  readonly #onBadRow: (row: BadRow) => void
  readonly #blockRows: number
  #rows: CandleRows | undefined
  readonly #lines = new CsvLines(
    (bytes, start, end) => this.#parse(bytes, start, end),
    (bytes) => {
      this.#line++
      this.#bad(bytes, 0, bytes.length, `longer than ${LONGEST_ROW} bytes`)
    },
  )
  #line = 0
  #started = false
  /** Where field `i` of the file goes, undefined for the standard order. */
  #order: Int8Array | undefined
  #fieldCount = 12
  readonly #row = new Float64Array(FIELDS)
  #reason = ''
  #inexact = 0
  /** How many rows were read. */
  rowCount = 0
  /** How many values have more digits than a float64 keeps. */
  inexactValues = 0
  hasHeader = false
  /** Unit of the first row's times. */
  timeUnit: 'ms' | 'us' | undefined

  constructor(options: CandleCsvOptions) {
    this.#onRows = options.onRows
    this.#onBadRow = options.onBadRow
    this.#blockRows = options.blockRows ?? 65_536
  }

  /** Takes the next bytes. The chunk may be cut anywhere; it is not kept. */
  push(chunk: Uint8Array): void {
    this.#lines.push(chunk)
  }

  /** Takes the end of the file: reads a last row without a newline and emits what is left. */
  finish(): void {
    this.#lines.finish()
    this.#emit()
  }

  #emit(): void {
    const rows = this.#rows
    if (!rows || rows.length === 0) return
    // Most files end with this block: a new one is made when a row comes for it.
    this.#rows = undefined
    this.#onRows(rows)
  }

  #bad(bytes: Uint8Array, start: number, end: number, reason: string): void {
    this.#onBadRow({ line: this.#line, reason, text: rowText(bytes, start, end) })
  }

  /** Reads whole lines: `bytes[end - 1]` is a newline. */
  #parse(bytes: Uint8Array, start: number, end: number): void {
    let p = start
    if (!this.#started) {
      this.#started = true
      // A byte order mark has been seen in other archives; it is no data.
      if (bytes[p] === 0xef && bytes[p + 1] === 0xbb && bytes[p + 2] === 0xbf) p += 3
      const first = bytes[p]!
      if (!(first >= 48 && first <= 57) && first !== 45 && first !== NEWLINE && first !== RETURN)
        p = this.#header(bytes, p)
    }
    const row = this.#row
    const capacity = this.#blockRows
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const plainEnd = this.#order === undefined ? bytes.length - PLAIN_ROW_REACH : 0
    this.#rows ??= newRows(capacity)
    let rows = this.#rows
    let n = rows.length
    let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10] = rows.fields as unknown as Eleven
    while (p < end) {
      const rowStart = p
      this.#line++
      let reason = ''
      let inexact = 0
      p = p <= plainEnd ? readPlainRow(bytes, view, rowStart, row) : -1
      if (p < 0) {
        p = rowStart
        if (bytes[p] === NEWLINE || (bytes[p] === RETURN && bytes[p + 1] === NEWLINE)) {
          p += bytes[p] === NEWLINE ? 1 : 2
          continue
        }
        p = this.#readRow(bytes, rowStart)
        reason = this.#reason
        inexact = this.#inexact
      }
      if (reason === '') {
        let open = row[OPEN_TIME]!
        let close = row[CLOSE_TIME]!
        if (open >= MICROS) {
          this.timeUnit ??= 'us'
          open = Math.floor(open / 1000)
        } else this.timeUnit ??= 'ms'
        if (close >= MICROS) close = Math.floor(close / 1000)
        if (!(open >= MIN_TIME && open < MAX_TIME)) reason = `open time ${row[OPEN_TIME]} is no time`
        else if (!(close >= open && close < MAX_TIME))
          reason = `close time ${row[CLOSE_TIME]} is not after the open time`
        else if (!Number.isSafeInteger(row[TRADES]!)) reason = `trade count ${row[TRADES]} is no whole number`
        row[OPEN_TIME] = open
        row[CLOSE_TIME] = close
      }
      if (reason !== '') {
        this.#bad(bytes, rowStart, p, reason)
        continue
      }
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
      if (inexact > 0) {
        rows.inexact[n] = 1
        this.inexactValues += inexact
      }
      this.rowCount++
      if (++n === capacity) {
        rows.length = n
        this.#emit()
        if (p >= end) return
        rows = newRows(this.#blockRows)
        this.#rows = rows
        n = 0
        ;[c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10] = rows.fields as unknown as Eleven
      }
    }
    rows.length = n
  }

  /**
   * Reads one row of any form that the archive may hold, slower. What it could not take stands in `#reason`, and how
   * many values are more than a float64 keeps in `#inexact`. Gives the start of the next line.
   */
  #readRow(bytes: Uint8Array, start: number): number {
    const row = this.#row
    const order = this.#order
    const fieldCount = this.#fieldCount
    this.#reason = ''
    this.#inexact = 0
    let p = start
    for (let field = 0; field < fieldCount; field++) {
      const fieldStart = p
      let mantissa = 0
      let decimals = 0
      let c = bytes[p]!
      while (c >= 48 && c <= 57) {
        mantissa = mantissa * 10 + (c - 48)
        c = bytes[++p]!
      }
      let digits = p - fieldStart
      if (c === POINT) {
        const point = ++p
        c = bytes[p]!
        while (c >= 48 && c <= 57) {
          mantissa = mantissa * 10 + (c - 48)
          c = bytes[++p]!
        }
        decimals = p - point
        digits += decimals
      }
      let value: number
      const ends = c === COMMA || c === NEWLINE || c === RETURN
      if (ends && digits > 0 && mantissa < SAFE_DIGITS && decimals <= 22) {
        value = decimals === 0 ? mantissa : mantissa / POW10[decimals]!
      } else if (field === FIELDS && order === undefined) {
        // The twelfth field carries nothing: whatever stands there is skipped.
        while (c !== COMMA && c !== NEWLINE && c !== RETURN) c = bytes[++p]!
        value = 0
      } else {
        while (c !== COMMA && c !== NEWLINE && c !== RETURN) c = bytes[++p]!
        // Trailing zeros are no digits worth keeping: most 16-digit values have 15 without them.
        if (digits > 0 && mantissa <= Number.MAX_SAFE_INTEGER && p - fieldStart === digits + (decimals > 0 ? 1 : 0)) {
          while (decimals > 0 && mantissa % 10 === 0) {
            mantissa /= 10
            decimals--
          }
          value = decimals > 22 ? Number.NaN : mantissa / POW10[decimals]!
        } else {
          mantissa = SAFE_DIGITS
          value = Number.NaN
        }
        if (mantissa >= SAFE_DIGITS || Number.isNaN(value)) {
          const target = order === undefined ? field : order[field]!
          if (target >= 0 && target < FIELDS) {
            const text = latin1(bytes, fieldStart, p)
            value = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
            if (!Number.isFinite(value)) {
              this.#reason = `field ${field + 1} ("${text.slice(0, 40)}") is not a number`
              break
            }
            if (target !== OPEN_TIME && target !== CLOSE_TIME && !roundTrips(text)) this.#inexact++
          } else value = 0
        }
      }
      if (order === undefined) {
        if (field < FIELDS) row[field] = value
      } else if (order[field]! >= 0) row[order[field]!] = value
      if (c === COMMA) {
        if (field === fieldCount - 1) {
          this.#reason = `more than ${fieldCount} fields`
          break
        }
        p++
        continue
      }
      // A line end: right after the last field, or after the eleventh (the twelfth carries nothing).
      if (field < fieldCount - 1 && !(order === undefined && field >= FIELDS - 1)) {
        this.#reason = `only ${field + 1} of ${fieldCount} fields`
      }
      break
    }
    // To the start of the next line.
    while (bytes[p] !== NEWLINE) p++
    return p + 1
  }

  /** Reads the header line and sets the order of fields. */
  #header(bytes: Uint8Array, start: number): number {
    const newline = bytes.indexOf(NEWLINE, start)
    const words = latin1(bytes, start, newline).trim().toLowerCase().split(',')
    const order = Int8Array.from(words, (word) => HEADER_FIELDS[word.trim()] ?? -1)
    this.#line++
    const found = new Set(order.filter((target) => target >= 0))
    if (found.size === FIELDS) {
      this.hasHeader = true
      const standard = order.every((target, index) => target === index || (index === FIELDS && target === -1))
      if (!standard || words.length !== 12) {
        this.#order = order
        this.#fieldCount = words.length
      }
    } else this.#bad(bytes, start, newline, 'the first line is neither a row nor a header that names every column')
    return newline + 1
  }
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

function newRows(capacity: number): CandleRows {
  return {
    length: 0,
    fields: Array.from({ length: FIELDS }, () => new Float64Array(capacity)),
    inexact: new Uint8Array(capacity),
  }
}
