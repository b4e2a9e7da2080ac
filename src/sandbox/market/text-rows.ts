import { ParseError } from '../../model/errors.ts'
import type { TimeRange } from '../../model/time.ts'
import type { ByteWriter } from '../bytes.ts'
import type { CandleRows, TimeUnit } from './market.ts'

const COMMA = 44
const NEWLINE = 10
const RETURN = 13
const FIELDS = 12
/** Times from here on are microseconds. */
const MICROSECONDS = 1e14

/** Rows of CSV text with their times read; the rest stays as it was published. */
export class TextBlock {
  readonly bytes: Buffer
  /** Where each field of each row starts; a thirteenth entry is the end of the row plus one. */
  readonly fields: Uint32Array
  readonly openTime: Float64Array
  readonly closeTime: Float64Array

  constructor(bytes: Buffer, fields: Uint32Array, openTime: Float64Array, closeTime: Float64Array) {
    this.bytes = bytes
    this.fields = fields
    this.openTime = openTime
    this.closeTime = closeTime
  }

  get length(): number {
    return this.openTime.length
  }

  text(row: number, field: number): string {
    const at = row * (FIELDS + 1) + field
    return this.bytes.toString('latin1', this.fields[at]!, this.fields[at + 1]! - 1)
  }

  /** First row that opens at or after `time`. */
  firstAt(time: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.openTime[middle]! < time) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Reads a candle CSV, with or without a header, in ms or µs. @throws ParseError naming the line. */
export function parseBlock(csv: Buffer): TextBlock {
  const fields: number[] = []
  const open: number[] = []
  const close: number[] = []
  let line = 0
  for (let at = 0; at < csv.length; line++) {
    const found = csv.indexOf(NEWLINE, at)
    const next = found < 0 ? csv.length : found
    const end = next > at && csv[next - 1] === RETURN ? next - 1 : next
    const first = csv[at]!
    if (end > at && first >= 48 && first <= 57) {
      fields.push(at)
      let count = 1
      for (let i = at; i < end; i++) {
        if (csv[i] !== COMMA) continue
        fields.push(i + 1)
        count++
      }
      if (count !== FIELDS) throw new ParseError('csv', `line ${line + 1} has ${count} fields instead of ${FIELDS}`)
      fields.push(end + 1)
      const start = open.length * (FIELDS + 1)
      open.push(timeAt(csv, fields[start]!, fields[start + 1]! - 1))
      close.push(timeAt(csv, fields[start + 6]!, fields[start + 7]! - 1))
    }
    at = next + 1
  }
  return new TextBlock(csv, Uint32Array.from(fields), Float64Array.from(open), Float64Array.from(close))
}

function timeAt(csv: Buffer, start: number, end: number): number {
  let time = 0
  for (let i = start; i < end; i++) time = time * 10 + csv[i]! - 48
  return time >= MICROSECONDS ? Math.floor(time / 1000) : time
}

/** Rows of several blocks that open inside a range, by open time; where two have one, that of the earlier block stays. */
export function mergeBlocks(blocks: readonly TextBlock[], range: TimeRange): TextBlock {
  const rows: { block: TextBlock; row: number; open: number }[] = []
  const seen = new Set<number>()
  for (const block of blocks) {
    for (let row = 0; row < block.length; row++) {
      const open = block.openTime[row]!
      if (open < range.from || open >= range.to || seen.has(open)) continue
      seen.add(open)
      rows.push({ block, row, open })
    }
  }
  const only = blocks.length === 1 ? blocks[0] : undefined
  if (only && rows.length === only.length) return only
  rows.sort((a, b) => a.open - b.open)
  const pieces: Buffer[] = []
  const fields = new Uint32Array(rows.length * (FIELDS + 1))
  let length = 0
  rows.forEach(({ block, row }, index) => {
    const first = row * (FIELDS + 1)
    const start = block.fields[first]!
    const end = block.fields[first + FIELDS]!
    for (let i = 0; i <= FIELDS; i++) fields[index * (FIELDS + 1) + i] = block.fields[first + i]! - start + length
    pieces.push(block.bytes.subarray(start, end - 1), Buffer.from('\n'))
    length += end - start
  })
  return new TextBlock(
    Buffer.concat(pieces),
    fields,
    Float64Array.from(rows, ({ open }) => open),
    Float64Array.from(rows, ({ block, row }) => block.closeTime[row]!),
  )
}

interface Part {
  readonly block: TextBlock
  readonly begin: number
  readonly end: number
}

/** Stretches of text rows, one after the other. */
export class TextRows implements CandleRows {
  readonly length: number
  readonly #parts: readonly Part[]

  constructor(parts: readonly Part[]) {
    this.#parts = parts
    this.length = parts.reduce((sum, part) => sum + part.end - part.begin, 0)
  }

  #at(row: number): { block: TextBlock; row: number } {
    let rest = row
    for (const { block, begin, end } of this.#parts) {
      if (rest < end - begin) return { block, row: begin + rest }
      rest -= end - begin
    }
    throw new ParseError('rows', `row ${row} is beyond the ${this.length} that there are`)
  }

  openTime(row: number): number {
    const { block, row: at } = this.#at(row)
    return block.openTime[at]!
  }

  closeTime(row: number): number {
    const { block, row: at } = this.#at(row)
    return block.closeTime[at]!
  }

  /** A field as published. */
  text(row: number, field: number): string {
    const { block, row: at } = this.#at(row)
    return block.text(at, field)
  }

  writeJson(into: ByteWriter, row: number, unit: TimeUnit): void {
    into.byte(91)
    this.#write(into, row, unit, true)
    into.byte(93)
  }

  writeCsv(into: ByteWriter, row: number, unit: TimeUnit): void {
    this.#write(into, row, unit, false)
  }

  #write(into: ByteWriter, row: number, unit: TimeUnit, quoted: boolean): void {
    const { block, row: at } = this.#at(row)
    const first = at * (FIELDS + 1)
    into.integer(block.openTime[at]!)
    if (unit === 'us') into.ascii('000')
    for (let field = 1; field < FIELDS; field++) {
      into.byte(COMMA)
      if (field === 6) {
        into.integer(block.closeTime[at]!)
        if (unit === 'us') into.ascii('999')
        continue
      }
      const isText = quoted && field !== 8
      if (isText) into.byte(34)
      into.bytes(block.bytes, block.fields[first + field]!, block.fields[first + field + 1]! - 1)
      if (isText) into.byte(34)
    }
  }
}
