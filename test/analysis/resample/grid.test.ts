import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BarGrid, type GridOptions } from '../../../src/analysis/index.ts'
import { Zone } from '../../../src/analysis/resample/zone.ts'
import { floorOpen, formatTime, INTERVALS, parseTime, TicklakeError } from '../../../src/model/index.ts'

/** Bars that hold the hours of a range, each as `start/end`, without repeats. */
function bars(options: GridOptions, from: string, to: string, step = 600_000): string[] {
  const grid = new BarGrid(options)
  const found: string[] = []
  for (let time = parseTime(from); time < parseTime(to); time += step) {
    if (!grid.seek(time)) continue
    const text = `${formatTime(grid.start)}/${formatTime(grid.end)}`
    if (found.at(-1) !== text) found.push(text)
  }
  return found
}

const hours = (list: string[]): number[] =>
  list.map((text) => (parseTime(text.split('/')[1]!) - parseTime(text.split('/')[0]!)) / 3_600_000)

describe('a grid of bars', () => {
  it('of every interval of the exchange is the exchange’s own', () => {
    fc.assert(
      fc.property(fc.constantFrom(...INTERVALS), fc.integer({ min: 0, max: 4e12 }), (interval, time) => {
        const origin = Date.UTC(2017, 7, 17)
        const grid = new BarGrid({ interval, ...(interval === '3d' ? { origin } : {}) })
        expect(grid.seek(time)).toBe(true)
        expect(grid.start).toBe(floorOpen({ interval, origin }, time))
      }),
      { numRuns: 500 },
    )
  })

  it('of odd lengths counts from the epoch, or from every midnight', () => {
    expect(bars({ interval: '7m' }, '1970-01-01', '1970-01-01T00:15:00Z', 60_000)).toEqual([
      '1970-01-01T00:00:00Z/1970-01-01T00:07:00Z',
      '1970-01-01T00:07:00Z/1970-01-01T00:14:00Z',
      '1970-01-01T00:14:00Z/1970-01-01T00:21:00Z',
    ])
    const days = bars({ interval: '7m', anchor: 'day' }, '2024-01-01T23:50:00Z', '2024-01-02T00:10:00Z', 60_000)
    expect(days.slice(1)).toEqual([
      '2024-01-01T23:55:00Z/2024-01-02T00:00:00Z',
      '2024-01-02T00:00:00Z/2024-01-02T00:07:00Z',
      '2024-01-02T00:07:00Z/2024-01-02T00:14:00Z',
    ])
    expect(bars({ interval: '45m' }, '2024-01-01', '2024-01-01T01:30:00Z')).toEqual([
      '2024-01-01T00:00:00Z/2024-01-01T00:45:00Z',
      '2024-01-01T00:45:00Z/2024-01-01T01:30:00Z',
    ])
  })

  it('of days in a zone has days of 23 and 25 hours where its clocks change', () => {
    const zone = { interval: '1d', timeZone: 'America/New_York' }
    const spring = bars(zone, '2024-03-09T05:00:00Z', '2024-03-12T04:00:00Z')
    expect(spring).toEqual([
      '2024-03-09T05:00:00Z/2024-03-10T05:00:00Z',
      '2024-03-10T05:00:00Z/2024-03-11T04:00:00Z',
      '2024-03-11T04:00:00Z/2024-03-12T04:00:00Z',
    ])
    expect(hours(bars(zone, '2024-11-03T04:00:00Z', '2024-11-04T05:00:00Z'))).toEqual([25])
    expect(
      hours(bars({ interval: '1w', timeZone: 'Europe/Berlin' }, '2024-03-24T23:00:00Z', '2024-03-31T22:00:00Z')),
    ).toEqual([167])
    expect(bars({ interval: '1M', timeZone: 'Asia/Kolkata' }, '2024-01-31T18:30:00Z', '2024-02-29T18:30:00Z')).toEqual([
      '2024-01-31T18:30:00Z/2024-02-29T18:30:00Z',
    ])
    expect(bars({ interval: '3M' }, '2024-05-05', '2024-05-06')).toEqual(['2024-04-01T00:00:00Z/2024-07-01T00:00:00Z'])
    expect(bars({ interval: '2w' }, '1970-01-05', '1970-01-06')).toEqual(['1970-01-05T00:00:00Z/1970-01-19T00:00:00Z'])
  })

  it('of hours in a zone keeps to its clocks, and repeats no hour', () => {
    const berlin = { interval: '4h', timeZone: 'Europe/Berlin' }
    expect(hours(bars(berlin, '2024-03-30T23:00:00Z', '2024-03-31T22:00:00Z'))).toEqual([3, 4, 4, 4, 4, 4])
    expect(hours(bars(berlin, '2024-10-26T22:00:00Z', '2024-10-27T23:00:00Z'))).toEqual([5, 4, 4, 4, 4, 4])
    expect(hours(bars({ ...berlin, interval: '1h' }, '2024-10-26T22:00:00Z', '2024-10-27T23:00:00Z'))).toEqual(
      Array.from({ length: 25 }, () => 1),
    )
    // Lord Howe Island moves its clocks by half an hour.
    const howe = bars(
      { interval: '2h', timeZone: 'Australia/Lord_Howe' },
      '2024-04-06T13:00:00Z',
      '2024-04-07T13:30:00Z',
    )
    expect(hours(howe)).toEqual([2.5, ...Array.from({ length: 11 }, () => 2)])
  })

  it('of sessions leaves the rest of the day out', () => {
    const session = { open: '09:30', close: '16:00', days: [1, 2, 3, 4, 5] }
    const nyse = { timeZone: 'America/New_York', session }
    // Friday before the change of clocks, and Monday after it.
    expect(bars({ ...nyse, interval: 'session' }, '2024-03-08', '2024-03-12')).toEqual([
      '2024-03-08T14:30:00Z/2024-03-08T21:00:00Z',
      '2024-03-11T13:30:00Z/2024-03-11T20:00:00Z',
    ])
    const parts = bars({ ...nyse, interval: '4h' }, '2024-03-11', '2024-03-12')
    expect(hours(parts)).toEqual([4, 2.5])
    const night = bars(
      { interval: 'session', session: { open: '22:00', close: '05:00' } },
      '2024-01-01T12:00:00Z',
      '2024-01-02T12:00:00Z',
    )
    expect(night).toEqual(['2024-01-01T22:00:00Z/2024-01-02T05:00:00Z'])
  })

  it('of any kind is without holes and without overlap', () => {
    const zones = [
      'UTC',
      'America/New_York',
      'Europe/Berlin',
      'Australia/Lord_Howe',
      'America/Sao_Paulo',
      'Asia/Beirut',
      'Pacific/Apia',
      'Africa/Casablanca',
      'America/Havana',
    ]
    const intervals = ['7m', '45m', '1h', '90m', '2h', '4h', '5h', '8h', '1d', '3d', '1w', '1M', '5M']
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.constantFrom(...intervals),
        fc.integer({ min: Date.UTC(2008, 0, 1), max: Date.UTC(2026, 0, 1) }),
        (timeZone, interval, time) => {
          const options = { timeZone, interval }
          const grid = new BarGrid(options)
          grid.seek(time)
          const { start, end } = grid
          expect(start).toBeLessThanOrEqual(time)
          expect(end).toBeGreaterThan(time)
          for (const [at, side] of [
            [start, 'start'],
            [end - 1, 'end'],
          ] as const) {
            const other = new BarGrid(options)
            other.seek(at)
            expect([other.start, other.end], `${timeZone} ${interval} ${formatTime(time)} ${side}`).toEqual([
              start,
              end,
            ])
          }
          const next = new BarGrid(options)
          next.seek(end)
          expect(next.start, `${timeZone} ${interval} ${formatTime(time)} next`).toBe(end)
        },
      ),
      { numRuns: 1500 },
    )
  })

  it.each<[GridOptions, string]>([
    [{ interval: '7x' }, 'Unknown interval "7x"'],
    [{ interval: '0m' }, 'Unknown interval "0m"'],
    [{ interval: '1h', timeZone: 'Mars/Base' }, 'Unknown time zone "Mars/Base"'],
    [{ interval: 'session' }, 'needs the hours'],
    [{ interval: '1d', session: { open: '09:30', close: '16:00' } }, 'use interval "session"'],
    [{ interval: '1h', session: { open: '9.30', close: '16:00' } }, 'open is "9.30"'],
    [{ interval: '1h', session: { open: '09:30', close: '16:00', days: [0] } }, 'days are [0]'],
    [{ interval: '25h', anchor: 'day' }, 'longer than the day'],
    [{ interval: '1h', origin: 0 }, 'origin is for bars of days'],
  ])('%j is refused', (options, message) => {
    expect(() => new BarGrid(options)).toThrow(message)
    expect(() => new BarGrid(options)).toThrow(TicklakeError)
  })
})

describe('a time zone', () => {
  it('agrees with Intl at every quarter of an hour around a change', () => {
    const zone = new Zone('Africa/Casablanca')
    const format = new Intl.DateTimeFormat('sv-SE', {
      timeZone: 'Africa/Casablanca',
      dateStyle: 'short',
      timeStyle: 'medium',
    })
    for (const day of ['2024-03-10', '2024-04-14', '2023-03-19', '2023-04-23', '2024-12-31']) {
      for (let time = parseTime(day) - 86_400_000; time < parseTime(day) + 86_400_000; time += 900_000) {
        expect(formatTime(zone.toLocal(time)).replace('T', ' ').replace('Z', '')).toBe(format.format(time))
      }
    }
  })

  it('gives the first instant of a local time that is shown twice, and the jump for one that is not shown', () => {
    const zone = new Zone('Europe/Berlin')
    expect(formatTime(zone.fromLocal(parseTime('2024-10-27T02:30:00Z')))).toBe('2024-10-27T00:30:00Z')
    expect(formatTime(zone.fromLocal(parseTime('2024-03-31T02:30:00Z')))).toBe('2024-03-31T01:00:00Z')
  })
})
