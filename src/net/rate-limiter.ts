import { InvalidRangeError, RateLimitExceeded } from '../model/errors.ts'
import { type Log, silentLog } from '../model/log.ts'
import { abortError } from './abort.ts'
import type { BudgetLog } from './budget-log.ts'
import { BudgetShare } from './budget-share.ts'
import { type Flight, type RateLimit, RateWindow, type WindowClock } from './rate-window.ts'

export type { RateLimit } from './rate-window.ts'

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
  /** False as long as the clock is only guessed: then one that another program has measured is better. */
  readonly isClockKnown?: () => boolean
  /** A ban or pause longer than this is thrown instead of waited for, ms. */
  readonly maxPauseMs?: number
  /** Where other programs of this machine tell what they spend of the same budget. The limiter closes it. */
  readonly shared?: BudgetLog | undefined
  /** Live collection: bulk work on the same shared budget leaves it some room in every window. */
  readonly isLive?: boolean
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

interface Waiter {
  readonly weight: number
  readonly resolve: (permit: Permit) => void
  readonly reject: (error: Error) => void
  readonly signal: AbortSignal | undefined
  onAbort?: () => void
}

interface HeardClock {
  readonly aheadMs: number
  readonly uncertaintyMs: number
}

const DEFAULT_TARGET = 0.97
/** Longer pauses are not waited for unless somebody says so, ms. */
export const MAX_PAUSE = 5 * 60_000
/** Wait of a request whose room another program took in the same instant, ms: at least, and spread over so much more. */
const AGAIN = 3
/** How often what newcomers should know is told again, ms: well before it is too old to be read. */
const ANNOUNCE = 120_000
/** The server's clock was measured, or set: what is written down then belongs to other windows than it was counted in, ms. */
const CLOCK_JUMP = 15

/**
 * A rate budget: lets requests through, first come first served, so that the weight that the server counts never
 * passes the target share of its limits. It knows what it spent itself and what other programs of this machine spend
 * (`shared`), learns from the answers' headers what strangers on the same address spend, and stops altogether when the
 * server says so (429, 418).
 */
export class RateLimiter implements Disposable {
  readonly name: string
  readonly #target: number
  readonly #clock: WindowClock
  readonly #isClockKnown: () => boolean
  readonly #maxPauseMs: number
  readonly #log: Log
  readonly #isLive: boolean
  #windows: RateWindow[]
  /** Requests in flight: ours, and those of other programs. */
  readonly #flights = new Set<Flight>()
  readonly #queue: Waiter[] = []
  #share: BudgetShare | undefined
  #number = 0
  /** The server's clock as another program has measured it. */
  #heard: HeardClock | undefined
  #announcedAt = 0
  /** What we or another program last said of the weight that the exchange allows. */
  #told: RateLimit | undefined
  /** What the server's clock was ahead of the monotonic one when windows were last counted from the log. */
  #offset = 0
  #timer: NodeJS.Timeout | undefined
  /** Monotonic instant until which nothing may be sent. */
  #pausedUntil = 0

