import { InvalidRangeError } from '../../model/errors.ts'
import { abortable, sleep } from '../../net/abort.ts'

/** What tells a replay how much time goes by. */
export interface ReplayClock {
  /** Milliseconds since any instant; never goes back. */
  now(): number
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

const MONOTONIC: ReplayClock = { now: () => performance.now(), sleep }

/**
 * Says when a record is due. Each is due at an instant of its own, reckoned from the first one, so that being late with
 * one makes none of the others late.
 */
export class Pace {
  readonly #speed: number
  readonly #clock: ReplayClock
  /** Where the two clocks met: an instant of the record's, and one of ours. */
  #anchor: { readonly instant: number; readonly at: number } | undefined
  #pause: { readonly at: number; readonly over: Promise<void>; readonly end: () => void } | undefined

  /** @throws InvalidRangeError for a speed that is none. */
  constructor(speed = Number.POSITIVE_INFINITY, clock: ReplayClock = MONOTONIC) {
    if (!(speed > 0)) {
      throw new InvalidRangeError(
        `speed is ${speed}; use a number above 0: 1 as it happened, 60 for an hour a minute. Leave it out to get all at once.`,
      )
    }
    this.#speed = speed
    this.#clock = clock
  }

  get isPaused(): boolean {
    return this.#pause !== undefined
  }

  pause(): void {
    if (this.#pause) return
    let end = (): void => {}
    const over = new Promise<void>((resolve) => {
      end = resolve
    })
    this.#pause = { at: this.#clock.now(), over, end }
  }

  resume(): void {
    if (!this.#pause) return
    const { at, end } = this.#pause
    this.#pause = undefined
    if (this.#anchor) this.#anchor = { ...this.#anchor, at: this.#anchor.at + this.#clock.now() - at }
    end()
  }

  /** Whether what was known at an instant is due. */
  isDue(instant: number): boolean {
    if (this.#pause) return false
    return this.#speed === Number.POSITIVE_INFINITY || this.#left(instant) <= 0
  }

  /** Waits until what was known at an instant is due. @throws the signal's error as soon as it aborts. */
  async until(instant: number, signal: AbortSignal): Promise<void> {
    while (!this.isDue(instant)) {
      if (this.#pause) await abortable(this.#pause.over, signal)
      else await this.#clock.sleep(this.#left(instant), signal)
    }
  }

  #left(instant: number): number {
    const now = this.#clock.now()
    this.#anchor ??= { instant, at: now }
    return this.#anchor.at + (instant - this.#anchor.instant) / this.#speed - now
  }
}
