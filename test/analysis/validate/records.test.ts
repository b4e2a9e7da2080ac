import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type CheckedKind,
  type RecordCheckOptions,
  RecordValidator,
  recordStages,
  validateRecords,
} from '../../../src/analysis/validate/index.ts'
import { type Candle, CandleFlag } from '../../../src/model/candle.ts'
import { findRealData, realDataTitle } from '../../helpers/real-data.ts'
import { recordedCandles, toMilliseconds } from '../../helpers/recorded-candles.ts'

const MINUTE = 60_000
const START = Date.UTC(2024, 0, 1)

function candleAt(i: number, changes: Partial<Candle> = {}): Candle {
  const openTime = START + i * MINUTE
  return {
    openTime,
    open: 100,
    high: 110,
    low: 90,
    close: 105,
    volume: 2,
    closeTime: openTime + MINUTE - 1,
    quoteVolume: 200,
    trades: 3,
    takerBuyVolume: 1,
    takerBuyQuoteVolume: 100,
    flags: 0,
    ...changes,
  }
}

const SERIES = { interval: '1m', market: 'spot' } as const

/** `stage/rule@row` of what is found. */
function found(kind: CheckedKind, rows: object[], options: RecordCheckOptions = {}): string[] {
  return validateRecords(kind, rows, options).findings.map(({ stage, rule, row }) => `${stage}/${rule}@${row}`)
}

