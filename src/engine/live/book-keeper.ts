import { setMaxListeners } from 'node:events'
import { type BookState, type BookStats, BookSync, SnapshotQueue, type SnapshotTurn } from '../../book/index.ts'
import type { LiveExchange, RepairClient } from '../../exchanges/stream.ts'
import { isAbortError } from '../../model/errors.ts'
import type { BookDelta, BookSnapshot, QuoteRecord } from '../../model/live/index.ts'
import { type Log, silentLog } from '../../model/log.ts'
import type { Market } from '../../model/series.ts'
import { tell } from '../../net/listener.ts'

export interface BookKeeperOptions {
  readonly live: LiveExchange
  readonly repair: RepairClient
  /** Levels per side that a book is started with. */
  readonly depth: number
  /** Time between the snapshots that are handed out of each synced book, ms; 0 for none. */
  readonly snapshotMs: number
  /** Price increment, where it is known. */
  readonly tickSize?: (market: Market, symbol: string) => string | undefined
  /** A snapshot that is worth keeping: a book began with it, or it is due. */
  readonly onSnapshot: (snapshot: BookSnapshot) => void
  readonly onState?: (change: BookStateChange) => void
  readonly log?: Log
}

export interface BookStateChange {
  readonly market: Market
  readonly symbol: string
  readonly from: BookState
  readonly to: BookState
  readonly reason: string
  readonly detail: string
  /** Local clock, epoch ms. */
  readonly at: number
}

export interface BookStatus extends BookStats {
  readonly market: Market
  readonly symbol: string
  readonly bid: number | undefined
  readonly ask: number | undefined
}

interface Kept {
  readonly sync: BookSync
  lastSnapshotAt: number
}

const TICK_MS = 500

/** Keeps books right: hands them their updates, and fetches the snapshots that they wish for within the weight budget. */
export class BookKeeper implements AsyncDisposable {
  readonly #options: BookKeeperOptions
  readonly #log: Log
  readonly #queue: SnapshotQueue
  readonly #books = new Map<Market, Map<string, Kept>>()
  readonly #stop = new AbortController()
  readonly #fetches = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #ticker: NodeJS.Timeout | undefined
  #changes: BookStateChange[] = []

