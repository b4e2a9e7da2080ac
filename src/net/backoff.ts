/** Share of an outage that a wait may take: what lasted a minute is noticed to be over within two seconds. */
const SHARE = 1 / 64

export interface Backoff {
  /** Number of the failure, from 1. */
  readonly attempt: number
  /** Upper bound of the wait after the first failure, ms; it doubles with every further one. */
  readonly baseMs: number
  readonly maxMs: number
  /** How long it has been failing, ms. With it a wait stays short where the outage is. */
  readonly downMs?: number
  /** How many wait for the same: the first that gets through tells the others, so that each may try less often. */
  readonly sharedBy?: number
  /** How far apart tries have to be on average, whatever else, ms. */
  readonly spacingMs?: number
}

/** How long to wait before the next try, ms: full jitter, from 0 to a bound that rises with failures and with time. */
export function backoffMs({ attempt, baseMs, maxMs, downMs, sharedBy = 1, spacingMs = 0 }: Backoff): number {
  const rising = baseMs * 2 ** Math.min(attempt - 1, 30)
  const short = downMs === undefined ? maxMs : Math.max(baseMs, downMs * SHARE) * sharedBy
  return Math.random() * Math.max(Math.min(maxMs, rising, short), 2 * spacingMs * sharedBy)
}