describe('candles', () => {
  it('that are right give no finding', () => {
    const rows = [0, 1, 2].map((i) => candleAt(i))
    expect(validateRecords('candle', rows, { ...SERIES, now: START + 3 * MINUTE })).toEqual({
      kind: 'candle',
      rows: 3,
      ok: true,
      badRows: 0,
      findings: [],
      counts: {},
      unchecked: [],
    })
  })

  it('of an interval that was not told are not called regular', () => {
    const report = validateRecords('candle', [candleAt(0), candleAt(5)])
    expect(report).toMatchObject({ ok: true, findings: [] })
    expect(report.unchecked).toEqual(['grid', 'close', 'continuity'].map((stage) => ({ stage, needs: 'interval' })))
    const one = validateRecords('candle', [candleAt(0)], { stages: ['ohlc', 'continuity'] })
    expect(one.unchecked).toEqual([{ stage: 'continuity', needs: 'interval' }])
  })

  it('are checked as files call their columns too', () => {
    const rows = [candleAt(0), candleAt(5, { closeTime: 0 })].map(({ openTime, closeTime, ...rest }) => ({
      ...{ open_time: openTime, close_time: closeTime },
      ...rest,
    }))
    const expected = ['close/close-time-wrong@1', 'continuity/missing@1']
    expect(found('candle', rows, SERIES)).toEqual(expected)
    const validator = new RecordValidator('candle', SERIES)
    for (const row of rows) validator.push(row)
    expect(validator.report.findings.map(({ stage, rule, row }) => `${stage}/${rule}@${row}`)).toEqual(expected)
  })

  it('that a live feed tells as open are not closed', () => {
    const rows = [candleAt(0), candleAt(1)].map((row, i) => ({ ...row, closed: i === 0 }))
    expect(found('candle', rows, SERIES)).toEqual(['closed/not-closed@1'])
  })

  it.each(['markCandle', 'indexCandle', 'premiumCandle', 'continuousCandle'] as const)(
    'of %s are checked too',
    (kind) => {
      const {
        volume: _v,
        quoteVolume: _q,
        takerBuyVolume: _b,
        takerBuyQuoteVolume: _t,
        trades: _n,
        ...rest
      } = candleAt(0)
      const rows = [rest, { ...candleAt(3), high: 1 }, { ...candleAt(4), low: -1 }]
      const what = found(kind, rows, SERIES)
      expect(what).toEqual(expect.arrayContaining(['ohlc/high-below-low@1', 'continuity/missing@1']))
      expect(what.includes('values/price-not-positive@2')).toBe(kind !== 'premiumCandle')
      expect(recordStages(kind).some(({ name }) => name === 'volume')).toBe(kind === 'continuousCandle')
    },
  )

  it('that are none at all are refused', () => {
    const none = (input: unknown) => () => validateRecords('candle', input as object[], SERIES)
    expect(none(undefined)).toThrow('There are no records: give a batch, an Arrow table or rows.')
    expect(none([5])).toThrow('A record is an object, e.g. { openTime, open, … }, not 5.')
  })

  it.each<[string, Partial<Candle>, string[]]>([
    ['a price of 0', { open: 0 }, ['values/price-not-positive@1', 'ohlc/open-below-low@1']],
    ['a negative price', { low: -1 }, ['values/price-not-positive@1']],
    ['a price that is no number', { close: Number.NaN }, ['values/price-not-positive@1']],
    ['an endless price', { high: Number.POSITIVE_INFINITY }, ['values/price-not-positive@1']],
    ['a negative volume', { volume: -2, takerBuyVolume: -3 }, ['values/amount-negative@1', 'values/amount-negative@1']],
    ['half a trade', { trades: 2.5 }, ['values/count-not-whole@1']],
    ['a high below the low', { high: 80 }, ['ohlc/high-below-low@1']],
    ['an open above the high', { open: 111 }, ['ohlc/open-above-high@1']],
    ['a close below the low', { close: 89 }, ['ohlc/close-below-low@1']],
    ['takers that buy more than was traded', { takerBuyVolume: 2.1 }, ['volume/taker-above-volume@1']],
    ['an average price above the high', { quoteVolume: 221 }, ['volume/average-outside@1']],
    ['an average price below the low', { quoteVolume: 179 }, ['volume/average-outside@1']],
    [
      'trades of nothing',
      { volume: 0, takerBuyVolume: 0 },
      ['volume/trades-without-volume@1', 'volume/moved-without-trades@1'],
    ],
    ['volume of no trade', { trades: 0 }, ['volume/volume-without-trades@1']],
    ['an open time between two', { openTime: START + MINUTE + 1 }, ['grid/off-grid@1', 'close/short-candle@1']],
    ['an early close', { closeTime: START + MINUTE + 40_000 }, ['close/short-candle@1']],
    ['a late close', { closeTime: START + 2 * MINUTE }, ['close/close-time-wrong@1']],
    ['a close before the open', { closeTime: START }, ['close/close-time-wrong@1']],
    ['a candle in progress', { flags: CandleFlag.unfinished }, ['closed/not-closed@1']],
    ['a candle that every source gives wrong', { flags: CandleFlag.suspect }, ['flags/suspect@1']],
    ['a candle of an unconfirmed file', { flags: CandleFlag.unverified }, ['flags/unverified@1']],
    ['no time', { openTime: Number.NaN }, ['grid/off-grid@1', 'order/no-time@1', 'continuity/missing@2']],
  ])('with %s are found', (_, changes, expected) => {
    expect(found('candle', [candleAt(0), candleAt(1, changes), candleAt(2)], SERIES)).toEqual(expected)
  })

  it('that are missing are counted, and are no error', () => {
    const report = validateRecords('candle', [candleAt(0), candleAt(5)], SERIES)
    expect(report).toMatchObject({ ok: true, badRows: 0, counts: { 'continuity/missing': 1 } })
    expect(report.findings[0]).toMatchObject({ row: 1, missing: 4, time: START + 5 * MINUTE })
    expect(report.findings[0]!.detail).toBe('4 missing from 2024-01-01T00:01:00.000Z to 2024-01-01T00:05:00.000Z')
  })

  it('of months are counted by the calendar', () => {
    const months = [Date.UTC(2024, 0, 1), Date.UTC(2024, 1, 1), Date.UTC(2024, 5, 1)].map((openTime) => ({ openTime }))
    const report = validateRecords('candle', months, { interval: '1M' })
    expect(report.findings.map(({ rule, missing }) => [rule, missing])).toEqual([['missing', 3]])
  })

  it('of three days keep the grid of their first', () => {
    const threeDays = [1, 4, 7].map((day) => ({ openTime: Date.UTC(2024, 0, day) }))
    expect(found('candle', threeDays, { interval: '3d' })).toEqual([])
    expect(found('candle', [...threeDays, { openTime: Date.UTC(2024, 0, 11) }], { interval: '3d' })).toEqual([
      'grid/off-grid@3',
    ])
  })

  it('that come twice are told from those that contradict', () => {
    expect(found('candle', [candleAt(0), candleAt(0)], SERIES)).toEqual(['duplicates/repeated@1'])
    expect(found('candle', [candleAt(0), candleAt(0, { close: 106 })], SERIES)).toEqual(['duplicates/contradicting@1'])
    expect(found('candle', [candleAt(0), candleAt(1), candleAt(0)], SERIES)).toEqual([
      'order/out-of-order@2',
      'duplicates/repeated@2',
    ])
  })

  it('that are not over by the clock given are not closed', () => {
    const now = START + 2 * MINUTE - 1
    expect(found('candle', [candleAt(0), candleAt(1)], { ...SERIES, now })).toEqual(['closed/not-closed@1'])
    expect(found('candle', [candleAt(0), candleAt(1)], { ...SERIES, now: now + 1 })).toEqual([])
  })

  it('are checked as columns too, by the columns that are there', () => {
    const columns = {
      open_time: Float64Array.of(START, START + MINUTE, START + 3 * MINUTE),
      high: Float64Array.of(1, 1, 1),
      low: Float64Array.of(1, 2, 1),
    }
    expect(validateRecords('candle', { length: 3, columns }, SERIES).counts).toEqual({
      'ohlc/high-below-low': 1,
      'continuity/missing': 1,
    })
    expect(() => validateRecords('candle', { length: 1, columns: { px: [1] } })).toThrow('are none of kind "candle"')
  })

  it('can be checked by single stages', () => {
    const bad = candleAt(1, { high: 80, openTime: START + 1 })
    for (const { name } of recordStages('candle')) {
      const stages = validateRecords('candle', [candleAt(0), bad], { ...SERIES, stages: [name] }).findings
      expect(stages.every(({ stage }) => stage === name)).toBe(true)
    }
    expect(found('candle', [bad], { ...SERIES, stages: ['ohlc'] })).toEqual(['ohlc/high-below-low@0'])
    expect(() => validateRecords('candle', [], { stages: ['olhc'] })).toThrow('have no stage "olhc", only values, ohlc')
    expect(() => validateRecords('candle', [], { interval: '7m' as '5m' })).toThrow('Unknown interval "7m"')
    expect(() => validateRecords('bar' as never, [])).toThrow('Records of kind "bar" cannot be checked')
  })
})

