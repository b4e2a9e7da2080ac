import { StorageError } from '../model/errors.ts'
import type { BudgetEvent, BudgetEventType, BudgetLog } from './budget-log.ts'
import type { Flight, WindowClock } from './rate-window.ts'

/** What a limiter does about what other programs tell. Instants are on the log's clock, ms. */
export interface BudgetListener {
  claim(flight: Flight, at: number): void
  end(flight: Flight, at: number, wasSent: boolean): void
  /** What we told ourselves, gone through again. */
  ours(type: 'claim' | 'finish' | 'cancel', weight: number, at: number): void
  /** A request of a program that died, which may or may not have reached the server. */
  forget(flight: Flight): void
  pause(ms: number): void
  others(windowMs: number, weight: number, at: number): void
  /** The exchange allows so much weight per window. */
  limit(windowMs: number, weight: number): void
  /** The server's clock is so far ahead of the log's, give or take `uncertaintyMs`. */
  clock(aheadMs: number, uncertaintyMs: number): void
  /** Nothing is shared any more. */
  failed(error: StorageError): void
}

/** A request that is answered by nobody is over after this, ms. */
const LONGEST_FLIGHT = 120_000
/** What a program sent just before it died may still be on its way, ms; half a window where that is less. */
const LAST_WORDS = 10_000
/** An event that lies further ahead than this is of a former start of the machine, ms. */
const AHEAD = 1_000
/** How long after its last word a live collector is taken to be there, and how often it says a word, ms. */
const LIVE_FOR = 150_000
const LIVE_EVERY = 60_000

/** One limiter's part in a budget that several programs share. A log that fails ends the sharing, not the work. */
export class BudgetShare {
  readonly #log: BudgetLog
  readonly #listener: BudgetListener
  readonly #isLive: boolean
  readonly #foreign = new Map<string, Flight>()
  #presence: NodeJS.Timeout | undefined
  #liveUntil = 0
  #isOver = false

  constructor(log: BudgetLog, listener: BudgetListener, isLive: boolean) {
    this.#log = log
    this.#listener = listener
    this.#isLive = isLive
  }

  /** Tells from now on that a live collector is there, if we are one. */
  start(): void {
    if (!this.#isLive || this.#isOver) return
    this.tell('here', 0, 0)
    this.#presence = setInterval(() => this.tell('here', 0, 0), LIVE_EVERY)
    this.#presence.unref()
  }

  /** Whether we are bulk work and a live collector uses the same budget. */
  get meetsLive(): boolean {
    return !this.#isLive && this.#log.now() < this.#liveUntil
  }

  /** Takes in what others told since the last time. */
  listen(): void {
    this.#guard(() => this.#log.read((event) => this.#hear(event)))
  }

  /** Takes in once more all that is kept, our own part included. */
  replay(): void {
    this.#guard(() => {
      this.#forgetAll()
      this.#log.rewind()
      this.#log.read((event) => {
        const { type } = event
        if (!event.isOwn || type === 'limit') this.#hear(event)
        else if (type === 'claim' || type === 'finish' || type === 'cancel') {
          this.#listener.ours(type, event.value, event.at)
        }
      })
    })
  }

  /** Tells what time it is at the server, as we have measured it. */
  tellClock(clock: WindowClock): void {
    this.tell('clock', Math.ceil(clock.uncertaintyMs()), clock.now() - this.#log.now())
  }

  tell(type: BudgetEventType, number: number, value: number): void {
    this.#guard(() => this.#log.append(type, number, value))
  }

  /**
   * Claims room for a request. The order of the log decides: what was claimed before counts, what comes after does not.
   * @param fits Whether there is room, by what is known when it is called.
   */
  claim(flight: Flight, fits: () => boolean): boolean {
    let verdict: boolean | undefined
    this.#guard(() => {
      this.#log.append('claim', flight.number, flight.weight)
      this.#log.read((event) => {
        if (!event.isOwn) this.#hear(event)
        else if (event.type === 'claim' && event.number === flight.number) verdict ??= fits()
      })
      if (verdict === false) this.#log.append('cancel', flight.number, flight.weight)
    })
    // A log that lost our word is none: alone, then, as before the claim.
    if (verdict === undefined && !this.#isOver)
      this.#fail(new StorageError(this.#log.folder, 'what was written did not come back'))
    return verdict ?? fits()
  }

  /** Lets go of what dead programs had in flight, as a window of so many ms begins. */
  forgetDead(windowMs: number): void {
    if (this.#foreign.size === 0) return
    const now = performance.now()
    const alive = new Map<number, boolean>()
    for (const [key, flight] of this.#foreign) {
      const age = now - flight.sentAt
      if (age < Math.min(LAST_WORDS, windowMs / 2)) continue
      const pid = flight.pid!
      if (!alive.has(pid)) alive.set(pid, isAlive(pid))
      if (alive.get(pid) && age < LONGEST_FLIGHT) continue
      this.#foreign.delete(key)
      this.#listener.forget(flight)
    }
  }

  close(): void {
    this.#isOver = true
    clearInterval(this.#presence)
    this.#log.close()
  }

  #hear(event: BudgetEvent): void {
    if (event.type === 'limit') this.#listener.limit(event.number, event.value)
    const age = this.#log.now() - event.at
    // The machine was started anew since: its clock begins at nothing each time.
    if (event.isOwn || age < -AHEAD) return
    if (event.isLive) this.#liveUntil = Math.max(this.#liveUntil, event.at + LIVE_FOR)
    const key = `${event.sender}:${event.number}`
    if (event.type === 'claim') {
      if (this.#foreign.has(key)) return
      const { number, sender, pid, value: weight } = event
      const flight: Flight = { weight, sentAt: performance.now() - age, number, sender, pid }
      this.#foreign.set(key, flight)
      this.#listener.claim(flight, event.at)
    } else if (event.type === 'finish' || event.type === 'cancel') {
      const flight = this.#foreign.get(key)
      if (!flight) return
      this.#foreign.delete(key)
      this.#listener.end(flight, event.at, event.type === 'finish')
    } else if (event.type === 'clock') this.#listener.clock(event.value, event.number)
    else if (event.type === 'pause') {
      if (event.value > age) this.#listener.pause(event.value - age)
    } else if (event.type === 'others') this.#listener.others(event.number, event.value, event.at)
  }

  #guard(work: () => void): void {
    if (this.#isOver) return
    try {
      work()
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      this.#fail(error)
    }
  }

  #fail(error: StorageError): void {
    this.close()
    this.#forgetAll()
    this.#listener.failed(error)
  }

  #forgetAll(): void {
    for (const flight of this.#foreign.values()) this.#listener.forget(flight)
    this.#foreign.clear()
  }
}

/** Whether a program of this machine runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