  constructor(options: RateLimiterOptions) {
    this.name = options.name ?? 'rate budget'
    this.#target = options.target ?? DEFAULT_TARGET
    if (!(this.#target > 0 && this.#target <= 1)) {
      throw new InvalidRangeError(`${this.name}: the target ${this.#target} must be above 0 and at most 1.`)
    }
    const { now = Date.now, uncertaintyMs = () => 0, shared } = options
    this.#isClockKnown = options.isClockKnown ?? (() => true)
    const heard = (): HeardClock | undefined => (this.#isClockKnown() ? undefined : this.#heard)
    this.#clock = {
      now: () => (shared && heard() ? shared.now() + this.#heard!.aheadMs : now()),
      uncertaintyMs: () => heard()?.uncertaintyMs ?? uncertaintyMs(),
    }
    this.#maxPauseMs = options.maxPauseMs ?? MAX_PAUSE
    this.#log = options.log ?? silentLog
    this.#isLive = options.isLive ?? false
    this.#windows = options.limits.map((limit) => new RateWindow(limit, this.#clock, this.#target))
    if (shared) this.#join(shared)
  }

  get limits(): readonly RateLimit[] {
    return this.#windows.map((window) => window.limit)
  }

  /** Whether other programs of this machine share this budget. */
  get isShared(): boolean {
    return this.#share !== undefined
  }

  /** Takes limits as the exchange states them now. What was spent in windows that stay is kept. */
  setLimits(limits: readonly RateLimit[]): void {
    const isNew = limits.some((limit) => !this.#windows.some((one) => isSame(one.limit, limit)))
    this.#listen()
    this.#adopt(limits)
    const [weight, ...more] = limits.filter((limit) => limit.counts === 'weight')
    this.#told = more.length === 0 ? weight : undefined
    this.#announce()
    // Where all was written down, it is known when what was spent.
    if (isNew && this.#share) this.#replay()
    this.#pump()
  }

  #adopt(limits: readonly RateLimit[]): void {
    this.#windows = limits.map((limit) => {
      const same = this.#windows.find((one) => isSame(one.limit, limit))
      if (same) return same.with(limit)
      const window = new RateWindow(limit, this.#clock, this.#target)
      // Nobody noted when what was spent so far was spent: until the new window ends, all of it may be its share.
      const known = this.#windows.filter((one) => one.limit.counts === limit.counts).map((one) => one.own)
      window.own = Math.max(window.costOfAll(this.#flights), ...known)
      return window
    })
  }

  /** Resolves when a request of this weight may be sent. @throws RateLimitExceeded during a long ban; the signal's error. */
  acquire(weight: number, signal?: AbortSignal): Promise<Permit> {
    if (signal?.aborted) return Promise.reject(abortError(signal))
    for (const window of this.#windows) {
      if (window.costOf(weight) > window.limit.limit) {
        return Promise.reject(
          new InvalidRangeError(
            `${this.name}: a request of weight ${weight} passes the whole limit of ${window.limit.limit}.`,
          ),
        )
      }
    }
    this.#listen()
    if (this.#queue.length === 0 && this.#waitFor(weight) <= 0) {
      const permit = this.#grant(weight)
      if (permit) return Promise.resolve(permit)
    }
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
    this.#listen()
    if (this.#pausedUntil > performance.now()) return 0
    let requests = Number.POSITIVE_INFINITY
    for (const window of this.#windows) {
      this.#roll(window)
      const cost = window.costOf(weight)
      if (cost > 0) requests = Math.min(requests, Math.floor(Math.max(0, window.room()) / cost))
    }
    return requests
  }

  /** Sends nothing for a while: the server answered 429 or 418. */
  pause(ms: number): void {
    if (this.#hold(ms)) this.#share?.tell('pause', 0, ms)
  }

  /** Ends the sharing: what is in flight counts as sent. Whoever waits is not ended by this. */
  close(): void {
    const share = this.#share
    this.#share = undefined
    if (!share) return
    for (const flight of this.#flights)
      if (flight.sender === undefined) share.tell('finish', flight.number, flight.weight)
    share.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #hold(ms: number): boolean {
    const until = performance.now() + ms
    if (until <= this.#pausedUntil) return false
    this.#pausedUntil = until
    this.#log.warn({ pool: this.name, pauseMs: Math.ceil(ms) }, 'the exchange asks for a pause')
    if (ms > this.#maxPauseMs) {
      for (const waiter of this.#queue.splice(0)) {
        if (waiter.onAbort) waiter.signal?.removeEventListener('abort', waiter.onAbort)
        waiter.reject(this.#paused(ms))
      }
    }
    this.#pump()
    return true
  }

  #paused(ms: number): RateLimitExceeded {
    const seconds = Math.ceil(ms / 1000)
    return new RateLimitExceeded(
      `${this.name}: the exchange takes no requests from this address for another ${seconds} s. Try again then; other programs on this address may be spending its rate limit.`,
      { retryAfterMs: ms, banned: true, retryable: false },
    )
  }

  #join(shared: BudgetLog): void {
    const toServer = (at: number): number => this.#clock.now() - (shared.now() - at)
    this.#share = new BudgetShare(
      shared,
      {
        claim: (flight, at) => {
          for (const window of this.#windows) {
            window.rollAt(toServer(at), this.#flights)
            window.add(flight.weight)
          }
          this.#flights.add(flight)
        },
        end: (flight, at, wasSent) => {
          this.#flights.delete(flight)
          for (const window of this.#windows) {
            if (wasSent) window.carry(flight.weight, toServer(at))
            else window.giveBack(flight.weight)
          }
        },
        ours: (type, weight, at) => {
          for (const window of this.#windows) {
            if (type === 'finish') window.carry(weight, toServer(at))
            else if (type === 'cancel') window.giveBack(weight)
            else {
              window.rollAt(toServer(at), this.#flights)
              window.add(weight)
            }
          }
        },
        forget: (flight) => this.#flights.delete(flight),
        pause: (ms) => this.#hold(ms),
        others: (windowMs, weight, at) => {
          for (const window of this.#windows) {
            if (window.limit.windowMs !== windowMs || window.limit.counts !== 'weight') continue
            window.rollAt(toServer(at), this.#flights)
            if (window.reaches(toServer(at))) window.others = Math.max(window.others, weight)
          }
        },
        limit: (windowMs, limit) => {
          this.#told = { windowMs, limit, counts: 'weight' }
        },
        clock: (aheadMs, uncertaintyMs) => {
          this.#heard = { aheadMs, uncertaintyMs }
        },
        failed: (error) => {
          this.#share = undefined
          this.#log.warn(
            { pool: this.name, error: error.message },
            'the rate budget is not shared with other programs any more',
          )
        },
      },
      this.#isLive,
    )
    this.#share.start()
    this.#replay()
  }

  /** Takes in what others told. */
  #listen(): void {
    if (!this.#share) return
    const offset = this.#clock.now() - performance.now()
    if (Math.abs(offset - this.#offset) > CLOCK_JUMP) {
      this.#replay()
      this.#announce()
      return
    }
    this.#share.listen()
    this.#heed()
    if (performance.now() - this.#announcedAt > ANNOUNCE) this.#announce()
  }

  /** Tells what whoever comes later should know before its first request. */
  #announce(): void {
    this.#announcedAt = performance.now()
    const pause = this.#pausedUntil - this.#announcedAt
    if (this.#isClockKnown()) this.#share?.tellClock(this.#clock)
    if (this.#told) this.#share?.tell('limit', this.#told.windowMs, this.#told.limit)
    if (pause > 0) this.#share?.tell('pause', 0, pause)
  }

  /** Counts anew all that is written down: by other limits, or by a clock that was set. */
  #replay(): void {
    const counted = this.#windows
    this.#offset = this.#clock.now() - performance.now()
    this.#windows = counted.map(({ limit }) => new RateWindow(limit, this.#clock, this.#target, 0))
    this.#share?.replay()
    if (!this.#share) this.#windows = counted
    this.#heed()
  }

  /** Goes by the limits that somebody told last: what is written down is counted by them. */
  #heed(): void {
    const told = this.#told
    if (!told || !this.#share) return
    const weights = this.limits.filter((limit) => limit.counts === 'weight')
    if (weights.length === 1 && isSame(weights[0]!, told) && weights[0]!.limit === told.limit) return
    this.#adopt([told, ...this.limits.filter((limit) => limit.counts !== 'weight')])
    this.#replay()
  }

  #roll(window: RateWindow): void {
    if (window.isOver()) this.#share?.forgetDead(window.limit.windowMs)
    window.roll(this.#flights)
  }

  /** Milliseconds until a request of this weight may be sent; 0 for now. */
  #waitFor(weight: number): number {
    let wait = this.#pausedUntil - performance.now()
    const yields = this.#share?.meetsLive ?? false
    for (const window of this.#windows) {
      this.#roll(window)
      wait = Math.max(wait, window.waitFor(weight, yields))
    }
    return Math.max(0, wait)
  }

  #pump(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#queue.length > 0) this.#listen()
    for (;;) {
      const head = this.#queue[0]
      if (!head) return
      const wait = this.#waitFor(head.weight)
      const permit = wait > 0 ? undefined : this.#grant(head.weight)
      if (!permit) {
        const again = Math.max(wait, this.#waitFor(head.weight)) || AGAIN * (1 + Math.random())
        this.#timer = setTimeout(() => this.#pump(), Math.min(again, 60_000))
        return
      }
      this.#queue.shift()
      if (head.onAbort) head.signal?.removeEventListener('abort', head.onAbort)
      head.resolve(permit)
    }
  }

  /** Undefined when another program was faster. */
  #grant(weight: number): Permit | undefined {
    const flight: Flight = { weight, sentAt: performance.now(), number: ++this.#number }
    const share = this.#share
    if (share && !share.claim(flight, () => this.#waitFor(weight) <= 0)) return undefined
    this.#flights.add(flight)
    for (const window of this.#windows) window.add(weight)
    return {
      weight,
      finish: (used) => {
        if (!this.#flights.delete(flight)) return
        for (const window of this.#windows) window.carry(weight)
        this.#share?.tell('finish', flight.number, weight)
        if (used) this.#learn(flight, used)
        this.#pump()
      },
      cancel: () => {
        if (!this.#flights.delete(flight)) return
        for (const window of this.#windows) window.giveBack(weight)
        this.#share?.tell('cancel', flight.number, weight)
        this.#pump()
      },
    }
  }

  /** Corrects the count by an answer's header. */
  #learn(flight: Flight, used: ReadonlyMap<number, number>): void {
    this.#listen()
    for (const window of this.#windows) {
      const header = used.get(window.limit.windowMs)
      if (header === undefined || window.limit.counts !== 'weight') continue
      const before = window.index
      this.#roll(window)
      // An answer to a request of the former window may speak of that one.
      if (window.index !== before) continue
      const { others: known } = window
      if (!window.correct(flight, this.#flights, header)) continue
      this.#share?.tell('others', window.limit.windowMs, window.others)
      if (known > 0) continue
      this.#log.info({ pool: this.name, used: header, own: window.own }, 'another program spends the same rate limit')
    }
  }
}

function isSame(a: RateLimit, b: RateLimit): boolean {
  return a.windowMs === b.windowMs && a.counts === b.counts
}
