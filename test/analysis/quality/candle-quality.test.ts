import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CandleQuality,
  type CandleQualityOptions,
  QUALITY_PARTS,
  scoreCandles,
} from '../../../src/analysis/quality/index.ts'
import { type Batch, sliceBatch } from '../../../src/model/batch.ts'
import { CandleFlag } from '../../../src/model/candle.ts'
import type { Gap } from '../../../src/model/coverage.ts'
import { findRealData, realDataTitle } from '../../helpers/real-data.ts'
import { recordedCandles } from '../../helpers/recorded-candles.ts'
import { candlesOf, opensOf, START } from './batches.ts'

const root = findRealData()

/** A recorded series of candles as a batch. */
function recorded(path: string): Batch {
  const file = recordedCandles(root!).find((entry) => entry.path === path)!
  const rows = file.rows()
  const names = ['open_time', 'open', 'high', 'low', 'close', 'volume', 'close_time']
  const columns = names.map((name, i) => [name, Float64Array.from(rows, (row) => Number(row[i]))] as const)
  return { length: rows.length, columns: Object.fromEntries(columns) }
}

const HOUR = 3_600_000
const DAY = 24 * HOUR
const days = (count: number) => opensOf(HOUR, 24 * count)
const score = (batch: Batch, options: Partial<CandleQualityOptions> = {}) =>
  scoreCandles([batch], { interval: '1h', ...options })

