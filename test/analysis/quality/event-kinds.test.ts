import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  EventQuality,
  type EventQualityOptions,
  SCORED_EVENTS,
  type ScoredEvent,
  scoreEvents,
} from '../../../src/analysis/quality/index.ts'
import { validateRecords } from '../../../src/analysis/validate/index.ts'
import type { Gap } from '../../../src/model/coverage.ts'
import { KINDS } from '../../../src/model/kinds.ts'
import { RecordFlag } from '../../../src/model/live/record.ts'
import {
  causesIn,
  DAY,
  deltaRows,
  fundingRows,
  HOUR,
  infoRows,
  liquidationRows,
  MINUTE,
  markRows,
  metricsRows,
  type Row,
  reasonsIn,
  START,
  sampleRows,
  tickerRows,
} from './event-rows.ts'

const CLEAN: Readonly<Partial<Record<ScoredEvent, Row[]>>> = {
  metrics: metricsRows(),
  fundingRate: fundingRows(),
  markPrice: markRows(),
  ticker: tickerRows(),
  liquidation: liquidationRows(),
  bookDepth: sampleRows(),
  exchangeInfo: infoRows(),
}
const kinds = Object.keys(CLEAN) as (keyof typeof CLEAN)[]

/** What is found in the clean rows of a kind with one of them changed. */
const planted = (kind: ScoredEvent, row: number, change: Row, options: EventQualityOptions = {}) =>
  causesIn(scoreEvents(kind, [CLEAN[kind]!.with(row, { ...CLEAN[kind]![row]!, ...change })], options))
const without = (kind: ScoredEvent, ...rows: number[]) => CLEAN[kind]!.filter((_, i) => !rows.includes(i))
const gapOf = (from: number, to: number, cause: Gap['cause']): Gap => ({ from, to, cause, checked: [] })

describe('every kind of events', () => {
  it('has a score', () => {
    const expected = Object.values(KINDS).flatMap(({ id, hasInterval }) => (hasInterval ? [] : [id]))
    expect([...SCORED_EVENTS].sort()).toEqual(expected.sort())
  })

  it.each(kinds)('has 100 where nothing is wrong: %s', (kind) => {
    const quality = scoreEvents(kind, [CLEAN[kind]!])
    expect(reasonsIn(quality)).toEqual([])
    expect(quality.score).toBe(100)
    expect(validateRecords(kind, CLEAN[kind]!).findings).toEqual([])
  })

  it('says which parts it cannot judge and why, and counts none of them', () => {
    const unjudged = (kind: ScoredEvent) => scoreEvents(kind, [CLEAN[kind]!]).unjudged
    expect(Object.keys(unjudged('metrics'))).toEqual(['timeliness'])
    expect(Object.keys(unjudged('fundingRate'))).toEqual(['agreement'])
    expect(Object.keys(unjudged('markPrice'))).toEqual(['agreement'])
    expect(unjudged('liquidation').completeness).toContain('at most one a second')
    expect(unjudged('exchangeInfo')).toMatchObject({ continuity: 'a day has one record' })
    const wrong = CLEAN.liquidation!.map((row) => ({ ...row, price: -1 }))
    // Validity of 0, continuity and timeliness of 1: completeness and agreement weigh nothing.
    expect(scoreEvents('liquidation', [wrong])).toMatchObject({
      score: expect.closeTo((100 * 25) / 50, 9),
      parts: { completeness: null, agreement: null, validity: 0 },
    })
  })

  it.each(kinds)('is the same in pieces, and its reasons add up to what is lost: %s', (kind) => {
    const change = fc.constantFrom('none', 'none', 'none', 'drop', 'twice', 'blank', 'negative', 'unverified')
    const clean = CLEAN[kind]!
    const names = Object.keys(clean[0]!).filter((name) => !/time|flags|Id$/i.test(name))
    fc.assert(
      fc.property(fc.array(change, { maxLength: clean.length }), fc.nat(9), fc.nat(99), (changes, size, pick) => {
        const name = names[pick % names.length]!
        const rows = clean.flatMap((row, i) => {
          if (changes[i] === 'drop') return []
          if (changes[i] === 'twice') return [row, row]
          if (changes[i] === 'blank') return [{ ...row, [name]: Number.NaN }]
          if (changes[i] === 'negative') return [{ ...row, [name]: -row[name]! }]
          return [changes[i] === 'unverified' ? { ...row, flags: RecordFlag.unverified } : row]
        })
        const whole = scoreEvents(kind, [rows])
        const pieces = new EventQuality(kind)
        for (let at = 0; at < rows.length; at += size + 1) pieces.add(rows.slice(at, at + size + 1))
        expect(pieces.result).toEqual(whole)
        for (const { score, reasons } of whole.days) {
          expect(score).toBeGreaterThanOrEqual(0)
          expect(100 - reasons.reduce((sum, { points }) => sum + points, 0)).toBeCloseTo(score, 9)
        }
      }),
      { numRuns: 15 },
    )
  })

  it('is not late where the exchange lives at another time, as a sandbox does; one record that is days late is', () => {
    const away = markRows().map((row) => ({ ...row, receiveTime: row.receiveTime! + 500 * DAY }))
    const sandbox = scoreEvents('markPrice', [away])
    expect(sandbox).toMatchObject({ score: 100, parts: { timeliness: null } })
    expect(sandbox.unjudged.timeliness).toContain('clock')
    expect(planted('markPrice', 7, { receiveTime: START + 500 * DAY })).toEqual([
      ['timeliness', 'late', 1, START + 7003],
    ])
  })

  it('agrees where archive and REST gave the same', () => {
    const defect = { type: 'difference', where: 'a', detail: 'b', kept: 'archive' } as const
    const defects = [{ ...defect, time: START + 5 * MINUTE }, defect]
    const quality = scoreEvents('metrics', [metricsRows()], { defects })
    expect(quality.parts.agreement).toBeCloseTo(287 / 288, 12)
    expect(causesIn(quality)).toEqual([['agreement', 'archive and REST gave different values', 1, START + 5 * MINUTE]])
  })
})

