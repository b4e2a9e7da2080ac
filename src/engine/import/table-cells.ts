import { MICROS } from '../../archive/csv-lines.ts'
import { roundTrips } from '../../model/decimal.ts'
import type { ColumnSpec } from '../../model/kind.ts'
import type { EventBatch, EventColumn } from '../../store/lake/event-columns.ts'
import { halvesOf, putId } from '../../store/lake/event-rows.ts'

/** A value as CSV (text) or JSON holds it. */
export type Cell = unknown

/** Rows per batch. */
const BLOCK = 32_768
/** Decimal text of fewer characters is always exact as a float64, point and sign included. */
const EXACT_LENGTH = 15
/** `2024-01-31`, `2024-01-31T12:30:00.123456Z`, `2024-01-31 12:30:00+01:00`; without a zone it is UTC. */
const ISO = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2})?)?$/

/** Rows of text on their way into columns. */
export class CellBlock {
  readonly #specs: readonly ColumnSpec[]
  #columns: EventColumn[]
  #lines = new Float64Array(BLOCK)
  #length = 0
  /** Values that have more digits than a float64 keeps. */
  inexact = 0

  constructor(specs: readonly ColumnSpec[]) {
    this.#specs = specs
    this.#columns = this.#newColumns()
  }

  get isFull(): boolean {
    return this.#length === BLOCK
  }

  /**
   * Takes the cells of a row, in the order of the columns.
   * @returns what is wrong with it, when it was not taken.
   */
  put(cells: readonly Cell[], line: number): string | undefined {
    const row = this.#length
    let inexact = 0
    for (let index = 0; index < this.#specs.length; index++) {
      const spec = this.#specs[index]!
      const cell = cells[index]
      const column = this.#columns[index]!
      if (cell === '' || cell === null || cell === undefined) {
        if (!spec.isOptional) return `has no ${spec.name}`
        if (column instanceof Float64Array) column[row] = Number.NaN
        else putId(halvesOf(column), row, undefined)
      } else if (column instanceof Float64Array) {
        const value = readNumber(spec, cell)
        if (value === undefined) return `${spec.name} is ${shown(cell)}, which is no ${WORDS[spec.type]}`
        column[row] = value
        if (typeof cell === 'string' && cell.length > EXACT_LENGTH && spec.type === 'float64' && !roundTrips(cell))
          inexact++
      } else {
        const id = readId(cell)
        if (id === undefined) return `${spec.name} is ${shown(cell)}, which is no id, or not exact`
        putId(halvesOf(column), row, id)
      }
    }
    this.inexact += inexact
    this.#lines[row] = line
    this.#length++
    return undefined
  }

  /** The rows that are there, and the line of each. */
  take(): { readonly batch: EventBatch; readonly lines: Float64Array } {
    const length = this.#length
    const columns = this.#specs.map(({ name }, index) => [name, this.#columns[index]!.subarray(0, length)] as const)
    const lines = this.#lines
    this.#columns = this.#newColumns()
    this.#lines = new Float64Array(BLOCK)
    this.#length = 0
    return { batch: { length, columns: Object.fromEntries(columns) }, lines }
  }

  #newColumns(): EventColumn[] {
    return this.#specs.map(({ type }) => (type === 'id' ? new BigInt64Array(BLOCK) : new Float64Array(BLOCK)))
  }
}

const WORDS: Readonly<Record<ColumnSpec['type'], string>> = {
  time: 'time in ms, µs or ISO 8601',
  float64: 'number',
  integer: 'whole number',
  flags: 'bit mask',
  id: 'id',
  boolean: 'true or false',
}

function readNumber({ type }: ColumnSpec, cell: Cell): number | undefined {
  if (type === 'boolean') return BOOLEANS.get(cell)
  const value = typeof cell === 'number' ? cell : typeof cell === 'string' ? numberOf(cell) : undefined
  if (type === 'time') {
    if (value !== undefined) return inMilliseconds(value)
    return typeof cell === 'string' ? isoMilliseconds(cell) : undefined
  }
  if (value === undefined || type === 'float64') return value
  if (type === 'flags') return Number.isInteger(value) && value >= 0 && value < 2 ** 31 ? value : undefined
  return Number.isSafeInteger(value) ? value : undefined
}

const BOOLEANS: ReadonlyMap<Cell, number> = new Map<Cell, number>([
  ...[true, 'true', 'True', 'TRUE', 1, '1'].map((word) => [word, 1] as const),
  ...[false, 'false', 'False', 'FALSE', 0, '0'].map((word) => [word, 0] as const),
])

/** A time as a number, in ms whether it is written so or in µs. */
export function inMilliseconds(time: number): number {
  return Math.abs(time) >= MICROS ? time / 1000 : time
}

/** A decimal; undefined for what `Number` reads besides: blanks, `0x10`, `Infinity`. */
function numberOf(text: string): number | undefined {
  const value = Number(text)
  if (!Number.isFinite(value) || /^\s*$|[xXbBoO]/.test(text)) return undefined
  return value
}

function isoMilliseconds(text: string): number | undefined {
  const match = ISO.exec(text)
  if (!match) return undefined
  const [, day, clock = '00:00:00', fraction = '', zone = 'Z'] = match
  const whole = Date.parse(`${day}T${clock}${/\d{4}$/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone}`)
  // As µs first: what is left over from them is then the same as where a file holds µs.
  const micros = whole * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'))
  return Number.isNaN(whole) ? undefined : micros / 1000
}

function readId(cell: Cell): number | bigint | undefined {
  if (typeof cell === 'number') return Number.isSafeInteger(cell) && cell >= 0 ? cell : undefined
  if (typeof cell !== 'string' || !/^\d{1,19}$/.test(cell)) return undefined
  if (cell.length < 16) return Number(cell)
  const id = BigInt(cell)
  return BigInt.asIntN(64, id) === id ? id : undefined
}

function shown(cell: Cell): string {
  return (JSON.stringify(cell) ?? String(cell)).slice(0, 60)
}