describe('a report', () => {
  it('keeps as many findings as asked for and counts the others', () => {
    const rows = Array.from({ length: 50 }, (_, i) => candleAt(i, { high: 80 }))
    const report = validateRecords('candle', rows, { ...SERIES, maxFindings: 7 })
    expect(report.findings).toHaveLength(7)
    expect(report).toMatchObject({ badRows: 50, counts: { 'ohlc/high-below-low': 50 } })
  })

  it('is the same for rows one by one, for all at once and for pieces', () => {
    const candles = fc.array(
      fc.record({
        openTime: fc.integer({ min: 0, max: 20 }).map((i) => START + i * MINUTE),
        high: fc.integer({ min: 0, max: 3 }),
        low: fc.integer({ min: 0, max: 3 }),
      }),
      { maxLength: 40 },
    )
    fc.assert(
      fc.property(candles, fc.nat(40), (rows, cut) => {
        const whole = validateRecords('candle', rows, SERIES)
        const pieces = new RecordValidator('candle', SERIES).add(rows.slice(0, cut)).add(rows.slice(cut))
        const stream = new RecordValidator('candle', SERIES)
        const pushed = rows.flatMap((row) => stream.push(row))
        const columns = {
          open_time: Float64Array.from(rows, (row) => row.openTime),
          high: Float64Array.from(rows, (row) => row.high),
          low: Float64Array.from(rows, (row) => row.low),
        }
        expect(pieces.report).toEqual(whole)
        expect(stream.report).toEqual(whole)
        expect(pushed).toEqual(whole.findings)
        expect(rows.length === 0 ? whole : validateRecords('candle', { length: rows.length, columns }, SERIES)).toEqual(
          whole,
        )
      }),
    )
  })

  it('never changes for what was there when more comes', () => {
    const times = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 60 })
    fc.assert(
      fc.property(times, fc.nat(60), (list, cut) => {
        const rows = list.map((i) => candleAt(i))
        const whole = validateRecords('candle', rows, SERIES).findings.filter(({ row }) => row < cut)
        expect(validateRecords('candle', rows.slice(0, cut), SERIES).findings).toEqual(whole)
      }),
    )
  })
})

