/** So much per window of the server's clock; windows start at whole multiples of their length since 1970. */
export interface RateLimit {
  readonly windowMs: number
  readonly limit: number
  /** What is counted: the requests' weights, or the requests. */
  readonly counts: 'weight' | 'requests'
}

/** A request that was let through and has not ended. */
export interface Flight {
  readonly weight: number
  /** Instant on the local monotonic clock, ms. */
  readonly sentAt: number
  readonly number: number
  /** Of another program. */
  readonly sender?: number
  readonly pid?: number
}

/** A server's clock as far as it is known. */
export interface WindowClock {
  /** Epoch ms. */
  now(): number
  /** How wrong `now` may be, ms. */
  uncertaintyMs(): number
}

/** Room left free beside other users of the address, whose requests in flight nobody can see. */
const STRANGERS_MARGIN = 0.05
/** Least wait into a new window: timers and clocks are not better than this, ms. */
const GUARD = 40
/** Share of a window that bulk work leaves to live collectors at its start; by `RESERVE_UNTIL` of the window it is free. */
const LIVE_RESERVE = 0.15
const RESERVE_UNTIL = 0.8

/** What is spent of one limit in the window of now. */
export class RateWindow {
  readonly limit: RateLimit
  readonly #clock: WindowClock
  readonly #target: number
  /** Number of the window since 1970. */
  index: number
  /** Cost of everything that the server counts in this window, requests in flight included. */
  own = 0
  /** Cost of what strangers on the same address spent in it, as far as answers told. */
  others = 0
  /** Cost of what was finished after the window's end, while its end was not yet certain: the next one may count it. */
  #carry = 0
  /** Header of the newest answer, and when it came: a later answer with less means that the server's window is new. */
  #lastUsed = 0
  #lastAt = 0

  constructor(limit: RateLimit, clock: WindowClock, target: number, index = Math.floor(clock.now() / limit.windowMs)) {
    this.limit = limit
    this.#clock = clock
    this.#target = target
    this.index = index
  }

  /** The same window under another limit. */
  with(limit: RateLimit): RateWindow {
    const window = new RateWindow(limit, this.#clock, this.#target, this.index)
    window.own = this.own
    window.others = this.others
    window.#carry = this.#carry
    window.#lastUsed = this.#lastUsed
    window.#lastAt = this.#lastAt
    return window
  }

  costOf(weight: number): number {
    return this.limit.counts === 'weight' ? weight : 1
  }

  costOfAll(flights: Iterable<Flight>): number {
    let cost = 0
    for (const flight of flights) cost += this.costOf(flight.weight)
    return cost
  }

  /** Whether a later window has begun. */
  isOver(): boolean {
    return this.#indexAt(this.#clock.now()) > this.index
  }

  /** Moves to the window of now. Requests in flight may be counted in either window, so they count in the new one too. */
  roll(flights: Iterable<Flight>): void {
    const index = this.#indexAt(this.#clock.now())
    if (index < this.index - 1) {
      // The clock was corrected backwards: what was spent may belong to this window, so it stays.
      this.index = index
    } else this.#rollTo(index, flights)
  }

  /** Moves to the window of an instant that another program speaks of, unless that has passed. */
  rollAt(time: number, flights: Iterable<Flight>): void {
    this.#rollTo(this.#indexAt(time), flights)
  }

  /** Whether an instant belongs to this window or a later one. */
  reaches(time: number): boolean {
    return this.#indexAt(time) >= this.index
  }

  /** A request that ends about when its window does may have been counted in the next one. */
  carry(weight: number, time: number = this.#clock.now()): void {
    const end = (this.index + 1) * this.limit.windowMs - this.#clock.uncertaintyMs()
    if (time >= end) this.#carry += this.costOf(weight)
  }

  add(weight: number): void {
    this.own += this.costOf(weight)
  }

  giveBack(weight: number): void {
    this.own = Math.max(0, this.own - this.costOf(weight))
  }

  /** What may still be spent in this window. */
  room(): number {
    const share = this.others > 0 ? Math.max(this.#target - STRANGERS_MARGIN, this.#target / 2) : this.#target
    return Math.floor(this.limit.limit * share) - this.own - this.others
  }

  /**
   * Milliseconds until a request of this weight fits; 0 for now.
   * @param yields Room is left to live collectors, less and less as the window goes by.
   */
  waitFor(weight: number, yields: boolean): number {
    const cost = this.costOf(weight)
    const room = this.room()
    // A request that passes the target all alone goes through in a window that nobody used.
    if (cost === 0 || (this.own === 0 && this.others === 0)) return 0
    const { windowMs, limit } = this.limit
    const start = this.index * windowMs
    const now = this.#clock.now()
    if (cost > room) return Math.max((this.index + 1) * windowMs + GUARD + this.#clock.uncertaintyMs() - now, 1)
    if (!yields) return 0
    // The reserve falls in a straight line; this is where it has left enough.
    const freeAt = start + windowMs * RESERVE_UNTIL * (1 - (room - cost) / (limit * LIVE_RESERVE))
    return freeAt > now ? Math.max(1, Math.ceil(freeAt - now)) : 0
  }

  /**
   * Corrects the count by the header of the answer to `flight`. `flights` are those still in flight.
   * @returns whether strangers were found to spend more than was known.
   */
  correct(flight: Flight, flights: Iterable<Flight>, header: number): boolean {
    const windowStart = performance.now() - (this.#clock.now() - this.index * this.limit.windowMs)
    if (flight.sentAt < windowStart) return false
    const inFlight = this.costOfAll(flights)
    if (this.#lastUsed > 0 && flight.sentAt >= this.#lastAt && header < this.#lastUsed) {
      // The server counts afresh: its window began between the two answers.
      this.own = inFlight + this.costOf(flight.weight)
      this.others = 0
    }
    this.#lastUsed = header
    this.#lastAt = performance.now()
    // Alone, our own count is exact. More than it means company; then requests in flight are taken as not yet counted.
    if (header <= this.own) return false
    const others = header - (this.own - inFlight)
    if (others <= this.others) return false
    this.others = others
    return true
  }

  /** Until the clock's error has passed, the server may still be in the window before. */
  #indexAt(time: number): number {
    return Math.floor((time - GUARD - this.#clock.uncertaintyMs()) / this.limit.windowMs)
  }

  #rollTo(index: number, flights: Iterable<Flight>): void {
    if (index <= this.index) return
    this.own = this.costOfAll(flights) + (index === this.index + 1 ? this.#carry : 0)
    this.#carry = 0
    this.index = index
    this.others = 0
    this.#lastUsed = 0
    this.#lastAt = performance.now()
  }
}
