import type { LiveStream } from '../../exchanges/stream.ts'
import type { Log } from '../../model/log.ts'
import { abortable } from '../../net/abort.ts'
import type { Spool } from '../../store/spool/index.ts'
import type { Flusher } from './flusher.ts'

export interface BackpressureOptions {
  readonly stream: Pick<LiveStream, 'pause' | 'resume'>
  readonly spool: Spool | undefined
  readonly flusher: Flusher
  /** Longest time that streams are held back, ms; 0: what there is no room for is refused at once. */
  readonly holdMs: number
  readonly log: Log
}

/**
 * Holds back what comes in while the disk is slower than the market: streams for a few seconds, by not reading their
 * sockets; REST for as long as it takes.
 */
export class Backpressure {
  readonly #options: BackpressureOptions
  #timer: NodeJS.Timeout | undefined
  #isHolding = false
  /** The streams were held back as long as they may be: not again before there is room. */
  #isSpent = false
  #isClosed = false
  #holds = 0

  constructor(options: BackpressureOptions) {
    this.#options = options
  }

  /** How often streams were held back. */
  get holds(): number {
    return this.#holds
  }

  /** To be called after each frame that was taken in or refused. */
  look(): void {
    if (!this.#isShort || this.#isHolding || this.#isSpent || this.#isClosed) return
    if (this.#options.holdMs > 0) this.#hold()
  }

  /** Resolves when REST may bring a page, without taking the room of what the streams bring. */
  async room(signal: AbortSignal): Promise<void> {
    const { spool, flusher } = this.#options
    while (!this.#isClosed && (flusher.isFull || spool?.isShort)) {
      await abortable(flusher.isFull ? flusher.turn() : (spool as Spool).drained(), signal)
    }
  }

  /** Holds nothing back any more. */
  close(): void {
    this.#isClosed = true
    this.#letGo()
  }

  get #isShort(): boolean {
    const { spool, flusher } = this.#options
    return flusher.isShort || spool?.isFull === true
  }

  #hold(): void {
    const { stream, holdMs, log } = this.#options
    this.#isHolding = true
    this.#holds++
    stream.pause()
    this.#timer = setTimeout(() => {
      this.#isSpent = true
      log.warn({ holdMs }, 'the disk is slower than the market: what there is no room for is refused')
      this.#letGo()
    }, holdMs)
    void this.#relief()
  }

  /** Lets the streams go when there is room, which may be after they had to be let go. */
  async #relief(): Promise<void> {
    const { spool, flusher } = this.#options
    while (this.#isShort && !this.#isClosed) {
      await (flusher.isShort ? flusher.turn() : (spool as Spool).drained())
    }
    this.#isSpent = false
    this.#letGo()
  }

  #letGo(): void {
    clearTimeout(this.#timer)
    if (!this.#isHolding) return
    this.#isHolding = false
    this.#options.stream.resume()
  }
}
