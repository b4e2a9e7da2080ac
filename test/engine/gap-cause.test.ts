import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { type GapFacts, gapCause, knownGapsOf } from '../../src/engine/download/gap-cause.ts'
import { binanceGaps } from '../../src/exchanges/binance/outages.ts'
import type { Interval } from '../../src/model/interval.ts'
import { intervalLength } from '../../src/model/interval.ts'
import type { Market, SeriesId } from '../../src/model/series.ts'
import { findRealData, realDataTitle } from '../helpers/real-data.ts'

const realData = findRealData()

function seriesOf(symbol: string, interval: Interval, market: Market = 'spot'): SeriesId {
  return { exchange: 'binance', market, kind: 'candle', symbol, interval }
}

const asked: GapFacts = {
  interval: '1m',
  listedAt: undefined,
  archivedUntil: undefined,
  restAsked: true,
  restGone: false,
  restDown: false,
}
const range = (from: string, to: string) => ({ from: Date.parse(`${from}Z`), to: Date.parse(`${to}Z`) })

describe('The cause of a missing stretch', () => {
  const known = knownGapsOf(seriesOf('BTCUSDT', '1m'))
  const facts = { ...asked, known }

  it('is maintenance where the exchange said so, and an outage where it did not', () => {
    expect(gapCause(range('2021-04-25T04:01', '2021-04-25T08:45'), facts)).toEqual({
      cause: 'maintenance',
      note: 'announced system upgrade',
    })
    // Binance's own word on these two was not found.
    for (const [from, to] of [
      ['2021-08-13T02:00', '2021-08-13T06:30'],
      ['2021-09-29T07:00', '2021-09-29T09:00'],
    ] as const)
      expect(gapCause(range(from, to), facts)).toEqual({
        cause: 'maintenance',
        note: 'system upgrade, as third parties reported',
      })
    expect(gapCause(range('2023-03-24T12:40', '2023-03-24T14:00'), facts)).toMatchObject({ cause: 'exchange-outage' })
    expect(gapCause(range('2024-03-24T12:40', '2024-03-24T14:00'), facts)).toEqual({ cause: 'exchange-outage' })
  })

  it('is known without asking REST, as far as the exchange stood still and no further', () => {
    const silent = { ...facts, restAsked: false, restDown: true }
    expect(gapCause(range('2021-08-13T02:00', '2021-08-13T06:30'), silent).cause).toBe('maintenance')
    expect(gapCause(range('2021-08-13T02:00', '2021-08-13T06:31'), silent).cause).toBe('unknown')
    expect(gapCause(range('2021-08-13T01:58', '2021-08-13T06:30'), silent).cause).toBe('unknown')
  })

  it('is the end of trading, the time before it, or a loss, where REST no longer knows the symbol', () => {
    const gone = { ...facts, restGone: true, listedAt: Date.UTC(2020, 0), archivedUntil: Date.UTC(2022, 0) }
    expect(gapCause(range('2019-06-01T00:00', '2020-01-01T00:00'), gone).cause).toBe('not-listed')
    expect(gapCause(range('2022-01-01T00:00', '2023-01-01T00:00'), gone).cause).toBe('delisted')
    expect(gapCause(range('2021-06-01T00:00', '2021-06-01T01:00'), gone).cause).toBe('archive-defect')
  })

  it('is a loss where the archive is known to lack what REST has not either', () => {
    const series = { ...seriesOf('BTCUSDT', '1m', 'usdm'), kind: 'premiumCandle' }
    const month = range('2021-01-24T00:00', '2021-02-22T00:00')
    const premium = { ...asked, known: knownGapsOf(series) }
    expect(gapCause(month, premium).cause).toBe('archive-defect')
    expect(gapCause(month, { ...premium, restAsked: false }).cause).toBe('unknown')
    expect(knownGapsOf({ ...series, kind: 'candle' })).toEqual([])
    expect(gapCause(range('2021-08-13T02:00', '2021-08-13T06:30'), premium).cause).toBe('exchange-outage')
  })
})

describe('The table of known gaps', () => {
  it('rises, and nothing in it overlaps', () => {
    const spot = binanceGaps.filter(({ market }) => market === 'spot')
    expect(spot.length).toBeGreaterThan(25)
    for (const [index, gap] of spot.entries()) {
      expect(gap.to).toBeGreaterThan(gap.from)
      if (index > 0) expect(gap.from).toBeGreaterThanOrEqual(spot[index - 1]!.to)
    }
  })

  it.skipIf(!realData).each(['1h', '2h', '4h', '6h', '8h'] as const)(
    realDataTitle('names every hole of the recorded %s candles of BTCUSDT'),
    (interval: Interval) => {
      const packed = readFileSync(join(realData!, 'series', 'spot', `BTCUSDT-${interval}.ndjson.gz`))
      const opens = gunzipSync(packed)
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)[0] as number)
      const length = intervalLength(interval)
      const facts = { ...asked, interval, restDown: true, known: knownGapsOf(seriesOf('BTCUSDT', interval)) }
      const holes = opens.flatMap((open, index) => {
        const next = opens[index + 1] ?? open + length
        return next > open + length ? [{ from: open + length, to: next }] : []
      })
      expect(holes.length).toBeGreaterThan(0)
      for (const hole of holes)
        expect(gapCause(hole, facts).cause, new Date(hole.from).toISOString()).not.toBe('unknown')
    },
  )
})
