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
  readonly #hasSequence: boolean
  /** Columns of numbers, by name; those that a row does not fill are lacking in it. */
  numbers: Readonly<Record<string, Float64Array>> = {}
  /** Our own count, of kinds that have one: it has more digits than a number. */
  sequence = new BigInt64Array(0)
  #length = 0
  /** Rows that were put in, since the beginning. */
  count = 0
  /** Rows with a value that has more digits than a float64 keeps. */
  inexact = 0

  /** @param names columns of the kind that rows have. */
  constructor(kind: Kind, names: readonly string[]) {
    this.#specs = kind.columns.filter(({ name }) => names.includes(name))
    this.#hasSequence = isFileKind(kind)
  }

  get isFull(): boolean {
    return this.#length >= BLOCK
  }

  /**
   * Makes room for a row, with its flags, and gives its index. Values are written into the columns one by one: an object for
   * each row would take several times as long as all else.
   * @param texts its decimals as the file has them.
   * @param isOdd whether it breaks a rule though its file has it so.
   */
  next(texts: readonly string[], isOdd = false): number {
    // What was taken is somebody else's.
    if (this.#length === 0) this.#renew()
    let isInexact = false
    for (const text of texts) if (text.length > EXACT_LENGTH && !roundTrips(text)) isInexact = true
    if (isInexact) this.inexact++
    this.count++
    this.numbers.flags![this.#length] =
      RecordFlag.user | (isInexact ? RecordFlag.inexact : 0) | (isOdd ? RecordFlag.suspect : 0)
    return this.#length++
  }

  /** The rows that are there. */
  take(): EventBatch {
    const length = this.#length
    const columns: Record<string, EventColumn> = {}
    for (const { name } of this.#specs) columns[name] = (this.numbers[name] ?? this.sequence).subarray(0, length)
    this.#length = 0
    return { length, columns }
  }

  #renew(): void {
    const specs = this.#specs.filter(({ type }) => type !== 'id' || !this.#hasSequence)
    this.numbers = Object.fromEntries(specs.map(({ name }) => [name, new Float64Array(BLOCK + ROOM).fill(Number.NaN)]))
    if (this.#hasSequence) this.sequence = new BigInt64Array(BLOCK + ROOM)
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