describe('the quality of metrics', () => {
  it('names periods that are missing, also at the ends and of whole days', () => {
    const rows = [...without('metrics', 0, 100, 101), ...metricsRows(287, START + 2 * DAY)]
    const quality = scoreEvents('metrics', [rows], { covered: { from: START, to: START + 3 * DAY } })
    expect(quality.days.map(({ day, rows, missing, expected }) => [day, rows, missing, expected])).toEqual([
      ['2024-03-10', 285, 3, 288],
      ['2024-03-11', 0, 288, 288],
      ['2024-03-12', 287, 1, 288],
    ])
    expect(quality.days[1]).toMatchObject({ score: 0, parts: { completeness: 0, continuity: 0, validity: null } })
    const lost = quality.days[0]!.reasons.find(({ part }) => part === 'completeness')!
    expect(lost).toMatchObject({ count: 3, rows: [START, START + 500 * MINUTE] })
    expect(quality.days[0]!.parts.continuity).toBe(186 / 288)
  })

  it('does not hold against it what the exchange never published', () => {
    const gaps = [gapOf(START + 100 * 5 * MINUTE, START + 102 * 5 * MINUTE, 'exchange-outage')]
    const quality = scoreEvents('metrics', [without('metrics', 100, 101, 200)], { gaps })
    expect(quality.days).toMatchObject([{ missing: 1, unpublished: 2, expected: 288 }])
    expect(quality.parts.completeness).toBe(285 / 286)
    expect(causesIn(quality)).toEqual([
      ['completeness', 'missing of the five-minute grid', 1, START + 1000 * MINUTE],
      ['continuity', 'never published (exchange-outage)', 2, START + 500 * MINUTE],
    ])
  })

  it('says nothing of days of which the exchange published nothing', () => {
    const gaps = [gapOf(START + DAY, START + 3 * DAY, 'delisted')]
    const quality = scoreEvents('metrics', [metricsRows()], { covered: { from: START, to: START + 3 * DAY }, gaps })
    expect(quality).toMatchObject({ score: 100, days: [{ day: '2024-03-10' }] })
  })

  it('takes a price that stays for a new one', () => {
    const rows = metricsRows().map((row, i) =>
      i < 100 ? row : { ...row, openInterestValue: row.openInterestValue! * 3 },
    )
    expect(causesIn(scoreEvents('metrics', [rows]))).toEqual([
      ['validity', 'value jumps (pairs)', 1, START + 500 * MINUTE],
    ])
  })

  it('names blank cells, which cost their share of a row', () => {
    const at = START + 15 * MINUTE
    const quality = scoreEvents('metrics', [
      metricsRows().with(3, { ...metricsRows()[3]!, takerRatio: Number.NaN, accountRatio: Number.NaN }),
    ])
    expect(quality.parts).toMatchObject({ completeness: (288 - 2 / 6) / 288, validity: 1, continuity: 1 })
    expect(causesIn(quality)).toEqual([
      ['completeness', 'accountRatio is left out', 1, at],
      ['completeness', 'takerRatio is left out', 1, at],
    ])
  })

  it.each([
    ['negative (values)', { openInterest: -1 }],
    ['not a number (values)', { takerRatio: Number.POSITIVE_INFINITY }],
    ['value does not fit (pairs)', { openInterest: 0 }],
    ['absurd (values)', { takerRatio: 1e300 }],
    ['value jumps (pairs)', { openInterest: 80_003e9 }],
    ['off grid (grid)', { time: START + 15 * MINUTE + 7000, labelTime: START + 20 * MINUTE + 7000 }],
    ['label off (labels)', { labelTime: START + 25 * MINUTE }],
  ] as [string, Row][])('names what is wrong: %s', (detail, change) => {
    expect(planted('metrics', 3, change)).toEqual([['validity', detail, 1, change.time ?? START + 15 * MINUTE]])
  })

  it('names labels of another sort within a day, and no such change that the exchange made between two days', () => {
    const starts = (rows: Row[]) => rows.map((row) => ({ ...row, labelTime: row.time! }))
    const switched = [...metricsRows(), ...starts(metricsRows(288, START + DAY))]
    expect(reasonsIn(scoreEvents('metrics', [switched]))).toEqual([])
    const rows = metricsRows()
    const mixed = [...rows.slice(0, 100), ...starts(rows.slice(100))]
    expect(causesIn(scoreEvents('metrics', [mixed]))).toEqual([
      ['validity', 'label shift (labels)', 1, START + 500 * MINUTE],
    ])
    const back = [...starts(metricsRows()), ...metricsRows(288, START + DAY)]
    expect(causesIn(scoreEvents('metrics', [back]))).toEqual([['validity', 'label shift (labels)', 1, START + DAY]])
  })

  it('taken with labels as times shows the shift as a doubled period and one that is missing', () => {
    // Ends as starts until the second day, starts from there on.
    const rows = [...metricsRows().map((row) => ({ ...row, time: row.labelTime! })), ...metricsRows(288, START + DAY)]
    const raw = rows.map((row: Row) => ({ ...row, labelTime: Number.NaN }))
    const quality = scoreEvents('metrics', [raw], { covered: { from: START, to: START + 2 * DAY } })
    expect(causesIn(quality)).toEqual([
      ['completeness', 'missing of the five-minute grid', 1, START],
      ['validity', 'repeated time (time)', 1, START + DAY],
    ])
  })

  it('names values that stand still for an hour', () => {
    const rows = metricsRows()
    const { time: _, labelTime: __, ...still } = rows[50]!
    const frozen = rows.map((row, i) => (i > 50 && i < 65 ? { ...row, ...still } : row))
    expect(causesIn(scoreEvents('metrics', [frozen]))).toEqual([
      ['validity', 'stands still (frozen)', 4, START + 61 * 5 * MINUTE],
    ])
    const shorter = rows.map((row, i) => (i > 50 && i < 61 ? { ...row, ...still } : row))
    expect(scoreEvents('metrics', [shorter]).score).toBe(100)
  })
})

