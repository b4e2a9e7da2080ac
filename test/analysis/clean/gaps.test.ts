import { describe, expect, it } from 'vitest'
import { fillGaps } from '../../../src/analysis/clean/index.ts'
import { validateRecords } from '../../../src/analysis/validate/index.ts'
import { CandleFlag } from '../../../src/model/candle.ts'

const MINUTE = 60_000

function batchOf(minutes: number[]) {
  const times = minutes.map((minute) => minute * MINUTE)
  const floats = (of: (minute: number) => number) => Float64Array.from(minutes, of)
  return {
    length: minutes.length,
    columns: {
      open_time: Float64Array.from(times),
      open: floats((m) => m + 1),
      high: floats((m) => m + 4),
      low: floats((m) => m + 1),
      close: floats((m) => m + 3),
      volume: floats(() => 5),
      close_time: Float64Array.from(times, (time) => time + MINUTE - 1),
      trades: floats(() => 2),
      flags: floats(() => CandleFlag.rest),
    },
  }
}

describe('fillGaps', () => {
  it('puts flat candles without volume in, flagged', () => {
    const batch = batchOf([0, 1, 4])
    const { data, filled, left } = fillGaps(batch, { interval: '1m' })
    expect(Object.fromEntries(Object.entries(data.columns).map(([name, values]) => [name, [...values]]))).toEqual({
      open_time: [0, 1, 2, 3, 4].map((minute) => minute * MINUTE),
      open: [1, 2, 4, 4, 5],
      high: [4, 5, 4, 4, 8],
      low: [1, 2, 4, 4, 5],
      close: [3, 4, 4, 4, 7],
      volume: [5, 5, 0, 0, 5],
      close_time: [1, 2, 3, 4, 5].map((minute) => minute * MINUTE - 1),
      trades: [2, 2, 0, 0, 2],
      flags: [1, 1, CandleFlag.filled, CandleFlag.filled, 1],
    })
    expect(filled).toEqual([{ from: 2 * MINUTE, to: 4 * MINUTE, count: 2 }])
    expect(left).toEqual([])
    expect(batch.length).toBe(3)
    expect(validateRecords('candle', data, { interval: '1m' }).findings).toEqual([])
  })

  it('can leave values out, and long gaps open', () => {
    const { data } = fillGaps(batchOf([0, 2]), { interval: '1m', rule: 'nan' })
    expect([...data.columns.close!]).toEqual([3, Number.NaN, 5])
    expect([...data.columns.open_time!]).toEqual([0, MINUTE, 2 * MINUTE])
    const { data: short, left } = fillGaps(batchOf([0, 2, 9]), { interval: '1m', limit: 3 })
    expect(short.length).toBe(4)
    expect(left).toEqual([{ from: 3 * MINUTE, to: 9 * MINUTE, count: 6 }])
  })

  it('makes a flags column where there is none', () => {
    const { columns } = batchOf([0, 2])
    const { flags: _, ...others } = columns
    const { data } = fillGaps({ length: 2, columns: others }, { interval: '1m' })
    expect([...data.columns.flags!]).toEqual([0, CandleFlag.filled, 0])
  })

  it('fills months by the calendar', () => {
    const open_time = Float64Array.of(Date.UTC(2024, 0, 1), Date.UTC(2024, 3, 1))
    const { data } = fillGaps({ length: 2, columns: { open_time, close: Float64Array.of(1, 2) } }, { interval: '1M' })
    expect([...data.columns.open_time!].map((time) => new Date(time).getUTCMonth())).toEqual([0, 1, 2, 3])
  })

  it('refuses what is no series of candles', () => {
    expect(() => fillGaps(batchOf([2, 1]), { interval: '1m' })).toThrow('Row 1 opens at')
    expect(() => fillGaps(batchOf([0, 1]), { interval: '1h' })).toThrow('not on the grid')
    expect(() => fillGaps({ length: 0, columns: {} }, { interval: '1h' })).toThrow('"open_time", which is not there')
    const open_time = Float64Array.of(0)
    expect(() => fillGaps({ length: 1, columns: { open_time } }, { interval: '1h' })).toThrow('the last "close"')
    const times = { open_time: Float64Array.of(0, Number.NaN), close: Float64Array.of(1, 1) }
    expect(() => fillGaps(times, { interval: '1h' })).toThrow(
      'Row 1 opens at NaN: not on the grid of 1h, or not rising.',
    )
    expect(fillGaps(batchOf([]), { interval: '3d' }).data.length).toBe(0)
    expect(() => fillGaps(batchOf([0, 2]), { interval: '7m' as '5m' })).toThrow('Unknown interval "7m"')
    expect(() => fillGaps(batchOf([0, 2]), { interval: '1m', rule: 'linear' as 'flat' })).toThrow('use flat or nan')
    expect(() => fillGaps(batchOf([0, 2]), { interval: '1m', limit: -1 })).toThrow('limit is -1')
  })

  it('takes rows and columns by name as cleaning does', () => {
    const at = Date.UTC(2024, 0, 1)
    const rows = [0, 2].map((minute) => ({ openTime: at + minute * 60_000, close: minute, volume: 5 }))
    const { data } = fillGaps(rows, { interval: '1m' })
    expect([...data.columns.openTime!]).toEqual([0, 1, 2].map((minute) => at + minute * 60_000))
    expect([...data.columns.close!]).toEqual([0, 0, 2])
    expect([...data.columns.volume!]).toEqual([5, 0, 5])
    expect([...data.columns.flags!]).toEqual([0, CandleFlag.filled, 0])
    const byName = fillGaps({ open_time: rows.map((row) => row.openTime), close: [0, 2] }, { interval: '1m' })
    expect([...byName.data.columns.close!]).toEqual([0, 0, 2])
  })
})
