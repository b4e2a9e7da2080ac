import type { BookDelta } from '../../src/model/live/book-delta.ts'
import type { BookSnapshot } from '../../src/model/live/book-snapshot.ts'
import type { QuoteRecord } from '../../src/model/live/quote.ts'
import type { Market } from '../../src/model/series.ts'

/** Levels of a side by tick of 0.1. */
export interface Levels {
  readonly bids: ReadonlyMap<number, number>
  readonly asks: ReadonlyMap<number, number>
}

const BASE = { symbol: 'BTCUSDT', flags: 0 } as const

export function delta(
  market: Market,
  ids: readonly [first: number | bigint, last: number | bigint, previous?: number | bigint],
  bids: readonly number[] = [],
  asks: readonly number[] = [],
  time = Number(ids[1]),
): BookDelta {
  return {
    ...BASE,
    kind: 'bookDelta',
    market,
    firstUpdateId: ids[0],
    lastUpdateId: ids[1],
    previousUpdateId: ids[2] ?? -1,
    transactionTime: Number.NaN,
    eventTime: time,
    receiveTime: time,
    bids,
    asks,
  }
}

export function snapshot(
  market: Market,
  lastUpdateId: number | bigint,
  bids: readonly number[] = [100, 1],
  asks: readonly number[] = [101, 1],
  depth = 1000,
  time = Number(lastUpdateId),
): BookSnapshot {
  return {
    ...BASE,
    kind: 'bookSnapshot',
    market,
    lastUpdateId,
    time,
    depth,
    eventTime: Number.NaN,
    receiveTime: time,
    bids,
    asks,
  }
}

export function quote(
  market: Market,
  updateId: number | bigint,
  [bidPrice, bidQuantity, askPrice, askQuantity]: readonly [number, number, number, number],
): QuoteRecord {
  const time = Number(updateId)
  return {
    ...BASE,
    kind: 'quote',
    market,
    updateId,
    bidPrice,
    bidQuantity,
    askPrice,
    askQuantity,
    transactionTime: Number.NaN,
    eventTime: Number.NaN,
    receiveTime: time,
  }
}

/** Best first, as flat lists. */
export function flat(levels: Levels, depth = Number.POSITIVE_INFINITY): { bids: number[]; asks: number[] } {
  const list = (side: ReadonlyMap<number, number>, sign: number) =>
    [...side]
      .sort(([a], [b]) => (a - b) * sign)
      .slice(0, depth)
      .flatMap(([tick, quantity]) => [tick / 10, quantity])
  return { bids: list(levels.bids, -1), asks: list(levels.asks, 1) }
}

/**
 * An exchange in small: a book that changes with every update id, whose states are all kept, and the events that a
 * stream would send of it. On futures the ids are of a counter that others use too.
 */
export class TruthMarket {
  readonly market: 'spot' | 'usdm'
  readonly events: BookDelta[] = []
  readonly states = new Map<number, Levels>()
  #bids = new Map<number, number>()
  #asks = new Map<number, number>()
  #id = 1000
  #mid = 10_000
  readonly #random: (below: number) => number

  constructor(market: 'spot' | 'usdm', random: (below: number) => number, levels: number) {
    this.market = market
    this.#random = random
    for (let i = 1; i <= levels; i++) {
      this.#bids.set(this.#mid - i * 2, 1 + random(9))
      this.#asks.set(this.#mid + i * 2, 1 + random(9))
    }
    this.#keep()
  }

  get lastId(): number {
    return this.#id
  }

  /** Some updates, sent as one event. */
  event(): BookDelta {
    const random = this.#random
    const previous = this.#id
    const changed = { bids: new Map<number, number>(), asks: new Map<number, number>() }
    let first = 0
    for (let n = 1 + random(3); n > 0; n--) {
      this.#id += this.market === 'spot' ? 1 : 1 + random(5)
      first ||= this.#id
      this.#mid += random(7) - 3
      const put = (side: 'bids' | 'asks', tick: number, quantity: number) => {
        const levels = side === 'bids' ? this.#bids : this.#asks
        if (quantity === 0) levels.delete(tick)
        else levels.set(tick, quantity)
        changed[side].set(tick, quantity)
      }
      // What the mid walked over is gone, and the touch is never empty.
      for (const tick of this.#bids.keys()) if (tick >= this.#mid) put('bids', tick, 0)
      for (const tick of this.#asks.keys()) if (tick <= this.#mid) put('asks', tick, 0)
      put('bids', this.#mid - 1 - random(3), 1 + random(9))
      put('asks', this.#mid + 1 + random(3), 1 + random(9))
      for (let k = random(4); k > 0; k--) {
        const [side, sign] = random(2) === 0 ? (['bids', -1] as const) : (['asks', 1] as const)
        // Also far from the touch, and also levels that are not there.
        put(side, this.#mid + sign * (2 + random(random(5) === 0 ? 3000 : 60)), random(3) === 0 ? 0 : 1 + random(9))
      }
      this.#keep()
    }
    const pairs = (side: Map<number, number>) => [...side].flatMap(([tick, quantity]) => [tick / 10, quantity])
    const event = delta(
      this.market,
      this.market === 'spot' ? [first, this.#id] : [first, this.#id, previous],
      pairs(changed.bids),
      pairs(changed.asks),
    )
    this.events.push(event)
    return event
  }

  snapshotAt(id: number, depth: number): BookSnapshot {
    const { bids, asks } = flat(this.states.get(id)!, depth)
    return snapshot(this.market, id, bids, asks, depth)
  }

  quoteAt(id: number): QuoteRecord {
    const { bids, asks } = flat(this.states.get(id)!, 1)
    return quote(this.market, id, [bids[0]!, bids[1]!, asks[0]!, asks[1]!])
  }

  #keep(): void {
    this.states.set(this.#id, { bids: new Map(this.#bids), asks: new Map(this.#asks) })
  }
}

/** Whole numbers below `n`, the same for a seed. */
export function seeded(seed: number): (below: number) => number {
  let state = seed | 0
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0
    const mixed = Math.imul(state ^ (state >>> 12), 0x297a2d39)
    return Math.floor((((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32) * below)
  }
}
