import { describe, expect, it } from 'vitest'
import { HOUR } from '../../../src/model/time.ts'
import { Lake } from '../../../src/store/lake/lake.ts'
import { Bench } from '../help.ts'
import { eventCoverage, eventSeries, expectEventTruth, storedRows } from './help.ts'

const bench = new Bench()
const NOW = Date.UTC(2024, 2, 10, 12, 0, 30)
const series = eventSeries('fundingRate', 'usdm')

describe('a download of fundings', () => {
  it('joins monthly files and REST, a file per year, with the interval where the archive tells it', async () => {
    await bench.start({ now: NOW })
    const report = await bench.download(series, '2023-11-01', NOW)
    expect(report).toMatchObject({ complete: true, gaps: [], unsettled: [], defects: 0 })
    expect(report.files.map(({ path }) => path.slice(-11, -4)).sort()).toEqual([
      '2023-11',
      '2023-12',
      '2024-01',
      '2024-02',
    ])
    await expectEventTruth(bench, series, '2023-11-01', NOW - 5 * 60_000)
    const { files } = await eventCoverage(bench, series)
    expect(new Set(files.map(({ period }) => period))).toEqual(new Set(['2023', '2024']))
    const lake = await Lake.open(bench.folder.join('lake'))
    const hours: number[] = []
    for await (const batch of lake.readEvents(series, { columns: ['interval_hours'] }))
      hours.push(...(batch.columns.interval_hours as Float64Array))
    const archived = (Date.UTC(2024, 2, 1) - Date.UTC(2023, 10, 1)) / (8 * HOUR)
    expect(hours.slice(0, archived)).toEqual(Array.from({ length: archived }, () => 8))
    expect(hours.slice(archived).every(Number.isNaN)).toBe(true)
    const [verdict] = await bench.manager().verify([series])
    expect(verdict).toMatchObject({ ok: true, complete: true, problems: [] })
    expect(await bench.download(series, '2023-11-01', NOW)).toMatchObject({ complete: true, added: 0, files: [] })
  })

  it.each([
    ['rows that are missing', { type: 'missing-rows', from: '2024-01-10', to: '2024-01-12' }],
    ['a month that is not there', { type: 'missing-file', month: '2024-01' }],
    ['rows that are no numbers', { type: 'bad-rows', kind: 'nan', rows: 3 }],
    ['rows out of order', { type: 'shuffled-rows', rows: 5 }],
    ['rows that stand twice', { type: 'repeated-rows', every: 10 }],
    ['a damaged zip', { type: 'corrupt-zip' }],
  ] as const)('leaves no trace of %s', async (_, fault) => {
    const sandbox = await bench.start({ now: NOW })
    sandbox.addFaults([{ ...fault, match: { path: 'fundingRate.*2024-01' } }])
    const report = await bench.download(series, '2023-12-01', NOW)
    expect(report).toMatchObject({ complete: true, gaps: [] })
    await expectEventTruth(bench, series, '2023-12-01', NOW - 5 * 60_000)
  })

  it('says where one is missing that nobody has', async () => {
    const sandbox = await bench.start({ now: NOW })
    sandbox.addFaults([{ type: 'missing-rows', from: '2024-01-10', to: '2024-01-11' }])
    const report = await bench.download(series, '2024-01-01', '2024-02-01', { source: 'archive' })
    expect(report.complete).toBe(false)
    expect(report.gaps).toMatchObject([
      {
        cause: 'unknown',
        from: expect.closeTo(Date.UTC(2024, 0, 9, 16), -2),
        to: expect.closeTo(Date.UTC(2024, 0, 11), -2),
      },
    ])
    expect((await storedRows(bench.folder.join('lake'), series)).length).toBe(31 * 3 - 3)
  })
})
