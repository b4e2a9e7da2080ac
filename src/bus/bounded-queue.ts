import { BufferOverflowError, ConfigError } from '../model/errors.ts'

/** What a full queue does with what comes next. */
export type Overflow =
  /** The oldest waiting item is dropped and counted. */
  | 'drop-oldest'
  /** What comes is dropped and counted. */
  | 'drop-newest'
  /** The reader gets a BufferOverflowError after what still waits, and the queue ends. */
  | 'error'

const OVERFLOWS: readonly Overflow[] = ['error', 'drop-oldest', 'drop-newest']

/**
 * A ring with one reader. Never holds more than `bound` items, whatever the writer does; what happens there is the
 * subscriber's choice.
 */
export class BoundedQueue<Item> implements AsyncIterableIterator<Item, undefined> {
  readonly bound: number
  readonly #overflow: Overflow
  readonly #name: string
  #items: (Item | undefined)[] = []
  #head = 0
  #size = 0
  #dropped = 0
  #ended = false
  #failure: Error | undefined
  /** Calls of `next` that nothing came for yet, in their order. Usually one. */
  readonly #waiting: {
    resolve: (result: IteratorResult<Item, undefined>) => void
    reject: (error: Error) => void
  }[] = []
  readonly #onEnd: () => void

  constructor(options: { name: string; bound: number; overflow: Overflow; onEnd?: () => void }) {
    if (!Number.isInteger(options.bound) || options.bound < 1) {
      throw new ConfigError(`bound: ${options.bound} is not a whole number above 0.`)
    }
    if (!OVERFLOWS.includes(options.overflow)) {
      throw new ConfigError(`overflow is "${options.overflow}"; use ${OVERFLOWS.join(', ')}.`)
    }
    this.#name = options.name
    this.bound = options.bound
    this.#overflow = options.overflow
    this.#onEnd = options.onEnd ?? (() => {})
  }

  /** Items that wait to be read. */
  get size(): number {
    return this.#size
  }

  /** Items that were lost because the reader was too slow. */
  get dropped(): number {
    return this.#dropped
  }

  get ended(): boolean {
    return this.#ended
  }

  /** False when the item was dropped. */
  push(item: Item): boolean {
    if (this.#ended) return false
    const waiting = this.#waiting.shift()
    if (waiting) {
      waiting.resolve({ done: false, value: item })
      return true
    }
    if (this.#size === this.bound) {
      this.#dropped++
      if (this.#overflow === 'drop-newest') return false
      if (this.#overflow === 'error') {
        this.#failure = new BufferOverflowError(this.#name, this.bound)
        this.#finish()
        return false
      }
      this.#take()
    }
    if (this.#size === this.#items.length) this.#grow()
    this.#items[(this.#head + this.#size) % this.#items.length] = item
    this.#size++
    return true
  }

  /** Ends the queue: what waits can still be read. */
  end(): void {
    if (!this.#ended) this.#finish()
  }

  async next(): Promise<IteratorResult<Item, undefined>> {
    if (this.#size > 0) return { done: false, value: this.#take() }
    if (this.#failure) {
      const failure = this.#failure
      this.#failure = undefined
      throw failure
    }
    if (this.#ended) return { done: true, value: undefined }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
  }

  /** The reader leaves: what waits is thrown away. */
  async return(): Promise<IteratorResult<Item, undefined>> {
    this.#items = []
    this.#head = 0
    this.#size = 0
    this.#failure = undefined
    this.end()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #finish(): void {
    this.#ended = true
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (this.#failure) reject(this.#failure)
      else resolve({ done: true, value: undefined })
      // Told once, as a generator does: whoever waits behind it finds the end.
      this.#failure = undefined
    }
    this.#onEnd()
  }

  #take(): Item {
    const item = this.#items[this.#head] as Item
    this.#items[this.#head] = undefined
    this.#head = (this.#head + 1) % this.#items.length
    this.#size--
    return item
  }

  #grow(): void {
    const next: (Item | undefined)[] = new Array(Math.min(this.bound, Math.max(16, this.#items.length * 2)))
    for (let index = 0; index < this.#size; index++)
      next[index] = this.#items[(this.#head + index) % this.#items.length]
    this.#items = next
    this.#head = 0
  }
}
