import type { ColumnSpec, Kind } from '../../model/kind.ts'
import { BookSide, type LiveRecord, type RecordId } from '../../model/live/index.ts'
import type { EventColumn } from './event-columns.ts'
import { halvesOf, putId } from './event-rows.ts'

const FIRST_RECORDS = 16
const FIRST_LEVELS = 64
/** Side, price and quantity. */
const LEVEL_BYTES = 17
const LEVEL_COLUMNS: readonly string[] = ['side', 'price', 'quantity']

/** The values of one record, by property. */
type Values = Readonly<Record<string, unknown>>

/** What an update of a book changes, or what a snapshot holds. */
interface Levels {
  readonly bids: readonly number[]
  readonly asks: readonly number[]
}

/**
 * Records of a book kind while they wait. On disk each level is a row that says all about its record; here that is kept
 * once per record, which takes a fifth of the memory where records have many levels.
 */
export class BookColumns {
  readonly #kind: Kind
  /** The columns that are the same for all levels of a record. */
  readonly #specs: readonly ColumnSpec[]
  #facts: EventColumn[]
  #halves: (Int32Array | undefined)[]
  /** The row behind the last one of each record. */
  #ends = new Uint32Array(FIRST_RECORDS)
  #sides = new Uint8Array(FIRST_LEVELS)
  #prices = new Float64Array(FIRST_LEVELS)
  #quantities = new Float64Array(FIRST_LEVELS)
  #rows = 0
  #records = 0

  constructor(kind: Kind) {
    this.#kind = kind
    this.#specs = kind.columns.filter(({ name }) => !LEVEL_COLUMNS.includes(name))
    this.#facts = this.#specs.map((spec) => newColumn(spec, FIRST_RECORDS))
    this.#halves = this.#facts.map(halvesOf)
  }

  get rows(): number {
    return this.#rows
  }

  /** Memory used, bytes. As it grows, up to half as much more is held. */
  get usedBytes(): number {
    return this.#records * this.#recordBytes + this.#rows * LEVEL_BYTES
  }

  /** Memory held, bytes. */
  get capacityBytes(): number {
    return this.#ends.length * this.#recordBytes + this.#sides.length * LEVEL_BYTES
  }

  get #recordBytes(): number {
    return this.#specs.length * 8 + 4
  }

  clear(): void {
    this.#rows = 0
    this.#records = 0
  }

  append(record: LiveRecord): void {
    const { bids, asks } = record as LiveRecord & Levels
    const levels = (bids.length + asks.length) >> 1
    const end = this.#rows + Math.max(1, levels)
    if (this.#records === this.#ends.length) this.#growRecords()
    if (end > this.#sides.length) this.#growLevels(end)
    const at = this.#records++
    const values = record as unknown as Values
    for (let index = 0; index < this.#specs.length; index++) {
      const value = values[this.#specs[index]!.property]
      const halves = this.#halves[index]
      if (halves === undefined) this.#facts[index]![at] = value as number
      else putId(halves, this.#facts[index] as BigInt64Array, at, value as RecordId)
    }
    if (levels === 0) this.#putLevels([0, 0], BookSide.none)
    else {
      this.#putLevels(bids, BookSide.bid)
      this.#putLevels(asks, BookSide.ask)
    }
    this.#ends[at] = this.#rows
  }

  /** All rows, one per level, in memory of their own, and the number of the record of each. */
  rowsOf(): { readonly columns: Record<string, EventColumn>; readonly record: Uint32Array } {
    const columns: Record<string, EventColumn> = {}
    for (const { name } of this.#kind.columns) {
      if (name === 'side') columns[name] = Float64Array.from(this.#sides.subarray(0, this.#rows))
      else if (name === 'price') columns[name] = this.#prices.slice(0, this.#rows)
      else if (name === 'quantity') columns[name] = this.#quantities.slice(0, this.#rows)
      else columns[name] = this.#spread(this.#facts[this.#specs.findIndex((spec) => spec.name === name)]!)
    }
    const record = new Uint32Array(this.#rows)
    for (let index = 0, row = 0; index < this.#records; index++) {
      record.fill(index, row, this.#ends[index]!)
      row = this.#ends[index]!
    }
    return { columns, record }
  }

  /** A value per row out of one per record. */
  #spread(values: EventColumn): EventColumn {
    const spread = values instanceof BigInt64Array ? new BigInt64Array(this.#rows) : new Float64Array(this.#rows)
    for (let index = 0, row = 0; index < this.#records; index++) {
      spread.fill(values[index] as never, row, this.#ends[index]!)
      row = this.#ends[index]!
    }
    return spread
  }

  #putLevels(levels: readonly number[], side: number): void {
    let at = this.#rows
    for (let i = 0; i < levels.length; i += 2, at++) {
      this.#sides[at] = side
      this.#prices[at] = levels[i]!
      this.#quantities[at] = levels[i + 1]!
    }
    this.#rows = at
  }

  #growRecords(): void {
    const capacity = grown(this.#ends.length, this.#ends.length + 1)
    this.#ends = copied(new Uint32Array(capacity), this.#ends)
    this.#facts = this.#facts.map((old, index) => {
      const column = newColumn(this.#specs[index]!, capacity)
      column.set(old as never)
      return column
    })
    this.#halves = this.#facts.map(halvesOf)
  }

  #growLevels(needed: number): void {
    const capacity = grown(this.#sides.length, needed)
    this.#sides = copied(new Uint8Array(capacity), this.#sides)
    this.#prices = copied(new Float64Array(capacity), this.#prices)
    this.#quantities = copied(new Float64Array(capacity), this.#quantities)
  }
}

/** By half: hundreds of books that are all doubled hold twice what they need. */
function grown(capacity: number, needed: number): number {
  return Math.max(needed, Math.ceil(capacity * 1.5))
}

function copied<A extends Uint8Array | Uint32Array | Float64Array>(to: A, from: A): A {
  to.set(from)
  return to
}

function newColumn(spec: ColumnSpec, rows: number): EventColumn {
  return spec.type === 'id' ? new BigInt64Array(rows) : new Float64Array(rows)
}
