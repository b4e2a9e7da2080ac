import { describe, expect, it } from 'vitest'
import {
  addOpens,
  countOpens,
  floorOpen,
  type IntervalGrid,
  isOpenTime,
  nextOpen,
  parseInterval,
} from '../../src/model/interval.ts'
import { DAY, formatTime } from '../../src/model/time.ts'
import { findRealData, realDataTitle } from '../helpers/real-data.ts'
import { recordedCandles } from '../helpers/recorded-candles.ts'

const root = findRealData()
const files = root === undefined ? [] : recordedCandles(root)

interface Hole {
  readonly from: string
  readonly missing: number
}

/** The grid of a file, its origin taken from the first candle as a program that meets a symbol would. */
function gridOf(interval: string, opens: readonly number[]): IntervalGrid {
  return { interval: parseInterval(interval), origin: opens[0]! }
}

function holesOf(grid: IntervalGrid, opens: readonly number[]): Hole[] {
  const holes: Hole[] = []
  for (let i = 1; i < opens.length; i++) {
    const expected = nextOpen(grid, opens[i - 1]!)
    if (expected === opens[i]) continue
    holes.push({ from: formatTime(expected), missing: countOpens(grid, { from: expected, to: opens[i]! }) })
  }
  return holes
}

describe.skipIf(root === undefined)(realDataTitle('recorded candles'), () => {
  it('are found: fifteen spot series, a USD-M series and the archive files', () => {
    expect(files.filter(({ path }) => path.startsWith('series/spot')).length).toBe(15)
    expect(files.filter(({ path }) => path.startsWith('series/um')).length).toBe(1)
    expect(files.filter(({ path }) => path.startsWith('vision/')).length).toBeGreaterThanOrEqual(14)
    expect(new Set(files.map(({ interval }) => interval))).toEqual(
      new Set(['1m', '5m', '15m', '30m', '1h', '2h', '4h', '6h', '8h', '12h', '1d', '3d', '1w', '1M']),
    )
  })

  it.each(files.map((file) => [file.path, file] as const))('%s lies on the grid of its interval', (_, file) => {
    const opens = file.openTimes()
    const grid = gridOf(file.interval, opens)
    expect(opens.length).toBeGreaterThan(0)
    expect(opens.filter((time) => !isOpenTime(grid, time)).map(formatTime)).toEqual([])
    expect(opens.every((time, index) => index === 0 || time > opens[index - 1]!)).toBe(true)
    // Rows and holes make up the whole range.
    const missing = holesOf(grid, opens).reduce((sum, hole) => sum + hole.missing, 0)
    const range = { from: opens[0]!, to: nextOpen(grid, opens.at(-1)!) }
    expect(countOpens(grid, range)).toBe(opens.length + missing)
    expect(addOpens(grid, opens[0]!, opens.length + missing)).toBe(range.to)
  })

  it('of BTCUSDT have exactly the holes that the manifest names, and one each at 1h and 12h', () => {
    const holes = Object.fromEntries(
      files
        .filter(({ path, symbol }) => path.startsWith('series/spot') && symbol === 'BTCUSDT')
        .map((file) => {
          const opens = file.openTimes()
          return [file.interval, holesOf(gridOf(file.interval, opens), opens).length]
        }),
    )
    expect(holes).toEqual({
      '15m': 0,
      '30m': 0,
      '1h': 1,
      '2h': 18,
      '4h': 8,
      '6h': 3,
      '8h': 1,
      '12h': 1,
      '1d': 0,
      '3d': 0,
      '1w': 0,
      '1M': 0,
    })
  })

  it('of the archive have their holes at the outages of the exchange', () => {
    const holes = files
      .filter(({ path }) => path.startsWith('vision/'))
      .flatMap((file) => {
        const opens = file.openTimes()
        return holesOf(gridOf(file.interval, opens), opens).map((hole) => [
          file.path.split('/').at(-1),
          hole.from,
          hole.missing,
        ])
      })
    expect(holes).toEqual([
      ['BTCUSDT-1h-2021-02.csv', '2021-02-11T04:00:00Z', 1],
      ['BTCUSDT-1h-2021-03.csv', '2021-03-06T02:00:00Z', 1],
    ])
  })

  it('of 3d count from the first trading day of their symbol', () => {
    const phase = (symbol: string) => {
      const opens = files.find((file) => file.symbol === symbol && file.interval === '3d')!.openTimes()
      // Any candle of the series fixes the grid, not only its first.
      const grid: IntervalGrid = { interval: '3d', origin: opens[Math.floor(opens.length / 2)]! }
      expect(opens.every((time) => isOpenTime(grid, time))).toBe(true)
      expect(floorOpen(grid, opens[0]! + 3 * DAY - 1)).toBe(opens[0])
      return (opens[0]! / DAY) % 3
    }
    expect(phase('BTCUSDT')).toBe(1)
    expect(phase('AVAXUSDT')).toBe(2)
  })
})