describe('the quality of fundings', () => {
  const score = (rows: Row[], options: EventQualityOptions = {}) =>
    causesIn(scoreEvents('fundingRate', [rows], options))
  const absence = 'missing of the schedule of fundings'

  it.each([1, 2, 4, 8])('finds a schedule of %d hours by itself, and the holes in it', (hours) => {
    const rows = fundingRows(40, hours)
    expect(score(rows)).toEqual([])
    const lost = rows.filter((_, i) => i !== 20 && i !== 30 && i !== 31)
    const found = score(lost)
    expect(found.reduce((sum, [, , count]) => sum + count, 0)).toBe(3)
    expect(new Set(found.map(([part, detail]) => `${part} ${detail}`))).toEqual(new Set([`completeness ${absence}`]))
    expect(Math.abs(found[0]![3]! - rows[20]!.fundingTime!)).toBeLessThan(20)
  })

  it('takes a schedule that changes for what it is, told by the rows or not', () => {
    const rows = [
      ...fundingRows(9, 8),
      ...fundingRows(12, 4, START + 9 * 8 * HOUR),
      ...fundingRows(24, 1, START + 120 * HOUR),
      ...fundingRows(9, 8, START + 144 * HOUR),
    ]
    expect(score(rows)).toEqual([])
    const told = [
      ...fundingRows(3, 8),
      ...fundingRows(1, 4, START + 24 * HOUR),
      ...fundingRows(2, 8, START + 32 * HOUR),
    ]
    const hours = [8, 8, 8, 4, 8, 8]
    expect(score(told.map((row, i) => ({ ...row, intervalHours: hours[i]! })))).toEqual([])
    expect(score(told.map((row) => ({ ...row, intervalHours: 4 }))).length).toBeGreaterThan(0)
  })

  it('names what lacks at the ends of what was asked for, as far as it is listed', () => {
    const covered = { from: START - 16 * HOUR, to: START + 3 * DAY + 9 * HOUR }
    expect(score(fundingRows(), { covered })).toEqual([
      ['completeness', absence, 2, START - 16 * HOUR],
      ['completeness', absence, 2, START + 3 * DAY + 10],
    ])
    expect(score(fundingRows(), { covered: { from: START - 7 * HOUR, to: START + 3 * DAY + MINUTE } })).toEqual([])
  })

  it.each([
    ['validity', 'rate beyond cap (cap)', { fundingRate: -0.05 }],
    ['validity', 'not a number (values)', { fundingRate: Number.NaN }],
    ['validity', 'not positive (values)', { markPrice: 0 }],
    ['validity', 'interval unknown (interval)', { intervalHours: 3 }],
    ['timeliness', 'off the hour', { fundingTime: START + 24 * HOUR + 5 * MINUTE }],
  ] as [string, string, Row][])('names what is wrong: %s, %s', (part, detail, change) => {
    expect(planted('fundingRate', 3, change)).toEqual([[part, detail, 1, change.fundingTime ?? START + 24 * HOUR]])
  })

  it('knows the cap of a contract where it is told, and a funding that is told twice', () => {
    expect(planted('fundingRate', 3, { fundingRate: 0.02 })).toEqual([])
    expect(planted('fundingRate', 3, { fundingRate: 0.02 }, { fundingCap: 0.003 })).toHaveLength(1)
    const twice = fundingRows().flatMap((row, i) =>
      i === 4 ? [row, { ...row, fundingTime: row.fundingTime! + 7 }] : [row],
    )
    expect(score(twice).map(([, detail]) => detail)).toEqual(['repeated time (time)'])
    expect(scoreEvents('fundingRate', [twice])).toMatchObject({ rows: 10, expected: 9 })
  })
})

