// Level changes per second of an order book, at 1,000 and at 5,000 levels a side, beside ccxt's and the plain forms that
// people write. Every contestant gets the same changes as numbers, so that nobody's parser is measured; each round ends
// with the same best prices in all of them.

import { OrderBook } from '../dist/book/index.js'
import { OrderBook as CcxtOrderBook } from '../node_modules/ccxt/js/src/base/ws/OrderBook.js'
import { median } from './process.js'

const ROUNDS = 7

/** A generator of whole numbers below `n`, the same at every run. */
function seeded(seed) {
  let state = seed
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}

/** A market of `levels` levels a side and updates of 20 changes a side, most of them near the touch, that walks. */
function market(levels, updates) {
  const random = seeded(levels)
  const price = (tick) => tick / 10
  let mid = 600_000
  const side = (sign) => {
    const pairs = []
    for (let i = 0, tick = mid + sign; i < levels; i++, tick += sign * (1 + random(3))) {
      pairs.push(price(tick), (1 + random(9999)) / 1000)
    }
    return pairs
  }
  const snapshot = { bids: side(-1), asks: side(1) }
  const held = { bids: new Set(), asks: new Set() }
  for (const name of ['bids', 'asks']) for (let i = 0; i < levels * 2; i += 2) held[name].add(snapshot[name][i])
  const deltas = []
  for (let u = 0; u < updates; u++) {
    const delta = { bids: [], asks: [] }
    mid += random(5) - 2
    for (const [name, sign, other] of [
      ['bids', -1, 'asks'],
      ['asks', 1, 'bids'],
    ]) {
      const set = held[name]
      // What the walk left on the wrong side goes first.
      for (let tick = mid + 3; tick >= mid - 3; tick--) {
        const wrong = sign === 1 ? tick <= mid : tick >= mid
        if (wrong && set.delete(price(tick))) delta[name].push(price(tick), 0)
      }
      while (delta[name].length < 40) {
        const near = random(3) > 0
        const tick = mid + sign * (1 + random(near ? 100 : levels * 2))
        const at = price(tick)
        if (held[other].has(at)) continue
        // As many come as go, so that the book keeps its size.
        const quantity = set.size > levels && set.has(at) && random(2) === 0 ? 0 : (1 + random(9999)) / 1000
        if (quantity === 0) set.delete(at)
        else if (set.size > levels * 1.1 && !set.has(at)) continue
        else set.add(at)
        delta[name].push(at, quantity)
      }
    }
    deltas.push(delta)
  }
  return { snapshot, deltas }
}

const rows = (pairs) => Array.from({ length: pairs.length / 2 }, (_, i) => [pairs[i * 2], pairs[i * 2 + 1]])

/** Levels by price in two maps, best prices looked for when the best is gone: what many write first. */
class MapBook {
  constructor({ bids, asks }) {
    this.bids = new Map(rows(bids))
    this.asks = new Map(rows(asks))
    this.bestBid = Math.max(...this.bids.keys())
    this.bestAsk = Math.min(...this.asks.keys())
  }

  apply(bids, asks) {
    for (let i = 0; i < bids.length; i += 2) {
      const price = bids[i]
      if (bids[i + 1] !== 0) {
        this.bids.set(price, bids[i + 1])
        if (price > this.bestBid) this.bestBid = price
      } else if (this.bids.delete(price) && price === this.bestBid) {
        this.bestBid = Number.NEGATIVE_INFINITY
        for (const other of this.bids.keys()) if (other > this.bestBid) this.bestBid = other
      }
    }
    for (let i = 0; i < asks.length; i += 2) {
      const price = asks[i]
      if (asks[i + 1] !== 0) {
        this.asks.set(price, asks[i + 1])
        if (price < this.bestAsk) this.bestAsk = price
      } else if (this.asks.delete(price) && price === this.bestAsk) {
        this.bestAsk = Number.POSITIVE_INFINITY
        for (const other of this.asks.keys()) if (other < this.bestAsk) this.bestAsk = other
      }
    }
  }
}

const contestants = (snapshot, deltas) => ({
  'ticklake OrderBook': {
    passes: 20,
    start() {
      const book = new OrderBook({ tickSize: '0.1' })
      book.reset(snapshot)
      return book
    },
    run(book) {
      for (const { bids, asks } of deltas) book.apply(bids, asks)
      return `${book.bestBid} ${book.bestAsk}`
    },
  },
  'two Maps': {
    passes: 3,
    start: () => new MapBook(snapshot),
    run(book) {
      for (const { bids, asks } of deltas) book.apply(bids, asks)
      return `${book.bestBid} ${book.bestAsk}`
    },
  },
  'ccxt OrderBook': {
    passes: 1,
    start() {
      const book = new CcxtOrderBook({})
      book.reset({ bids: rows(snapshot.bids), asks: rows(snapshot.asks) })
      return book
    },
    run(book) {
      for (const { bids, asks } of deltas) {
        for (let i = 0; i < bids.length; i += 2) book.bids.store(bids[i], bids[i + 1])
        for (let i = 0; i < asks.length; i += 2) book.asks.store(asks[i], asks[i + 1])
      }
      return `${book.bids[0][0]} ${book.asks[0][0]}`
    },
  },
})

for (const levels of [1000, 5000]) {
  const { snapshot, deltas } = market(levels, 2500)
  const changes = deltas.reduce((sum, delta) => sum + (delta.bids.length + delta.asks.length) / 2, 0)
  const field = Object.entries(contestants(snapshot, deltas))
  const rates = new Map(field.map(([name]) => [name, []]))
  for (let round = -1; round < ROUNDS; round++) {
    const tops = new Set()
    for (const [name, { passes, start, run }] of field) {
      // Books are filled before the clock starts: changes are measured, not snapshots.
      const books = Array.from({ length: passes }, start)
      const started = performance.now()
      for (const book of books) tops.add(run(book))
      const ms = performance.now() - started
      if (round >= 0) rates.get(name).push((changes * passes) / (ms / 1000))
    }
    if (tops.size !== 1) throw new Error(`The books differ: ${[...tops].join(' | ')}`)
  }
  const results = [...rates].map(([name, list]) => ({ name, rate: median(list) }))
  const title = `order book, ${levels.toLocaleString('en')} levels a side`
  console.log(`\n${title} (median of ${ROUNDS})`)
  for (const { name, rate } of results) {
    console.log(
      `  ${name.padEnd(44)} ${(rate / 1e6).toFixed(2).padStart(8)} M level changes/s  ×${(rate / results.at(-1).rate).toFixed(1)} of ccxt`,
    )
  }
  console.log(
    JSON.stringify({
      bench: title,
      unit: 'level changes',
      results: results.map((r) => ({ ...r, rate: Math.round(r.rate) })),
    }),
  )
}
