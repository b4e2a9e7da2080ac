import { ParseError } from '../../../model/errors.ts'
import { RecordFlag, type RecordId } from '../../../model/live/index.ts'
import { WideNumber } from './exact-json.ts'
import { decimalOf, isExact, isInstant, millis } from './numbers.ts'

type Json = Readonly<Record<string, unknown>>

/** Reads the members of one parsed object, checking each. Every method throws ParseError, which
 * the parser catches: its text goes to the sink. */
export class Members {
  /** JSON path of the object, for messages. */
  readonly path: string
  readonly #row: Json
  #inexact = false

  constructor(row: Json, path: string) {
    this.#row = row
    this.path = path
  }

  has(name: string): boolean {
    return this.#row[name] !== undefined
  }

  /** `flags`, with a mark when a decimal read so far has more digits than a float64 keeps. */
  flags(flags: number): number {
    return this.#inexact ? flags | RecordFlag.inexact : flags
  }

  /** A plain number where there is one. */
  optional(name: string): number | undefined {
    const value = this.#row[name]
    return typeof value === 'number' ? value : undefined
  }

  text(name: string): string {
    const value = this.#row[name]
    return typeof value === 'string' ? value : this.#fail(name, 'a text')
  }

  filledText(name: string): string {
    const value = this.text(name)
    return value === '' ? this.#fail(name, 'a text that is not empty') : value
  }

  flag(name: string): boolean {
    const value = this.#row[name]
    return typeof value === 'boolean' ? value : this.#fail(name, 'true or false')
  }

  /** Epoch ms; microseconds are told by their size. */
  time(name: string): number {
    const value = this.#row[name]
    const time = typeof value === 'number' && Number.isSafeInteger(value) ? millis(value) : Number.NaN
    return isInstant(time) ? time : this.#fail(name, 'a time of this age')
  }

  /** NaN where there is none, which the wire writes as 0 or leaves out. */
  timeOrNaN(name: string): number {
    const value = this.#row[name]
    return value === undefined || value === 0 ? Number.NaN : this.time(name)
  }

  /** An id of any size, exact. */
  id(name: string, least = 0): RecordId {
    const value = this.#row[name]
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value
    if (value instanceof WideNumber && /^\d+$/.test(value.text)) return BigInt(value.text)
    return this.#fail(name, 'an id (a whole number)')
  }

  count(name: string): number {
    const value = this.#row[name]
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
      ? value
      : this.#fail(name, 'a whole number')
  }

  decimal(name: string): number {
    return this.#number(this.#row[name], name)
  }

  /** NaN where there is none, which the wire writes as an empty text or leaves out. */
  decimalOrNaN(name: string): number {
    const value = this.#row[name]
    return value === undefined || value === '' ? Number.NaN : this.#number(value, name)
  }

  inner(name: string): Members {
    const value = this.#row[name]
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof WideNumber) {
      return this.#fail(name, 'an object')
    }
    return new Members(value as Json, `${this.path}.${name}`)
  }

  /** Price, quantity, price, quantity, … */
  levels(name: string): number[] {
    const rows = this.#row[name]
    if (!Array.isArray(rows)) return this.#fail(name, 'an array of levels')
    const levels: number[] = []
    for (const [index, row] of (rows as unknown[]).entries()) {
      const where = `${name}[${index}]`
      if (!Array.isArray(row) || row.length < 2) return this.#fail(where, 'a price and a quantity', row)
      const price = this.#number(row[0], `${where}[0]`)
      const quantity = this.#number(row[1], `${where}[1]`)
      if (!(price > 0)) return this.#fail(`${where}[0]`, 'a price above 0', row[0])
      if (!(quantity >= 0)) return this.#fail(`${where}[1]`, 'a quantity of 0 or more', row[1])
      levels.push(price, quantity)
    }
    return levels
  }

  #number(value: unknown, where: string): number {
    if (typeof value === 'number') return Number.isFinite(value) ? value : this.#fail(where, 'a decimal number', value)
    const text = value instanceof WideNumber ? value.text : typeof value === 'string' ? value : ''
    const number = decimalOf(text)
    if (Number.isNaN(number)) return this.#fail(where, 'a decimal number', value)
    if (!isExact(text, number)) this.#inexact = true
    return number
  }

  #fail(name: string, expected: string, value = this.#row[name]): never {
    throw new ParseError(`${this.path}.${name}`, `expected ${expected}, got ${shown(value)}`)
  }
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (value instanceof WideNumber) return value.text.slice(0, 60)
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object') return 'an object'
  return typeof value === 'string' ? `the text ${JSON.stringify(value.slice(0, 60))}` : String(value)
}
