import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventQuality, scoreEvents } from '../../../src/analysis/quality/index.ts'
import { validateRecords } from '../../../src/analysis/validate/index.ts'
import { RecordFlag } from '../../../src/model/live/record.ts'
import { findRealData, realDataTitle } from '../../helpers/real-data.ts'

const DAY = 86_400_000
const START = Date.UTC(2024, 0, 1)
type Trade = Record<string, number>

const trades = (count: number, from = START, first = 1): Trade[] =>
  Array.from({ length: count }, (_, i) => ({
    id: first + i,
    time: from + i * 1000,
    eventTime: from + i * 1000 + 2,
    receiveTime: from + i * 1000 + 40,
    price: 100 + (i % 7),
    quantity: 1,
    flags: RecordFlag.stream,
  }))
const details = (quality: ReturnType<typeof scoreEvents>) =>
  quality.days.flatMap(({ reasons }) => reasons.map(({ part, detail, count }) => [part, detail, count]))

describe('the quality of trades', () => {
  it('is 100 where nothing is wrong, and what cannot be judged does not count', () => {
    const { score, parts, days } = scoreEvents('trade', [trades(1000)])
    expect(score).toBe(100)
    expect(parts).toEqual({ completeness: 1, continuity: 1, validity: 1, timeliness: 1, agreement: null })
    expect(days).toMatchObject([{ day: '2024-01-01', rows: 1000, expected: 1000, missing: 0, reasons: [] }])
    const archived = trades(10).map(({ eventTime: _e, receiveTime: _r, ...rest }) => ({ ...rest, flags: 0 }))
    expect(scoreEvents('trade', [archived]).parts).toMatchObject({ timeliness: null, agreement: 1 })
    expect(scoreEvents('trade', []).score).toBeNull()
  })

  it('names what is missing, wrong, late and unconfirmed, and the rows behind it', () => {
    const rows = trades(100).filter(({ id }) => id !== 41 && id !== 42)
    rows[10] = { ...rows[10]!, price: -1 }
    rows[20] = { ...rows[20]!, receiveTime: rows[20]!.time! + 90_000 }
    rows[30] = { ...rows[30]!, flags: RecordFlag.unverified }
    const quality = scoreEvents('trade', [rows])
    expect(quality).toMatchObject({ rows: 98, expected: 100 })
    expect(quality.parts).toEqual({
      completeness: 0.98,
      continuity: 0.58,
      validity: expect.closeTo(97 / 98, 12),
      timeliness: expect.closeTo(97 / 98, 12),
      agreement: 0,
    })
    expect(details(quality)).toEqual([
      ['agreement', 'from a file whose checksum could not be confirmed', 1],
      ['continuity', 'the longest stretch without a hole has 58 of 100 records', 42],
      ['completeness', 'missing by their ids', 2],
      ['validity', 'not positive (values)', 1],
      ['timeliness', 'late', 1],
    ])
    const [day] = quality.days
    expect(day!.reasons.find(({ part }) => part === 'validity')!.rows).toEqual([START + 10_000])
  })

  it('does not hold against it what the exchange never published', () => {
    const rows = [...trades(10), ...trades(10, START + 3_600_000, 16)]
    const gap = { from: START + 9_001, to: START + 3_600_000, checked: [] as [] }
    const open = scoreEvents('trade', [rows], { gaps: [{ ...gap, cause: 'unknown' }] })
    expect(open.parts.completeness).toBe(0.8)
    expect(details(open)).toContainEqual(['completeness', 'missing by their ids (unknown)', 5])
    const outage = scoreEvents('trade', [rows], { gaps: [{ ...gap, cause: 'exchange-outage' }] })
    expect(outage.parts).toMatchObject({ completeness: 1, continuity: 10 / 25 })
    expect(outage.days[0]).toMatchObject({ missing: 0, unpublished: 5 })
    // Ids that go on over a hole in time: nothing is missing, but it is a break.
    const quiet = scoreEvents('trade', [[...trades(10), ...trades(10, START + 3_600_000, 11)]], {
      gaps: [{ ...gap, cause: 'exchange-outage' }],
    })
    expect(quiet.parts).toMatchObject({ completeness: 1, continuity: 0.5 })
  })

  it('is the same in pieces, between 0 and 100, and its reasons add up to what is lost', () => {
    const change = fc.constantFrom('none', 'none', 'none', 'drop', 'twice', 'price', 'late', 'unverified')
    fc.assert(
      fc.property(fc.array(change, { maxLength: 120 }), fc.nat(20), (changes, size) => {
        const rows = trades(changes.length, START + DAY - 30_000).flatMap((row, i): Trade[] => {
          if (changes[i] === 'drop') return []
          if (changes[i] === 'twice') return [row, row]
          if (changes[i] === 'price') return [{ ...row, price: Number.NaN }]
          if (changes[i] === 'late') return [{ ...row, receiveTime: row.time! + 70_000 }]
          return [changes[i] === 'unverified' ? { ...row, flags: RecordFlag.unverified } : row]
        })
        const whole = scoreEvents('trade', [rows])
        const pieces = new EventQuality('trade')
        for (let at = 0; at < rows.length; at += size + 1) pieces.add(rows.slice(at, at + size + 1))
        expect(pieces.result).toEqual(whole)
        for (const { score, reasons } of whole.days) {
          expect(score).toBeGreaterThanOrEqual(0)
          expect(score).toBeLessThanOrEqual(100)
          expect(100 - reasons.reduce((sum, { points }) => sum + points, 0)).toBeCloseTo(score, 9)
        }
      }),
    )
  })
})

