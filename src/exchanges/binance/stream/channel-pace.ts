import { MINUTE, SECOND } from '../../../model/time.ts'
import type { Channel } from '../../stream.ts'
import { isClocked, paceOf } from '../channels.ts'

/** No channel counts as silent sooner: moving it costs messages, and every market has pauses. */
const SHORTEST = 10 * SECOND
/** A channel that speaks by the clock may miss this many turns. */
const MISSED_TURNS = 5
/** How long an event-driven channel may stay silent before its own pace is known. */
const UNKNOWN_PACE = 60 * SECOND
const UNKNOWN_BOOK_PACE = 30 * SECOND
const LONGEST = 30 * MINUTE
const LONGEST_CLOCKED = 5 * MINUTE
/** Frames after which a channel's own pace is believed. */
const ENOUGH = 10
/** Silence in mean gaps, and in longest gaps, that event-driven channels may have. */
const MEAN_GAPS = 20
const LONG_GAPS = 4
/** The longest gap is that of this time and of as much before it. */
const WINDOW = 10 * MINUTE

/**
 * How long a channel may be silent. A channel that speaks by the clock has a fixed bound; for one that speaks when
 * something happens it is learned from its own history, so that a quiet symbol does not look like a dead stream.
 */
export class ChannelPace {
  readonly #fixedMs: number | undefined
  readonly #isClocked: boolean
  readonly #startMs: number
  #frames = 0
  #observedMs = 0
  #longGap = 0
  #earlierLongGap = 0
  #windowMs = 0
  #fruitless = 0

  constructor(channel: Channel, silenceMs?: number) {
    this.#fixedMs = silenceMs
    this.#isClocked = isClocked(channel)
    const pace = paceOf(channel)
    const isBook = channel.kind === 'bookDelta' || channel.kind === 'bookSnapshot' || channel.kind === 'quote'
    this.#startMs =
      pace === undefined
        ? Number.POSITIVE_INFINITY
        : this.#isClocked
          ? Math.max(SHORTEST, MISSED_TURNS * pace)
          : isBook
            ? UNKNOWN_BOOK_PACE
            : UNKNOWN_PACE
  }

  /** `frames` arrived during the last `elapsedMs`, in which the channel was subscribed; before them it was silent for `gapMs`. */
  learn(frames: number, elapsedMs: number, gapMs: number): void {
    this.#observedMs += elapsedMs
    this.#windowMs += elapsedMs
    if (this.#windowMs >= WINDOW) {
      this.#windowMs = 0
      this.#earlierLongGap = this.#longGap
      this.#longGap = 0
    }
    if (frames === 0) return
    this.#frames += frames
    this.#fruitless = 0
    if (gapMs > this.#longGap) this.#longGap = gapMs
  }

  /** It was silent for too long and is moved: until data come, the next move waits twice as long. */
  moved(): void {
    this.#fruitless++
  }

  /** Silence at which the channel counts as dead, ms. */
  get limitMs(): number {
    return Math.min(this.#limit() * 2 ** Math.min(this.#fruitless, 20), this.#longest())
  }

  #longest(): number {
    if (this.#startMs === Number.POSITIVE_INFINITY && this.#fixedMs === undefined) return Number.POSITIVE_INFINITY
    return Math.max(this.#isClocked ? LONGEST_CLOCKED : LONGEST, this.#fixedMs ?? 0)
  }

  #limit(): number {
    if (this.#fixedMs !== undefined) return this.#fixedMs
    if (this.#isClocked || this.#startMs === Number.POSITIVE_INFINITY || this.#frames < ENOUGH) return this.#startMs
    const mean = this.#observedMs / this.#frames
    const gap = Math.max(this.#longGap, this.#earlierLongGap)
    return Math.max(SHORTEST, MEAN_GAPS * mean, LONG_GAPS * gap)
  }
}
