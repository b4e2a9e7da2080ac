/** The exchange's clock: starts at `start` and runs `speed` times as fast as real time. */
export class SandboxClock {
  readonly #start: number
  readonly #speed: number
  readonly #origin = performance.now()

  constructor(start: number, speed: number) {
    this.#start = start
    this.#speed = speed
  }

  /** Whole epoch milliseconds. */
  now(): number {
    return Math.floor(this.#start + (performance.now() - this.#origin) * this.#speed)
  }

  /** Real milliseconds that pass while the clock runs on by `ms`. */
  realMs(ms: number): number {
    return ms / this.#speed
  }
}
