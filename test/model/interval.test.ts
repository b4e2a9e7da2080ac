import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidRangeError } from '../../src/model/errors.ts'
import {
  addOpens,
  ceilOpen,
  closeTimeOf,
  countOpens,
  floorOpen,
  INTERVALS,
  type Interval,
  type IntervalGrid,
  intervalLength,
  isInterval,
  isOpenTime,
  nextOpen,
  parseInterval,
} from '../../src/model/interval.ts'
import { DAY, HOUR, MINUTE, SECOND } from '../../src/model/time.ts'

/** What an open time is, said by the fields of the UTC calendar and not by division of epoch time. */
function opensBySlowRule({ interval, origin = 0 }: IntervalGrid, time: number): boolean {
  const date = new Date(time)
  const count = Number.parseInt(interval, 10)
  const unit = interval.slice(-1)
  if (time !== Math.floor(time) || date.getUTCMilliseconds() !== 0) return false
  if (unit === 's') return date.getUTCSeconds() % count === 0
  if (date.getUTCSeconds() !== 0) return false
  if (unit === 'm') return date.getUTCMinutes() % count === 0
  if (date.getUTCMinutes() !== 0) return false
  if (unit === 'h') return date.getUTCHours() % count === 0
  if (date.getUTCHours() !== 0) return false
  if (unit === 'w') return date.getUTCDay() === 1
  if (unit === 'M') return date.getUTCDate() === 1
  return ((time - origin) / DAY) % count === 0
}

const STEP: Readonly<Record<string, number>> = { s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: DAY, M: DAY }

function slowFloor(grid: IntervalGrid, time: number): number {
  const step = STEP[grid.interval.slice(-1)]!
  let at = Math.floor(time / step) * step
  while (!opensBySlowRule(grid, at)) at -= step
  return at
}

function slowNext(grid: IntervalGrid, open: number): number {
  const step = STEP[grid.interval.slice(-1)]!
  let at = open + step
  while (!opensBySlowRule(grid, at)) at += step
  return at
}

/** Every open time in [from, to), by trying each second, minute, hour or day of it. */
function slowOpens(grid: IntervalGrid, from: number, to: number): number[] {
  const step = STEP[grid.interval.slice(-1)]!
  const opens: number[] = []
  for (let at = Math.ceil(from / step) * step + 0; at < to; at += step)
    if (opensBySlowRule(grid, at)) opens.push(at + 0)
  return opens
}

const intervals = fc.constantFrom(...INTERVALS)
const days = fc.integer({ min: -30_000, max: 60_000 })
const grids: fc.Arbitrary<IntervalGrid> = fc
  .record({ interval: intervals, origin: fc.option(days, { nil: undefined }) })
  .map(({ interval, origin }) => (origin === undefined ? { interval } : { interval, origin: origin * DAY }))
/** Whole milliseconds between 1880 and 2130, some with microseconds, and boundaries more often than chance has them. */
const times = fc.oneof(
  fc.integer({ min: -30_000 * DAY, max: 60_000 * DAY }),
  days.map((day) => day * DAY),
  fc.tuple(days, fc.constantFrom(-1, 1, -0.001, 0.001, 0.5)).map(([day, off]) => day * DAY + off),
)

describe('intervals by name', () => {
  it('are the sixteen of Binance, smallest first', () => {
    expect(INTERVALS.join(' ')).toBe('1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M')
    const lengths = INTERVALS.map(intervalLength)
    expect(lengths).toEqual([...lengths].sort((a, b) => a - b))
    expect(new Set(lengths).size).toBe(INTERVALS.length)
  })

  it('are read exactly, the archive name of a month too', () => {
    for (const interval of INTERVALS) {
      expect(parseInterval(interval)).toBe(interval)
      expect(isInterval(interval)).toBe(true)
    }
    expect(parseInterval('1mo')).toBe('1M')
    expect(isInterval('1mo')).toBe(false)
  })

  it.each(['', '1H', '1D', '2m', '60', '1 m', '1min', 'm', '1s ', 'constructor', '__proto__'])(
    'refuse %j with the list of what exists',
    (text) => {
      expect(() => parseInterval(text)).toThrow(InvalidRangeError)
      expect(() => parseInterval(text)).toThrow(`"${text}"`)
      expect(() => parseInterval(text)).toThrow(/1s, 1m, .* 1w, 1M \(1m is a minute, 1M a month\)/)
    },
  )
})

