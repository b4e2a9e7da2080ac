import { InvalidRangeError } from '../model/errors.ts'
import type { Market } from '../model/series.ts'

/** What a snapshot of so many levels a side costs of the exchange's weight. */
export interface SnapshotCost {
  readonly depth: number
  readonly weight: number
}

export interface SnapshotBudget {
  /** Depths that the market offers, any order. */
  readonly costs: readonly SnapshotCost[]
  /** Weight that snapshots may use in any minute. */
  readonly weightPerMinute: number
  /** Markets of the same pool share what is used; the market's own name without it. */
  readonly pool?: string
}

export interface SnapshotQueueOptions {
  readonly budgets: Readonly<Partial<Record<Market, SnapshotBudget>>>
  /** Snapshots on their way at once. Default 4. */
  readonly concurrency?: number
  /** A request gains one step of priority for so long a wait, ms: nobody waits for ever. Default 5 s. */
  readonly agingMs?: number
  /** Wait before the second attempt of a book, ms, doubled for each further one up to `maxRetryMs`. Default 500 ms. */
  readonly retryMs?: number
  /** Default 30 s. */
  readonly maxRetryMs?: number
}

export interface SnapshotRequest {
  readonly market: Market
  readonly symbol: string
  /** Levels a side that the user wants. */
  readonly depth: number
  /** Higher goes first; 0 for a start, more for a book that someone looks at, less for a refresh. */
  readonly priority: number
  /** As `SnapshotWish` counts them. */
  readonly attempt: number
}

/** A snapshot to fetch now. Hand it to `finished` when it is over, whatever became of it. */
export interface SnapshotTurn {
  readonly market: Market
  readonly symbol: string
  /** Levels a side to ask for: the smallest that the exchange offers with at least those wanted. */
  readonly depth: number
  readonly weight: number
}

interface Waiting {
  readonly market: Market
  readonly symbol: string
  cost: SnapshotCost
  priority: number
  readonly since: number
  notBefore: number
}

const WINDOW_MS = 60_000

/**
 * Who gets the next snapshot. Hundreds of books may start at once, and each costs a share of the weight that the
 * exchange allows: one turn at a time, by priority and then by age, never more weight in any 60 s than the budget.
 * Pure: it does no I/O and has no clock.
 */
export class SnapshotQueue {
  readonly #options: Required<SnapshotQueueOptions>
  readonly #waiting = new Map<string, Waiting>()
  readonly #running = new Map<string, SnapshotTurn>()
  /** Turns of the last minute by pool, oldest first. */
  readonly #spent = new Map<string, { at: number; weight: number }[]>()
  readonly #pausedUntil = new Map<string, number>()

  /** @throws InvalidRangeError for a budget in which not even the cheapest snapshot fits. */
  constructor(options: SnapshotQueueOptions) {
    this.#options = { concurrency: 4, agingMs: 5000, retryMs: 500, maxRetryMs: 30_000, ...options }
    for (const [market, budget] of Object.entries(options.budgets)) {
      const cheapest = Math.min(...budget.costs.map((cost) => cost.weight))
      if (!(budget.weightPerMinute >= cheapest)) {
        throw new InvalidRangeError(
          `${budget.weightPerMinute} weight a minute for book snapshots of ${market} is less than one costs (${cheapest}).`,
        )
      }
    }
  }

  /** Requests that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Turns given and not finished. */
  get running(): number {
    return this.#running.size
  }