describe('the quality of books and quotes', () => {
  const delta = (i: number, change: object = {}) => ({
    firstUpdateId: i * 10 + 1,
    lastUpdateId: i * 10 + 10,
    previousUpdateId: i * 10,
    eventTime: START + i * 100 + 3,
    transactionTime: START + i * 100,
    receiveTime: START + i * 100 + 30,
    bids: [100, 1],
    asks: [101, 1],
    flags: RecordFlag.stream,
    ...change,
  })
  const many = Array.from({ length: 50 }, (_, i) => delta(i))

  it('is 100 for a whole chain, and tells where it breaks and where a book is crossed', () => {
    expect(scoreEvents('bookDelta', [many]).score).toBe(100)
    const broken = many.filter((_, i) => i !== 20)
    const quality = scoreEvents('bookDelta', [broken])
    expect(quality.parts).toMatchObject({ completeness: 49 / 50, continuity: 29 / 50, validity: 1 })
    const crossed = scoreEvents('bookDelta', [
      many.with(7, delta(7, { bids: [99, 1, 102, 1], asks: [101, 2, 103, 1] })),
    ])
    expect(details(crossed)).toEqual([['validity', 'crossed (crossed)', 1]])
    // A level that is taken away crosses nothing.
    expect(scoreEvents('bookDelta', [many.with(7, delta(7, { bids: [102, 0], asks: [101, 2] }))]).score).toBe(100)
    const snapshot = { time: START, lastUpdateId: 1, bids: [100, 1], asks: [101, 1], flags: 0 }
    expect(scoreEvents('bookSnapshot', [[snapshot]]).score).toBe(100)
    const odd = scoreEvents('bookSnapshot', [[{ ...snapshot, bids: [101, 1] }]])
    expect(details(odd)).toEqual([['validity', 'crossed (sorted)', 1]])
  })

  it('of quotes counts known holes, as their ids jump anyway', () => {
    const quotes = Array.from({ length: 20 }, (_, i) => ({
      updateId: i * 31,
      bidPrice: 100,
      bidQuantity: 1,
      askPrice: i === 5 ? 100 : 101,
      askQuantity: 1,
      eventTime: START + i * 1000,
      receiveTime: START + i * 1000 + 5,
    }))
    const gaps = [{ from: START + 9_001, to: START + 9_900, cause: 'unknown', checked: [] as [] }] as const
    const quality = scoreEvents('quote', [quotes], { gaps })
    expect(quality.parts).toEqual({
      completeness: null,
      continuity: 0.5,
      validity: 0.95,
      timeliness: 1,
      agreement: null,
    })
    expect(details(quality)).toContainEqual(['continuity', 'nothing for 1 s (unknown)', 1])
  })

  it('sees one record in levels that lie in two batches', () => {
    const levels = many.slice(0, 6).flatMap((record) =>
      [
        [1, record.bids[0]!, 1],
        [1, record.bids[0]! - 1, 1],
        [2, record.asks[0]!, 1],
      ].map(([side, price, quantity]) => ({ ...record, side, price, quantity })),
    )
    const columns = (rows: typeof levels) => ({
      length: rows.length,
      columns: Object.fromEntries(
        (
          [
            ['first_update_id', 'firstUpdateId'],
            ['last_update_id', 'lastUpdateId'],
            ['previous_update_id', 'previousUpdateId'],
            ['event_time', 'eventTime'],
            ['side', 'side'],
            ['price', 'price'],
            ['quantity', 'quantity'],
          ] as const
        ).map(([name, property]) => [name, Float64Array.from(rows, (row) => row[property] as number)]),
      ),
    })
    for (let cut = 1; cut < levels.length; cut++) {
      const quality = new EventQuality('bookDelta').add(columns(levels.slice(0, cut))).add(columns(levels.slice(cut)))
      expect(quality.result).toMatchObject({ score: 100, rows: 6 })
    }
  })
})

