import { describe, expect, it } from 'vitest'
import { resampleCandles } from '../../../src/analysis/index.ts'
import { formatTime } from '../../../src/model/index.ts'
import { findRealData, realDataTitle } from '../../helpers/real-data.ts'
import { readSeries } from './series.ts'

const data = findRealData()
/** The exchange closed this candle of its own when its outage of 2020-02-19 began. */
const CUT = ['2020-02-19T00:00:00Z close_time: 1582113599999 instead of 1582112132286']

/**
 * From here on a float64 does not tell hundred-millionths apart: a value with eight decimals has lost digits before it
 * came here, and sums of such may be a last bit off.
 */
const LOSSY = 2 ** 26

/**
 * Bars made of a smaller series beside the exchange's own larger candles: how many of them have all their candles and
 * are on both sides, and every difference between those, in words.
 */
function compare(small: string, large: string, perBar: number, origin?: number) {
  const interval = large.split('-')[1]!
  const source = readSeries(data!, small)
  const bars = resampleCandles(source, { interval, ...(origin === undefined ? {} : { origin }) })
  const own = readSeries(data!, large)
  const rowOf = new Map(Array.from(own.columns.open_time!, (time, row) => [time, row]))
  const times = source.columns.open_time!
  const differences: string[] = []
  let whole = 0
  let lossy = 0
  for (let i = 0, first = 0; i < bars.length; first += bars.rows[i++]!) {
    expect(times[first]).toBeGreaterThanOrEqual(bars.columns.open_time![i]!)
    const row = rowOf.get(bars.columns.open_time![i]!)
    if (row === undefined || bars.rows[i] !== perBar) continue
    whole++
    for (const [name, values] of Object.entries(own.columns)) {
      const [expected, actual] = [values[row]!, bars.columns[name]![i]!]
      if (expected === actual) continue
      const parts = source.columns[name]!.subarray(first, first + perBar)
      const near = Math.abs(actual - expected) <= perBar * Number.EPSILON * expected
      if (/quote/.test(name) && parts.some((value) => value > LOSSY) && near) lossy++
      else differences.push(`${formatTime(times[first]!)} ${name}: ${actual} instead of ${expected}`)
    }
  }
  return { whole, lossy, differences }
}

describe.skipIf(data === undefined)(realDataTitle('bars of recorded candles'), () => {
  it.each<[small: string, large: string, perBar: number, whole: number, differences?: string[]]>([
    ['BTCUSDT-15m', 'BTCUSDT-30m', 2, 5760],
    ['BTCUSDT-15m', 'BTCUSDT-1h', 4, 2880],
    ['BTCUSDT-30m', 'BTCUSDT-1h', 2, 2880],
    ['BTCUSDT-15m', 'BTCUSDT-4h', 16, 720],
    ['BTCUSDT-15m', 'BTCUSDT-1d', 96, 120],
    ['BTCUSDT-1h', 'BTCUSDT-4h', 4, 7290],
    ['BTCUSDT-2h', 'BTCUSDT-1d', 12, 3158],
    ['BTCUSDT-4h', 'BTCUSDT-12h', 3, 6345, CUT],
    ['BTCUSDT-1d', 'BTCUSDT-1w', 7, 453],
    ['AVAXUSDT-1d', 'AVAXUSDT-1w', 7, 291],
  ])('%s make the very candles of %s', (small, large, perBar, whole, differences = []) => {
    const found = compare(small, large, perBar)
    expect(found.differences).toEqual(differences)
    expect(found.lossy).toBeLessThan(whole / 4)
    expect(found.whole).toBe(whole)
  })

  it.each([
    ['BTCUSDT', Date.UTC(2017, 7, 17)],
    ['AVAXUSDT', Date.UTC(2020, 8, 22)],
  ])('1d make the very 3d candles of %s, which count from its first day', (symbol, origin) => {
    const found = compare(`${symbol}-1d`, `${symbol}-3d`, 3, origin)
    expect(found.differences).toEqual([])
    expect(found.whole).toBeGreaterThan(600)
  })

  it('a bar that begins in an outage opens with its first trade, as the exchange has it', () => {
    const bars = resampleCandles(readSeries(data!, 'BTCUSDT-1h'), { interval: '4h' })
    const own = readSeries(data!, 'BTCUSDT-4h')
    const time = Date.UTC(2023, 2, 24, 12)
    const i = Array.from(bars.columns.open_time!).indexOf(time)
    const row = Array.from(own.columns.open_time!).indexOf(time)
    // Nothing was traded at 12:00, and there is no candle of 13:00.
    expect(bars.rows[i]).toBe(3)
    for (const [name, values] of Object.entries(own.columns))
      expect([name, bars.columns[name]![i]]).toEqual([name, values[row]])
  })

  it('months have as many days as the calendar says, and equal the own ones', () => {
    const bars = resampleCandles(readSeries(data!, 'BTCUSDT-1d'), { interval: '1M' })
    const own = readSeries(data!, 'BTCUSDT-1M')
    const row = Array.from(own.columns.open_time!).indexOf(Date.UTC(2024, 1, 1))
    const i = Array.from(bars.columns.open_time!).indexOf(Date.UTC(2024, 1, 1))
    expect(bars.rows[i]).toBe(29)
    for (const name of ['open', 'high', 'low', 'close', 'volume', 'close_time', 'trades', 'taker_buy_volume']) {
      expect(bars.columns[name]![i], name).toBe(own.columns[name]![row])
    }
  })

  it('volumes are the decimals that the exchange prints, where adding floats is not', () => {
    const source = readSeries(data!, 'BTCUSDT-15m')
    const bars = resampleCandles(source, { interval: '1h' })
    let naive = 0
    for (let i = 0; i < bars.length; i++) {
      const sum = source.columns.volume!.subarray(i * 4, i * 4 + 4).reduce((a, b) => a + b, 0)
      if (sum !== bars.columns.volume![i]) naive++
    }
    expect(naive).toBeGreaterThan(100)
  })
})
