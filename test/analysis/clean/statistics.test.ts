import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quantile, RollingMoments, SortedWindow } from '../../../src/analysis/clean/statistics.ts'

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

const values = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 80 })

describe('a sorted window', () => {
  it('has the median and the median deviation of the last values', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 20 }), (list, size) => {
        const window = new SortedWindow(size)
        list.forEach((value, i) => {
          window.push(value)
          const held = list.slice(Math.max(0, i + 1 - size), i + 1)
          const median = medianOf(held)
          expect(window.length).toBe(held.length)
          expect(window.median).toBe(median)
          expect(window.medianDeviation).toBe(medianOf(held.map((other) => Math.abs(other - median))))
        })
      }),
    )
  })
})

describe('rolling moments', () => {
  it('are those of the last values, also far from 0 and after a long way', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 2, max: 20 }), fc.constantFrom(0, 1e6, -1e9), (list, size, level) => {
        const rolling = new RollingMoments(size)
        list.forEach((value, i) => {
          rolling.push(value + level)
          const held = list.slice(Math.max(0, i + 1 - size), i + 1)
          const mean = held.reduce((sum, other) => sum + other, 0) / held.length
          const squares = held.reduce((sum, other) => sum + (other - mean) ** 2, 0)
          expect(rolling.mean - level).toBeCloseTo(mean, 5)
          expect(rolling.squares).toBeCloseTo(squares, 4)
        })
      }),
    )
  })
})

it('a quantile lies between two values in proportion', () => {
  const sorted = Float64Array.of(1, 2, 3, 10)
  expect([0, 0.25, 0.5, 0.75, 1].map((share) => quantile(sorted, share))).toEqual([1, 1.75, 2.5, 4.75, 10])
  expect(quantile(new Float64Array(), 0.5)).toBeNaN()
})
