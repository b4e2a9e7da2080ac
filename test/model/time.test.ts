import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { InvalidRangeError } from '../../src/model/errors.ts'
import {
  DAY,
  floorDay,
  floorMonth,
  floorYear,
  formatDay,
  formatMonth,
  formatTime,
  isDateOnly,
  nextMonth,
  nextYear,
  parseInclusiveEnd,
  parseTime,
} from '../../src/model/time.ts'

const instants = fc.integer({ min: Date.parse('0000-01-01T00:00:00Z'), max: Date.UTC(9999, 11, 31, 23, 59, 59, 999) })

function rejects(input: string | number | Date): InvalidRangeError {
  try {
    parseTime(input, 'from')
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidRangeError)
    return error as InvalidRangeError
  }
  throw new Error(`parseTime took ${String(input)}`)
}

describe('parseTime', () => {
  it.each([
    ['2024-01-31', '2024-01-31T00:00:00.000Z'],
    ['2024-02', '2024-02-01T00:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    [' 2024-01-31 ', '2024-01-31T00:00:00.000Z'],
    ['2024-01-31T12:34', '2024-01-31T12:34:00.000Z'],
    ['2024-01-31 12:34:56', '2024-01-31T12:34:56.000Z'],
    ['2024-01-31T12:34:56.789', '2024-01-31T12:34:56.789Z'],
    ['2024-01-31T12:34:56Z', '2024-01-31T12:34:56.000Z'],
    ['2024-01-31t12:34:56z', '2024-01-31T12:34:56.000Z'],
    ['2024-01-31T12:34:56+05:30', '2024-01-31T07:04:56.000Z'],
    ['2024-01-31T12:34:56-0800', '2024-01-31T20:34:56.000Z'],
    ['2024-12-31T24:00:00Z', '2025-01-01T00:00:00.000Z'],
    ['1706702400000', '2024-01-31T12:00:00.000Z'],
    ['-62135596800000', '0001-01-01T00:00:00.000Z'],
    ['0001-01-01', '0001-01-01T00:00:00.000Z'],
    ['0099-12-31T00:00', '0099-12-31T00:00:00.000Z'],
  ])('reads %j as %s', (text, iso) => {
    expect(new Date(parseTime(text)).toISOString()).toBe(iso)
  })

  it('takes numbers as epoch milliseconds, with their fraction down to the microsecond', () => {
    expect(parseTime(1_706_702_400_000)).toBe(1_706_702_400_000)
    expect(parseTime(1_706_702_400_000.123)).toBe(1_706_702_400_000.123)
    expect(parseTime(0)).toBe(0)
    expect(parseTime(-1)).toBe(-1)
  })

  it('takes a Date', () => {
    expect(parseTime(new Date('2024-05-06T07:08:09.010Z'))).toBe(Date.UTC(2024, 4, 6, 7, 8, 9, 10))
  })

  it.each([
    '',
    ' ',
    'now',
    'yesterday',
    '2024',
    '2024-13',
    '2024-00',
    '2024-02-30',
    '2023-02-29',
    '2024-1-1',
    '20240131',
    '31-01-2024',
    '01/31/2024',
    '2024-01-31T',
    '2024-01-31T25:00',
    '2024-01-31T12:60',
    '2024-01-31T12:00:61',
    '2024-02-30T12:00',
    '2024-01-31T12:00+25:00',
    '2024-01-31T12:00 PST',
    'Wed Jan 31 2024',
    '1706702400000.5ms',
    '2024-01-31T12:00:00ZZ',
    'NaN',
    'Infinity',
    '99999999999999999999',
  ])('refuses %j with a message that names the field, the text and the forms that work', (text) => {
    const { message } = rejects(text)
    expect(message).toContain('from:')
    expect(message).toContain(JSON.stringify(text.trim()).slice(1, -1))
    expect(message).toContain('2024-01-31T12:00:00Z')
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 8.64e15 + 1, new Date(Number.NaN)])(
    'refuses %s, which is no instant',
    (input) => {
      expect(rejects(input).message).toContain('is not a time')
    },
  )

  it('takes back what formatTime wrote, for any instant', () => {
    fc.assert(
      fc.property(instants, (time) => {
        expect(parseTime(formatTime(time))).toBe(time)
        expect(parseTime(new Date(time).toISOString())).toBe(time)
      }),
    )
  })

  it('reads an offset as the difference to UTC, for any instant and offset', () => {
    fc.assert(
      fc.property(instants, fc.integer({ min: -14 * 60, max: 14 * 60 }), (time, offset) => {
        const local = new Date(time + offset * 60_000)
        fc.pre(local.getUTCFullYear() <= 9999 && local.getUTCFullYear() >= 0)
        const sign = offset < 0 ? '-' : '+'
        const hours = String(Math.floor(Math.abs(offset) / 60)).padStart(2, '0')
        const minutes = String(Math.abs(offset) % 60).padStart(2, '0')
        expect(parseTime(local.toISOString().replace('Z', `${sign}${hours}:${minutes}`))).toBe(time)
      }),
    )
  })

  it('never gives anything but a finite instant or an InvalidRangeError, whatever the text', () => {
    const near = fc.stringMatching(/^[-+0-9T :.Zz]{0,30}$/)
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), (text) => {
        try {
          const time = parseTime(text)
          expect(Math.abs(time)).toBeLessThanOrEqual(8.64e15)
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidRangeError)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('parseInclusiveEnd', () => {
  it.each([
    ['2024-01-31', '2024-02-01T00:00:00.000Z'],
    ['2024-02-29', '2024-03-01T00:00:00.000Z'],
    ['2024-12-31', '2025-01-01T00:00:00.000Z'],
    ['2024-02', '2024-03-01T00:00:00.000Z'],
    ['2024-12', '2025-01-01T00:00:00.000Z'],
    ['2024-01-31T12:00:00Z', '2024-01-31T12:00:00.001Z'],
    ['2024-01-31T23:59:59.999', '2024-02-01T00:00:00.000Z'],
    ['1706702400000', '2024-01-31T12:00:00.001Z'],
  ])('ends %s before %s', (text, iso) => {
    expect(new Date(parseInclusiveEnd(text)).toISOString()).toBe(iso)
  })

  it('takes numbers and Dates as instants, never as whole days', () => {
    const midnight = Date.UTC(2024, 0, 31)
    expect(parseInclusiveEnd(midnight)).toBe(midnight + 1)
    expect(parseInclusiveEnd(midnight + 0.25)).toBe(midnight + 1)
    expect(parseInclusiveEnd(new Date(midnight))).toBe(midnight + 1)
  })

  it('always lies after the instant it includes', () => {
    fc.assert(
      fc.property(instants, (time) => {
        expect(parseInclusiveEnd(time)).toBeGreaterThan(time)
        expect(parseInclusiveEnd(formatDay(time))).toBe(floorDay(time) + DAY)
        expect(parseInclusiveEnd(formatMonth(time))).toBe(nextMonth(time))
      }),
    )
  })

  it('says which field is wrong', () => {
    expect(() => parseInclusiveEnd('soon', 'endTime')).toThrow(/^endTime: "soon" is not a time/)
  })
})

it('knows whole days and months from instants', () => {
  expect(['2024-01-31', '2024-01', ' 2024-01-31 '].every(isDateOnly)).toBe(true)
  expect(['2024-01-31T00:00', '2024', '1706702400000', 5, new Date(0)].some(isDateOnly)).toBe(false)
})

describe('calendar arithmetic', () => {
  const first = (iso: string) => Date.parse(`${iso}Z`)

  it('agrees with the calendar of ISO text for any instant', () => {
    fc.assert(
      fc.property(instants, (time) => {
        const iso = new Date(time).toISOString()
        expect(floorDay(time)).toBe(first(`${iso.slice(0, 10)}T00:00`))
        expect(floorMonth(time)).toBe(first(`${iso.slice(0, 7)}-01T00:00`))
        expect(floorYear(time)).toBe(first(`${iso.slice(0, 4)}-01-01T00:00`))
      }),
    )
  })

  it('puts an instant before the next start, and the next start right after the last day', () => {
    fc.assert(
      fc.property(instants, (time) => {
        for (const [floor, next] of [
          [floorMonth, nextMonth],
          [floorYear, nextYear],
        ] as const) {
          const end = next(time)
          expect(floor(time)).toBeLessThanOrEqual(time)
          expect(end).toBeGreaterThan(time)
          if (new Date(end).getUTCFullYear() > 9999) return
          expect(floor(end)).toBe(end)
          expect(floor(end - 1)).toBe(floor(time))
        }
      }),
    )
  })

  it('keeps microseconds on their own side of a boundary, before 1970 too', () => {
    for (const boundary of [0, Date.UTC(2024, 2, 1), Date.UTC(1969, 6, 1)]) {
      expect(floorMonth(boundary + 0.001)).toBe(boundary)
      expect(nextMonth(boundary - 0.001)).toBe(boundary)
      expect(floorDay(boundary - 0.001)).toBe(boundary - DAY)
    }
    expect(floorYear(-0.001)).toBe(Date.UTC(1969, 0, 1))
    expect(nextYear(-0.001)).toBe(0)
  })

  it('knows leap years', () => {
    const days = (month: string) => (nextMonth(first(`${month}-15T00:00`)) - first(`${month}-01T00:00`)) / DAY
    expect(['2023-02', '2024-02', '1900-02', '2000-02', '2100-02'].map(days)).toEqual([28, 29, 28, 29, 28])
  })

  it('writes days and months of far instants without cutting them', () => {
    expect(formatDay(Date.UTC(12024, 0, 31))).toBe('+012024-01-31')
    expect(formatMonth(Date.UTC(12024, 0, 31))).toBe('+012024-01')
    expect(formatTime(Number.NaN)).toBe('NaN')
    expect(formatTime(1_706_702_400_000)).toBe('2024-01-31T12:00:00Z')
    expect(formatTime(1_706_702_400_001)).toBe('2024-01-31T12:00:00.001Z')
  })
})

describe('the zone of the machine', () => {
  const zone = process.env.TZ
  afterEach(() => {
    if (zone === undefined) delete process.env.TZ
    else process.env.TZ = zone
  })

  // Minutes west of UTC in January and July: they prove that the zone was really switched.
  it.each([
    ['UTC', 0, 0],
    ['America/New_York', 300, 240],
    ['Europe/Berlin', -60, -120],
    ['Australia/Lord_Howe', -660, -630],
    ['Asia/Kolkata', -330, -330],
    ['Pacific/Kiritimati', -840, -840],
    ['Pacific/Apia', -780, -780],
  ])('changes nothing in %s', (name, january, july) => {
    process.env.TZ = name
    expect(new Date(2024, 0, 15).getTimezoneOffset()).toBe(january)
    expect(new Date(2024, 6, 15).getTimezoneOffset()).toBe(july)
    const around = ['2024-03-10', '2024-03-31', '2024-04-07', '2024-10-06', '2024-10-27', '2024-11-03', '2011-12-30']
    for (const day of around) {
      const start = Date.UTC(Number(day.slice(0, 4)), Number(day.slice(5, 7)) - 1, Number(day.slice(8)))
      expect(parseTime(day)).toBe(start)
      expect(parseInclusiveEnd(day)).toBe(start + DAY)
      for (let minutes = 0; minutes < 1440; minutes += 15) {
        const time = start + minutes * 60_000
        const clock = `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
        for (const form of [
          `${day}T${clock}`,
          `${day} ${clock}:00`,
          `${day}t${clock}:00.000z`,
          `${day}T${clock}+00:00`,
        ]) {
          expect(parseTime(form)).toBe(time)
        }
        expect(formatDay(time)).toBe(day)
        expect(floorDay(time)).toBe(start)
        expect(formatMonth(floorMonth(time))).toBe(day.slice(0, 7))
        expect(floorMonth(nextMonth(time) - 1)).toBe(floorMonth(time))
      }
    }
  })
})
