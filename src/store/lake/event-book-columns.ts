import type { Kind } from '../../model/kind.ts'
import { BookSide, type LiveRecord } from '../../model/live/index.ts'
import type { EventColumn } from './event-columns.ts'
import { halvesOf, type PutRow, putAny } from './event-rows.ts'
import { type ColumnMemory, OWN_MEMORY } from './event-scratch.ts'
import { Slots } from './event-slots.ts'

const LEVEL_COLUMNS: readonly string[] = ['side', 'price', 'quantity']

/** What an update of a book changes, or what a snapshot holds: price, quantity, price, … */
interface Levels {
  readonly bids: readonly number[]
  readonly asks: readonly number[]
}

/**
 * Records of a book kind while they wait. On disk each level is a row that says all about its record; here that is kept
 * once per record, which takes a fifth of the memory where records have many levels.
 *
 * A record is its facts (a slot per column that all its levels share), the lengths of its two sides, and the sides as
 * they are.
 */
export class BookColumns {
  readonly #kind: Kind
  /** The columns that are the same for all levels of a record. */
  readonly #facts: Kind['columns']
  readonly #put: PutRow
  readonly #slots = new Slots()
  #rows = 0
  #records = 0
  #used = 0

  constructor(kind: Kind) {
    this.#kind = kind
    this.#facts = kind.columns.filter(({ name }) => !LEVEL_COLUMNS.includes(name))
    this.#put = putAny(this.#facts)
  }

  get rows(): number {
    return this.#rows
  }

  get records(): number {
    return this.#records
  }

  /** Memory used, bytes. */
  get usedBytes(): number {
    return this.#used * 8
  }

  /** Memory held, bytes. */
  get capacityBytes(): number {
    return this.#slots.capacityBytes
  }

  /** Forgets everything and gives the memory back. */
  clear(): void {
    this.#slots.clear()
    this.#rows = this.#records = this.#used = 0
  }

  append(record: LiveRecord): void {
    const { bids, asks } = record as LiveRecord & Levels
    const facts = this.#facts.length
    const count = facts + 2 + bids.length + asks.length
    const at = this.#slots.take(count)
    const { numbers, halves } = this.#slots
    this.#put(numbers, halves, at, record)
    let to = at + facts
    numbers[to++] = bids.length
    numbers[to++] = asks.length
    for (let i = 0; i < bids.length; i++) numbers[to++] = bids[i]!
    for (let i = 0; i < asks.length; i++) numbers[to++] = asks[i]!
    this.#used += count
    this.#rows += Math.max(1, (bids.length + asks.length) >> 1)
    this.#records++
  }

  /** All rows, one per level, in memory that is theirs, and the number of the record of each. */
  rowsOf(memory: ColumnMemory = OWN_MEMORY): {
    readonly columns: Record<string, EventColumn>
    readonly record: Uint32Array
  } {
    const rows = this.#rows
    const side = memory.numbers(rows)
    const price = memory.numbers(rows)
    const quantity = memory.numbers(rows)
    const record = memory.counts(rows)
    const facts = this.#facts.map((spec) => {
      const column = spec.type === 'id' ? memory.ids(rows) : memory.numbers(rows)
      return { name: spec.name, column, halves: column instanceof BigInt64Array && halvesOf(column) }
    })
    let row = 0
    let number = 0
    for (const { numbers, halves, end } of this.#slots.filled()) {
      for (let at = 0; at < end; number++) {
        const levels = at + facts.length + 2
        const asks = levels + numbers[levels - 2]!
        const next = asks + numbers[levels - 1]!
        // A record without levels is a row that says so.
        const last = row + Math.max(1, (next - levels) >> 1)
        for (let index = 0; index < facts.length; index++) {
          const fact = facts[index]!
          if (fact.halves) {
            const low = halves[2 * (at + index)]!
            const high = halves[2 * (at + index) + 1]!
            for (let i = row; i < last; i++) {
              fact.halves[2 * i] = low
              fact.halves[2 * i + 1] = high
            }
          } else (fact.column as Float64Array).fill(numbers[at + index]!, row, last)
        }
        record.fill(number, row, last)
        for (let i = levels, to = row; i < next; i += 2, to++) {
          side[to] = i < asks ? BookSide.bid : BookSide.ask
          price[to] = numbers[i]!
          quantity[to] = numbers[i + 1]!
        }
        row = last
        at = next
      }
    }
    const made: Record<string, EventColumn> = { side, price, quantity }
    for (const { name, column } of facts) made[name] = column
    return { columns: Object.fromEntries(this.#kind.columns.map(({ name }) => [name, made[name]!])), record }
  }
}
