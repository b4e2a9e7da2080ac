/** A bound on frames per time, sliding: never more than `frames` within any `perMs`. */
export class FramePace {
  readonly #times: number[] = []
  readonly #frames: number
  readonly #perMs: number

  constructor(frames: number, perMs: number) {
    this.#frames = frames
    this.#perMs = perMs
  }

  /** How long the next frame has to wait, ms; 0 when it may be sent now. */
  wait(now: number): number {
    const oldest = this.#times.length < this.#frames ? undefined : this.#times[0]
    return oldest === undefined ? 0 : Math.max(0, oldest + this.#perMs - now)
  }

  sent(now: number): void {
    if (this.#times.length >= this.#frames) this.#times.shift()
    this.#times.push(now)
  }
}
