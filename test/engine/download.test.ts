import { describe, expect, it } from 'vitest'
import { CandleFlag } from '../../src/model/candle.ts'
import type { Interval } from '../../src/model/interval.ts'
import { DAY, HOUR } from '../../src/model/time.ts'
import { firstDifference } from '../helpers/truth.ts'
import { Bench, klineRequests, request, seriesOf } from './help.ts'

const bench = new Bench()
const NOW = Date.UTC(2024, 2, 10, 12, 0, 30)

describe('a download from archive and REST', () => {
  it.each([
    ['spot', '1m', '2024-02-26'],
    ['usdm', '1m', '2024-02-26'],
    ['spot', '5m', '2024-01-20'],
    ['usdm', '1h', '2023-11-05T07:00Z'],
    ['spot', '1d', '2023-06-01'],
    ['spot', '3d', '2023-06-01'],
    ['usdm', '3d', '2023-06-01'],
    ['spot', '1w', '2023-01-01'],
    ['spot', '1M', '2021-01-01'],
    ['usdm', '1M', '2021-01-01'],
  ] as const)('equals the truth: %s %s', async (market, interval, from) => {
    await bench.start({ now: NOW, tradesPerSecond: 0.002 })
    const series = seriesOf('BTCUSDT', interval, market)
    const report = await bench.download(series, from, NOW)
    expect(report.error).toBeUndefined()
    expect(report.complete).toBe(true)
    await bench.expectTruth(series, from, NOW)
    expect(report.files.every((file) => file.outcome === 'verified')).toBe(true)
    expect(report.files.length).toBeGreaterThan(0)
  })

  it('equals the truth for a month of 1s, whose file is staged day by day', async () => {
    await bench.start({ now: '2024-02-06', tradesPerSecond: 0.001 })
    const series = seriesOf('BTCUSDT', '1s')
    const [from, to] = ['2024-01-29T12:00Z', '2024-02-01T06:00Z']
    const report = await bench.download(series, from, to)
    expect(report.complete).toBe(true)
    expect(report.files.map(({ path }) => path.slice(path.lastIndexOf('/') + 1))).not.toEqual([])
    await bench.expectTruth(series, from, to)
    expect((await bench.coverage(series)).files.map((file) => file.period)).toEqual([
      '2024-01-29',
      '2024-01-30',
      '2024-01-31',
      '2024-02-01',
    ])
  })

  it('takes what is younger than 36 hours from REST and the rest from the archive', async () => {
    const sandbox = await bench.start({ now: NOW })
    const series = seriesOf('BTCUSDT', '1m')
    await bench.download(series, '2024-03-01', NOW)
    const flags = await bench.flags(series)
    const rows = await bench.stored(series)
    const firstRest = rows[flags.findIndex((flag) => flag & CandleFlag.rest)]![0]!
    // 36 hours before 10 March 12:00 is 9 March 00:00, and the archive's files are whole days.
    expect(firstRest).toBe(Date.UTC(2024, 2, 9))
    expect(flags.filter((flag) => flag === 0).length).toBe(8 * 1440)
    expect(sandbox.usage().archive.files).toBe(8)
    expect(klineRequests(sandbox)).toBeLessThan(6)
  })

  it('has nothing to fetch when it is run again, and asks next to nothing', async () => {
    const sandbox = await bench.start({ now: NOW })
    const requests = [
      request(seriesOf('BTCUSDT', '1m'), '2024-02-20', '2024-03-10T12:00Z'),
      request(seriesOf('ETHUSDT', '1h'), '2024-01-20', '2024-03-10T12:00Z'),
    ]
    await bench.manager().download(requests)
    sandbox.resetUsage()
    const reports = await bench.manager().download(requests)
    expect(reports.map((report) => [report.complete, report.added, report.files.length])).toEqual([
      [true, 0, 0],
      [true, 0, 0],
    ])
    expect(sandbox.usage().archive.requests).toBe(0)
    expect(klineRequests(sandbox)).toBe(0)
    // The clock, and no more.
    expect(Object.values(sandbox.usage().paths).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(3)
  })

  it('fetches only what is missing when the range grows at either end', async () => {
    const sandbox = await bench.start({ now: NOW })
    const series = seriesOf('BTCUSDT', '1m')
    await bench.download(series, '2024-03-03', '2024-03-05')
    const forwards = await bench.download(series, '2024-03-03', '2024-03-06')
    expect(forwards.files.map(({ path }) => path.slice(-14, -4))).toEqual(['2024-03-05'])
    sandbox.resetUsage()
    const backwards = await bench.download(series, '2024-03-01', '2024-03-06')
    expect(backwards.files.map(({ path }) => path.slice(-14, -4)).sort()).toEqual(['2024-03-01', '2024-03-02'])
    expect(backwards.added).toBe(2 * 1440)
    expect(sandbox.usage().archive.files).toBe(2)
    await bench.expectTruth(series, '2024-03-01', '2024-03-06')
  })

  it.each(['1m', '1h', '3d', '1M'] as const)(
    'gives the same %s values from either source alone',
    async (interval: Interval) => {
      const sandbox = await bench.start({ now: NOW, tradesPerSecond: 0.002 })
      const [from, to] = interval === '1m' ? ['2024-02-27', '2024-03-03'] : ['2023-08-01', '2024-03-01']
      const series = seriesOf('BTCUSDT', interval)
      const rest = bench.manager({ dataDir: bench.folder.join('rest') })
      const archive = bench.manager({ dataDir: bench.folder.join('archive') })
      const byRest = await bench.download(series, from, to, { source: 'rest', manager: rest })
      expect(sandbox.usage().archive.requests).toBe(0)
      const asked = klineRequests(sandbox)
      const byArchive = await bench.download(series, from, to, { source: 'archive', manager: archive })
      expect(klineRequests(sandbox)).toBe(asked)
      expect([byRest.error, byArchive.error]).toEqual([undefined, undefined])
      const [a, b] = await Promise.all(
        [rest, archive].map(async (manager) => {
          const batch = await (await manager.lake()).load(series)
          return Array.from({ length: batch.length }, (_, i) =>
            Object.values(batch.columns).map((values) => values[i]!),
          )
        }),
      )
      expect(a!.length).toBeGreaterThan(0)
      expect(firstDifference(a!, b!)).toBeUndefined()
      await expect(bench.truth(series, from, to)).resolves.toHaveLength(a!.length)
    },
  )
})

describe('where a series begins and ends', () => {
  it('records the time before a listing in the middle of a month, and is complete', async () => {
    const listed = Date.UTC(2024, 1, 14, 8)
    await bench.start({ now: NOW, listedAt: listed })
    const series = seriesOf('BTCUSDT', '1h')
    const report = await bench.download(series, '2024-02-01', NOW)
    expect(report.gaps).toMatchObject([
      { from: Date.UTC(2024, 1, 1), to: listed, cause: 'not-listed', count: 13 * 24 + 8 },
    ])
    expect(report.complete).toBe(true)
    await bench.expectTruth(series, '2024-02-01', '2024-03-10T12:00Z')
    expect((await bench.coverage(series)).listedAt).toBe(listed)
  })

  it('begins at the listing, without a gap, when it is asked for since listing', async () => {
    const listed = Date.UTC(2024, 1, 14, 8)
    await bench.start({ now: NOW, listedAt: listed })
    const report = await bench.download(seriesOf('BTCUSDT', '1h'), 0, NOW)
    expect([report.from, report.gaps, report.complete]).toEqual([listed, [], true])
  })

  it('brings a delisted symbol from the archive to its end, and calls the rest delisted', async () => {
    await bench.start({ now: '2023-02-20', symbols: ['SRMUSDT'] })
    const series = seriesOf('SRMUSDT', '1h')
    const report = await bench.download(series, '2022-10-01', '2023-02-01')
    expect(report.error).toBeUndefined()
    expect(report.complete).toBe(true)
    const end = Date.UTC(2022, 10, 28, 3)
    expect(report.gaps).toMatchObject([{ from: end, cause: 'delisted' }])
    expect(report.rows).toBe((end - Date.UTC(2022, 9, 1)) / HOUR)
    await bench.expectTruth(series, '2022-10-01', '2023-02-01')
  })

  it('records a halt of the exchange as an outage, and is complete', async () => {
    const [from, to] = [Date.UTC(2024, 2, 3, 2), Date.UTC(2024, 2, 3, 5)]
    await bench.start({ now: NOW, faults: [{ type: 'outage', symbol: 'BTCUSDT', from, to }] })
    const series = seriesOf('BTCUSDT', '1m')
    const report = await bench.download(series, '2024-03-02', '2024-03-05')
    expect(report.gaps).toMatchObject([{ from, to, cause: 'exchange-outage', count: 180 }])
    expect([...report.gaps[0]!.checked].sort()).toEqual(['archive', 'rest'])
    expect(report.complete).toBe(true)
    await bench.expectTruth(series, '2024-03-02', '2024-03-05')
  })

  it('never stores a candle that is still open', async () => {
    await bench.start({ now: NOW })
    for (const [interval, last] of [
      ['1m', Date.UTC(2024, 2, 10, 11, 59)],
      ['1h', Date.UTC(2024, 2, 10, 11)],
      ['1d', Date.UTC(2024, 2, 9)],
      ['1M', Date.UTC(2024, 1, 1)],
    ] as const) {
      const series = seriesOf('BTCUSDT', interval)
      await bench.download(series, '2024-01-01', NOW + DAY)
      expect((await bench.stored(series)).at(-1)![0], interval).toBe(last)
      expect((await bench.flags(series)).some((flag) => flag & CandleFlag.unfinished)).toBe(false)
    }
  })

  it('answers an unknown symbol with the nearest ones, and goes on with the others', async () => {
    await bench.start({ now: NOW })
    const manager = bench.manager()
    const [typo, good] = await manager.download([
      request(seriesOf('BTCUSTD', '1h'), '2024-03-01', '2024-03-02'),
      request(seriesOf('ETHUSDT', '1h'), '2024-03-01', '2024-03-02'),
    ])
    expect(typo!.error).toMatch(/Unknown symbol "BTCUSTD".*Did you mean BTCUSDT/)
    expect(typo!.complete).toBe(false)
    expect(good!.complete).toBe(true)
    expect((await (await manager.lake()).list()).map(({ symbol }) => symbol)).toEqual(['ETHUSDT'])
  })

  it('gives an error, and no gap since 1970, where neither source has a first candle', async () => {
    await bench.start({ now: NOW, symbols: ['BTCUSDT', 'NEWUSDT'], listedAt: { NEWUSDT: '2024-03-11' } })
    for (const source of ['auto', 'archive', 'rest'] as const) {
      const report = await bench.download(seriesOf('NEWUSDT', '1h'), 0, NOW, { source })
      expect(report.error, source).toBeDefined()
      expect([report.expected, report.gaps, report.complete]).toEqual([0, [], false])
    }
    expect(await (await bench.manager().lake()).list()).toEqual([])
  })
})