  /**
   * Asks for a snapshot. A book that waits already keeps its place, with the higher of both priorities and
   * the deeper of both depths, and waits no longer than the new one would.
   * @returns false for a book that waits or is being fetched already.
   * @throws InvalidRangeError for a market without a budget.
   */
  add(request: SnapshotRequest, now: number): boolean {
    const { market, symbol, attempt } = request
    const key = `${market}/${symbol}`
    const cost = this.#cost(market, request.depth)
    const delay = attempt <= 1 ? 0 : Math.min(this.#options.retryMs * 2 ** (attempt - 2), this.#options.maxRetryMs)
    const there = this.#waiting.get(key)
    if (there) {
      there.priority = Math.max(there.priority, request.priority)
      if (cost.depth > there.cost.depth) there.cost = cost
      there.notBefore = Math.min(there.notBefore, now + delay)
      return false
    }
    // The answer on its way may be the one that was found too old: the new one waits behind it.
    this.#waiting.set(key, { market, symbol, cost, priority: request.priority, since: now, notBefore: now + delay })
    return !this.#running.has(key)
  }

  /** Forgets a book that waits: it was unsubscribed, or is right again. */
  remove(market: Market, symbol: string): boolean {
    return this.#waiting.delete(`${market}/${symbol}`)
  }

  /** Whose turn it is, or undefined: then `wait` says for how long. */
  next(now: number): SnapshotTurn | undefined {
    if (this.#running.size >= this.#options.concurrency) return undefined
    let best: Waiting | undefined
    // Only the head of each pool counts: cheap ones must not overtake an expensive one for ever.
    for (const pool of this.#pools()) {
      const head = this.#head(pool, now)
      if (!head || this.#roomAt(pool, head.cost.weight, now) > now) continue
      if (!best || this.#rank(head, now) > this.#rank(best, now)) best = head
    }
    if (!best) return undefined
    const key = `${best.market}/${best.symbol}`
    const { market, symbol, cost } = best
    const turn = { market, symbol, depth: cost.depth, weight: cost.weight }
    this.#waiting.delete(key)
    this.#running.set(key, turn)
    this.#spentOf(this.#pool(market), now).push({ at: now, weight: cost.weight })
    return turn
  }

  /** A turn is over: it succeeded, failed, or was given up. A failed one comes back with `add`. */
  finished(turn: SnapshotTurn): void {
    this.#running.delete(`${turn.market}/${turn.symbol}`)
  }

  /** The exchange said to wait (429, 418): no turns of the market's pool before `until`, epoch ms. */
  pause(market: Market, until: number): void {
    const pool = this.#pool(market)
    this.#pausedUntil.set(pool, Math.max(until, this.#pausedUntil.get(pool) ?? 0))
  }

  /**
   * Milliseconds until `next` can have a turn again; 0 for now. Undefined while nothing waits, or only for a turn to
   * finish.
   */
  wait(now: number): number | undefined {
    if (this.#running.size >= this.#options.concurrency) return undefined
    let soonest: number | undefined
    for (const pool of this.#pools()) {
      const head = this.#head(pool, now)
      const at = head ? this.#roomAt(pool, head.cost.weight, now) : this.#nextRetry(pool, now)
      if (at !== undefined && (soonest === undefined || at < soonest)) soonest = at
    }
    return soonest === undefined ? undefined : Math.max(0, soonest - now)
  }

  /** Pools that something waits for. */
  #pools(): Set<string> {
    return new Set([...this.#waiting.values()].map((entry) => this.#pool(entry.market)))
  }

  #rank(entry: Waiting, now: number): number {
    return entry.priority + Math.max(0, now - entry.since) / this.#options.agingMs
  }

  /** The first in line of a pool among those whose time has come. */
  #head(pool: string, now: number): Waiting | undefined {
    let head: Waiting | undefined
    for (const entry of this.#waiting.values()) {
      if (entry.notBefore > now || this.#pool(entry.market) !== pool) continue
      if (this.#running.has(`${entry.market}/${entry.symbol}`)) continue
      if (!head || this.#rank(entry, now) > this.#rank(head, now)) head = entry
    }
    return head
  }

  #nextRetry(pool: string, now: number): number | undefined {
    let soonest: number | undefined
    for (const entry of this.#waiting.values()) {
      if (entry.notBefore <= now || this.#pool(entry.market) !== pool) continue
      if (soonest === undefined || entry.notBefore < soonest) soonest = entry.notBefore
    }
    return soonest
  }

  /** When a pool has room for so much weight, epoch ms; `now` at the earliest. */
  #roomAt(pool: string, weight: number, now: number): number {
    const spent = this.#spentOf(pool, now)
    let left = this.#limit(pool) - spent.reduce((sum, turn) => sum + turn.weight, 0)
    let at = Math.max(now, this.#pausedUntil.get(pool) ?? now)
    for (const turn of spent) {
      if (left >= weight) break
      left += turn.weight
      at = Math.max(at, turn.at + WINDOW_MS)
    }
    return at
  }

  #spentOf(pool: string, now: number): { at: number; weight: number }[] {
    const spent = (this.#spent.get(pool) ?? []).filter((turn) => turn.at + WINDOW_MS > now)
    this.#spent.set(pool, spent)
    return spent
  }

  #budget(market: Market): SnapshotBudget {
    const budget = this.#options.budgets[market]
    if (!budget) throw new InvalidRangeError(`No budget is set for book snapshots of ${market}.`)
    return budget
  }

  #pool(market: Market): string {
    return this.#budget(market).pool ?? market
  }

  /** Of markets that share a pool the smallest limit holds. */
  #limit(pool: string): number {
    let limit = Number.POSITIVE_INFINITY
    for (const [market, budget] of Object.entries(this.#options.budgets)) {
      if ((budget.pool ?? market) === pool) limit = Math.min(limit, budget.weightPerMinute)
    }
    return limit
  }

  /** The smallest depth that holds what is wanted and fits the budget; the deepest that fits when none holds it. */
  #cost(market: Market, wanted: number): SnapshotCost {
    const budget = this.#budget(market)
    const affordable = budget.costs
      .filter((cost) => cost.weight <= this.#limit(budget.pool ?? market))
      .sort((a, b) => a.depth - b.depth)
    return affordable.find((cost) => cost.depth >= wanted) ?? affordable.at(-1)!
  }
}
