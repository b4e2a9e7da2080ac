import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IdLedger } from '../../../src/engine/live/id-ledger.ts'
import { candleSequence } from '../../../src/engine/live/tracker.ts'
import { countIds, narrowId, nextId, previousId, sameId } from '../../../src/model/live/ids.ts'

describe('ids', () => {
  it('stay exact across 2^53', () => {
    const edge = Number.MAX_SAFE_INTEGER
    expect(nextId(edge)).toBe(9007199254740992n)
    expect(nextId(9007199254740992n)).toBe(9007199254740993n)
    expect(previousId(9007199254740992n)).toBe(edge)
    expect(narrowId(7n)).toBe(7)
    expect(sameId(7, 7n)).toBe(true)
    expect(sameId(9007199254740992, 9007199254740993n)).toBe(false)
    expect(countIds(edge, 9007199254740993n)).toBe(3)
  })
})

describe('IdLedger', () => {
  it('opens a hole at once and closes it record by record', () => {
    const ledger = new IdLedger()
    expect(ledger.accept(10)).toBe('next')
    expect(ledger.accept(11)).toBe('next')
    expect(ledger.accept(15)).toBe('ahead')
    expect(ledger.holes).toEqual([{ first: 12, last: 14 }])
    expect(ledger.accept(13)).toBe('late')
    expect(ledger.holes).toEqual([
      { first: 12, last: 12 },
      { first: 14, last: 14 },
    ])
    expect(ledger.accept(13)).toBe('duplicate')
    expect(ledger.accept(12)).toBe('late')
    expect(ledger.accept(14)).toBe('late')
    expect(ledger.holes).toEqual([])
    expect(ledger.missing).toBe(0)
  })

  it('goes on where the disk ends', () => {
    const ledger = new IdLedger()
    ledger.resume(99)
    expect(ledger.accept(103)).toBe('ahead')
    expect(ledger.holes).toEqual([{ first: 100, last: 102 }])
  })

  it('gives up only what is asked', () => {
    const ledger = new IdLedger()
    ledger.accept(1)
    ledger.accept(10)
    expect(ledger.giveUp(4, 6)).toBe(3)
    expect(ledger.holes).toEqual([
      { first: 2, last: 3 },
      { first: 7, last: 9 },
    ])
    expect(ledger.missingIn(3, 7)).toEqual([
      { first: 3, last: 3 },
      { first: 7, last: 7 },
    ])
  })

  it('finds holes of candles by the calendar', () => {
    const ledger = new IdLedger(candleSequence({ interval: '1M' }))
    ledger.accept(Date.UTC(2024, 0))
    ledger.accept(Date.UTC(2024, 3))
    expect(ledger.holes).toEqual([{ first: Date.UTC(2024, 1), last: Date.UTC(2024, 2) }])
    expect(ledger.missing).toBe(2)
    expect(ledger.reach(Date.UTC(2024, 6))).toBe(true)
    expect(ledger.missing).toBe(4)
  })

  it('agrees with a set of all ids under any order, with numbers and bigints', () => {
    const base = fc.constantFrom(0, Number.MAX_SAFE_INTEGER - 20)
    fc.assert(
      fc.property(
        base,
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 120 }),
        (start, offsets) => {
          const ledger = new IdLedger()
          const seen = new Set<bigint>()
          let top = -1n
          let bottom: bigint | undefined
          for (const offset of offsets) {
            const exact = BigInt(start) + BigInt(offset)
            const arrival = ledger.accept(narrowId(exact))
            if (bottom !== undefined && exact < bottom) {
              // Before the first record nothing is known: it counts as seen before.
              expect(arrival).toBe('duplicate')
              continue
            }
            const expected = seen.has(exact)
              ? 'duplicate'
              : exact < top
                ? 'late'
                : top < 0n || exact === top + 1n
                  ? 'next'
                  : 'ahead'
            expect(arrival).toBe(expected)
            bottom ??= exact
            seen.add(exact)
            if (exact > top) top = exact
          }
          const missing = new Set<bigint>()
          for (let id = bottom as bigint; id <= top; id++) if (!seen.has(id)) missing.add(id)
          const holes = new Set<bigint>()
          for (const { first, last } of ledger.holes)
            for (let id = BigInt(first); id <= BigInt(last); id++) holes.add(id)
          expect(holes).toEqual(missing)
          expect(ledger.missing).toBe(missing.size)
          expect(ledger.seen).toBe(seen.size)
        },
      ),
      { numRuns: 300 },
    )
  })
})
