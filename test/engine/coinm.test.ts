import { expect, test } from 'vitest'
import type { Interval } from '../../src/model/interval.ts'
import type { SeriesId } from '../../src/model/series.ts'
import { DAY, HOUR } from '../../src/model/time.ts'
import { eventSeries, expectEventTruth } from './events/help.ts'
import { Bench } from './help.ts'

const bench = new Bench()
const NOW = Date.UTC(2024, 2, 10, 12, 0, 30)
const SYMBOLS = ['BTCUSD_PERP', 'BTCUSD_240329', 'BTCUSD_231229']

const candles = (symbol: string, interval: Interval, kind = 'candle'): SeriesId => ({
  ...{ exchange: 'binance', market: 'coinm', kind, symbol, interval },
})

test.each(['auto', 'archive', 'rest'] as const)('candles of COIN-M are what happened: %s', async (source) => {
  await bench.start({ now: NOW, symbols: SYMBOLS })
  const series = candles('BTCUSD_PERP', '1h')
  const [from, to] = [Date.UTC(2023, 5, 1), Date.UTC(2024, 2, 8)]
  const report = await bench.download(series, from, to, { source })
  expect(report).toMatchObject({ complete: true, gaps: [], defects: 0, rows: (to - from) / HOUR })
  await bench.expectTruth(series, from, to)
  const [verdict] = await bench.manager().verify([series], { archive: true })
  expect(verdict).toMatchObject({ ok: true, complete: true, problems: [] })
})

test('candles since the listing, through archive and REST', async () => {
  await bench.start({ now: NOW, symbols: SYMBOLS, listedAt: { BTCUSD_PERP: '2023-10-04T06:00:00Z' } })
  const series = candles('BTCUSD_PERP', '1m')
  const report = await bench.download(series, 0, NOW)
  expect(report).toMatchObject({ complete: true, gaps: [] })
  expect((await bench.coverage(series)).listedAt).toBe(Date.UTC(2023, 9, 4, 6))
  await bench.expectTruth(series, 0, NOW)
})

test('what a month of the archive lacks REST gives by pages of both ends', async () => {
  const sandbox = await bench.start({ now: NOW, symbols: SYMBOLS })
  sandbox.addFaults([{ type: 'missing-rows', from: '2023-08-05', to: '2023-08-25', match: { path: '2023-08' } }])
  const series = candles('BTCUSD_PERP', '1h')
  const report = await bench.download(series, Date.UTC(2023, 7, 1), Date.UTC(2023, 8, 1))
  expect(report).toMatchObject({ complete: true, gaps: [] })
  await bench.expectTruth(series, Date.UTC(2023, 7, 1), Date.UTC(2023, 8, 1))
})

test('a settled contract comes from the archive, and ends where it was delivered', async () => {
  await bench.start({ now: NOW, symbols: SYMBOLS })
  const series = candles('BTCUSD_231229', '1h')
  const end = Date.UTC(2023, 11, 29, 8)
  const report = await bench.download(series, Date.UTC(2023, 5, 1), Date.UTC(2024, 0, 15))
  expect(report.rows).toBe((end - (end - 182 * DAY)) / HOUR)
  expect(report.gaps.map(({ cause }) => cause)).toEqual(['not-listed', 'delisted'])
  expect(report.gaps.at(-1)).toMatchObject({ from: end })
  await bench.expectTruth(series, 0, NOW)
})

test.each(['trade', 'aggTrade', 'fundingRate'])('%ss of COIN-M are what happened', async (kind) => {
  await bench.start({ now: NOW, symbols: SYMBOLS })
  const series = eventSeries(kind, 'coinm', 'BTCUSD_PERP')
  const [from, to] = [Date.UTC(2024, 1, 27), kind === 'trade' ? Date.UTC(2024, 2, 8) : NOW - HOUR]
  const report = await bench.download(series, from, to)
  expect(report).toMatchObject({ complete: true, gaps: [] })
  await expectEventTruth(bench, series, from, to)
})

test('the index is kept by pair, whichever contract asked for it', async () => {
  const sandbox = await bench.start({ now: NOW, symbols: SYMBOLS })
  const engine = bench.manager()
  const series = engine.series({ symbol: 'BTCUSD_PERP', market: 'coinm', kind: 'indexCandle', interval: '1h' })
  expect(series.symbol).toBe('BTCUSD')
  const [from, to] = [Date.UTC(2024, 2, 1), Date.UTC(2024, 2, 10, 8)]
  const report = await bench.download(series, from, to)
  expect(report).toMatchObject({ complete: true, gaps: [], rows: (to - from) / HOUR })
  const [verdict] = await bench.manager().verify([series])
  expect(verdict).toMatchObject({ ok: true, complete: true })
  const answer = await fetch(
    `${sandbox.endpoint}/dapi/v1/indexPriceKlines?pair=BTCUSD&interval=1h&startTime=${from}&endTime=${to - 1}&limit=1500`,
  )
  const rows = (await answer.json()) as [number, string][]
  const table = await (await engine.lake()).load(series, { columns: ['open_time', 'open'] })
  expect([...table.columns.open!]).toEqual(rows.map(([, text]) => Number(text)))
})
