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

  /**
   * How far apart, on average, the frames that are left have to be in order to last until the oldest one is forgotten, ms;
   * 0 while more than half are left.
   */
  spacing(now: number): number {
    const oldest = this.#times.findIndex((time) => time > now - this.#perMs)
    if (oldest < 0) return 0
    const left = this.#frames - (this.#times.length - oldest)
    return left > this.#frames / 2 ? 0 : (this.#times[oldest]! + this.#perMs - now) / Math.max(1, left)
  }

  sent(now: number): void {
    if (this.#times.length >= this.#frames) this.#times.shift()
    this.#times.push(now)
  }
}