describe('the quality of mark prices', () => {
  it.each([1000, 3000])('finds a pace of %d ms by itself, its holes and what caused them', (pace) => {
    const rows = markRows(200, pace)
    expect(causesIn(scoreEvents('markPrice', [rows]))).toEqual([])
    const lost = rows.filter((_, i) => i !== 50 && (i < 100 || i > 103))
    const gaps = [gapOf(START + 99 * pace + 10, START + 104 * pace, 'own-outage')]
    const quality = scoreEvents('markPrice', [lost], { gaps })
    expect(quality.days).toMatchObject([{ rows: 195, missing: 5, expected: 200 }])
    expect(causesIn(quality).map(([, detail, count]) => [detail, count])).toEqual([
      ['missing of the pace (own-outage)', 4],
      ['missing of the pace', 1],
    ])
    expect(quality.parts.continuity).toBe(96 / 200)
  })

  it('takes another pace for no hole, and counts a long one day by day', () => {
    const rows = [...markRows(50), ...markRows(50, 3000, START + 52_000), ...markRows(50, 1000, START + 202_000)]
    const quality = scoreEvents('markPrice', [rows])
    expect(quality).toMatchObject({ rows: 150, expected: 150 })
    const long = scoreEvents('markPrice', [[...markRows(50), ...markRows(50, 1000, START + 400 * DAY)]])
    expect(long.days).toHaveLength(401)
    expect(long.days[200]).toMatchObject({ rows: 0, missing: 86_400, score: 0 })
    expect(long.expected).toBeGreaterThan(400 * 86_400)
  })

  it.each([
    ['validity', 'not positive (values)', { markPrice: -1 }],
    ['validity', 'far from index (distance)', { markPrice: 80_000 }],
    ['validity', 'rate beyond cap (funding)', { fundingRate: 0.07 }],
    ['validity', 'funding incomplete (funding)', { fundingRate: Number.NaN }],
    ['validity', 'funding not next (funding)', { nextFundingTime: START - 8 * HOUR }],
    ['validity', 'funding off the hour (funding)', { nextFundingTime: START + HOUR / 2 }],
    ['timeliness', 'late', { receiveTime: START + 2 * MINUTE }],
    ['timeliness', 'received before sent', { receiveTime: START - MINUTE }],
  ])('names what is wrong: %s, %s', (part, detail, change) => {
    expect(planted('markPrice', 8, change)).toEqual([[part, detail, 1, START + 8000]])
  })

  it('names a mark price that stands still while the index moves, and none that rests with it', () => {
    const rest = (row: Row): Row => ({ ...row, markPrice: 70_000 })
    const still = causesIn(scoreEvents('markPrice', [markRows().map(rest)]))
    expect(still).toEqual([['validity', 'stands still (frozen)', 60, START + 60_000]])
    const closed = markRows().map((row) => ({ ...rest(row), indexPrice: 70_000 }))
    expect(scoreEvents('markPrice', [closed]).score).toBe(100)
  })

  it('of dated contracts wants no funding', () => {
    const dated = { fundingRate: Number.NaN, nextFundingTime: Number.NaN, indexPrice: 60_000 }
    expect(scoreEvents('markPrice', [markRows().map((row) => ({ ...row, ...dated }))]).score).toBe(100)
  })
})

