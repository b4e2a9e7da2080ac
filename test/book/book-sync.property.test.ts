import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BookSync } from '../../src/book/index.ts'
import type { BookDelta } from '../../src/model/live/book-delta.ts'
import { flat, seeded, TruthMarket } from './market.ts'

/** What happens to one event on its way. */
const FAULTS = ['drop', 'twice', 'late', 'cut', 'garbage', 'foreign', 'old again', 'second connection'] as const

interface Schedule {
  readonly market: 'spot' | 'usdm'
  readonly seed: number
  /** Of a thousand events. */
  readonly faults: number
  readonly depth: number
  readonly events: number
}

/** Runs a book through a schedule of faults and compares it with the truth after each step. */
function run({ market, seed, faults, depth, events }: Schedule) {
  const random = seeded(seed)
  const truth = new TruthMarket(market, random, 12)
  let wish: { due: number; lag: number } | undefined
  let step = 0
  const sync = new BookSync(
    { market, symbol: 'BTCUSDT', snapshotTimeoutMs: 20_000, quietMs: 3000, maxBufferedUpdates: 20 },
    { needSnapshot: () => (wish = { due: step + random(6), lag: random(3) === 0 ? random(10) : 0 }) },
  )
  let checks = 0
  const check = () => {
    if (sync.state !== 'synced') return
    checks++
    const id = Number(sync.lastUpdateId)
    const state = truth.states.get(id)
    const real = flat(state!)
    const own = sync.book.levels()
    const known = { bids: sync.book.knownTo('bid') ?? 0, asks: sync.book.knownTo('ask') ?? Number.POSITIVE_INFINITY }
    for (const side of ['bids', 'asks'] as const) {
      const isKnown = (price: number) => (side === 'bids' ? price >= known.bids : price <= known.asks)
      const within = (pairs: number[]) => {
        const end = pairs.findIndex((price, i) => i % 2 === 0 && !isKnown(price))
        return end < 0 ? pairs : pairs.slice(0, end)
      }
      // Every level that is known is right, and so is every one beyond that the book has.
      expect(within(own[side]), `${side} at ${id}`).toEqual(within(real[side]))
      const levels = state![side]
      for (let i = 0; i < own[side].length; i += 2) {
        expect(levels.get(Math.round(own[side][i]! * 10))).toBe(own[side][i + 1])
      }
    }
    expect([sync.book.bestBid, sync.book.bestAsk]).toEqual([real.bids[0], real.asks[0]])
  }
  const give = (event: BookDelta) => {
    sync.delta(event, step * 100)
    check()
  }
  const late: { due: number; event: BookDelta }[] = []
  let cutFor = 0
  for (; step < events; step++) {
    const event = truth.event()
    const fault = random(1000) < faults ? FAULTS[random(FAULTS.length)] : undefined
    if (cutFor > 0 && --cutFor === 0) sync.connected(step * 100)
    if (fault === 'cut' && cutFor === 0) {
      sync.disconnected('cut', step * 100)
      // Shorter than an event, too: then nothing is lost.
      cutFor = random(4)
    }
    if (cutFor === 0) {
      if (fault === 'late') late.push({ due: step + 1 + random(3), event })
      else if (fault === 'garbage') give({ ...event, bids: [...event.bids, random(2) === 0 ? -1 : Number.NaN, 1] })
      else if (fault === 'foreign') sync.delta({ ...event, symbol: 'ETHUSDT' }, step * 100)
      else if (fault === 'second connection') {
        // Cuts the stream into events at other places: this one and the one before are one.
        const before = truth.events.at(-2)
        const merged = before && {
          ...event,
          firstUpdateId: before.firstUpdateId,
          previousUpdateId: before.previousUpdateId,
          bids: [...before.bids, ...event.bids],
          asks: [...before.asks, ...event.asks],
        }
        give(merged ?? event)
      } else if (fault !== 'drop') give(event)
      if (fault === 'twice') give(event)
      if (fault === 'old again') give(truth.events[random(truth.events.length)]!)
      for (const entry of late.filter((other) => other.due <= step)) {
        late.splice(late.indexOf(entry), 1)
        give(entry.event)
      }
      if (random(3) === 0) sync.quote(truth.quoteAt(truth.lastId), step * 100)
      if (random(200) === 0) sync.refresh(step * 100)
    }
    if (wish && step >= wish.due) {
      const ids = [...truth.states.keys()]
      const id = ids[Math.max(0, ids.length - 1 - wish.lag)]!
      wish = undefined
      // Some answers never come.
      if (random(8) > 0) {
        sync.snapshot(truth.snapshotAt(id, depth), step * 100)
        check()
      }
    }
    sync.tick(step * 100)
    check()
  }
  // No more faults: the book gets right, whatever was before.
  for (
    let calm = 0;
    calm < 400 && (calm < 5 || sync.state !== 'synced' || sync.lastUpdateId !== truth.lastId);
    calm++, step++
  ) {
    give(truth.event())
    if (wish) {
      wish = undefined
      sync.snapshot(truth.snapshotAt(truth.lastId, depth), step * 100)
      check()
    }
    sync.tick(step * 100)
  }
  return { sync, truth, checks }
}

describe('a book under faults', () => {
  it('is never wrong while it is synced, and gets right again', () => {
    fc.assert(
      fc.property(
        fc.record({
          market: fc.constantFrom('spot' as const, 'usdm' as const),
          seed: fc.integer(),
          faults: fc.constantFrom(0, 20, 100, 400),
          depth: fc.constantFrom(8, 20, 5000),
          events: fc.integer({ min: 50, max: 300 }),
        }),
        (schedule) => {
          const { sync, truth, checks } = run(schedule)
          expect(sync.state).toBe('synced')
          expect(sync.lastUpdateId).toBe(truth.lastId)
          expect(checks).toBeGreaterThan(0)
          expect(sync.stats(1).quotes.mismatched).toBe(0)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('is synced all the way without faults, but for its start', () => {
    for (const market of ['spot', 'usdm'] as const) {
      const { sync } = run({ market, seed: 5, faults: 0, depth: 5000, events: 500 })
      const { resyncs, overlaps, duplicates, quotes, snapshots } = sync.stats(1)
      expect({ resyncs, overlaps }).toEqual({ resyncs: {}, overlaps: 0 })
      expect(duplicates).toBeLessThan(10)
      expect(quotes.checked).toBeGreaterThan(100)
      expect(snapshots.adopted).toBeGreaterThan(0)
    }
  })

  it('would be found wrong by these checks', () => {
    // The test of the test: an update that is altered on its way leaves no trace in the ids.
    const truth = new TruthMarket('spot', seeded(3), 12)
    const sync = new BookSync({ market: 'spot', symbol: 'BTCUSDT' }, { needSnapshot: () => {} })
    sync.delta(truth.event())
    sync.snapshot(truth.snapshotAt(truth.lastId, 5000))
    expect(sync.state).toBe('synced')
    const event = truth.event()
    sync.delta({ ...event, bids: [...event.bids, 1, 1] })
    expect(sync.book.levels()).not.toEqual(flat(truth.states.get(truth.lastId)!))
  })
})
