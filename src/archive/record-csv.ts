import type { ArchiveField } from '../exchanges/exchange.ts'
import { roundTrips } from '../model/decimal.ts'
import { POWERS_OF_TEN as POW10, SAFE_DIGITS } from '../model/digits.ts'
import { RecordFlag } from '../model/live/index.ts'
import type { TimeRange } from '../model/time.ts'
import { type BadRow, CsvLines, LONGEST_ROW, latin1, MAX_TIME, MICROS, MIN_TIME, rowText } from './csv-lines.ts'
import { BOOLEAN, DECIMAL, PLAIN_REACH, readPlainRecord, SIDE, SKIP, TEXT_TIME, TIME, WHOLE } from './record-row.ts'

/** Records of a file as columns: those that the file has, and `flags` where one is set. */
export interface RecordRows {
  length: number
  readonly columns: Record<string, Float64Array>
}

export interface RecordCsvOptions {
  /** The columns in the order of a file without a header. */
  readonly fields: readonly ArchiveField[]
  /** Column of the instant that a record belongs to, and the instants that the file may hold. */
  readonly timeColumn: string
  readonly range: TimeRange
  /** Rows per emitted block. */
  readonly blockRows?: number
  /** Gets each full block; the arrays are handed over and not touched again. */
  readonly onRows: (rows: RecordRows) => void
  readonly onBadRow: (row: BadRow) => void
}

const COMMA = 44
const NEWLINE = 10
const RETURN = 13
const POINT = 46
/** No price or quantity is that large: what claims so is garbage, and other sources are asked. */
const ABSURD = 1e18
const BLOCK_ROWS = 16_384
/** Columns of the blocks that may be under way at a time. */
const MAX_SPARES = 64

const CODES = {
  ...{ decimal: DECIMAL, id: WHOLE, integer: WHOLE, time: TIME, boolean: BOOLEAN },
  ...{ 'text-time': TEXT_TIME, side: SIDE },
} as const

/**
 * Reads the archive's CSV of trades and other events from bytes as they arrive, into columns: no string per field, no
 * object per row. Header and unit of time are found per file; microseconds become milliseconds with a fraction.
 */
export class RecordCsvParser {
  readonly #options: RecordCsvOptions
  readonly #lines: CsvLines
  readonly #blockRows: number
  #rows: RecordRows | undefined
  #line = 0
  #started = false
  /** What each field of a row is, and which column it goes to. */
  #codes!: Uint8Array
  #positive!: Uint8Array
  /** Fields that may be blank. */
  #optional!: Uint8Array
  #names!: readonly (string | undefined)[]
  /** Fields that a row must have; those behind may be left out. */
  #needed = 0
  #timeField = -1
  readonly #spares: Float64Array[] = []
  /** The values of a plain row. */
  #plain = new Float64Array(0)
  #targets: (Float64Array | undefined)[] = []
  #flags: Float64Array | undefined
  #reason = ''
  /** What is to be noticed of the row that was read. */
  #marks = 0
  #time = Number.NaN
  rowCount = 0
  inexactValues = 0
  /** How many cells of a column are blank. */
  readonly blanks = new Map<string, number>()
  hasHeader = false
  /** Unit of the first row's time. */
  timeUnit: 'ms' | 'us' | undefined

  constructor(options: RecordCsvOptions) {
    this.#options = options
    this.#blockRows = options.blockRows ?? BLOCK_ROWS
    this.#setFields(options.fields)
    this.#lines = new CsvLines(
      (bytes, start, end) => this.#parse(bytes, start, end),
      (bytes) => {
        this.#line++
        this.#bad(bytes, 0, bytes.length, `longer than ${LONGEST_ROW} bytes`)
      },
    )
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

  /** Takes memory of blocks that nobody needs any more. */
  reuse(memory: readonly ArrayBuffer[]): void {
    for (const buffer of memory) {
      if (buffer.byteLength === this.#blockRows * 8 && this.#spares.length < MAX_SPARES)
        this.#spares.push(new Float64Array(buffer))
    }
  }

  #setFields(fields: readonly (ArchiveField | undefined)[]): void {
    this.#codes = Uint8Array.from(fields, (field) => (field?.column && field.type ? CODES[field.type] : SKIP))
    this.#positive = Uint8Array.from(fields, (field) => (field?.isPositive ? 1 : 0))
    this.#optional = Uint8Array.from(fields, (field) => (field?.isOptional ? 1 : 0))
    this.#names = fields.map((field) => field?.column)
    this.#needed = this.#names.findLastIndex((name) => name !== undefined) + 1
    this.#timeField = this.#names.indexOf(this.#options.timeColumn)
    this.#plain = new Float64Array(fields.length)
  }

