import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SnapshotQueue, type SnapshotQueueOptions, type SnapshotRequest } from '../../src/book/index.ts'

const SPOT = [
  { depth: 100, weight: 5 },
  { depth: 500, weight: 25 },
  { depth: 1000, weight: 50 },
  { depth: 5000, weight: 250 },
]
const FUTURES = [
  { depth: 100, weight: 5 },
  { depth: 1000, weight: 20 },
]

function queue(options: Partial<SnapshotQueueOptions> = {}) {
  return new SnapshotQueue({
    budgets: {
      spot: { costs: SPOT, weightPerMinute: 1000 },
      usdm: { costs: FUTURES, weightPerMinute: 100, pool: 'futures' },
      coinm: { costs: FUTURES, weightPerMinute: 100, pool: 'futures' },
    },
    ...options,
  })
}

const ask = (symbol: string, more: Partial<SnapshotRequest> = {}): SnapshotRequest => ({
  market: 'spot',
  symbol,
  depth: 1000,
  priority: 0,
  attempt: 1,
  ...more,
})

describe('the queue for snapshots', () => {
  it('asks for the smallest depth that holds what is wanted', () => {
    const it = queue()
    for (const depth of [20, 101, 1000, 1001, 9999]) it.add(ask(`S${depth}`, { depth }), 0)
    const turns = []
    for (let turn = it.next(0); turn; turn = it.next(0)) {
      turns.push([turn.depth, turn.weight])
      it.finished(turn)
    }
    expect(turns).toEqual([
      [100, 5],
      [500, 25],
      [1000, 50],
      [5000, 250],
      [5000, 250],
    ])
  })

  it('takes less depth where the budget never holds more', () => {
    const it = new SnapshotQueue({ budgets: { spot: { costs: SPOT, weightPerMinute: 60 } } })
    it.add(ask('A', { depth: 5000 }), 0)
    expect(it.next(0)).toMatchObject({ depth: 1000, weight: 50 })
    expect(() => new SnapshotQueue({ budgets: { spot: { costs: SPOT, weightPerMinute: 4 } } })).toThrow(/less than one/)
    expect(() => it.add(ask('A', { market: 'usdm' }), 0)).toThrow(/No budget is set for book snapshots of usdm/)
  })

  it('gives turns by priority, then by age', () => {
    const it = queue({ concurrency: 9 })
    it.add(ask('A'), 0)
    it.add(ask('B'), 0)
    it.add(ask('C', { priority: 2 }), 0)
    expect([it.next(0)?.symbol, it.next(0)?.symbol, it.next(0)?.symbol, it.next(0)]).toEqual(['C', 'A', 'B', undefined])
  })

  it('has each book once, with the higher priority and the deeper depth', () => {
    const it = queue()
    expect(it.add(ask('A', { depth: 100 }), 0)).toBe(true)
    it.add(ask('B', { priority: 1 }), 0)
    expect(it.add(ask('A', { depth: 1000, priority: 2 }), 0)).toBe(false)
    expect(it.waiting).toBe(2)
    const turn = it.next(0)!
    expect(turn).toMatchObject({ symbol: 'A', depth: 1000 })
    // Wished again while it is fetched: after that, not beside it.
    expect(it.add(ask('A', { priority: 9 }), 0)).toBe(false)
    expect(it.next(0)?.symbol).toBe('B')
    expect(it.next(0)).toBeUndefined()
    it.finished(turn)
    expect(it.next(0)?.symbol).toBe('A')
  })

  it('forgets a book that needs none any more', () => {
    const it = queue()
    it.add(ask('A'), 0)
    expect(it.remove('spot', 'A')).toBe(true)
    expect(it.remove('spot', 'A')).toBe(false)
    expect(it.next(0)).toBeUndefined()
    expect(it.wait(0)).toBeUndefined()
  })

  it('lets no one wait for ever behind higher priorities', () => {
    const it = queue({ concurrency: 1, agingMs: 1000 })
    it.add(ask('patient'), 0)
    for (let now = 0; now < 60_000; now += 500) {
      it.add(ask(`N${now}`, { priority: 3, depth: 100 }), now)
      const turn = it.next(now)!
      it.finished(turn)
      if (turn.symbol === 'patient') {
        expect(now).toBe(3000)
        return
      }
    }
    expect.fail('it never had its turn')
  })

  it('does not let cheap ones overtake an expensive one for ever', () => {
    const it = queue({ concurrency: 100 })
    for (let i = 0; i < 18; i++) it.add(ask(`S${i}`), 0)
    for (let i = 0; i < 18; i++) expect(it.next(i * 100)).toBeDefined()
    it.add(ask('deep', { depth: 5000 }), 2000)
    it.add(ask('cheap', { depth: 100 }), 2000)
    expect(it.next(2000)).toBeUndefined()
    // 900 of 1,000 are spent: three of the 50s must be a minute old first.
    expect(it.wait(2000)).toBe(60_200 - 2000)
    expect(it.next(60_199)).toBeUndefined()
    expect(it.next(60_200)?.symbol).toBe('deep')
  })

  it('waits longer with each attempt', () => {
    const it = queue({ retryMs: 100, maxRetryMs: 1000 })
    const waits = [1, 2, 3, 4, 20].map((attempt) => {
      it.add(ask('A', { attempt }), 0)
      const wait = it.wait(0)
      it.remove('spot', 'A')
      return wait
    })
    expect(waits).toEqual([0, 100, 200, 400, 1000])
  })

  it('has one budget for markets of one pool, and a pause for both', () => {
    const it = queue({ concurrency: 100 })
    for (let i = 0; i < 4; i++) it.add(ask(`A${i}`, { market: i % 2 === 0 ? 'usdm' : 'coinm' }), 0)
    for (let i = 0; i < 4; i++) it.next(0)
    it.add(ask('E', { market: 'usdm' }), 0)
    it.add(ask('F', { market: 'coinm' }), 0)
    it.add(ask('G'), 0)
    expect([it.next(0)?.symbol, it.next(0)?.symbol, it.next(0)]).toEqual(['E', 'G', undefined])
    it.pause('usdm', 90_000)
    expect(it.wait(0)).toBe(90_000)
    expect(it.next(89_999)).toBeUndefined()
    expect(it.next(90_000)?.symbol).toBe('F')
  })

  it('never spends more than the budget in any minute, never idles while it could give a turn, and serves all', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ at: fc.nat(120_000), depth: fc.constantFrom(100, 500, 1000, 5000), priority: fc.nat(3) }),
          { minLength: 1, maxLength: 120 },
        ),
        (requests) => {
          const it = queue({ concurrency: 3 })
          const spent: { at: number; weight: number }[] = []
          const running: { turn: NonNullable<ReturnType<SnapshotQueue['next']>>; until: number }[] = []
          const coming = requests.map((request, i) => ({ ...request, symbol: `S${i}` })).sort((a, b) => a.at - b.at)
          let now = 0
          let served = 0
          for (let steps = 0; served < requests.length; steps++) {
            expect(steps).toBeLessThan(5000)
            while (coming[0] && coming[0].at <= now) it.add(ask(coming[0].symbol, coming.shift()!), now)
            for (const entry of running.filter((other) => other.until <= now)) {
              running.splice(running.indexOf(entry), 1)
              it.finished(entry.turn)
            }
            const turn = it.next(now)
            if (turn) {
              served++
              spent.push({ at: now, weight: turn.weight })
              running.push({ turn, until: now + 300 })
              const inMinute = spent.filter((entry) => entry.at > now - 60_000)
              expect(inMinute.reduce((sum, entry) => sum + entry.weight, 0)).toBeLessThanOrEqual(1000)
              continue
            }
            const wait = it.wait(now)
            expect(wait).not.toBe(0)
            now = Math.min(
              now + (wait ?? Number.POSITIVE_INFINITY),
              coming[0]?.at ?? Number.POSITIVE_INFINITY,
              ...running.map((entry) => entry.until),
            )
          }
        },
      ),
      { numRuns: 40 },
    )
  })
})
