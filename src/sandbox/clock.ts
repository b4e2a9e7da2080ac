/** The exchange's clock: starts at `start` and runs `speed` times as fast as real time. */
export class SandboxClock {
  readonly #start: number
  readonly #speed: number
  /** Undefined while it is held. */
  #origin: number | undefined = performance.now()

  constructor(start: number, speed: number) {
    this.#start = start
    this.#speed = speed
  }

  /** Whole epoch milliseconds. */
  now(): number {
    if (this.#origin === undefined) return this.#start
    return Math.floor(this.#start + (performance.now() - this.#origin) * this.#speed)
  }

  /** Real milliseconds that pass while the clock runs on by `ms`. */
  realMs(ms: number): number {
    return ms / this.#speed
  }

  /** Stands still at its start until it is released. */
  hold(): void {
    this.#origin = undefined
  }

  release(): void {
    this.#origin ??= performance.now()
  }

  get isHeld(): boolean {
    return this.#origin === undefined
  }
}
