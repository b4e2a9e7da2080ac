import { describe, expect, it } from 'vitest'
import { trade } from '../../src/model/live/trade.ts'
import { DictionaryNeed } from '../../src/store/lake/dictionary-need.ts'
import { DistinctCounter } from '../../src/store/lake/distinct.ts'

const GROUP = 122_880

describe('DistinctCounter', () => {
  it('counts different decimals within one percent, and starts anew each time', () => {
    const counter = new DistinctCounter()
    for (const count of [1, 700, 20_000, 100_000]) {
      const values = Float64Array.from({ length: GROUP }, (_, i) => (i % count) / 1000)
      counter.add(values, 0, values.length)
      expect(Math.abs(counter.take() - count)).toBeLessThanOrEqual(Math.max(1, count * 0.01))
    }
    expect(counter.take()).toBe(0)
  })
})

describe('DictionaryNeed', () => {
  const need = (price: (i: number) => number, quantity: (i: number) => number): number => {
    const rows = GROUP * 2
    const columns = {
      id: Float64Array.from({ length: rows }, (_, i) => i),
      price: Float64Array.from({ length: rows }, (_, i) => price(i)),
      quantity: Float64Array.from({ length: rows }, (_, i) => quantity(i)),
    }
    const found = new DictionaryNeed(trade.columns.filter(({ name }) => name in columns))
    // In pieces that do not end where the groups do.
    for (let from = 0; from < rows; from += 50_000)
      found.add({ length: rows, columns }, from, Math.min(rows, from + 50_000))
    return found.entries
  }

  it('asks for as many entries as the fullest group of any column has, and a little more', () => {
    const entries = need(
      (i) => (i % 3000) / 100,
      (i) => (i < GROUP ? i % 100 : i % 12_000) / 1000,
    )
    expect(entries).toBeGreaterThanOrEqual(12_000)
    expect(entries).toBeLessThan(12_000 * 1.1)
  })

  it('asks for none for a column that no dictionary helps', () => {
    const entries = need(
      (i) => (i % 3000) / 100,
      (i) => i / 1000,
    )
    expect(entries).toBeGreaterThanOrEqual(3000)
    expect(entries).toBeLessThan(3300)
  })
})
