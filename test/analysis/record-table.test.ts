import { Bool, Float64, Int64, Table, TimestampMicrosecond, tableFromArrays, vectorFromArray } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import {
  computeIndicators,
  findAnomalies,
  resampleCandles,
  scoreCandles,
  tradeBars,
  validateRecords,
} from '../../src/analysis/index.ts'
import type { TableSource } from '../../src/analysis/record-table.ts'
import { batchesToTable } from '../../src/engine/arrow.ts'
import type { Batch } from '../../src/model/batch.ts'
import { candle } from '../../src/model/candle.ts'
import { candlesOf, opensOf } from './quality/batches.ts'

const MINUTE = 60_000

/** The same candles as a batch, as `getData` gives them, and as rows. */
async function forms(batch: Batch): Promise<[string, TableSource][]> {
  const { columns } = batch
  const names = Object.keys(columns)
  const specs = candle.columns.filter(({ name }) => names.includes(name))
  const rows = Array.from({ length: batch.length }, (_, row) =>
    Object.fromEntries(specs.map(({ name, property }) => [property, columns[name]![row]!])),
  )
  return [
    ['an Arrow table', await batchesToTable(specs, [batch])],
    ['an Arrow table of two pieces', await batchesToTable(specs, halves(batch))],
    ['rows', rows],
  ]
}

function halves({ length, columns }: Batch): Batch[] {
  const middle = length >> 1
  const part = (from: number, to: number): Batch => ({
    length: to - from,
    columns: Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values.slice(from, to)])),
  })
  return [part(0, middle), part(middle, length)]
}

describe('candles', () => {
  it('are resampled, scored and searched alike in every form', async () => {
    const batch = candlesOf('1m', opensOf(MINUTE, 1440))
    const bars = resampleCandles(batch, { interval: '7m' })
    const score = scoreCandles([batch], { interval: '1m' })
    const anomalies = findAnomalies([batch])
    expect(bars.length).toBeGreaterThan(200)
    for (const [name, form] of await forms(batch)) {
      expect(resampleCandles(form, { interval: '7m' }).columns.close, name).toEqual(bars.columns.close)
      expect(resampleCandles(form, { interval: '7m' }).columns.volume, name).toEqual(bars.columns.volume)
      expect(scoreCandles(form, { interval: '1m' }), name).toEqual(score)
      expect(scoreCandles([form], { interval: '1m' }), name).toEqual(score)
      expect(findAnomalies(form), name).toEqual(anomalies)
    }
    expect(findAnomalies(batch)).toEqual(anomalies)
  })

  it('with text for numbers are refused: what, where, and what to do', () => {
    const rows = [{ openTime: 0, open: 1, high: 1, low: 1, close: 1, volume: '3' }]
    const message = 'The "volume" of row 0 is the text "3": convert it first, e.g. with Number().'
    expect(() => resampleCandles(rows, { interval: '5m' })).toThrow(message)
    expect(() => scoreCandles(rows, { interval: '1m' })).toThrow(message)
    expect(() => findAnomalies(rows)).toThrow(message)
  })

  it('of an Arrow table are checked by every stage', async () => {
    const opens = opensOf(MINUTE, 10).filter((_, row) => row !== 4)
    const { length, columns } = candlesOf('1m', opens)
    const close = columns.close!.slice()
    close[2] = -1
    const times = columns.open_time!.slice()
    times[7] = times[6]!
    const broken = { length, columns: { ...columns, close, open_time: times } }
    const { ok, counts } = validateRecords('candle', broken, { interval: '1m' })
    expect(ok).toBe(false)
    expect(Object.keys(counts)).toEqual(expect.arrayContaining(['continuity/missing', 'duplicates/contradicting']))
    const [, table] = (await forms(broken))[0]!
    expect(validateRecords('candle', table as never, { interval: '1m' }).counts).toEqual(counts)
  })
})

it('trades are made into bars from an Arrow table and from records', () => {
  const records = Array.from({ length: 9 }, (_, id) => ({
    ...{ id, time: id * 100, price: 100 + id, quantity: 2, buyerIsMaker: id % 2 === 0 },
    ...{ firstTradeId: id, lastTradeId: id },
  }))
  const rule = { type: 'tick', size: 3 } as const
  const bars = tradeBars(records, rule)
  expect([...bars.columns.close!]).toEqual([102, 105, 108])
  expect([...bars.columns.taker_buy_volume!]).toEqual([2, 4, 2])
  const column = (name: 'time' | 'price' | 'quantity') => records.map((record) => record[name])
  const table = new Table({
    time: vectorFromArray(column('time'), new TimestampMicrosecond('UTC')),
    price: vectorFromArray(column('price'), new Float64()),
    quantity: vectorFromArray(column('quantity'), new Float64()),
    buyer_is_maker: vectorFromArray(
      records.map(({ buyerIsMaker }) => buyerIsMaker),
      new Bool(),
    ),
  })
  expect(tradeBars(table as never, rule).columns).toEqual(bars.columns)
  const ids = [0n, 1n, 2n ** 53n + 1n, 2n ** 53n + 2n]
  const big = new Table({
    id: vectorFromArray(ids, new Int64()),
    price: vectorFromArray([1, 1, 1, 1], new Float64()),
    quantity: vectorFromArray([1, 1, 1, 1], new Float64()),
  })
  const { counts } = validateRecords('trade', big as never, { stages: ['ids', 'continuity'] })
  expect(counts).toEqual({ 'continuity/missing': 1 })
})

it('an indicator takes one column of an Arrow table', () => {
  const table = tableFromArrays({ close: Float64Array.of(1, 2, 3, 4) })
  expect([...computeIndicators(table.getChild('close') as never, ['sma(2)'])['sma(2)']!]).toEqual([NaN, 1.5, 2.5, 3.5])
  expect(() => computeIndicators(undefined as never, ['sma(2)'])).toThrow('There are no data: give a batch,')
})

it('what is no table is told so', () => {
  expect(() => resampleCandles({} as never, { interval: '7m' })).toThrow('this is an object without columns')
  expect(() => resampleCandles(5 as never, { interval: '7m' })).toThrow('Give a batch ({ length, columns })')
  expect(() => findAnomalies(null as never)).toThrow('this is null')
  expect(resampleCandles([], { interval: '7m' }).length).toBe(0)
})