describe('the quality of a series', () => {
  it('without a flaw is 100 on every day, and nothing needs a reason', () => {
    const { score: all, days: list, parts } = score(candlesOf('1h', days(3)))
    expect(all).toBe(100)
    expect(list.map(({ day, score: points, reasons }) => [day, points, reasons])).toEqual([
      ['2024-01-01', 100, []],
      ['2024-01-02', 100, []],
      ['2024-01-03', 100, []],
    ])
    expect(parts).toEqual({ completeness: 1, continuity: 1, validity: 1, timeliness: 1, agreement: 1 })
  })

  it('shows missing candles with their number', () => {
    const batch = candlesOf('1h', days(2), (row, i) => (i >= 6 && i < 9 ? undefined : row))
    const [first, second] = score(batch).days
    expect(first).toMatchObject({
      expected: 24,
      rows: 21,
      missing: 3,
      parts: { completeness: 21 / 24, continuity: 15 / 24 },
    })
    expect(first!.reasons.map(({ part, detail, count }) => [part, detail, count])).toEqual([
      ['continuity', 'the longest stretch without a hole has 15 of 24 candles', 9],
      ['completeness', 'missing', 3],
    ])
    expect(second!.score).toBe(100)
  })

  it('lets a premium be negative, and nothing else', () => {
    const below = candlesOf('1h', opensOf(HOUR, 24), (row) => ({
      ...row,
      ...{ open: -0.001, high: -0.0005, low: -0.002, close: -0.001, volume: 0, trades: 0 },
    }))
    const score = (kind: string) => scoreCandles(below, { interval: '1h', kind }).parts.validity
    expect(score('premiumCandle')).toBe(1)
    expect(score('markCandle')).toBe(0)
  })

  it('does not hold against a series what the exchange never published', () => {
    const batch = candlesOf('1h', days(1), (row, i) => (i === 6 ? undefined : row))
    const gap = { from: START + 6 * HOUR, to: START + 7 * HOUR, count: 1, checked: ['rest' as const] }
    const published: Gap = { ...gap, cause: 'unknown' }
    const outage: Gap = { ...gap, cause: 'exchange-outage' }
    const lost = score(batch, { gaps: [published] }).days[0]!
    const never = score(batch, { gaps: [outage] }).days[0]!
    expect(lost).toMatchObject({ missing: 1, unpublished: 0, parts: { completeness: 23 / 24 } })
    expect(never).toMatchObject({ missing: 0, unpublished: 1, parts: { completeness: 1, continuity: 17 / 24 } })
    expect(lost.reasons.find(({ part }) => part === 'completeness')).toMatchObject({
      detail: 'missing (unknown)',
      rows: [START + 6 * HOUR],
    })
  })

  it('has no score for a day on which nothing was published, nor for a series of such days', () => {
    const gap: Gap = { from: START + DAY, to: START + 2 * DAY, cause: 'exchange-outage', checked: ['rest'] }
    const two = score(candlesOf('1h', days(1)), { range: { from: START, to: START + 2 * DAY }, gaps: [gap] })
    expect([two.score, two.days.map(({ day }) => day)]).toEqual([100, ['2024-01-01']])
    const none = score(candlesOf('1h', []), { range: { from: gap.from, to: gap.to }, gaps: [gap] })
    expect(none).toMatchObject({ score: null, days: [], unjudged: {}, parts: { completeness: null, validity: null } })
  })

  it('counts whole days that are not there, where a range was asked for', () => {
    const { days: list, score: all } = score(candlesOf('1h', days(1)), { range: { from: START, to: START + 2 * DAY } })
    expect(list.map(({ score: points, missing }) => [points, missing])).toEqual([
      [100, 0],
      [0, 24],
    ])
    expect(all).toBe(50)
    const none = score(candlesOf('1h', []), { range: { from: START, to: START + DAY } })
    expect(none).toMatchObject({ score: 0, unjudged: { timeliness: 'there are no candles' } })
  })

  it('does not count what has not happened yet', () => {
    const range = { from: START, to: START + DAY }
    const half = candlesOf('1h', days(1).slice(0, 12))
    expect(score(half, { range, now: START + 12 * HOUR }).score).toBe(100)
  })

  it.each([
    ['validity', 'high below low (ohlc)', { high: 1 }],
    ['validity', 'price not positive (values)', { low: -1 }],
    ['timeliness', 'closed early: an outage cut it', { close_time: START + 5 * HOUR + 60_000 }],
    ['timeliness', 'not closed yet', { flags: CandleFlag.unfinished }],
    ['agreement', 'from a file whose checksum could not be confirmed', { flags: CandleFlag.unverified }],
  ] as const)('loses %s for a row that is "%s", and names the row', (part, detail, change) => {
    const batch = candlesOf('1h', days(1), (row, i) => (i === 5 ? { ...row, ...change } : row))
    const [day] = score(batch).days
    expect(day!.parts[part]).toBeCloseTo(23 / 24, 12)
    expect(day!.reasons).toMatchObject([{ part, detail, count: 1, rows: [START + 5 * HOUR] }])
    expect(day!.score + day!.reasons[0]!.points).toBeCloseTo(100, 9)
  })

  it('loses agreement where sources were seen to differ', () => {
    const time = START + 2 * HOUR
    const defect = { time, type: 'difference' as const, where: 'x.zip', detail: 'volume', kept: 'rest' as const }
    expect(score(candlesOf('1h', days(1)), { defects: [defect] }).days[0]!.reasons).toMatchObject([
      { part: 'agreement', detail: 'archive and REST gave different values', rows: [time] },
    ])
  })

  it('compares with larger candles where all their parts are there', () => {
    const small = candlesOf('1h', days(1), (row) => ({ ...row, flags: CandleFlag.rest }))
    const { columns } = small
    const at = (name: string, i: number) => columns[name]![i]!
    const larger = (change: number) =>
      candlesOf('4h', opensOf(4 * HOUR, 6), (row, i) => ({
        ...row,
        open: at('open', i * 4),
        high: Math.max(...columns.high!.subarray(i * 4, i * 4 + 4)),
        low: Math.min(...columns.low!.subarray(i * 4, i * 4 + 4)),
        close: at('close', i * 4 + 3),
        volume: 40 + (i === 2 ? change : 0),
        trades: 20,
      }))
    const with4h = (change: number) => score(small, { larger: [{ interval: '4h', batch: larger(change) }] }).days[0]!
    expect(score(small).days[0]!.parts.agreement).toBeNull()
    expect(with4h(0).parts.agreement).toBe(1)
    expect(with4h(1).parts.agreement).toBeCloseTo(5 / 6, 12)
    expect(with4h(1).reasons).toMatchObject([
      {
        part: 'agreement',
        detail: '4h candles say otherwise, e.g. volume 41, the parts make 40',
        rows: [START + 8 * HOUR],
      },
    ])
  })

  it('compares prices from the first trade on: parts in which nothing was traded stand at an earlier price', () => {
    const quiet = { open: 90, high: 90, low: 90, close: 90, volume: 0, trades: 0 }
    const traded = { open: 100, high: 103, low: 99, close: 101, volume: 5, trades: 2 }
    const small = (gone?: number) =>
      candlesOf('1h', days(1).slice(0, 4), (row, i) =>
        i === gone ? undefined : { ...row, ...(i < 2 ? quiet : traded), flags: CandleFlag.rest },
      )
    const larger = { ...traded, volume: 10, trades: 4 }
    const found = (own: typeof larger, gone?: number) => {
      const batch = candlesOf('4h', opensOf(4 * HOUR, 1), (row) => ({ ...row, ...own }))
      return score(small(gone), { larger: [{ interval: '4h', batch }] }).days[0]!
    }
    expect(found(larger).parts.agreement).toBe(1)
    expect(found({ ...larger, low: 90 }).reasons[0]!.detail).toContain('low 90, the parts make 99')
    expect(found({ ...larger, open: 90 }).parts.agreement).toBe(0)
    // Without the second hour nobody knows with which price trading began.
    expect(found({ ...larger, open: 97 }, 1).parts.agreement).toBe(1)
  })

  it('gives the points of what cannot be judged to the rest', () => {
    const rest = candlesOf('1h', days(1), (row, i) => (i === 0 ? undefined : { ...row, flags: CandleFlag.rest }))
    const { parts, score: points } = score(rest, { range: { from: START, to: START + DAY } })
    expect(parts.agreement).toBeNull()
    expect(points).toBeCloseTo(100 - (100 * 50) / 85 / 24, 9)
  })

  it('is the same in pieces, between 0 and 100, and its reasons add up to what is lost', () => {
    const row = fc.record({ gone: fc.boolean(), high: fc.constantFrom(0, 101), flags: fc.constantFrom(0, 1, 8, 32) })
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 60 }), fc.nat(60), (changes, cut) => {
        const batch = candlesOf('1h', opensOf(HOUR, changes.length), (candle, i) => {
          const { gone, high, flags } = changes[i]!
          return gone ? undefined : { ...candle, flags, ...(high === 0 && { high }) }
        })
        const range = { from: START, to: START + changes.length * HOUR }
        const whole = score(batch, { range })
        const pieces = new CandleQuality({ interval: '1h', range })
        pieces.add(sliceBatch(batch, 0, cut)).add(sliceBatch(batch, cut, batch.length))
        expect(pieces.result).toEqual(whole)
        for (const day of whole.days) {
          expect(day.score).toBeGreaterThanOrEqual(0)
          expect(day.score).toBeLessThanOrEqual(100)
          const lost = day.reasons.reduce((sum, { points }) => sum + points, 0)
          expect(lost + day.score).toBeCloseTo(100, 6)
          for (const part of QUALITY_PARTS) {
            const share = day.parts[part]
            if (share !== null && share < 1) expect(day.reasons.map((reason) => reason.part)).toContain(part)
          }
        }
      }),
    )
  })

  it.skipIf(!root)(realDataTitle('finds the outage of recorded candles, and that 1h and 4h agree around it'), () => {
    const hours = recorded('series/spot/BTCUSDT-1h.ndjson.gz')
    const batch = recorded('series/spot/BTCUSDT-4h.ndjson.gz')
    const quality = scoreCandles([hours], { interval: '1h', market: 'spot', larger: [{ interval: '4h', batch }] })
    const flawed = quality.days.filter(({ score: points }) => points < 100)
    expect(flawed.map(({ day }) => day)).toEqual(['2023-03-24'])
    expect(flawed[0]!.reasons.map(({ part, detail }) => `${part}: ${detail}`)).toEqual([
      'continuity: the longest stretch without a hole has 13 of 24 candles',
      'completeness: missing',
      'timeliness: closed early: an outage cut it',
    ])
  })

  it('of an empty series has no day', () => {
    expect(score(candlesOf('1h', []))).toMatchObject({ days: [], rows: 0, expected: 0 })
  })
})
