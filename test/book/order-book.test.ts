import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OrderBook } from '../../src/book/index.ts'
import { InvalidRangeError } from '../../src/model/errors.ts'

function book(bids: number[], asks: number[], depth?: number, tickSize = '0.1'): OrderBook {
  const made = new OrderBook({ tickSize })
  made.reset(depth === undefined ? { bids, asks } : { bids, asks, depth })
  return made
}

describe('an order book', () => {
  it('knows its best prices, spread and mid', () => {
    const it = book([100, 1, 99.9, 2], [100.3, 3, 100.5, 4])
    expect([it.bestBid, it.bestBidQuantity, it.bestAsk, it.bestAskQuantity]).toEqual([100, 1, 100.3, 3])
    expect(it.spread).toBe(0.3)
    expect(it.mid).toBe(100.15)
    expect(it.isCrossed).toBe(false)
  })

  it('is empty at first, and then has no best price', () => {
    const it = new OrderBook()
    expect([it.bestBid, it.bestAsk, it.spread, it.mid, it.bestAskQuantity]).toEqual(Array(5).fill(Number.NaN))
    expect(it.isCrossed).toBe(false)
    expect(it.levels()).toEqual({ bids: [], asks: [] })
    it.set('bid', 5, 1)
    expect(it.bestBid).toBe(5)
    expect(it.mid).toBeNaN()
  })

  it('takes quantities as absolute, and removing a level that is not there changes nothing', () => {
    const it = book([100, 1], [101, 1])
    it.apply([100, 5, 99, 0], [101, 0, 5000, 0])
    expect(it.levels()).toEqual({ bids: [100, 5], asks: [] })
  })

  it('sees a bid at or above an ask', () => {
    const it = book([100, 1], [101, 1])
    it.set('bid', 101, 1)
    expect(it.isCrossed).toBe(true)
    it.set('ask', 101, 0)
    expect(it.isCrossed).toBe(false)
  })

  it('never rounds a price: one that is off the grid makes the grid finer', () => {
    const it = book([100, 1, 99.5, 2], [101, 1], 2, '0.5')
    it.apply([99.75, 3], [])
    expect(it.tickSize).toBe('0.01')
    expect(it.gridChanges).toBe(1)
    expect(it.levels()).toEqual({ bids: [100, 1, 99.75, 3, 99.5, 2], asks: [101, 1] })
    expect(it.knownTo('bid')).toBe(99.5)
    expect(it.knownTo('ask')).toBeUndefined()
    expect(it.knownShare('bid')).toBeGreaterThan(0)
  })

  it('finds its own tick where none is given', () => {
    const it = new OrderBook()
    it.reset({ bids: [0.00009381, 10], asks: [0.0000939, 5] })
    expect(it.tickSize).toBe('0.00000001')
    expect(it.gridChanges).toBe(0)
    expect([it.bestBid, it.bestAsk]).toEqual([0.00009381, 0.0000939])
  })

  it('gives back every price of a grid as the number that its text parses to', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 50 }), fc.integer({ min: 0, max: 12 }), (ticks, places) => {
        const whole = String(ticks).padStart(places + 1, '0')
        const price = Number(`${whole.slice(0, whole.length - places)}.${whole.slice(whole.length - places)}`)
        const it = new OrderBook({ tickSize: `1e-${places}` })
        it.set('ask', price, 1)
        expect(it.gridChanges).toBe(0)
        expect(it.bestAsk).toBe(price)
      }),
    )
  })

  it.each([
    [[Number.NaN, 1], /price of NaN/],
    [[-1, 1], /price of -1/],
    [[0, 1], /price of 0/],
    [[Number.POSITIVE_INFINITY, 1], /price of Infinity/],
    [[100, Number.NaN], /quantity of NaN/],
    [[100, -1], /quantity of -1/],
    [[100, Number.POSITIVE_INFINITY], /quantity of Infinity/],
    [[5000, Number.POSITIVE_INFINITY], /quantity of Infinity/],
    [[100], /quantity of undefined/],
    [[100 / 3, 1], /more digits/],
    [[1e300, 1], /more digits/],
  ])('refuses %j', (pairs, message) => {
    expect(() => book([100, 1], [101, 1]).apply([], pairs)).toThrow(message)
    expect(() => book([], pairs)).toThrow(message)
  })

  it('refuses a tick size that is no positive decimal', () => {
    for (const tickSize of ['0', '-1', 'x', '', Number.NaN, '1e-30']) {
      expect(() => new OrderBook({ tickSize })).toThrow(/decimal/)
    }
  })

  it('says what is known: to the last level of a full side, and all of a side with fewer', () => {
    const it = book([100, 1, 99, 1], [101, 1], 2)
    expect(it.knownTo('bid')).toBe(99)
    expect(it.knownTo('ask')).toBeUndefined()
    it.set('bid', 90, 7)
    expect(it.depth('bid', { levels: 2 }).complete).toBe(true)
    expect(it.depth('bid', { levels: 3 })).toMatchObject({ quantity: 9, complete: false })
    expect(it.depth('bid', { price: 99 }).complete).toBe(true)
    expect(it.depth('bid', { price: 98.9 }).complete).toBe(false)
    expect(it.depth('ask').complete).toBe(true)
    expect(it.quantityAt('bid', 99.5)).toEqual({ quantity: 0, known: true })
    expect(it.quantityAt('bid', 99.55)).toEqual({ quantity: 0, known: true })
    expect(it.quantityAt('bid', 90)).toEqual({ quantity: 7, known: true })
    expect(it.quantityAt('bid', 91)).toEqual({ quantity: 0, known: false })
    expect(it.quantityAt('bid', 90.05)).toEqual({ quantity: 0, known: false })
    expect(it.fill('sell', { quantity: 2 }).complete).toBe(true)
    expect(it.fill('sell', { quantity: 3 })).toMatchObject({ filled: true, worstPrice: 90, complete: false })
  })

  it('tells how much of the known range is left', () => {
    const it = book([100, 1, 99, 1, 98, 1, 96.1, 1], [101, 1], 4)
    expect(it.knownShare('bid')).toBe(1)
    expect(it.knownShare('ask')).toBe(1)
    it.apply([100, 0, 99, 0], [])
    expect(it.knownShare('bid')).toBe(0.5)
    it.apply([98, 0, 96.1, 0, 50, 1], [])
    expect(it.knownShare('bid')).toBeLessThanOrEqual(0)
    it.apply([50, 0], [])
    expect(it.knownShare('bid')).toBeLessThanOrEqual(0)
  })

  it('gives depth to a count, a percentage, a price, a quantity and a value', () => {
    const it = book([100, 1, 99, 2, 98, 3, 90, 4], [102, 1])
    const prices = (depth: { levels: readonly { price: number }[] }) => depth.levels.map((level) => level.price)
    expect(prices(it.depth('bid', { levels: 2 }))).toEqual([100, 99])
    expect(prices(it.depth('bid', { levels: 0 }))).toEqual([])
    // The mid is 101: 3 % below is 97.97.
    expect(prices(it.depth('bid', { percent: 3 }))).toEqual([100, 99, 98])
    expect(prices(it.depth('bid', { price: 98 }))).toEqual([100, 99, 98])
    expect(prices(it.depth('bid', { quantity: 3 }))).toEqual([100, 99])
    expect(prices(it.depth('bid', { value: 299 }))).toEqual([100, 99, 98])
    expect(it.depth('bid')).toMatchObject({ quantity: 10, value: 100 + 198 + 294 + 360, complete: true })
    expect(() => it.depth('bid', { percent: -1 })).toThrow(/percent is -1/)
    expect(() => it.depth('bid', { levels: Number.NaN })).toThrow(/levels is NaN/)
  })

  it.each([{}, { level: 5 }, 5, undefined, { levels: 1, percent: 1 }, { levels: 'all' }])(
    'takes %j for no reach, instead of giving the whole side',
    (reach) => {
      const it = book([100, 1], [101, 1])
      expect(() => it.imbalance(reach === undefined ? (null as never) : (reach as never))).toThrow(InvalidRangeError)
      expect(() => it.levels(Number.NaN)).toThrow(/depth is NaN/)
      expect(() => it.grouped('bid', 1, Number.NaN)).toThrow(/groups is NaN/)
    },
  )

  it('has nothing within a percentage of a mid price that does not exist', () => {
    expect(book([100, 1], []).depth('bid', { percent: 5 })).toMatchObject({ levels: [], complete: false })
  })

  it('groups to a coarser step: bids down, asks up', () => {
    const it = book([100.4, 1, 100, 2, 99.9, 3, 98.2, 4], [100.5, 1, 101, 2, 101.1, 3])
    expect(it.grouped('bid', '1').levels).toEqual([
      { price: 100, quantity: 3 },
      { price: 99, quantity: 3 },
      { price: 98, quantity: 4 },
    ])
    expect(it.grouped('ask', 1).levels).toEqual([
      { price: 101, quantity: 3 },
      { price: 102, quantity: 3 },
    ])
    expect(it.grouped('bid', '0.5', 1)).toEqual({
      levels: [{ price: 100, quantity: 3 }],
      quantity: 3,
      value: 300.4,
      complete: true,
    })
    expect(() => it.grouped('bid', '0.25')).toThrow(/not a whole multiple of the book's tick, 0.1/)
  })

  it('does not call a group complete that the known range cuts', () => {
    const it = book([100.4, 1, 99.5, 3], [], 2)
    expect(it.grouped('bid', '1', 1).complete).toBe(true)
    expect(it.grouped('bid', '1', 2).complete).toBe(false)
  })

  it('weighs both sides', () => {
    const it = book([100, 3], [101, 1])
    expect(it.imbalance()).toBe(0.5)
    expect(it.imbalance({ percent: 0.1 })).toBeNaN()
  })

  it('says what a fill costs, by quantity and by value', () => {
    const it = book([100, 1, 99, 2], [101, 1, 102, 2])
    expect(it.fill('buy', { quantity: 2 })).toEqual({
      quantity: 2,
      value: 203,
      averagePrice: 101.5,
      worstPrice: 102,
      levels: 2,
      filled: true,
      complete: true,
    })
    expect(it.fill('sell', { value: 199 })).toMatchObject({ quantity: 2, value: 199, averagePrice: 99.5, levels: 2 })
    expect(it.fill('buy', { quantity: 9 })).toMatchObject({ quantity: 3, value: 305, filled: false, complete: true })
    expect(it.fill('buy', { quantity: 0 })).toMatchObject({
      quantity: 0,
      levels: 0,
      filled: true,
      worstPrice: Number.NaN,
    })
  })

  it('takes no other word for a side, which would be the wrong side half of the time', () => {
    const book = new OrderBook({ tickSize: '0.01' })
    book.reset({ bids: [100, 2], asks: [101, 3] })
    expect(() => book.depth('bids' as never)).toThrow('side is "bids"; use bid or ask.')
    expect(() => book.quantityAt('buy' as never, 100)).toThrow(InvalidRangeError)
    expect(() => book.fill('long' as never, { quantity: 1 })).toThrow('"long" can not be filled; use buy or sell.')
  })

  it('counts the levels in which two books differ, within what both know', () => {
    const a = book([100, 1, 99, 1, 98, 1], [101, 1])
    expect(a.differences(book([100, 1, 99, 1, 98, 1], [101, 1], undefined, '0.01'))).toBe(0)
    expect(a.differences(book([100, 2, 98, 1], [101, 1]))).toBe(2)
    expect(a.differences(book([100, 1, 99, 1], [101, 1], 2))).toBe(0)
    expect(a.differences(book([], []))).toBe(4)
  })

  it('equals two sorted maps through any changes, also far from the touch and across re-centred windows', () => {
    const change = fc.record({
      side: fc.constantFrom('bid' as const, 'ask' as const),
      tick: fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 9900, max: 10_100 }) },
        { weight: 2, arbitrary: fc.integer({ min: 1, max: 40_000 }) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: 2 ** 50 }) },
      ),
      quantity: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 9 })),
    })
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 40 }), { maxLength: 30 }), (updates) => {
        const own = new OrderBook({ tickSize: '0.1' })
        const maps = { bid: new Map<number, number>(), ask: new Map<number, number>() }
        for (const update of updates) {
          const pairs = { bid: [] as number[], ask: [] as number[] }
          for (const { side, tick, quantity } of update) {
            pairs[side].push(tick / 10, quantity)
            if (quantity === 0) maps[side].delete(tick / 10)
            else maps[side].set(tick / 10, quantity)
          }
          own.apply(pairs.bid, pairs.ask)
          const sorted = (side: 'bid' | 'ask', sign: number) => [...maps[side]].sort(([a], [b]) => (a - b) * sign)
          const [bids, asks] = [sorted('bid', -1), sorted('ask', 1)]
          expect(own.bestBid).toBe(bids[0]?.[0] ?? Number.NaN)
          expect(own.bestAskQuantity).toBe(asks[0]?.[1] ?? Number.NaN)
          expect(own.levelCount('bid')).toBe(bids.length)
          expect(own.isCrossed).toBe(bids.length > 0 && asks.length > 0 && bids[0]![0] >= asks[0]![0])
          expect(own.levels()).toEqual({ bids: bids.flat(), asks: asks.flat() })
        }
      }),
    )
  })

  it('equals a map with thousands of levels that walk away from where they began', () => {
    const own = new OrderBook({ tickSize: '0.1' })
    const map = new Map<number, number>()
    let seed = 7
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return Math.floor((seed / 2 ** 32) * below)
    }
    for (let update = 0; update < 300; update++) {
      const mid = 100_000 + 500 * (update < 150 ? update : 300 - update)
      const pairs: number[] = []
      for (let i = 0; i < 200; i++) pairs.push((mid + random(3) ** 8 + random(5000)) / 10, random(3))
      for (let i = 0; i < pairs.length; i += 2) {
        if (pairs[i + 1] === 0) map.delete(pairs[i]!)
        else map.set(pairs[i]!, pairs[i + 1]!)
      }
      // What lies above the new mid is traded away.
      for (const price of map.keys()) {
        if (price < mid / 10) {
          map.delete(price)
          pairs.push(price, 0)
        }
      }
      own.apply([], pairs)
      if (update % 10 === 0) expect(own.levels().asks).toEqual([...map].sort(([a], [b]) => a - b).flat())
    }
    expect(own.levelCount('ask')).toBe(map.size)
  })
})
