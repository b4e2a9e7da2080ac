import { isAbortError } from '../../model/errors.ts'
import type { LiveRecord } from '../../model/live/index.ts'
import type { Flow } from './feed-flow.ts'

interface FeedStreamOptions {
  readonly flow: Flow
  /** Stops what the flow waits for. */
  readonly stop: AbortController
  readonly signal?: AbortSignal
  /** Called once, at the start. */
  readonly begin: () => Promise<void>
  /** Called once, when nothing more is taken in. */
  readonly end: () => void
}

/** The records of one subscription. Leaving the loop, `return()` or disposing it frees all that it held. */
export class FeedStream<Item extends LiveRecord = LiveRecord>
  implements AsyncIterableIterator<Item, undefined>, AsyncDisposable
{
  readonly #options: FeedStreamOptions
  readonly #items: AsyncGenerator<LiveRecord, void, void>
  readonly #onAbort = (): void => this.#leave()
  #isOver = false
  #hasLeft = false

  constructor(options: FeedStreamOptions) {
    this.#options = options
    this.#items = options.flow.items()
    options.begin().catch((error: Error) => {
      if (!this.#isOver) options.flow.fail(error)
    })
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Records that wait for the reader. */
  get size(): number {
    return this.#options.flow.size
  }

  /** Records lost because the reader was too slow, where the overflow choice allows that. */
  get dropped(): number {
    return this.#options.flow.dropped
  }

  /** Nothing more is taken in; what waits can still be read. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#options.flow.end()
    this.#options.end()
    this.#options.stop.abort()
  }

  async next(): Promise<IteratorResult<Item, undefined>> {
    if (this.#hasLeft) return { done: true, value: undefined }
    try {
      const result = await this.#items.next()
      // What the reader left behind may still come out of a file.
      if (!result.done && !this.#hasLeft) return { done: false, value: result.value as Item }
    } catch (error) {
      const isEnd = this.#hasLeft || (this.#isOver && isAbortError(error))
      this.#leave()
      if (!isEnd) throw error
    }
    this.#leave()
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<Item, undefined>> {
    this.#leave()
    await this.#items.return().catch(() => {})
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#options.flow.leave()
    this.end()
  }
}
