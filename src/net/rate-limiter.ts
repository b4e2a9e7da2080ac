import { InvalidRangeError, RateLimitExceeded } from '../model/errors.ts'
import { type Log, silentLog } from '../model/log.ts'
import { abortError } from './abort.ts'

/** So much per window of the server's clock; windows start at whole multiples of their length since 1970. */
export interface RateLimit {
  readonly windowMs: number
  readonly limit: number
  /** What is counted: the requests' weights, or the requests. */
  readonly counts: 'weight' | 'requests'
}

export interface RateLimiterOptions {
  /** Name of the pool, for messages. */
  readonly name?: string
  readonly limits: readonly RateLimit[]
  /** Share of each limit that may be used, 0 to 1. */
  readonly target?: number
  /** The server's clock, epoch ms. */
  readonly now?: () => number
  /** How wrong that clock may be, ms: a new window is not used before this has passed. */
  readonly uncertaintyMs?: () => number
  /** A ban or pause longer than this is thrown instead of waited for, ms. */
  readonly maxPauseMs?: number
  readonly log?: Log
}

/** Leave to send one request. Call `finish` exactly once, whatever became of the request. */
export interface Permit {
  readonly weight: number
  /**
   * @param used What the answer's header says is used of a window, by window length in ms. Leave out when there is none.
   */
  finish(used?: ReadonlyMap<number, number>): void
  /** The request was never sent: its weight is given back. */
  cancel(): void
}

interface Window {
  readonly limit: RateLimit
  /** Number of the window since 1970. */
  index: number
  /** Cost of everything of ours that the server counts in this window, requests in flight included. */
  own: number
  /** Cost of what was finished after the window's end, while its end was not yet certain: the next one may count it. */
  carry: number
  /** Cost of what others on the same address spent in it, as far as answers told. */
  others: number
  /** Header of the newest answer, and when it came: a later answer with less means that the server's window is new. */
  lastUsed: number
  lastAt: number
}

interface Waiter {
  readonly weight: number
  readonly resolve: (permit: Permit) => void
  readonly reject: (error: Error) => void
  readonly signal: AbortSignal | undefined
  onAbort?: () => void
}

interface Flight {
  readonly weight: number
  readonly sentAt: number
}

const DEFAULT_TARGET = 0.97
/** Room left free beside other users of the address, whose requests in flight nobody can see. */
const SHARED_MARGIN = 0.05
/** Least wait into a new window: timers and clocks are not better than this, ms. */
const GUARD = 40
const DEFAULT_MAX_PAUSE = 5 * 60_000

/**
 * A rate budget: lets requests through, first come first served, so that the weight that the server counts never
 * passes the target share of its limits. It knows what it spent itself, learns from the answers' headers what others on
 * the same address spend, and stops altogether when the server says so (429, 418).
 */
export class RateLimiter {
  readonly name: string
  readonly #target: number
  readonly #now: () => number
  readonly #uncertainty: () => number
  readonly #maxPauseMs: number
  readonly #log: Log
  #windows: Window[]
  readonly #flights = new Set<Flight>()
  readonly #queue: Waiter[] = []
  #timer: NodeJS.Timeout | undefined
  /** Monotonic instant until which nothing may be sent. */
  #pausedUntil = 0