describe('the quality of tickers', () => {
  it.each([
    ['negative (values)', { volume: -1 }],
    ['last above high (order)', { last: 71_001, priceChange: 2001 }],
    ['last below low (order)', { last: 68_000, priceChange: -1000 }],
    ['open above high (order)', { open: 71_002, priceChange: -994 }],
    ['average outside (order)', { weightedAverage: 72_000 }],
    ['crossed (order)', { bidPrice: 70_010, askPrice: 70_000 }],
    ['change does not fit (change)', { priceChange: 500 }],
    ['window wrong (window)', { openTime: START - 3 * DAY }],
    ['trades do not fit (window)', { trades: 600_000 }],
    ['trade goes back (window)', { lastTradeId: 499_995, firstTradeId: 1 }],
  ])('names what is wrong: %s', (detail, change) => {
    expect(planted('ticker', 8, change)).toEqual([['validity', detail, 1, START + 16_000]])
  })

  it('names a silence in which trades went on, and none of a market that rested', () => {
    const busy = tickerRows().filter((_, i) => i < 50 || i >= 60)
    const quality = scoreEvents('ticker', [busy])
    expect(causesIn(quality)).toEqual([['completeness', 'missing', 10, START + 100_001]])
    expect(quality.days).toMatchObject([{ expected: 120, missing: 10 }])
    const quiet = tickerRows().flatMap((row, i) => {
      if (i >= 50 && i < 60) return []
      return i < 50 ? [row] : [{ ...row, firstTradeId: row.firstTradeId! - 108, lastTradeId: row.lastTradeId! - 108 }]
    })
    expect(scoreEvents('ticker', [quiet]).score).toBe(100)
    // A mini ticker tells no trades.
    const mini = busy.map(({ firstTradeId: _, lastTradeId: __, trades: ___, ...row }) => row)
    const blind = scoreEvents('ticker', [mini])
    expect(blind).toMatchObject({ score: 100, parts: { completeness: null } })
    expect(blind.unjudged.completeness).toContain('mini ticker')
  })

  it('of snapshots alone wants one a day', () => {
    const daily = tickerRows(5, DAY).map((row) => ({ ...row, flags: RecordFlag.rest, receiveTime: Number.NaN }))
    expect(scoreEvents('ticker', [daily])).toMatchObject({ score: 100, parts: { completeness: 1, continuity: null } })
    const { days } = scoreEvents('ticker', [daily.filter((_, i) => i !== 2)])
    expect(days.map(({ score, missing }) => [score, missing])).toEqual([
      [100, 0],
      [100, 0],
      [0, 1],
      [100, 0],
      [100, 0],
    ])
  })
})

