import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AnomalyDetector, findAnomalies } from '../../../src/analysis/quality/index.ts'
import { type Batch, sliceBatch } from '../../../src/model/batch.ts'
import { candlesOf, opensOf } from './batches.ts'

const MINUTE = 60_000
const opens = opensOf(MINUTE, 300)

/** A quiet market whose price doubles at row 200 when told. */
function market(jumps: boolean): Batch {
  return candlesOf('1m', opens, (row, i) => {
    const price = (100 + Math.sin(i) / 10) * (jumps && i >= 200 ? 2 : 1)
    return { ...row, open: price, high: price + 1, low: price - 1, close: price }
  })
}

const found = (batch: Batch, options = {}) =>
  findAnomalies([batch], options).anomalies.map(({ type, row, rows }) => [type, row, rows])

describe('anomalies', () => {
  it('are none in a quiet market', () => {
    expect(findAnomalies([market(false)])).toEqual({
      rows: 300,
      anomalies: [],
      counts: { 'price-jump': 0, 'price-wick': 0, 'stuck-price': 0, 'volume-spike': 0 },
    })
  })

  it('tell a jump that another market shows too from one that it does not', () => {
    const peers = [
      { name: 'usdm', batch: market(true) },
      { name: 'coinm', batch: market(false) },
    ]
    const [jump, ...others] = findAnomalies([market(true)], { peers }).anomalies
    expect(others).toEqual([])
    expect(jump).toMatchObject({ type: 'price-jump', row: 200, confirmedBy: ['usdm'], deniedBy: ['coinm'] })
    expect(jump!.value).toBeCloseTo(1, 2)
  })

  it('ask no peer that has nothing of that time', () => {
    const peers = [{ name: 'old', batch: sliceBatch(market(true), 0, 100) }]
    expect(findAnomalies([market(true)], { peers }).anomalies[0]).toMatchObject({ confirmedBy: [], deniedBy: [] })
  })

  it('have a price that stands still although there are trades, but not one without trades', () => {
    const stuck = (volume: number) =>
      candlesOf('1m', opens, (row, i) =>
        i >= 100 && i < 150 ? { ...row, open: 100, high: 100, low: 100, close: 100, volume } : row,
      )
    const found = (batch: Batch) =>
      findAnomalies([batch], { leastMove: 1 }).anomalies.map(({ type, row, rows }) => [type, row, rows])
    expect(found(stuck(3))).toEqual([['stuck-price', 100, 50]])
    expect(found(stuck(0))).toEqual([])
    expect(found(sliceBatch(stuck(3), 0, 140))).toEqual([['stuck-price', 100, 40]])
  })

  describe('that are prices which a candle reached and did not keep', () => {
    const wick = (change: { readonly high?: number; readonly low?: number }): Batch => {
      const quiet = market(false)
      const columns = { ...quiet.columns, high: quiet.columns.high!.slice(), low: quiet.columns.low!.slice() }
      for (const [name, price] of Object.entries(change)) columns[name as 'high' | 'low'][150] = price
      return { ...quiet, columns }
    }

    it.each([
      ['high', 150, 0.5],
      ['low', 50, -0.5],
    ] as const)('are told of the %s', (name, price, share) => {
      const batch = wick({ [name]: price })
      const [first, ...others] = findAnomalies([batch], {
        peers: [
          { name: 'usdm', batch },
          { name: 'coinm', batch: market(false) },
          { name: '1h', batch: sliceBatch(batch, 0, 1) },
        ],
      }).anomalies
      expect(others).toEqual([])
      expect(first).toMatchObject({ type: 'price-wick', row: 150, confirmedBy: ['usdm'], deniedBy: ['coinm'] })
      expect(first!.value).toBeCloseTo(share, 1)
    })

    it('are held against all smaller candles of the time together', () => {
      const halves = candlesOf('1m', opensOf(MINUTE / 2, 600), (row, i) => {
        const price = 100 + Math.sin(i >> 1) / 10
        return { ...row, open: price, high: i === 301 ? 150 : price + 1, low: price - 1, close: price }
      })
      const ends = halves.columns.open_time!.map((time) => time + MINUTE / 2 - 1)
      const peers = [{ name: '30s', batch: { ...halves, columns: { ...halves.columns, close_time: ends } } }]
      expect(findAnomalies([wick({ high: 150 })], { peers }).anomalies[0]).toMatchObject({ confirmedBy: ['30s'] })
      expect(findAnomalies([wick({ low: 50 })], { peers }).anomalies[0]).toMatchObject({ deniedBy: ['30s'] })
    })

    it('are none where every candle has such', () => {
      const batch = candlesOf('1m', opens, (row) => ({ ...row, open: 100, high: 150, low: 99, close: 100 }))
      expect(findAnomalies([batch], { leastMove: 0 }).counts['price-wick']).toBe(0)
    })
  })

  it('have a volume far above the usual', () => {
    const batch = candlesOf('1m', opens, (row, i) => (i === 150 ? { ...row, volume: 1000 } : row))
    expect(found(batch)).toEqual([['volume-spike', 150, 1]])
    expect(found(batch, { spike: 200 })).toEqual([])
  })

  it('are kept up to a number and counted beyond', () => {
    const batch = candlesOf('1m', opens, (row, i) => (i > 100 && i % 10 === 0 ? { ...row, volume: 1000 } : row))
    const report = findAnomalies([batch], { max: 2 })
    expect(report.anomalies).toHaveLength(2)
    expect(report.counts['volume-spike']).toBe(19)
  })

  it('depend on the past only, and not on how the rows are cut', () => {
    const closes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 40, maxLength: 120 })
    fc.assert(
      fc.property(closes, fc.nat(120), (list, cut) => {
        const batch = candlesOf('1m', opensOf(MINUTE, list.length), (row, i) => ({ ...row, close: list[i]! }))
        const options = { window: 20, jump: 2, stuck: 3 }
        const whole = findAnomalies([batch], options).anomalies
        const first = sliceBatch(batch, 0, cut)
        const pieces = new AnomalyDetector(options).add(first).add(sliceBatch(batch, cut, batch.length))
        expect(pieces.report.anomalies).toEqual(whole)
        const early = findAnomalies([first], options).anomalies
        expect(early).toEqual(whole.filter(({ row }) => row < cut))
      }),
    )
  })
})
