import { HOUR } from '../model/time.ts'

export interface ServerClockOptions {
  /** How old a measurement may become before it is taken again, ms. */
  readonly maxAgeMs?: number
  /** Monotonic local clock, ms. */
  readonly monotonic?: () => number
  /** What to answer before the first measurement. */
  readonly fallback?: () => number
}

/** An answer faster than this needs no second measurement: half of it is the error. */
const GOOD_ROUND_TRIP = 30
const SAMPLES = 3
/** Two clocks that are both kept by NTP part by less than 20 ms in 1000 s. */
const DRIFT = 20e-6

/**
 * A server's clock, measured over the network and carried on by the local monotonic clock, so that a local clock that
 * is wrong or is set while the program runs changes nothing.
 */
export class ServerClock {
  readonly #maxAgeMs: number
  readonly #monotonic: () => number
  readonly #fallback: () => number
  #offset: number | undefined
  #uncertainty = 0
  #measuredAt = 0

  constructor(options: ServerClockOptions = {}) {
    this.#maxAgeMs = options.maxAgeMs ?? HOUR
    this.#monotonic = options.monotonic ?? (() => performance.now())
    this.#fallback = options.fallback ?? Date.now
  }

  /** Whether there is a measurement that is not too old. */
  get isFresh(): boolean {
    return this.#offset !== undefined && this.#monotonic() - this.#measuredAt < this.#maxAgeMs
  }

  /** Whether there is a measurement, however old. */
  get isMeasured(): boolean {
    return this.#offset !== undefined
  }

  /** The server's epoch ms by the last measurement; the local clock before there is one. */
  now(): number {
    return this.#offset === undefined ? this.#fallback() : this.#monotonic() + this.#offset
  }

  /** Largest error of `now()`, ms: half the network's delay, and what clocks drift apart since. */
  get uncertaintyMs(): number {
    return this.#offset === undefined ? 0 : this.#uncertainty + (this.#monotonic() - this.#measuredAt) * DRIFT
  }

  /**
   * Measures: `ask` returns the server's epoch ms. The answer belongs to the middle between question and answer; of up
   * to three questions the fastest counts, because the first one also pays for the connection.
   */
  async measure(ask: () => Promise<number>): Promise<number> {
    let best = Number.POSITIVE_INFINITY
    let offset = 0
    for (let sample = 0; sample < SAMPLES && best > GOOD_ROUND_TRIP; sample++) {
      const start = this.#monotonic()
      const time = await ask()
      const end = this.#monotonic()
      if (end - start >= best) continue
      best = end - start
      offset = time - (start + end) / 2
    }
    this.#offset = offset
    this.#uncertainty = best / 2
    this.#measuredAt = this.#monotonic()
    return this.now()
  }
}