  #begin(): RecordRows {
    const columns: Record<string, Float64Array> = {}
    this.#targets = this.#names.map((name) => {
      if (name === undefined) return undefined
      columns[name] = this.#spares.pop() ?? new Float64Array(this.#blockRows)
      return columns[name]
    })
    this.#flags = undefined
    this.#rows = { length: 0, columns }
    return this.#rows
  }

  #emit(): void {
    const rows = this.#rows
    this.#rows = undefined
    if (!rows || rows.length === 0) return
    if (this.#flags) rows.columns.flags = this.#flags
    this.#options.onRows(rows)
  }

  #bad(bytes: Uint8Array, start: number, end: number, reason: string, time = Number.NaN): void {
    const text = rowText(bytes, start, end)
    this.#options.onBadRow({ line: this.#line, reason, text, ...(Number.isNaN(time) ? {} : { time }) })
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
    const { from, to } = this.#options.range
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const plainEnd = bytes.length - PLAIN_REACH
    const plain = this.#plain
    let rows = this.#rows ?? this.#begin()
    while (p < end) {
      const rowStart = p
      this.#line++
      if (bytes[p] === NEWLINE || (bytes[p] === RETURN && bytes[p + 1] === NEWLINE)) {
        p += bytes[p] === NEWLINE ? 1 : 2
        continue
      }
      this.#reason = ''
      this.#marks = 0
      p = p <= plainEnd ? readPlainRecord(bytes, view, rowStart, this.#codes, plain) : -1
      if (p < 0 || !this.#takePlain(rows.length)) p = this.#readRow(bytes, rowStart, rows.length)
      const time = this.#time
      if (this.#reason === '' && !(time >= from && time < to)) this.#reason = 'the row lies outside its file'
      if (this.#reason !== '') {
        this.#bad(bytes, rowStart, p, this.#reason, time)
        continue
      }
      if (this.#marks !== 0) {
        this.#flags ??= new Float64Array(this.#blockRows)
        this.#flags[rows.length] = this.#marks
      }
      this.rowCount++
      if (++rows.length === this.#blockRows) {
        this.#emit()
        if (p >= end) return
        rows = this.#begin()
      }
    }
  }

  /** Takes a plain row into place `n`. False for one that has to be looked at more closely. */
  #takePlain(n: number): boolean {
    const plain = this.#plain
    const targets = this.#targets
    const codes = this.#codes
    const time = plain[this.#timeField]!
    if (!(time >= MIN_TIME && time < MAX_TIME * 1000)) return false
    const isMicros = time >= MICROS
    this.timeUnit ??= isMicros ? 'us' : 'ms'
    this.#time = isMicros ? time / 1000 : time
    for (let field = 0; field < plain.length; field++) {
      const target = targets[field]
      if (target === undefined) continue
      let value = plain[field]!
      if (value >= MICROS && codes[field] === TIME) value /= 1000
      if (value === 0 && this.#positive[field] === 1) return false
      target[n] = value
    }
    return this.#time < MAX_TIME
  }

  /** Reads one row into place `n`. What it could not take stands in `#reason`. Gives the start of the next line. */
  #readRow(bytes: Uint8Array, start: number, n: number): number {
    const codes = this.#codes
    const targets = this.#targets
    const count = codes.length
    let p = start
    this.#marks = 0
    this.#time = Number.NaN
    for (let field = 0; field < count; field++) {
      const code = codes[field]!
      const fieldStart = p
      let c = bytes[p]!
      let value = 0
      if (code === SKIP) {
        while (c !== COMMA && c !== NEWLINE && c !== RETURN) c = bytes[++p]!
      } else if (code === BOOLEAN) {
        // `True`, `true`, `1`; `False`, `false`, `0`.
        if (c === 84 || c === 116 || c === 49) value = 1
        else if (c !== 70 && c !== 102 && c !== 48) this.#reason = `field ${field + 1} is neither true nor false`
        while (c !== COMMA && c !== NEWLINE && c !== RETURN) c = bytes[++p]!
      } else if (code === SIDE || code === TEXT_TIME) {
        while (c !== COMMA && c !== NEWLINE && c !== RETURN) c = bytes[++p]!
        value = this.#readWords(latin1(bytes, fieldStart, p), code, field)
      } else if (this.#optional[field] === 1 && (c === COMMA || c === NEWLINE || c === RETURN)) {
        value = Number.NaN
        this.blanks.set(this.#names[field] ?? '', (this.blanks.get(this.#names[field] ?? '') ?? 0) + 1)
      } else {
        let mantissa = 0
        while (c >= 48 && c <= 57) {
          mantissa = mantissa * 10 + (c - 48)
          c = bytes[++p]!
        }
        let digits = p - fieldStart
        let decimals = 0
        if (c === POINT && code === DECIMAL) {
          const point = ++p
          c = bytes[p]!
          while (c >= 48 && c <= 57) {
            mantissa = mantissa * 10 + (c - 48)
            c = bytes[++p]!
          }
          decimals = p - point
          digits += decimals
        }
        const ends = c === COMMA || c === NEWLINE || c === RETURN
        if (ends && digits > 0 && mantissa < SAFE_DIGITS && decimals <= 22) {
          value = decimals === 0 ? mantissa : mantissa / POW10[decimals]!
        } else {
          while (c !== COMMA && c !== NEWLINE && c !== RETURN) c = bytes[++p]!
          value = this.#readOdd(latin1(bytes, fieldStart, p), code, field)
        }
        if (code === TIME) {
          if (value >= MICROS) {
            if (field === this.#timeField) this.timeUnit ??= 'us'
            value /= 1000
          } else if (field === this.#timeField) this.timeUnit ??= 'ms'
          if (!(value >= MIN_TIME && value < MAX_TIME)) this.#reason ||= `field ${field + 1} is no time`
          if (field === this.#timeField) this.#time = value
        } else if (this.#positive[field] === 1) {
          if (!(value >= 0 && value < ABSURD)) this.#reason ||= `field ${field + 1} is no price or quantity`
          if (value === 0) this.#marks |= RecordFlag.suspect
        }
      }
      const target = targets[field]
      if (target !== undefined) target[n] = value
      if (c === COMMA) {
        if (field === count - 1) {
          this.#reason ||= `more than ${count} fields`
          break
        }
        p++
        continue
      }
      if (field < this.#needed - 1) this.#reason = `only ${field + 1} of ${this.#needed} fields`
      break
    }
    while (bytes[p] !== NEWLINE) p++
    return p + 1
  }

  /** Reads a side, or a time in words. */
  #readWords(text: string, code: number, field: number): number {
    if (code === SIDE) {
      const side = text === 'BUY' ? 1 : text === 'SELL' ? 2 : 0
      if (side === 0) this.#reason ||= `field ${field + 1} ("${text.slice(0, 40)}") is neither BUY nor SELL`
      return side
    }
    const time = timeOfText(text)
    if (!(time >= MIN_TIME && time < MAX_TIME)) this.#reason ||= `field ${field + 1} is no time`
    if (field === this.#timeField) {
      this.timeUnit ??= 'ms'
      this.#time = time
    }
    return time
  }

  /** Reads a number that the fast way does not take: signs, exponents, many digits. */
  #readOdd(text: string, code: number, field: number): number {
    const form = code === DECIMAL ? /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/ : /^-?\d+$/
    const value = form.test(text) ? Number(text) : Number.NaN
    if (!Number.isFinite(value)) this.#reason ||= `field ${field + 1} ("${text.slice(0, 40)}") is not a number`
    else if (code === DECIMAL) {
      if (!roundTrips(text)) {
        this.#marks |= RecordFlag.inexact
        this.inexactValues++
      }
    } else if (!Number.isSafeInteger(value)) this.#reason ||= `field ${field + 1} (${text.slice(0, 40)}) is beyond 2^53`
    return value
  }

  /** Reads the header line and sets the order of fields. */
  #header(bytes: Uint8Array, start: number): number {
    const newline = bytes.indexOf(NEWLINE, start)
    const words = latin1(bytes, start, newline).trim().toLowerCase().split(',')
    const fields = words.map((word) => this.#options.fields.find((field) => field.words.includes(word.trim())))
    this.#line++
    const found = new Set(fields.map((field) => field?.column))
    const isThere = ({ column, isOptional }: ArchiveField): boolean =>
      column === undefined || isOptional === true || found.has(column)
    if (this.#options.fields.every(isThere)) {
      this.hasHeader = true
      this.#setFields(fields)
    } else this.#bad(bytes, start, newline, 'the first line is neither a row nor a header that names every column')
    return newline + 1
  }
}

const TEXT = /^(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2}):(\d{2})(\.\d{1,6})?Z?$/

/** `2024-01-31 12:00:05` as epoch ms; NaN for anything else, and for a day that there is not. */
function timeOfText(text: string): number {
  const match = TEXT.exec(text)
  if (!match) return Number.NaN
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [...Six]
  if (hour > 23 || minute > 59 || second > 59) return Number.NaN
  const time = Date.UTC(year, month - 1, day, hour, minute, second)
  if (new Date(time).getUTCDate() !== day || month < 1 || month > 12) return Number.NaN
  return time + Math.round(Number(match[7] ?? 0) * 1000)
}

type Six = [number, number, number, number, number, number]