describe('trades', () => {
  const tradeAt = (i: number, changes = {}) => ({
    id: 100 + i,
    time: START + i,
    price: 1,
    quantity: 2,
    symbol: 'TRXUSDT',
    eventTime: START + i + 1,
    receiveTime: START + i + 30,
    ...changes,
  })

  it.each<[string, object, string[]]>([
    ['a price of -1', { price: -1 }, ['values/not-positive@1']],
    ['no quantity', { quantity: 0 }, ['values/not-positive@1']],
    ['another symbol', { symbol: 'BTCUSDT' }, ['symbol/wrong-symbol@1']],
    ['the id of the one before', { id: 100 }, ['ids/repeated-id@1', 'continuity/missing@2']],
    ['an id that goes back', { id: 90 }, ['ids/id-goes-back@1', 'continuity/missing@2']],
    ['an id that is no whole number', { id: 100.5 }, ['ids/id-not-whole@1', 'continuity/missing@2']],
    ['a time that goes back', { time: START - 1, eventTime: START }, ['time/time-goes-back@1']],
    ['no time', { time: 0 }, ['time/no-time@1']],
    ['a message before the trade', { eventTime: START - 5 }, ['time/sent-before-it-happened@1']],
    ['a receipt a day later', { receiveTime: START + 86_400_000 }, ['latency/late@1']],
    ['a receipt long before', { receiveTime: START - 60_000 }, ['latency/received-before-sent@1']],
  ])('with %s are found', (_, changes, expected) => {
    expect(found('trade', [tradeAt(0), tradeAt(1, changes), tradeAt(2)])).toEqual(expected)
  })

  it('that are missing are counted, beyond 2^53 too', () => {
    const id = 2n ** 60n
    const report = validateRecords('trade', [{ id }, { id: id + 1n }, { id: id + 10n }])
    expect(report.findings).toMatchObject([{ rule: 'missing', missing: 8, row: 2 }])
    expect(report.findings[0]!.detail).toBe(`8 missing: ${id + 2n} to ${id + 9n}`)
  })

  it('are checked as columns with exact ids', () => {
    const id = 2n ** 60n
    const columns = { id: BigInt64Array.of(id, id + 1n, id + 1n), price: Float64Array.of(1, 0, 1) }
    expect(validateRecords('trade', { length: 3, columns }).counts).toEqual({
      'values/not-positive': 1,
      'ids/repeated-id': 1,
    })
  })

  it('of aggregates do not share trades', () => {
    const rows = [
      { id: 1, firstTradeId: 10, lastTradeId: 12 },
      { id: 2, firstTradeId: 12, lastTradeId: 13 },
      { id: 3, firstTradeId: 15, lastTradeId: 14 },
    ]
    expect(found('aggTrade', rows)).toEqual(['parts/parts-overlap@1', 'parts/parts-reversed@2'])
  })
})

