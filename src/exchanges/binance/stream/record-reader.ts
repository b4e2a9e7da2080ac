import { BufferOverflowError } from '../../../model/errors.ts'
import type { LiveRecord } from '../../../model/live/index.ts'

/** What a full reader does with the next record. */
export type RecordOverflow =
  /** The loop ends with a BufferOverflowError, after what still waits. */
  'error' | 'drop-oldest' | 'drop-newest'

export const OVERFLOWS: readonly RecordOverflow[] = ['error', 'drop-oldest', 'drop-newest']

export interface RecordReaderOptions {
  /** Records that may wait for the loop. */
  readonly bound: number
  readonly overflow: RecordOverflow
  /** Called before the first record is waited for. */
  readonly begin: () => Promise<void>
  /** Called once, when the loop is left, or the stream ended. */
  readonly end: () => Promise<void> | void
}

/** Records of a stream for one `for await` loop. Never holds more than its bound. */
export class RecordReader<R extends LiveRecord = LiveRecord> implements AsyncIterableIterator<R, undefined> {
  readonly #options: RecordReaderOptions
  #records: R[] = []
  #from = 0
  #dropped = 0
  #begun: Promise<void> | undefined
  #isOver = false
  #failure: Error | undefined
  /** Calls of `next` that wait. */
  #wakes: (() => void)[] = []

  constructor(options: RecordReaderOptions) {
    this.#options = options
  }

  /** Records that were lost because the loop was too slow. */
  get dropped(): number {
    return this.#dropped
  }

  /** Records that wait. */
  get size(): number {
    return this.#records.length - this.#from
  }

  push(record: R): void {
    if (this.#isOver) return
    const { bound, overflow } = this.#options
    if (this.size >= bound) {
      this.#dropped++
      if (overflow === 'drop-newest') return
      if (overflow === 'error') {
        this.fail(new BufferOverflowError('The records of a stream', bound))
        return
      }
      this.#take()
    }
    this.#records.push(record)
    this.#stir()
  }

  /** Ends the loop once it read what waits; with an error when one is given. */
  fail(error?: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#failure = error
    this.#stir()
    void this.#options.end()
  }

  async next(): Promise<IteratorResult<R, undefined>> {
    if (!this.#begun && !this.#isOver) this.#begun = this.#options.begin()
    try {
      await this.#begun
    } catch (error) {
      await this.return()
      throw error
    }
    while (this.size === 0) {
      const failure = this.#failure
      this.#failure = undefined
      if (failure) throw failure
      if (this.#isOver) return { done: true, value: undefined }
      await new Promise<void>((resolve) => {
        this.#wakes.push(resolve)
      })
    }
    return { done: false, value: this.#take() }
  }

  /** The loop is left: what waits is thrown away. */
  async return(): Promise<IteratorResult<R, undefined>> {
    this.#records = []
    this.#from = 0
    this.#failure = undefined
    if (!this.#isOver) {
      this.#isOver = true
      this.#stir()
      await this.#options.end()
    }
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #take(): R {
    const record = this.#records[this.#from++]!
    // The front is cut off in one piece now and then, because taking it off each time would move all the rest.
    if (this.#from === this.#records.length) {
      this.#records = []
      this.#from = 0
    } else if (this.#from >= 1024 && this.#from * 2 >= this.#records.length) {
      this.#records = this.#records.slice(this.#from)
      this.#from = 0
    }
    return record
  }

  #stir(): void {
    const wakes = this.#wakes
    if (wakes.length === 0) return
    this.#wakes = []
    for (const wake of wakes) wake()
  }
}