  constructor(options: RateLimiterOptions) {
    this.name = options.name ?? 'rate budget'
    this.#target = options.target ?? DEFAULT_TARGET
    if (!(this.#target > 0 && this.#target <= 1)) {
      throw new InvalidRangeError(`${this.name}: the target ${this.#target} must be above 0 and at most 1.`)
    }
    this.#now = options.now ?? Date.now
    this.#uncertainty = options.uncertaintyMs ?? (() => 0)
    this.#maxPauseMs = options.maxPauseMs ?? DEFAULT_MAX_PAUSE
    this.#log = options.log ?? silentLog
    this.#windows = options.limits.map((limit) => this.#newWindow(limit))
  }

  get limits(): readonly RateLimit[] {
    return this.#windows.map((window) => window.limit)
  }

  /** Takes limits as the exchange states them now. What was spent in windows that stay is kept. */
  setLimits(limits: readonly RateLimit[]): void {
    this.#windows = limits.map((limit) => {
      const same = this.#windows.find(
        (one) => one.limit.windowMs === limit.windowMs && one.limit.counts === limit.counts,
      )
      if (same) return { ...same, limit }
      const window = this.#newWindow(limit)
      // Nobody noted when what was spent so far was spent: until the new window ends, all of it may be its share.
      const known = this.#windows.filter((one) => one.limit.counts === limit.counts).map((one) => one.own)
      window.own = Math.max(this.#flightCost(limit), ...known)
      return window
    })
    this.#pump()
  }

  /** Resolves when a request of this weight may be sent. @throws RateLimitExceeded during a long ban; the signal's error. */
  acquire(weight: number, signal?: AbortSignal): Promise<Permit> {
    if (signal?.aborted) return Promise.reject(abortError(signal))
    for (const { limit } of this.#windows) {
      if (costOf(limit, weight) > limit.limit) {
        return Promise.reject(
          new InvalidRangeError(
            `${this.name}: a request of weight ${weight} passes the whole limit of ${limit.limit}.`,
          ),
        )
      }
    }
    if (this.#queue.length === 0 && this.#waitFor(weight) <= 0) return Promise.resolve(this.#grant(weight))
    const pause = this.#pausedUntil - performance.now()
    if (pause > this.#maxPauseMs) return Promise.reject(this.#paused(pause))
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { weight, resolve, reject, signal }
      if (signal) {
        waiter.onAbort = () => {
          const index = this.#queue.indexOf(waiter)
          if (index >= 0) this.#queue.splice(index, 1)
          reject(abortError(signal))
          this.#pump()
        }
        signal.addEventListener('abort', waiter.onAbort, { once: true })
      }
      this.#queue.push(waiter)
      this.#pump()
    })
  }

  /** How many requests of this weight may be sent now without waiting. */
  getRemainingRequests(weight = 1): number {
    if (this.#pausedUntil > performance.now()) return 0
    let requests = Number.POSITIVE_INFINITY
    for (const window of this.#windows) {
      this.#roll(window)
      const cost = costOf(window.limit, weight)
      if (cost > 0) requests = Math.min(requests, Math.floor(Math.max(0, this.#room(window)) / cost))
    }
    return requests
  }

  /** Sends nothing for a while: the server answered 429 or 418. */
  pause(ms: number): void {
    const until = performance.now() + ms
    if (until <= this.#pausedUntil) return
    this.#pausedUntil = until
    this.#log.warn({ pool: this.name, pauseMs: ms }, 'the exchange asks for a pause')
    if (ms > this.#maxPauseMs) {
      for (const waiter of this.#queue.splice(0)) {
        if (waiter.onAbort) waiter.signal?.removeEventListener('abort', waiter.onAbort)
        waiter.reject(this.#paused(ms))
      }
    }
    this.#pump()
  }

  #paused(ms: number): RateLimitExceeded {
    const seconds = Math.ceil(ms / 1000)
    return new RateLimitExceeded(
      `${this.name}: the exchange takes no requests from this address for another ${seconds} s. Try again then; other programs on this address may be spending its rate limit.`,
      { retryAfterMs: ms, banned: true, retryable: false },
    )
  }

  #newWindow(limit: RateLimit): Window {
    const index = Math.floor(this.#now() / limit.windowMs)
    return { limit, index, own: 0, carry: 0, others: 0, lastUsed: 0, lastAt: 0 }
  }

  /** Moves to the window of now. Requests in flight may be counted in either window, so they count in the new one too. */
  #roll(window: Window): void {
    // Until the clock's error has passed, the server may still be in the window before.
    const index = Math.floor((this.#now() - GUARD - this.#uncertainty()) / window.limit.windowMs)
    if (index === window.index || index === window.index - 1) return
    if (index < window.index) {
      // The clock was corrected backwards: what was spent may belong to this window, so it stays.
      window.index = index
      return
    }
    window.own = this.#flightCost(window.limit) + (index === window.index + 1 ? window.carry : 0)
    window.carry = 0
    window.index = index
    window.others = 0
    window.lastUsed = 0
    window.lastAt = performance.now()
  }

  /** A request that ends about when its window does may have been counted in the next one. */
  #carry(window: Window, flight: Flight): void {
    const end = (window.index + 1) * window.limit.windowMs - this.#uncertainty()
    if (this.#now() >= end) window.carry += costOf(window.limit, flight.weight)
  }

  #flightCost(limit: RateLimit): number {
    let cost = 0
    for (const flight of this.#flights) cost += costOf(limit, flight.weight)
    return cost
  }

  #room(window: Window): number {
    const share = window.others > 0 ? Math.max(this.#target - SHARED_MARGIN, this.#target / 2) : this.#target
    return Math.floor(window.limit.limit * share) - window.own - window.others
  }

  /** Milliseconds until a request of this weight may be sent; 0 for now. */
  #waitFor(weight: number): number {
    let wait = this.#pausedUntil - performance.now()
    for (const window of this.#windows) {
      this.#roll(window)
      const cost = costOf(window.limit, weight)
      // A request that passes the target all alone goes through in a window that nobody used.
      const fits = cost <= this.#room(window) || (window.own === 0 && window.others === 0)
      if (cost === 0 || fits) continue
      const next = (window.index + 1) * window.limit.windowMs + GUARD + this.#uncertainty()
      wait = Math.max(wait, next - this.#now(), 1)
    }
    return Math.max(0, wait)
  }

  #pump(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (;;) {
      const head = this.#queue[0]
      if (!head) return
      const wait = this.#waitFor(head.weight)
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#pump(), Math.min(wait, 60_000))
        return
      }
      this.#queue.shift()
      if (head.onAbort) head.signal?.removeEventListener('abort', head.onAbort)
      head.resolve(this.#grant(head.weight))
    }
  }

  #grant(weight: number): Permit {
    const flight: Flight = { weight, sentAt: performance.now() }
    const granted = this.#windows
    this.#flights.add(flight)
    for (const window of granted) window.own += costOf(window.limit, weight)
    return {
      weight,
      finish: (used) => {
        if (!this.#flights.delete(flight)) return
        for (const window of this.#windows) this.#carry(window, flight)
        if (used) this.#learn(flight, used)
        this.#pump()
      },
      cancel: () => {
        if (!this.#flights.delete(flight)) return
        for (const window of this.#windows) window.own = Math.max(0, window.own - costOf(window.limit, weight))
        this.#pump()
      },
    }
  }

  /** Corrects the count by an answer's header. */
  #learn(flight: Flight, used: ReadonlyMap<number, number>): void {
    for (const window of this.#windows) {
      const header = used.get(window.limit.windowMs)
      if (header === undefined || window.limit.counts !== 'weight') continue
      const before = window.index
      this.#roll(window)
      // An answer to a request of the former window may speak of that one.
      if (window.index !== before) continue
      this.#correct(window, flight, header)
    }
  }

  #correct(window: Window, flight: Flight, header: number): void {
    const windowStart = performance.now() - (this.#now() - window.index * window.limit.windowMs)
    if (flight.sentAt < windowStart) return
    const inFlight = this.#flightCost(window.limit)
    if (window.lastUsed > 0 && flight.sentAt >= window.lastAt && header < window.lastUsed) {
      // The server counts afresh: its window began between the two answers.
      window.own = inFlight + flight.weight
      window.others = 0
    }
    window.lastUsed = header
    window.lastAt = performance.now()
    // Alone, our own count is exact. More than it means company; then requests in flight are taken as not yet counted.
    if (header <= window.own) return
    const others = header - (window.own - inFlight)
    if (others <= window.others) return
    if (window.others === 0) {
      this.#log.info({ pool: this.name, used: header, own: window.own }, 'another program spends the same rate limit')
    }
    window.others = others
  }
}

function costOf(limit: RateLimit, weight: number): number {
  return limit.counts === 'weight' ? weight : 1
}