describe('books', () => {
  const spot = (i: number, changes = {}) => ({
    firstUpdateId: i * 10,
    lastUpdateId: i * 10 + 9,
    previousUpdateId: -1,
    transactionTime: Number.NaN,
    eventTime: START + i,
    bids: [100, 1],
    asks: [101, 0],
    ...changes,
  })
  const futures = (i: number, changes = {}) =>
    spot(i, { firstUpdateId: i * 10 + 5, previousUpdateId: i * 10 - 1, ...changes })

  it('that chain give no finding, on spot and on futures', () => {
    expect(
      found(
        'bookDelta',
        [1, 2, 3].map((i) => spot(i)),
      ),
    ).toEqual([])
    expect(
      found(
        'bookDelta',
        [1, 2, 3].map((i) => futures(i)),
      ),
    ).toEqual([])
  })

  it.each<[string, object, string[]]>([
    ['a broken U', { firstUpdateId: 21 }, ['continuity/chain-broken@1']],
    ['a broken u', { lastUpdateId: 30 }, ['continuity/chain-broken@2']],
    [
      'ids in reverse',
      { firstUpdateId: 20, lastUpdateId: 19 },
      ['span/ids-reversed@1', 'ids/repeated-id@1', 'continuity/chain-broken@2'],
    ],
    ['a negative price', { bids: [-1, 1] }, ['values/price-not-positive@1']],
    ['a negative quantity', { asks: [101, -1] }, ['values/quantity-wrong@1']],
    ['half a level', { asks: [101] }, ['values/odd-levels@1']],
    ['a price named twice', { bids: [100, 1, 100, 2] }, ['levels/repeated-price@1']],
  ])('with %s are found', (_, changes, expected) => {
    expect(found('bookDelta', [spot(1), spot(2, changes), spot(3)])).toEqual(expected)
  })

  it('with a broken pu are found', () => {
    expect(found('bookDelta', [futures(1), futures(2, { previousUpdateId: 18 })])).toEqual([
      'continuity/chain-broken@1',
    ])
  })

  it('as columns are put together from their levels', () => {
    const columns = {
      last_update_id: BigInt64Array.of(9n, 9n, 9n, 19n, 29n),
      first_update_id: BigInt64Array.of(0n, 0n, 0n, 10n, 21n),
      previous_update_id: BigInt64Array.of(-1n, -1n, -1n, -1n, -1n),
      side: Float64Array.of(1, 1, 2, 0, 1),
      price: Float64Array.of(100, 99, 101, 0, 100),
      quantity: Float64Array.of(1, 1, 1, 0, -1),
    }
    const report = validateRecords('bookDelta', { length: 5, columns })
    expect(report.rows).toBe(3)
    expect(report.counts).toEqual({ 'values/quantity-wrong': 1, 'continuity/chain-broken': 1 })
  })

  it('that are snapshots are sorted and not crossed', () => {
    const good = { lastUpdateId: 1, bids: [100, 1, 99, 1], asks: [101, 1, 102, 1] }
    expect(found('bookSnapshot', [good])).toEqual([])
    expect(found('bookSnapshot', [{ ...good, bids: [99, 1, 100, 1] }])).toEqual(['sorted/not-sorted@0'])
    expect(found('bookSnapshot', [{ ...good, asks: [100, 1] }])).toEqual(['sorted/crossed@0'])
    expect(found('bookSnapshot', [{ ...good, asks: [101, 0] }])).toEqual(['values/quantity-wrong@0'])
  })

  it('as quotes are not crossed', () => {
    const quote = { updateId: 1, bidPrice: 100, bidQuantity: 1, askPrice: 101, askQuantity: 1 }
    expect(found('quote', [quote, { ...quote, updateId: 3 }])).toEqual([])
    expect(found('quote', [{ ...quote, bidPrice: 101 }])).toEqual(['values/crossed@0'])
    expect(found('quote', [quote, quote])).toEqual(['ids/repeated-id@1'])
  })
})

