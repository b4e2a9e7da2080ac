import type { SandboxClock } from './clock.ts'

/** Requests that an address may make after its first 429 of a window before it is banned. */
const PATIENCE = 20
/** A first ban lasts two windows (two minutes on the real exchange), the next ones twice as long each. */
const FIRST_BAN_WINDOWS = 2
const LONGEST_BAN = 3 * 86_400_000
/** Each call made during a ban makes it longer by so much. */
const BAN_EXTENSION = 1_000

/** Funding calls of an address on USD-M, apart from their weight. */
export const FUNDING_CALLS = { limit: 500, windowMs: 5 * 60_000 }
/** Calls of `/futures/data`, likewise. */
export const DATA_CALLS = { limit: 1000, windowMs: 5 * 60_000 }

/** What one market's meter has seen. */
export interface WeightUsage {
  readonly limit: number
  /** Used in the running window, by the address that used most. */
  readonly used: number
  /** Start of the running window on the exchange's clock. */
  readonly windowStart: number
  /** Highest use of one address in any window, refused requests included. */
  readonly highest: number
  readonly requests: number
  readonly rejected429: number
  readonly rejected418: number
}

export type Verdict =
  | { readonly ok: true; readonly used: number }
  | {
      readonly ok: false
      readonly status: 429 | 418
      readonly used: number
      readonly retryAfterS: number
      readonly until: number
    }

interface Client {
  window: number
  used: number
  refused: number
  bannedUntil: number
  bans: number
}

/** The weight meter of one market: fixed windows on the exchange's clock, per address, 429 and then bans. */
export class WeightMeter {
  readonly limit: number
  readonly windowMs: number
  readonly #clock: SandboxClock
  readonly #clients = new Map<string, Client>()
  #highest = 0
  #requests = 0
  #rejected429 = 0
  #rejected418 = 0

  constructor(clock: SandboxClock, limit: number, windowMs: number) {
    this.#clock = clock
    this.limit = limit
    this.windowMs = windowMs
  }

  /** A meter of its own on the same clock, for requests that count elsewhere too. */
  beside(limit: number, windowMs: number): WeightMeter {
    return new WeightMeter(this.#clock, limit, windowMs)
  }

  /** Counts a request of some weight and says whether it may pass. */
  take(address: string, weight: number): Verdict {
    const now = this.#clock.now()
    const window = Math.floor(now / this.windowMs)
    const client = this.#client(address, window)
    this.#requests++
    if (now < client.bannedUntil) {
      client.bannedUntil = Math.min(client.bannedUntil + BAN_EXTENSION, now + LONGEST_BAN)
      return this.#banned(client, now)
    }
    client.used += weight
    this.#highest = Math.max(this.#highest, client.used)
    if (client.used <= this.limit) return { ok: true, used: client.used }
    if (++client.refused > PATIENCE) {
      client.bannedUntil = now + Math.min(LONGEST_BAN, FIRST_BAN_WINDOWS * this.windowMs * 2 ** client.bans)
      client.bans++
      return this.#banned(client, now)
    }
    this.#rejected429++
    const until = (window + 1) * this.windowMs
    return { ok: false, status: 429, used: client.used, retryAfterS: this.#seconds(until - now), until }
  }

  /** Weight used by an address in the running window. */
  used(address: string): number {
    return this.#client(address, Math.floor(this.#clock.now() / this.windowMs)).used
  }

  usage(): WeightUsage {
    const window = Math.floor(this.#clock.now() / this.windowMs)
    let used = 0
    for (const client of this.#clients.values()) if (client.window === window) used = Math.max(used, client.used)
    return {
      limit: this.limit,
      used,
      windowStart: window * this.windowMs,
      highest: this.#highest,
      requests: this.#requests,
      rejected429: this.#rejected429,
      rejected418: this.#rejected418,
    }
  }

  /** Forgets what was counted; the running window and bans stay. */
  reset(): void {
    this.#highest = 0
    this.#requests = 0
    this.#rejected429 = 0
    this.#rejected418 = 0
  }

  #client(address: string, window: number): Client {
    let client = this.#clients.get(address)
    if (!client) {
      client = { window, used: 0, refused: 0, bannedUntil: 0, bans: 0 }
      this.#clients.set(address, client)
    }
    if (client.window !== window) {
      client.window = window
      client.used = 0
      client.refused = 0
    }
    return client
  }

  #banned(client: Client, now: number): Verdict {
    this.#rejected418++
    const until = client.bannedUntil
    return { ok: false, status: 418, used: client.used, retryAfterS: this.#seconds(until - now), until }
  }

  #seconds(ms: number): number {
    return Math.max(1, Math.ceil(this.#clock.realMs(ms) / 1000))
  }
}

/** How a window is named in headers (`1M`) and in exchangeInfo (`MINUTE`, 1). */
export function windowName(windowMs: number): { header: string; interval: 'SECOND' | 'MINUTE'; intervalNum: number } {
  if (windowMs % 60_000 === 0)
    return { header: `${windowMs / 60_000}M`, interval: 'MINUTE', intervalNum: windowMs / 60_000 }
  return { header: `${windowMs / 1000}S`, interval: 'SECOND', intervalNum: windowMs / 1000 }
}
