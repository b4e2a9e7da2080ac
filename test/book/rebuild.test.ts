import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rebuildBook } from '../../src/book/index.ts'
import { delta, flat, seeded, snapshot, TruthMarket } from './market.ts'

describe('a book of the past', () => {
  it('equals what the exchange had, at any update, from any snapshots before it', () => {
    fc.assert(
      fc.property(fc.constantFrom('spot' as const, 'usdm' as const), fc.integer(), (market, seed) => {
        const random = seeded(seed)
        const truth = new TruthMarket(market, random, 10)
        const first = truth.lastId
        for (let i = 0; i < 60; i++) truth.event()
        const ids = [...truth.states.keys()]
        const snapshots = [first, ...[1, 2, 3].map(() => ids[random(ids.length)]!)].map((id) =>
          truth.snapshotAt(id, 5000),
        )
        // Stored in any order, some twice.
        const deltas = [...truth.events, ...truth.events.slice(0, 5)].sort(() => random(3) - 1)
        for (let i = 0; i < 10; i++) {
          const at = truth.events[random(60)]!
          const byId = rebuildBook(snapshots, deltas, { updateId: at.lastUpdateId })!
          expect(byId.stale).toBeUndefined()
          expect(byId.updateId).toBe(at.lastUpdateId)
          expect(byId.book.levels()).toEqual(flat(truth.states.get(Number(at.lastUpdateId))!))
          const byTime = rebuildBook(snapshots, deltas, { time: at.eventTime + 0.5 })!
          expect(byTime.book.differences(byId.book)).toBe(0)
        }
      }),
      { numRuns: 30 },
    )
  })

  const deltas = [
    delta('spot', [101, 102], [99, 1]),
    delta('spot', [103, 104], [98, 1]),
    // 105 is missing.
    delta('spot', [106, 107], [97, 1]),
  ]

  it('says where the records break, and is right up to there', () => {
    const { book, updateId, stale, applied } = rebuildBook([snapshot('spot', 100)], deltas, { updateId: 107 })!
    expect(stale).toBe('updates are missing between 104 and 106–107')
    expect({ updateId, applied, bids: book.levels().bids }).toEqual({
      updateId: 104,
      applied: 2,
      bids: [100, 1, 99, 1, 98, 1],
    })
  })

  it('starts behind a break where a snapshot allows it', () => {
    const records = [snapshot('spot', 100), snapshot('spot', 105)]
    expect(rebuildBook(records, deltas, { updateId: 107 })).toMatchObject({
      snapshotId: 105,
      updateId: 107,
      applied: 1,
    })
    expect(rebuildBook(records, deltas, { updateId: 107 })!.stale).toBeUndefined()
    expect(rebuildBook(records, deltas, { updateId: 103 })).toMatchObject({ snapshotId: 100, updateId: 102 })
  })

  it('says that the records end before the instant', () => {
    expect(rebuildBook([snapshot('spot', 100)], deltas.slice(0, 1), { updateId: 104 })!.stale).toBe(
      'the records end at update 102, before 104',
    )
  })

  it('does not exist before the first snapshot', () => {
    expect(rebuildBook([snapshot('spot', 105)], deltas, { updateId: 104 })).toBeUndefined()
    expect(rebuildBook([], deltas, { time: 1e12 })).toBeUndefined()
  })

  it.each([{}, { time: '2024-05-10' }, { time: Number.NaN }, { updateId: '104' }])('takes %j for no instant', (at) => {
    expect(() => rebuildBook([snapshot('spot', 100)], deltas, at as never)).toThrow(/give \{ time \} in epoch ms/)
  })

  it('takes snapshots by their ids: the clock that stamped a spot one may be wrong', () => {
    // Stamped 1.5 s late, as in recorded data, so by its time it would not be there yet.
    const late = snapshot('spot', 100, [100, 1], [101, 1], 1000, 1600)
    expect(rebuildBook([late], deltas, { time: 104 })).toMatchObject({ snapshotId: 100, updateId: 104 })
  })

  it('says of impossible records what is wrong, and passes by an impossible snapshot', () => {
    const bad = [delta('spot', [101, 101], [-1, 1])]
    expect(rebuildBook([snapshot('spot', 100)], bad, { updateId: 101 })!.stale).toMatch(/price of -1/)
    const crossed = [delta('spot', [101, 101], [200, 1])]
    expect(rebuildBook([snapshot('spot', 100)], crossed, { updateId: 101 })!.stale).toMatch(/at or above ask/)
    const both = [snapshot('spot', 100), snapshot('spot', 101, [300, 1])]
    expect(rebuildBook(both, deltas.slice(0, 1), { updateId: 102 })).toMatchObject({ snapshotId: 100 })
    expect(() => rebuildBook([snapshot('usdm', 100)], deltas, { updateId: 102 })).toThrow(/updates of spot BTCUSDT/)
  })
})