  constructor(options: BookKeeperOptions & { readonly markets: readonly Market[] }) {
    this.#options = options
    this.#log = options.log ?? silentLog
    this.#queue = new SnapshotQueue({
      budgets: Object.fromEntries(options.markets.map((market) => [market, options.live.snapshots(market)])),
    })
    // One listener per snapshot on its way: not a leak.
    setMaxListeners(0, this.#stop.signal)
    this.#ticker = setInterval(() => this.#tick(), TICK_MS)
  }

  /** The book of a symbol; undefined when none is kept. */
  book(market: Market, symbol: string): BookSync | undefined {
    return this.#books.get(market)?.get(symbol)?.sync
  }

  /** Changes of state, oldest first; the last 1000. */
  get changes(): readonly BookStateChange[] {
    return this.#changes
  }

  add(market: Market, symbol: string): BookSync {
    const symbols = this.#books.get(market) ?? new Map<string, Kept>()
    this.#books.set(market, symbols)
    const there = symbols.get(symbol)
    if (there) return there.sync
    const tickSize = this.#options.tickSize?.(market, symbol)
    const kept: Kept = {
      lastSnapshotAt: Number.NaN,
      sync: new BookSync(
        { market, symbol, ...(tickSize === undefined ? {} : { tickSize }) },
        {
          needSnapshot: ({ reason, attempt, at }) => {
            const priority = reason === 'refresh' ? -1 : attempt > 1 ? 1 : 0
            this.#queue.add({ market, symbol, depth: this.#options.depth, priority, attempt }, at)
            this.#schedule(0)
          },
          stateChange: ({ from, to, reason, detail, at }) =>
            this.#changed({ market, symbol, from, to, reason, detail, at }),
          adopted: (snapshot, at) => {
            kept.lastSnapshotAt = at
            this.#options.onSnapshot(snapshot)
          },
          refreshed: (snapshot, at) => {
            kept.lastSnapshotAt = at
            this.#options.onSnapshot(snapshot)
          },
          oddity: ({ type, detail }) => this.#log.debug({ market, symbol, type }, detail),
        },
      ),
    }
    symbols.set(symbol, kept)
    return kept.sync
  }

  remove(market: Market, symbol: string): void {
    this.#books.get(market)?.delete(symbol)
    this.#queue.remove(market, symbol)
  }

  delta(delta: BookDelta, now: number): void {
    this.#books.get(delta.market)?.get(delta.symbol)?.sync.delta(delta, now)
  }

  quote(quote: QuoteRecord, now: number): void {
    this.#books.get(quote.market)?.get(quote.symbol)?.sync.quote(quote, now)
  }

  connected(market: Market, symbol: string, now: number): void {
    this.#books.get(market)?.get(symbol)?.sync.connected(now)
  }

  disconnected(market: Market, symbol: string, reason: string, now: number): void {
    this.#books.get(market)?.get(symbol)?.sync.disconnected(reason, now)
  }

  /** The exchange counts its ids anew. */
  renewed({ market, symbol }: { market: Market; symbol: string }, reason: string, now: number): void {
    this.#books.get(market)?.get(symbol)?.sync.renewed(reason, now)
  }

  status(now = Date.now()): BookStatus[] {
    return [...this.#books].flatMap(([market, symbols]) =>
      [...symbols].map(([symbol, { sync }]) => ({
        market,
        symbol,
        ...sync.stats(now),
        bid: sync.book.bestBid,
        ask: sync.book.bestAsk,
      })),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#ticker)
    clearTimeout(this.#timer)
    this.#stop.abort()
    await Promise.allSettled(this.#fetches)
  }

  #changed(change: BookStateChange): void {
    this.#changes.push(change)
    if (this.#changes.length > 1000) this.#changes = this.#changes.slice(-1000)
    const { market, symbol, reason } = change
    if (change.to === 'stale') this.#log.warn({ market, symbol, reason }, `the book is stale: ${change.detail}`)
    tell(this.#options.onState, change, (error) => this.#log.error({ err: error }, 'onBook threw'))
  }

  #tick(): void {
    const now = Date.now()
    const { snapshotMs } = this.#options
    for (const symbols of this.#books.values()) {
      for (const kept of symbols.values()) {
        kept.sync.tick(now)
        if (snapshotMs <= 0 || !(now - kept.lastSnapshotAt >= snapshotMs)) continue
        const snapshot = kept.sync.toSnapshot(now, this.#options.depth)
        if (!snapshot) continue
        kept.lastSnapshotAt = now
        this.#options.onSnapshot(snapshot)
      }
    }
  }

  #schedule(delay: number): void {
    if (this.#stop.signal.aborted) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#pump(), delay)
  }

  #pump(): void {
    for (let turn = this.#queue.next(Date.now()); turn; turn = this.#queue.next(Date.now())) {
      const fetch: Promise<void> = this.#fetch(turn).finally(() => {
        this.#fetches.delete(fetch)
        this.#queue.finished(turn as SnapshotTurn)
        this.#schedule(0)
      })
      this.#fetches.add(fetch)
    }
    const wait = this.#queue.wait(Date.now())
    if (wait !== undefined) this.#schedule(Math.max(1, wait))
  }

  async #fetch({ market, symbol, depth }: SnapshotTurn): Promise<void> {
    try {
      const snapshot = await this.#options.repair.bookSnapshot({ market, symbol, depth, signal: this.#stop.signal })
      this.#books.get(market)?.get(symbol)?.sync.snapshot(snapshot, Date.now())
    } catch (error) {
      if (isAbortError(error) || this.#stop.signal.aborted) return
      const now = Date.now()
      const retryAfterMs = (error as { retryAfterMs?: number }).retryAfterMs
      if (retryAfterMs !== undefined) this.#queue.pause(market, now + retryAfterMs)
      this.#log.warn({ market, symbol, err: error }, 'a book snapshot could not be fetched; it is asked for again')
      if (this.book(market, symbol)) this.#queue.add({ market, symbol, depth, priority: 1, attempt: 3 }, now)
    }
  }
}