describe('recorded data', () => {
  const root = findRealData()
  const csv = (path: string) =>
    gunzipSync(readFileSync(join(root!, 'ws', path)))
      .toString('utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','))
  const trades = (name: 'positive' | 'negative') =>
    csv(`binance-spot/dl_${name}_trade_stream_spot_trxusdt_04-03-2025.csv.gz`).map((row) => ({
      receiveTime: Number(row[0]) / 1000,
      eventTime: Number(row[3]) / 1000,
      time: Number(row[4]) / 1000,
      symbol: row[5],
      id: Number(row[6]),
      price: Number(row[7]),
      quantity: Number(row[8]),
    }))

  it.skipIf(!root)(realDataTitle('with planted damage is found out, its clean twin raises no alarm'), () => {
    expect(validateRecords('trade', trades('positive')).findings).toEqual([])
    const report = validateRecords('trade', trades('negative'), { symbol: 'TRXUSDT' })
    expect(report.findings.map(({ stage, rule, row }) => [stage, rule, row])).toEqual([
      ['ids', 'repeated-id', 2],
      ['continuity', 'missing', 3],
      ['latency', 'late', 9999],
    ])
  })

  it.skipIf(!root)(realDataTitle('of a futures book raises no alarm, and any row taken out of it does'), () => {
    const rows = csv('binance-usdm/dl_positive_difference_depth_stream_usd_m_futures_trxusdt_04-03-2025.csv.gz')
    const numbers = (list: string[][], index: number) => Float64Array.from(list, (row) => Number(row[index]))
    const check = (list: string[][]) =>
      validateRecords('bookDelta', {
        length: list.length,
        columns: {
          receive_time: numbers(list, 0),
          event_time: numbers(list, 3),
          transaction_time: numbers(list, 4),
          first_update_id: numbers(list, 6),
          last_update_id: numbers(list, 7),
          previous_update_id: numbers(list, 8),
          side: Float64Array.from(list, (row) => (row[9] === '1' ? 2 : 1)),
          price: numbers(list, 10),
          quantity: numbers(list, 11),
        },
      })
    expect(check(rows)).toMatchObject({ rows: 600, ok: true, findings: [] })
    const gone = rows[5000]![7]
    expect(check(rows.filter((row) => row[7] !== gone)).counts).toEqual({ 'continuity/chain-broken': 1 })
  })

  it.skipIf(!root)(realDataTitle('of candles has the gaps and short candles that are known, and no error'), () => {
    const known: Record<string, [gaps: number, short: number]> = {}
    for (const file of recordedCandles(root!)) {
      if (!file.path.startsWith(join('series', 'spot', 'BTCUSDT')) && !file.path.includes('1h-2021-02')) continue
      const rows = file.rows().map((row) => ({
        openTime: toMilliseconds(row[0]!),
        open: Number(row[1]),
        high: Number(row[2]),
        low: Number(row[3]),
        close: Number(row[4]),
        volume: Number(row[5]),
        closeTime: Number(row[6]),
        quoteVolume: Number(row[7]),
        trades: Number(row[8]),
        takerBuyVolume: Number(row[9]),
        takerBuyQuoteVolume: Number(row[10]),
      }))
      const report = validateRecords('candle', rows, { interval: file.interval as '1h', market: file.market })
      expect(report.badRows, file.path).toBe(0)
      const { 'continuity/missing': gaps = 0, 'close/short-candle': short = 0, ...others } = report.counts
      expect(others, file.path).toEqual({})
      known[`${file.interval}${file.path.startsWith('vision') ? ' 2021-02' : ''}`] = [gaps, short]
    }
    // Gaps as the manifest of the recorded data lists them.
    expect(known).toMatchObject({ '2h': [18, 15], '4h': [8, 21], '6h': [3, 12], '8h': [1, 12], '1d': [0, 1] })
    expect(known['1h 2021-02']).toEqual([1, 1])
  })
})
