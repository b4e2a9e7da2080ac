import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  coversRange,
  intersectRanges,
  normaliseRanges,
  rangesLength,
  subtractRanges,
  unionRanges,
} from '../../src/model/ranges.ts'
import type { TimeRange } from '../../src/model/time.ts'

const SIZE = 64
const range: fc.Arbitrary<TimeRange> = fc.record({
  from: fc.integer({ min: 0, max: SIZE }),
  to: fc.integer({ min: 0, max: SIZE }),
})
const ranges = fc.array(range, { maxLength: 12 })

/** One bit per instant: what sets of ranges mean, without any cleverness. */
function bitmap(list: readonly TimeRange[]): boolean[] {
  return Array.from({ length: SIZE }, (_, at) => list.some(({ from, to }) => from <= at && at < to))
}

/** The normal form of a bitmap. */
function fromBitmap(bits: readonly boolean[]): TimeRange[] {
  const list: TimeRange[] = []
  for (let at = 0; at < SIZE; at++) {
    if (!bits[at]) continue
    const from = at
    while (at < SIZE && bits[at]) at++
    list.push({ from, to: at })
  }
  return list
}

describe('sets of ranges', () => {
  it('normalise to sorted, disjoint, non-touching, non-empty ranges', () => {
    fc.assert(
      fc.property(ranges, (a) => {
        expect(normaliseRanges(a)).toEqual(fromBitmap(bitmap(a)))
      }),
    )
  })

  it('are joined, cut and intersected as bitmaps are', () => {
    fc.assert(
      fc.property(ranges, ranges, (a, b) => {
        const x = bitmap(a)
        const y = bitmap(b)
        expect(unionRanges(a, b)).toEqual(fromBitmap(x.map((bit, at) => bit || y[at]!)))
        expect(subtractRanges(a, b)).toEqual(fromBitmap(x.map((bit, at) => bit && !y[at]!)))
        expect(intersectRanges(a, b)).toEqual(fromBitmap(x.map((bit, at) => bit && y[at]!)))
      }),
      { numRuns: 500 },
    )
  })

  it('cover a range when every instant of it is inside, and have the length of their bitmap', () => {
    fc.assert(
      fc.property(ranges, range, (a, b) => {
        const bits = bitmap(a)
        expect(coversRange(a, b)).toBe(bits.every((bit, at) => bit || !(b.from <= at && at < b.to)))
        expect(rangesLength(a)).toBe(bits.filter(Boolean).length)
      }),
      { numRuns: 500 },
    )
  })

  it('leave their inputs as they were', () => {
    fc.assert(
      fc.property(ranges, ranges, (a, b) => {
        const before = structuredClone([a, b])
        for (const run of [unionRanges, subtractRanges, intersectRanges]) run(a, b)
        normaliseRanges(a)
        expect([a, b]).toEqual(before)
      }),
    )
  })

  it('join ranges that touch, and keep apart those that miss each other by a millisecond', () => {
    expect(
      normaliseRanges([
        { from: 10, to: 20 },
        { from: 0, to: 10 },
      ]),
    ).toEqual([{ from: 0, to: 20 }])
    expect(
      normaliseRanges([
        { from: 11, to: 20 },
        { from: 0, to: 10 },
      ]),
    ).toEqual([
      { from: 0, to: 10 },
      { from: 11, to: 20 },
    ])
  })

  it('take open ends and instants before 1970', () => {
    const all = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }
    expect(subtractRanges([all], [{ from: -5, to: 5 }])).toEqual([
      { from: all.from, to: -5 },
      { from: 5, to: all.to },
    ])
    expect(intersectRanges([all], [{ from: -5, to: 5 }])).toEqual([{ from: -5, to: 5 }])
    expect(coversRange([all], { from: -1e15, to: 1e15 })).toBe(true)
  })

  it('drop a range whose end is no number', () => {
    expect(
      normaliseRanges([
        { from: Number.NaN, to: 5 },
        { from: 1, to: Number.NaN },
      ]),
    ).toEqual([])
  })
})
