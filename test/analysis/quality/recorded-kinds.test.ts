import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { scoreEvents } from '../../../src/analysis/quality/index.ts'
import { validateRecords } from '../../../src/analysis/validate/index.ts'
import { RecordFlag } from '../../../src/model/live/record.ts'
import { findRealData, realDataTitle } from '../../helpers/real-data.ts'
import { causesIn, MINUTE, type Row } from './event-rows.ts'

const root = findRealData()
const read = (path: string): string => {
  const bytes = readFileSync(join(root!, path))
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
}

type Fields = Readonly<Record<string, string | number>>
type Answers = Readonly<Record<string, readonly { readonly data: Fields | Fields[] | null }[]>>

/** What the exchange answered to `path`, as recorded by gocryptotrader: each answer's list. */
const answers = (path: string): Fields[][] => {
  const all = JSON.parse(read('rest/gct_binance_public_responses.json.gz')) as Answers
  return all[path]!.flatMap(({ data }) => (data === null ? [] : [Array.isArray(data) ? data : [data]]))
}

/** Mark prices of USD-M, each second, with the times at which they came. */
const marks = (): Row[] =>
  read('ws/binance-usdm/hft_btcusdt_20230404.dat.gz')
    .split('\n')
    .filter((line) => line.includes('markPriceUpdate'))
    .map((line) => {
      const at = line.indexOf(' ')
      const { data } = JSON.parse(line.slice(at)) as { readonly data: Fields }
      return {
        markPrice: Number(data.p),
        indexPrice: Number(data.i),
        estimatedSettlePrice: Number(data.P),
        fundingRate: Number(data.r),
        nextFundingTime: Number(data.T),
        eventTime: Number(data.E),
        receiveTime: Number(line.slice(0, at)) / 1000,
        flags: RecordFlag.stream,
      }
    })

type Levels = readonly (readonly [string, string])[]
type Frame = Readonly<Record<'E' | 'T' | 'U' | 'u' | 'pu', number>> & { readonly b: Levels; readonly a: Levels }

/** The updates of a symbol's book, all of one capture. */
const updates = (path: string, stream: string) =>
  read(path)
    .split('\n')
    .filter((line) => line.includes(`"stream":"${stream}"`))
    .map((line) => {
      const { E, T, U, u, pu, b, a } = (JSON.parse(line.slice(line.indexOf(' '))) as { readonly data: Frame }).data
      return {
        ...{
          firstUpdateId: U,
          lastUpdateId: u,
          previousUpdateId: pu ?? -1,
          eventTime: E,
          transactionTime: T ?? Number.NaN,
        },
        bids: b.flat().map(Number),
        asks: a.flat().map(Number),
      }
    })

const tickerOf = (fields: Fields): Row => ({
  open: Number(fields.openPrice),
  high: Number(fields.highPrice),
  low: Number(fields.lowPrice),
  last: Number(fields.lastPrice),
  volume: Number(fields.volume),
  quoteVolume: Number(fields.quoteVolume ?? fields.baseVolume),
  priceChange: Number(fields.priceChange),
  weightedAverage: Number(fields.weightedAvgPrice),
  lastQuantity: Number(fields.lastQty),
  bidPrice: Number(fields.bidPrice ?? Number.NaN),
  askPrice: Number(fields.askPrice ?? Number.NaN),
  openTime: Number(fields.openTime),
  closeTime: Number(fields.closeTime),
  firstTradeId: Number(fields.firstId),
  lastTradeId: Number(fields.lastId),
  trades: Number(fields.count),
  eventTime: Number(fields.closeTime),
  flags: RecordFlag.rest,
})

