import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Batch,
  clipBatch,
  columnOf,
  concatBatches,
  emptyBatch,
  lowerBound,
  mergeBatches,
  rowAt,
  sliceBatch,
} from '../../src/model/batch.ts'
import { candle } from '../../src/model/candle.ts'
import { InvalidRangeError } from '../../src/model/errors.ts'

type Row = Record<string, number>

/** A batch of rows at these times; every other value tells the batch (`tag`), the column and the time apart. */
function batchOf(times: readonly number[], tag: number): Batch {
  const columns = Object.fromEntries(
    candle.columns.map(({ name }, index) => [
      name,
      Float64Array.from(times, (time) => (name === 'open_time' ? time : time * 1_000 + index * 10 + tag)),
    ]),
  )
  return { length: times.length, columns }
}

function rowsOf(batch: Batch): Row[] {
  for (const values of Object.values(batch.columns)) expect(values.length).toBe(batch.length)
  return Array.from({ length: batch.length }, (_, index) => rowAt(batch, index))
}

const sortedTimes = fc
  .uniqueArray(fc.integer({ min: -50, max: 50 }), { maxLength: 40 })
  .map((list) => list.sort((a, b) => a - b))

describe('batches', () => {
  it('merge like a map in which the winner is set last', () => {
    fc.assert(
      fc.property(sortedTimes, sortedTimes, (a, b) => {
        const winner = batchOf(a, 1)
        const other = batchOf(b, 2)
        const byTime = new Map<number, Row>()
        for (const row of [...rowsOf(other), ...rowsOf(winner)]) byTime.set(row.open_time!, row)
        const expected = [...byTime.values()].sort((x, y) => x.open_time! - y.open_time!)
        expect(rowsOf(mergeBatches(candle, winner, other))).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('leave their inputs as they were when merged', () => {
    const winner = batchOf([1, 3, 5], 1)
    const other = batchOf([2, 3, 4], 2)
    const before = structuredClone([winner, other])
    mergeBatches(candle, winner, other)
    expect([winner, other]).toEqual(before)
  })

  it('join in the order given, empty ones too', () => {
    fc.assert(
      fc.property(fc.array(sortedTimes, { maxLength: 5 }), (lists) => {
        const batches = lists.map(batchOf)
        expect(rowsOf(concatBatches(candle, batches))).toEqual(batches.flatMap(rowsOf))
      }),
    )
  })

  it('clip to the rows in [from, to)', () => {
    fc.assert(
      fc.property(
        sortedTimes,
        fc.integer({ min: -60, max: 60 }),
        fc.integer({ min: -60, max: 60 }),
        (times, from, to) => {
          const batch = batchOf(times, 1)
          const expected = rowsOf(batch).filter((row) => row.open_time! >= from && row.open_time! < to)
          expect(rowsOf(clipBatch(candle, batch, from, to))).toEqual(expected)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('slice like an array whose indices are clamped, without copying', () => {
    fc.assert(
      fc.property(
        sortedTimes,
        fc.integer({ min: -5, max: 45 }),
        fc.integer({ min: -5, max: 45 }),
        (times, from, to) => {
          const batch = batchOf(times, 1)
          const slice = sliceBatch(batch, from, to)
          expect(rowsOf(slice)).toEqual(rowsOf(batch).filter((_, index) => index >= from && index < to))
          for (const [name, values] of Object.entries(slice.columns)) {
            expect(values.buffer).toBe(columnOf(batch, name).buffer)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('find the first row at or after a time as a linear search does', () => {
    const repeated = fc
      .array(fc.integer({ min: -20, max: 20 }), { maxLength: 40 })
      .map((list) => list.sort((a, b) => a - b))
    fc.assert(
      fc.property(repeated, fc.integer({ min: -22, max: 22 }), fc.nat(45), (list, value, length) => {
        const keys = Float64Array.from(list)
        const first = (count: number) => {
          const at = list.slice(0, count).findIndex((key) => key >= value)
          return at < 0 ? Math.min(count, list.length) : at
        }
        expect(lowerBound(keys, value)).toBe(first(list.length))
        const within = Math.min(length, list.length)
        expect(lowerBound(keys, value, within)).toBe(first(within))
      }),
      { numRuns: 500 },
    )
  })

  it('of no rows have every column of their kind', () => {
    const empty = emptyBatch(candle)
    expect(empty.length).toBe(0)
    expect(Object.keys(empty.columns)).toEqual(candle.columns.map(({ name }) => name))
    expect(rowsOf(mergeBatches(candle, empty, empty))).toEqual([])
    expect(rowsOf(concatBatches(candle, []))).toEqual([])
  })

  it('say which columns they have when asked for another', () => {
    const batch: Batch = { length: 0, columns: { open_time: new Float64Array(0), close: new Float64Array(0) } }
    expect(() => columnOf(batch, 'volume')).toThrow(InvalidRangeError)
    expect(() => columnOf(batch, 'volume')).toThrow('no column "volume", only open_time, close')
    expect(() =>
      mergeBatches(candle, { ...batch, length: 1, columns: { close: new Float64Array(1) } }, batchOf([1], 1)),
    ).toThrow('no column "open_time"')
  })
})
