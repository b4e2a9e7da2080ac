import type { SandboxMarket } from '../market/listing.ts'

/** Times of a connection in real ms; the clock of the exchange has no part in them. */
export interface LiveTimes {
  /** Between pings (20 s on spot, 3 min on USD-M). */
  readonly pingMs?: number
  /** For the answer to a ping (1 min and 10 min). */
  readonly pongMs?: number
  /** Life of a connection (24 h). */
  readonly lifeMs?: number
}

export interface LiveLimits {
  /** Streams per connection (1024; on COIN-M 200). */
  readonly streams?: number
  /** Frames that a client may send in a second, pings and pongs included (5 on spot, 10 on USD-M). */
  readonly messagesPerSecond?: number
  /** Upgrades in five minutes and per address (300). */
  readonly attempts?: number
  /** Bytes that a client may leave unread before it is cut off (64 MiB). */
  readonly unreadBytes?: number
}

export type ConnectionRules = Required<LiveTimes> & Required<LiveLimits>

const RULES: Readonly<Record<SandboxMarket, ConnectionRules>> = {
  spot: {
    ...{ pingMs: 20_000, pongMs: 60_000, lifeMs: 86_400_000 },
    ...{ streams: 1024, messagesPerSecond: 5, attempts: 300, unreadBytes: 64 * 1024 * 1024 },
  },
  usdm: {
    ...{ pingMs: 180_000, pongMs: 600_000, lifeMs: 86_400_000 },
    ...{ streams: 1024, messagesPerSecond: 10, attempts: 300, unreadBytes: 64 * 1024 * 1024 },
  },
  coinm: {
    ...{ pingMs: 180_000, pongMs: 600_000, lifeMs: 86_400_000 },
    ...{ streams: 200, messagesPerSecond: 10, attempts: 300, unreadBytes: 64 * 1024 * 1024 },
  },
}

export function connectionRules(
  market: SandboxMarket,
  times: LiveTimes | undefined,
  limits: LiveLimits | undefined,
): ConnectionRules {
  return { ...RULES[market], ...times, ...limits }
}

const ATTEMPT_WINDOW = 300_000

/** Counts connection attempts per address. */
export class AttemptMeter {
  readonly #attempts = new Map<string, number[]>()

  /** False when the address has used up its attempts; seconds until it may try again. */
  take(address: string, limit: number): number | undefined {
    const now = performance.now()
    let list = this.#attempts.get(address)
    if (!list) {
      list = []
      this.#attempts.set(address, list)
    }
    while (list.length > 0 && list[0]! <= now - ATTEMPT_WINDOW) list.shift()
    if (list.length < limit) {
      list.push(now)
      return undefined
    }
    return Math.ceil((list[0]! + ATTEMPT_WINDOW - now) / 1000)
  }
}