describe('open times', () => {
  it('floor and ceil agree with a slow search, for any interval, origin and instant', () => {
    fc.assert(
      fc.property(grids, times, (grid, time) => {
        const floor = slowFloor(grid, time)
        expect(floorOpen(grid, time)).toBe(floor)
        const isOpen = floor === time
        expect(isOpenTime(grid, time)).toBe(isOpen)
        expect(nextOpen(grid, floor)).toBe(slowNext(grid, floor))
        expect(ceilOpen(grid, time)).toBe(isOpen ? time : nextOpen(grid, floor))
        expect(closeTimeOf(grid, floor)).toBe(nextOpen(grid, floor) - 1)
      }),
      { numRuns: 300 },
    )
  })

  it('counts, steps and adds as a slow walk does', () => {
    const spans = fc.tuple(fc.double({ min: 0, max: 40, noNaN: true }), fc.constantFrom(0, 0.25, 1))
    fc.assert(
      fc.property(grids, times, spans, (grid, from, [candles, off]) => {
        const to = Math.floor(from + candles * intervalLength(grid.interval)) + off
        const opens = slowOpens(grid, from, to)
        expect(countOpens(grid, { from, to })).toBe(opens.length)
        const first = ceilOpen(grid, from)
        for (const [index, open] of opens.entries()) {
          expect(addOpens(grid, first, index)).toBe(open)
          expect(addOpens(grid, open, -index)).toBe(first)
          if (index > 0) expect(nextOpen(grid, opens[index - 1]!)).toBe(open)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('counts none in an empty or reversed range', () => {
    fc.assert(
      fc.property(grids, times, fc.nat(100 * DAY), (grid, time, back) => {
        expect(countOpens(grid, { from: time, to: time })).toBe(0)
        expect(countOpens(grid, { from: time, to: time - back })).toBe(0)
      }),
    )
  })

  it('counts are additive: a range is the sum of its parts', () => {
    fc.assert(
      fc.property(grids, fc.tuple(times, times, times), (grid, three) => {
        const [from, middle, to] = [...three].sort((a, b) => a - b) as [number, number, number]
        const parts = countOpens(grid, { from, to: middle }) + countOpens(grid, { from: middle, to })
        expect(countOpens(grid, { from, to })).toBe(parts)
      }),
    )
  })

  it('adding undoes subtracting, over centuries', () => {
    fc.assert(
      fc.property(grids, times, fc.integer({ min: -1_000, max: 1_000 }), (grid, time, count) => {
        const open = floorOpen(grid, time)
        const moved = addOpens(grid, open, count)
        expect(isOpenTime(grid, moved)).toBe(true)
        expect(addOpens(grid, moved, -count)).toBe(open)
        const [from, to] = count < 0 ? [moved, open] : [open, moved]
        expect(countOpens(grid, { from, to })).toBe(Math.abs(count))
      }),
    )
  })
})

describe('the calendar', () => {
  const utc = (iso: string) => Date.parse(`${iso}T00:00:00Z`)

  it('has months of 28 to 31 days', () => {
    const grid: IntervalGrid = { interval: '1M' }
    expect(nextOpen(grid, utc('2024-02-01'))).toBe(utc('2024-03-01'))
    expect(closeTimeOf(grid, utc('2024-02-01'))).toBe(Date.parse('2024-02-29T23:59:59.999Z'))
    expect(closeTimeOf(grid, utc('2023-02-01'))).toBe(Date.parse('2023-02-28T23:59:59.999Z'))
    expect(addOpens(grid, utc('2017-08-01'), 104)).toBe(utc('2026-04-01'))
    expect(countOpens(grid, { from: utc('2017-08-17'), to: utc('2026-04-30') })).toBe(104)
    expect(floorOpen(grid, utc('1969-12-31'))).toBe(utc('1969-12-01'))
    expect(INTERVALS.every((interval) => intervalLength(interval) <= intervalLength('1M'))).toBe(true)
  })

  it('starts weeks on Monday, before 1970 too', () => {
    const grid: IntervalGrid = { interval: '1w' }
    expect(floorOpen(grid, utc('2024-01-07'))).toBe(utc('2024-01-01'))
    expect(floorOpen(grid, utc('2024-01-08'))).toBe(utc('2024-01-08'))
    expect(floorOpen(grid, 0)).toBe(utc('1969-12-29'))
    expect(floorOpen({ interval: '1w', origin: utc('2024-01-03') }, utc('2024-01-07'))).toBe(utc('2024-01-01'))
  })

  it('counts 3d candles from the origin of the symbol, on both sides of it', () => {
    const bitcoin: IntervalGrid = { interval: '3d', origin: utc('2017-08-17') }
    const avalanche: IntervalGrid = { interval: '3d', origin: utc('2020-09-22') }
    expect(floorOpen(bitcoin, utc('2026-04-28'))).toBe(utc('2026-04-26'))
    expect(floorOpen(avalanche, utc('2026-04-28'))).toBe(utc('2026-04-27'))
    expect(floorOpen(bitcoin, utc('2017-08-16'))).toBe(utc('2017-08-14'))
    expect(floorOpen({ interval: '3d', origin: utc('1960-01-01') }, utc('1960-01-06'))).toBe(utc('1960-01-04'))
    // Any open time of the symbol fixes the same grid.
    expect(floorOpen({ interval: '3d', origin: utc('2026-04-26') }, utc('2019-01-01'))).toBe(
      floorOpen(bitcoin, utc('2019-01-01')),
    )
  })

  it('takes the origin for 3d only', () => {
    for (const interval of INTERVALS.filter((name): name is Interval => name !== '3d')) {
      const time = utc('2024-05-17') + 12_345_678
      expect(floorOpen({ interval, origin: utc('2024-01-02') + 77 }, time)).toBe(floorOpen({ interval }, time))
    }
  })
})