describe('recorded series of other kinds', () => {
  it.skipIf(!root)(realDataTitle('of mark prices have 100, and tell of each that is taken out or changed'), () => {
    const rows = marks()
    expect(rows).toHaveLength(99)
    expect(scoreEvents('markPrice', [rows])).toMatchObject({
      score: 100,
      parts: { completeness: 1, continuity: 1, validity: 1, timeliness: 1, agreement: null },
    })
    for (let i = 1; i < rows.length - 1; i++) {
      const torn = scoreEvents('markPrice', [rows.toSpliced(i, 1)])
      expect(torn, `without ${i}`).toMatchObject({ rows: 98, expected: 99 })
    }
    const changes: [string, Row][] = [
      ['not positive (values)', { markPrice: -1 }],
      ['far from index (distance)', { markPrice: 2.8 }],
      ['funding not next (funding)', { nextFundingTime: rows[0]!.nextFundingTime! - 480 * MINUTE }],
      ['rate beyond cap (funding)', { fundingRate: 2.754 }],
      ['time goes back (time)', { eventTime: rows[0]!.eventTime! }],
      ['late', { receiveTime: rows[50]!.eventTime! + 2 * MINUTE }],
    ]
    for (const [detail, change] of changes) {
      const found = causesIn(scoreEvents('markPrice', [rows.with(50, { ...rows[50]!, ...change })]))
      expect(
        found.map(([, text]) => text),
        detail,
      ).toContain(detail)
    }
  })

  it.skipIf(!root).each([
    ['ws/binance-spot/hft_ethusdt_20240808.gz', 'ethusdt@depth@100ms'],
    ['ws/binance-usdm/hft_btcusdt_20240718.gz', 'btcusdt@depth@0ms'],
  ])(realDataTitle('of book updates never cross: %s'), (path, stream) => {
    const rows = updates(path, stream)
    expect(rows.length).toBeGreaterThan(500)
    expect(scoreEvents('bookDelta', [rows])).toMatchObject({ score: 100, rows: rows.length, unjudged: {} })
    // A level that is never taken away is passed by the market sooner or later.
    const standing = (side: readonly number[]) => side.filter((_, i) => side[i - (i % 2) + 1]! > 0)
    const kept = rows.map((row) => ({ ...row, bids: standing(row.bids), asks: standing(row.asks) }))
    const found = causesIn(scoreEvents('bookDelta', [kept])).map(([, detail]) => detail)
    expect(found).toContain('book crossed (book)')
  })

  it.skipIf(!root)(realDataTitle('of fundings have 100, some milliseconds off the hour'), () => {
    const archived = read('vision/trimmed/archive_fundingRate_BTCUSDT_2026-07.trimmed.csv')
      .trim()
      .split('\n')
      .slice(1)
      .map((line): Row => {
        const [fundingTime, intervalHours, fundingRate] = line.split(',').map(Number)
        return { fundingTime: fundingTime!, intervalHours: intervalHours!, fundingRate: fundingRate!, flags: 0 }
      })
    const asked = [...answers('/fapi/v1/fundingRate'), ...answers('/dapi/v1/fundingRate')].map((list) =>
      list.map(
        (one): Row => ({
          fundingTime: Number(one.fundingTime),
          fundingRate: Number(one.fundingRate),
          flags: RecordFlag.rest,
        }),
      ),
    )
    const series = [archived, ...asked].filter(({ length }) => length > 3)
    expect(series).toHaveLength(3)
    for (const rows of series) {
      const quality = scoreEvents('fundingRate', [rows])
      expect(causesIn(quality)).toEqual([])
      expect(quality).toMatchObject({ score: 100, rows: rows.length, expected: rows.length })
      const torn = scoreEvents('fundingRate', [rows.toSpliced(1, 1)])
      expect(torn.expected, 'without the second').toBe(rows.length)
      expect(torn.score).toBeLessThan(100)
    }
  })

  it.skipIf(!root)(realDataTitle('of tickers of all markets break no rule'), () => {
    const paths = ['/api/v3/ticker/24hr', '/fapi/v1/ticker/24hr', '/dapi/v1/ticker/24hr']
    let rows = 0
    for (const one of paths.flatMap(answers).flat()) {
      const report = validateRecords('ticker', [tickerOf(one)])
      expect(report.findings, JSON.stringify(one)).toEqual([])
      rows += report.rows
    }
    expect(rows).toBeGreaterThan(10)
  })
})
