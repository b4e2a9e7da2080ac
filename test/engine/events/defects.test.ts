import { describe, expect, it } from 'vitest'
import { DAY, HOUR, MINUTE } from '../../../src/model/time.ts'
import { Bench, seriesOf } from '../help.ts'
import { eventCoverage, eventSeries, expectEventTruth, storedRows, truthRows } from './help.ts'

const bench = new Bench()

// What binance-public-data's issues tell of single files, each as it was, by the switch that makes it.
describe('A defect that the archive is known for', () => {
  it('issue 500: candles go on after a contract was settled, and the coverage names them', async () => {
    const END = Date.UTC(2022, 10, 15, 9)
    const sandbox = await bench.start({ symbols: ['SRMUSDT'], markets: ['usdm'], now: '2022-12-20' })
    sandbox.addFaults([{ type: 'rows-after-end' }])
    const series = seriesOf('SRMUSDT', '1h', 'usdm')
    const report = await bench.download(series, '2022-11-10', '2022-12-10')
    const { defects, gaps } = await eventCoverage(bench, series)
    expect(defects).toMatchObject([
      { time: END, type: 'suspect', detail: expect.stringContaining('after its settlement') },
    ])
    expect(defects[0]!.detail).toMatch(/^375 candles without a trade/)
    expect(report.rows).toBe((Date.UTC(2022, 11, 1) - Date.UTC(2022, 10, 10)) / HOUR)
    expect(gaps).toMatchObject([{ cause: 'delisted', from: Date.UTC(2022, 11, 1) }])
    await bench.download(series, '2022-11-08', '2022-12-10')
    expect((await eventCoverage(bench, series)).defects.length).toBe(1)
  })

  it('issue 495: so do fundings, and the coverage names them', async () => {
    const sandbox = await bench.start({ symbols: ['SRMUSDT'], markets: ['usdm'], now: '2022-12-20' })
    sandbox.addFaults([{ type: 'rows-after-end' }])
    const series = eventSeries('fundingRate', 'usdm', 'SRMUSDT')
    await bench.download(series, '2022-11-10', '2022-12-01')
    const late = (await storedRows(bench.folder.join('lake'), series)).filter(
      ([time]) => time! > Date.UTC(2022, 10, 15, 9),
    )
    expect(late.length).toBeGreaterThan(40)
    expect(late.every(([, rate]) => rate === 0.0001)).toBe(true)
    const { defects } = await eventCoverage(bench, series)
    expect(defects).toMatchObject([{ time: late[0]![0], type: 'suspect', where: expect.any(String) }])
    expect(defects[0]!.detail).toMatch(new RegExp(`^${late.length} fundings of one rate .*after its settlement`))
  })

  it('issue 354: spot aggTrades of 2021-12-14 end at 09:29, and REST has the rest', async () => {
    const sandbox = await bench.start({ now: '2021-12-20', tradesPerSecond: 0.05 })
    const [from, to] = ['2021-12-14T09:29', '2021-12-15']
    sandbox.addFaults([{ type: 'missing-rows', from, to, match: { path: '/aggTrades/' } }])
    const series = eventSeries('aggTrade')
    const alone = await bench.download(series, '2021-12-14', '2021-12-16', { source: 'archive' })
    expect(alone).toMatchObject({ complete: false })
    expect(alone.gaps).toMatchObject([
      { cause: 'unknown', count: (await truthRows(sandbox.endpoint, series, from, to)).length },
    ])
    expect(await bench.download(series, '2021-12-14', '2021-12-16')).toMatchObject({ complete: true, gaps: [] })
    await expectEventTruth(bench, series, '2021-12-14', '2021-12-16')
  })

  it('issue 293: futures aggTrades of November 2023 have foreign rows among the others, which are left out by name', async () => {
    const sandbox = await bench.start({ now: '2023-11-20', tradesPerSecond: 0.05 })
    const match = { path: '/aggTrades/.*2023-11-1[56]' }
    sandbox.addFaults([{ type: 'bad-rows', kind: 'negative', rows: 5, match: { path: '/aggTrades/.*2023-11-15' } }])
    sandbox.addFaults([{ type: 'shuffled-rows', match }])
    const series = eventSeries('aggTrade', 'usdm')
    const report = await bench.download(series, '2023-11-15', '2023-11-17')
    const { defects } = await eventCoverage(bench, series)
    expect(defects.map(({ type }) => type).sort()).toEqual([...Array(5).fill('bad-row'), 'out-of-order'])
    expect(report.gaps.reduce((sum, { count = 0 }) => sum + count, 0)).toBe(5)
    expect(report.gaps.every(({ cause }) => cause === 'archive-defect')).toBe(true)
  })

  it.each([
    ['331: nothing of 2024-04-18, of which files came later', 'aggTrade', 'usdm', '2024-04-18'],
    ['bookDepth: whole days of 2023 are absent', 'bookDepth', 'usdm', '2023-02-08'],
  ] as const)('issue %s', async (_, kind, market, day) => {
    const at = Date.parse(day)
    const sandbox = await bench.start({ symbols: ['BTCUSDT'], now: at + 9 * DAY, tradesPerSecond: 0.02 })
    sandbox.addFaults([{ type: 'missing-file', day }])
    const series = eventSeries(kind, market)
    const [from, to] = [at - HOUR, at + DAY + HOUR]
    const report = await bench.download(series, from, to)
    expect(report.complete).toBe(false)
    const missing = [...report.gaps, ...report.unsettled]
    expect(missing.some((range) => range.from <= at + 10 * MINUTE && range.to >= at + DAY - 10 * MINUTE)).toBe(true)
    sandbox.clearFaults()
    expect(await bench.download(series, from, to)).toMatchObject({ complete: true, gaps: [] })
    await expectEventTruth(bench, series, from, to)
  })

  it('issue 498: metrics of 2026-07-09 have a wrong checksum and blank cells', async () => {
    const sandbox = await bench.start({ symbols: ['BTCUSDT'], now: '2026-07-16', listedAt: '2026-07-01' })
    const match = { path: 'metrics.*2026-07-09' }
    sandbox.addFaults([
      { type: 'wrong-checksum', match },
      { type: 'blank-cells', every: 4, match },
    ])
    const series = eventSeries('metrics', 'usdm')
    const report = await bench.download(series, '2026-07-09', '2026-07-10')
    expect(report).toMatchObject({ complete: true, rows: 288, files: [{ outcome: 'unverified' }] })
    const { defects, checks } = await eventCoverage(bench, series)
    expect(defects).toMatchObject([{ type: 'suspect', detail: expect.stringContaining('blank cells') }])
    expect(checks[0]!.note).toContain('the hash differs from the published one')
  })

  it('the quotes of COIN-M end in October 2024', async () => {
    const now = '2025-01-10'
    await bench.start({ symbols: ['BTCUSD_PERP'], markets: ['coinm'], now, listedAt: '2024-10-15T02:30Z' })
    const series = eventSeries('quote', 'coinm', 'BTCUSD_PERP')
    const report = await bench.download(series, '2024-10-15T02:30Z', '2024-12-01')
    expect(report).toMatchObject({ complete: true, unsettled: [] })
    expect(report.gaps.at(-1)).toMatchObject({
      cause: 'not-published',
      to: Date.UTC(2024, 11, 1),
      note: expect.stringContaining('ceased to be published about 2024-10-15'),
    })
  })
})
