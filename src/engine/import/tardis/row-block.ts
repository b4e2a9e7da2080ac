import { roundTrips } from '../../../model/decimal.ts'
import { isFileKind } from '../../../model/history/index.ts'
import type { Kind } from '../../../model/kind.ts'
import { RecordFlag } from '../../../model/live/index.ts'
import type { EventBatch, EventColumn } from '../../../store/lake/event-columns.ts'

const BLOCK = 32_768
/** Room behind a full block: one line of a file may be many rows. */
const ROOM = 2048
/** Decimal text of fewer characters is always exact as a float64, point and sign included. */
const EXACT_LENGTH = 15

/** Rows of a file on their way into columns. */
export class RowBlock {
  readonly #specs: Kind['columns']
  /** Ids of the exchange are numbers in such files; our own count needs more digits. */
  readonly #hasLongIds: boolean
  #columns: Record<string, EventColumn> = {}
  #length = 0
  /** Rows that were put in, since the beginning. */
  count = 0
  /** Rows with a value that has more digits than a float64 keeps. */
  inexact = 0

  /** @param names columns of the kind that rows have. */
  constructor(kind: Kind, names: readonly string[]) {
    this.#specs = kind.columns.filter(({ name }) => names.includes(name))
    this.#hasLongIds = isFileKind(kind)
    this.#renew()
  }

  get isFull(): boolean {
    return this.#length >= BLOCK
  }

  /**
   * Puts a row in; `texts` are its decimals as the file has them.
   * @param isOdd whether it breaks a rule though its file has it so.
   */
  put(values: Readonly<Record<string, number | bigint>>, texts: readonly string[], isOdd = false): void {
    const row = this.#length++
    this.count++
    const columns = this.#columns
    for (const [name, value] of Object.entries(values)) columns[name]![row] = value as never
    const isInexact = texts.some((text) => text.length > EXACT_LENGTH && !roundTrips(text))
    if (isInexact) this.inexact++
    columns.flags![row] = RecordFlag.user | (isInexact ? RecordFlag.inexact : 0) | (isOdd ? RecordFlag.suspect : 0)
  }

  /** The rows that are there. */
  take(): EventBatch {
    const length = this.#length
    const columns: Record<string, EventColumn> = {}
    for (const [name, values] of Object.entries(this.#columns)) columns[name] = values.subarray(0, length)
    this.#renew()
    this.#length = 0
    return { length, columns }
  }

  /** What no row fills is lacking. */
  #renew(): void {
    this.#columns = Object.fromEntries(
      this.#specs.map(({ name, type }) => [
        name,
        type === 'id' && this.#hasLongIds
          ? new BigInt64Array(BLOCK + ROOM)
          : new Float64Array(BLOCK + ROOM).fill(Number.NaN),
      ]),
    )
  }
}

/** Ids of one microsecond, before they run into those of the next. */
const PER_MICRO = 1000n

/**
 * Counts the records of a file in its order, by when they came: the same file gives the same count, files of later days
 * give higher ones, and what came at once still has an order.
 */
export class Sequence {
  #last = -1n

  next(micros: number): bigint {
    const own = BigInt(micros) * PER_MICRO
    this.#last = own > this.#last ? own : this.#last + 1n
    return this.#last
  }
}