describe('recorded events', () => {
  const root = findRealData()
  const csv = (path: string) =>
    gunzipSync(readFileSync(join(root!, 'ws', path)))
      .toString('utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','))
  const recorded = (name: string) =>
    csv(`binance-spot/dl_${name}_trade_stream_spot_trxusdt_04-03-2025.csv.gz`).map((row) => ({
      receiveTime: Number(row[0]) / 1000,
      eventTime: Number(row[3]) / 1000,
      time: Number(row[4]) / 1000,
      symbol: row[5],
      id: Number(row[6]),
      price: Number(row[7]),
      quantity: Number(row[8]),
    }))
  const book = (name: string) => {
    const rows = csv(`binance-usdm/dl_${name}_difference_depth_stream_usd_m_futures_trxusdt_04-03-2025.csv.gz`)
    const numbers = (index: number) => Float64Array.from(rows, (row) => Number(row[index]))
    return {
      length: rows.length,
      columns: {
        receive_time: numbers(0),
        event_time: numbers(3),
        transaction_time: numbers(4),
        first_update_id: numbers(6),
        last_update_id: numbers(7),
        previous_update_id: numbers(8),
        side: Float64Array.from(rows, (row) => (row[9] === '1' ? 2 : 1)),
        price: numbers(10),
        quantity: numbers(11),
      },
    }
  }

  it.skipIf(!root)(realDataTitle('without damage have 100, their damaged twins have not and say why'), () => {
    expect(scoreEvents('trade', [recorded('positive')], { symbol: 'TRXUSDT' }).score).toBe(100)
    const damaged = scoreEvents('trade', [recorded('negative')], { symbol: 'TRXUSDT' })
    expect(damaged.score).toBeLessThan(100)
    expect(details(damaged)).toEqual(
      expect.arrayContaining([
        ['completeness', 'missing by their ids', 1],
        ['validity', 'repeated id (ids)', 1],
        ['timeliness', 'late', 1],
      ]),
    )
    // The damaged capture of the book holds the very rows of the clean one: neither gives an alarm.
    const clean = book('positive')
    expect(book('negative')).toEqual(clean)
    expect(validateRecords('bookDelta', clean)).toMatchObject({ rows: 600, ok: true, findings: [] })
    expect(scoreEvents('bookDelta', [clean]).score).toBe(100)
  })

  it.skipIf(!root)(realDataTitle('of a book tell of every fault that is planted'), () => {
    const set = (column: string, value: (columns: Record<string, Float64Array>, row: number) => number) => {
      return (columns: Record<string, Float64Array>, row: number) => columns[column]!.set([value(columns, row)], row)
    }
    const faults: [string, ReturnType<typeof set>][] = [
      ['price not positive (values)', set('price', () => -1)],
      ['quantity wrong (values)', set('quantity', () => -5)],
      ['repeated price (levels)', set('price', ({ price }, row) => price![row - 1]!)],
      ['crossed (crossed)', set('price', ({ side }, row) => (side![row] === 1 ? 1e6 : 1e-6))],
      ['time goes back (time)', ({ transaction_time: time }, row) => void time!.fill(START, row)],
    ]
    for (const [detail, plant] of faults) {
      const { length, columns } = book('positive')
      // Not the first row of a record, and one that has a quantity.
      let row = 5000
      const same = (a: number) =>
        columns.last_update_id[a] === columns.last_update_id[a - 1] && columns.side[a] === columns.side[a - 1]
      while (!(same(row) && columns.quantity[row]! > 0)) row++
      plant(columns, row)
      const found = details(scoreEvents('bookDelta', [{ length, columns }]))
      expect(
        found.map(([, text]) => text),
        detail,
      ).toContain(detail)
    }
  })
})