describe('the quality of liquidations, samples and snapshots', () => {
  it.each([
    ['not positive (values)', { price: 0 }],
    ['side unknown (side)', { side: 3 }],
    ['average far (average)', { averagePrice: 1_000 }],
    ['filled too much (fills)', { filledQuantity: 0.4 }],
    ['last fill too large (fills)', { lastFilledQuantity: 0.31 }],
    ['time goes back (time)', { time: START }],
  ] as [string, Row][])('of liquidations names what is wrong: %s', (detail, change) => {
    expect(planted('liquidation', 8, change)).toEqual([['validity', detail, 1, change.time ?? START + 160_000]])
  })

  it('of liquidations names orders that a file holds twice, and days of which nothing is left', () => {
    const rows = liquidationRows()
    const twice = scoreEvents('liquidation', [rows.toSpliced(9, 0, rows[8]!)])
    expect(causesIn(twice)).toEqual([['validity', 'repeated (once)', 1, START + 160_000]])
    const gaps = [
      gapOf(START + HOUR, START + 2 * DAY, 'own-outage'),
      gapOf(START + 2 * DAY, START + 3 * DAY, 'delisted'),
    ]
    const lost = scoreEvents('liquidation', [rows], { gaps })
    expect(lost.days.map(({ day, score }) => [day, score])).toEqual([
      ['2024-03-10', 100],
      ['2024-03-11', 0],
    ])
    expect(lost.score).toBe(50)
  })

  it('of liquidations names rows that could not be read, which no count tells', () => {
    const unread = { type: 'bad-row', where: 'a', detail: 'b', kept: 'none' } as const
    const defects = [{ ...unread, time: START + 5 }, { ...unread, time: START + 9, kept: 'rest' } as const, unread]
    const quality = scoreEvents('liquidation', [liquidationRows()], { defects })
    expect(causesIn(quality)).toEqual([['validity', 'could not be read from the archive', 1, START + 5]])
    expect(quality.parts.validity).toBe(50 / 51)
    // A period that could not be read is missing of the grid.
    expect(scoreEvents('metrics', [metricsRows()], { defects }).score).toBe(100)
  })

  it.each([
    ['negative (values)', { depth: -1 }],
    ['not cumulative (cumulative)', { depth: 50 }],
    ['percentage wrong (bands)', { percentage: 100 }],
    ['repeated band (bands)', { percentage: -5 }],
  ])('of samples of depth names what is wrong: %s', (detail, change) => {
    const found = planted('bookDepth', 81, { depth: 400, ...change }).map(([, text]) => text)
    expect(found).toContain(detail)
  })

  it('of samples of depth names distances that lack, silences, and no distance that is new', () => {
    const lacking = without('bookDepth', 83)
    expect(causesIn(scoreEvents('bookDepth', [lacking]))).toEqual([
      ['validity', 'bands missing (bands)', 1, START + 9 * 30_000 + 2000],
    ])
    const wider = [
      ...sampleRows(30),
      ...sampleRows(30, START + 30 * 30_000, [-5, -4, -3, -2, -1, -0.2, 0.2, 1, 2, 3, 4, 5]),
    ]
    expect(scoreEvents('bookDepth', [wider]).score).toBe(100)
    const silent = sampleRows(120).filter(({ time }) => time! < START + 20 * MINUTE || time! > START + 30 * MINUTE)
    const quality = scoreEvents('bookDepth', [silent])
    expect(causesIn(quality).map(([, detail]) => detail)).toEqual(['missing in silences of more than 5 minutes'])
    expect(quality.days[0]!.missing).toBe(20)
  })

  it('of descriptions of the market names days without one, and answers that were cut', () => {
    const days = scoreEvents('exchangeInfo', [without('exchangeInfo', 2)]).days
    expect(days.map(({ score }) => score)).toEqual([100, 100, 0, 100, 100])
    expect(days[2]!.reasons).toMatchObject([{ part: 'completeness', detail: 'no snapshot was taken', points: 100 }])
    const wrong = (change: Row) => planted('exchangeInfo', 4, change).map(([, detail]) => detail)
    expect(wrong({ symbols: 30, trading: 20 })).toEqual(['symbols lost (counts)'])
    expect(wrong({ trading: 500 })).toEqual(['trading too many (counts)'])
    expect(wrong({ bytes: 0 })).toEqual(['not positive (values)'])
  })
})

describe('the quality of a book', () => {
  const rows = deltaRows()

  it('tells of levels of different updates that cross, once for each time', () => {
    // The ask of 101 stays where it is while a bid passes it.
    const crossed = rows.with(40, { ...rows[40]!, bids: [101.5, 1], asks: [105, 1] })
    expect(causesIn(scoreEvents('bookDelta', [crossed]))).toEqual([
      ['validity', 'book crossed (book)', 1, START + 3997],
    ])
    const taken = crossed
      .with(39, { ...rows[39]!, asks: [101, 0, 102, 1] })
      .with(41, { ...rows[41]!, bids: [101.5, 0] })
    expect(scoreEvents('bookDelta', [taken]).score).toBe(100)
    // Behind a break nobody knows what still stands.
    const torn = crossed.with(41, { ...rows[41]!, bids: [101.5, 0] }).filter((_, i) => i !== 39)
    expect(causesIn(scoreEvents('bookDelta', [torn]))).toEqual([
      ['completeness', 'the chain of updates breaks', 1, START + 3997],
    ])
  })

  it('is stale from a break on, until a snapshot that was taken behind it', () => {
    const torn = rows.filter((_, i) => i !== 30)
    const stale = (snapshots: number[]) =>
      causesIn(scoreEvents('bookDelta', [torn], { snapshots })).filter(([part]) => part === 'timeliness')
    const detail = 'the book is stale: the chain broke and no snapshot followed yet'
    expect(stale([5])).toEqual([['timeliness', detail, 69, START + 3097]])
    expect(stale([5, 362])).toEqual([['timeliness', detail, 5, START + 3097]])
    // Bridged at once.
    expect(stale([5, 315])).toEqual([])
    expect(causesIn(scoreEvents('bookDelta', [torn]))).toEqual([
      ['completeness', 'the chain of updates breaks', 1, START + 3097],
    ])
  })
})
