import { describe, expect, it } from 'vitest'
import type { SeriesReport } from '../../../src/engine/types.ts'
import type { FileCheck } from '../../../src/model/coverage.ts'
import type { Market, SeriesId } from '../../../src/model/series.ts'
import { DAY, MINUTE, parseTime } from '../../../src/model/time.ts'
import { Lake } from '../../../src/store/lake/lake.ts'
import { openQuery } from '../../../src/store/lake/query.ts'
import { Bench } from '../help.ts'
import { eventCoverage, eventSeries } from './help.ts'

const bench = new Bench()
/** Three weeks after the labels of USD-M moved. */
const NOW = Date.UTC(2026, 6, 16, 12, 0, 30)
const SHIFT = Date.UTC(2026, 5, 25)
const START = {
  symbols: ['BTCUSDT', 'BTCUSD_PERP'],
  markets: ['usdm', 'coinm'] as Market[],
  now: NOW,
  listedAt: '2026-01-01T00:00Z',
}
const series = eventSeries('metrics', 'usdm')
const VALUES = [
  'open_interest',
  'open_interest_value',
  'top_account_ratio',
  'top_position_ratio',
  'account_ratio',
  'taker_ratio',
]

async function stored(of: SeriesId = series, columns = ['time', ...VALUES]): Promise<number[][]> {
  const lake = await Lake.open(bench.folder.join('lake'))
  const rows: number[][] = []
  for await (const batch of lake.readEvents(of, { columns })) {
    for (let i = 0; i < batch.length; i++) rows.push(columns.map((name) => Number(batch.columns[name]![i])))
  }
  return rows
}

async function truth(from: string | number, to: string | number, of: SeriesId = series): Promise<number[][]> {
  const { market, symbol } = of
  const query = { market, kind: 'metrics', symbol, from: String(parseTime(from)), to: String(parseTime(to)) }
  const answer = await fetch(`${bench.sandbox.endpoint}/sandbox/truth?${new URLSearchParams(query)}`)
  return ((await answer.json()) as (string | number)[][]).map((row) => row.map(Number))
}

/** The files of a report in the order of their days. */
function byPath({ files }: SeriesReport): readonly FileCheck[] {
  return [...files].sort((a, b) => (a.path < b.path ? -1 : 1))
}

describe('metrics', () => {
  it('join archive and REST, each period once and under its own time', async () => {
    await bench.start(START)
    const from = SHIFT - 2 * DAY
    const report = await bench.download(series, from, NOW)
    expect(report).toMatchObject({ complete: true, gaps: [], unsettled: [], defects: 0 })
    const end = report.to
    expect(NOW - end).toBeLessThan(20 * MINUTE)
    expect(await stored()).toEqual(await truth(from, Math.ceil(end / (5 * MINUTE)) * 5 * MINUTE))
    const [verdict] = await bench.manager().verify([series])
    expect(verdict).toMatchObject({ ok: true, complete: true, problems: [] })
    expect(await bench.download(series, from, end)).toMatchObject({ added: 0, files: [] })
  })

  it('are labelled by the ends of their periods before 2026-06-25, and say so', async () => {
    await bench.start(START)
    const report = await bench.download(series, SHIFT - DAY, SHIFT + DAY)
    expect(report).toMatchObject({ complete: true, gaps: [] })
    const [before, after] = byPath(report)
    expect(before!.note).toContain('labelled by the ends of their periods: 5 minutes were taken off')
    expect(after!.note).toBeUndefined()
    const rows = await stored(series, ['time', 'label_time'])
    expect(rows.map(([time]) => time)).toEqual(Array.from({ length: 576 }, (_, i) => SHIFT - DAY + i * 5 * MINUTE))
    expect(rows.every(([time, label]) => label! - time! === (time! < SHIFT ? 5 * MINUTE : 0))).toBe(true)
  })

  it.each([
    ['an old file by the starts', '2026-06-20', 'unlike those of its time'],
    ['a new file by the ends', '2026-06-28', '5 minutes were taken off'],
  ])('are understood where they are labelled the other way: %s', async (_, day, note) => {
    const sandbox = await bench.start(START)
    sandbox.addFaults([{ type: 'other-labels', match: { path: `metrics.*${day}` } }])
    const from = parseTime(day)
    const report = await bench.download(series, from - DAY, from + 2 * DAY, { source: 'archive' })
    expect(report).toMatchObject({ complete: true, gaps: [], defects: 0 })
    expect(byPath(report)[1]!.note).toContain(note)
    expect(await stored()).toEqual(await truth(from - DAY, from + 2 * DAY))
  })

  it('of COIN-M have always been labelled by the starts', async () => {
    await bench.start(START)
    const coinm = eventSeries('metrics', 'coinm', 'BTCUSD_PERP')
    const report = await bench.download(coinm, '2026-06-01', NOW)
    expect(report).toMatchObject({ complete: true, gaps: [], defects: 0 })
    expect(report.files.every(({ note }) => note === undefined)).toBe(true)
    // REST tells volumes, not their ratio.
    const whole = (rows: number[][]): number[][] =>
      rows.map((row) => [...row.slice(0, -1), Number(row.at(-1)!.toFixed(9))])
    const end = Math.ceil(report.to / (5 * MINUTE)) * 5 * MINUTE
    expect(whole(await stored(coinm))).toEqual(whole(await truth('2026-06-01', end, coinm)))
  })

  it('lack single values, which are empty, and on record', async () => {
    const sandbox = await bench.start(START)
    sandbox.addFaults([{ type: 'blank-cells', every: 12, match: { path: 'metrics.*2026-07-09' } }])
    const report = await bench.download(series, '2026-07-09', '2026-07-10')
    expect(report).toMatchObject({ complete: true, rows: 288 })
    const rows = await stored()
    const told = await truth('2026-07-09', '2026-07-10')
    expect(rows).toEqual(
      told.map((row, i) =>
        i % 12 === 11 ? [...row.slice(0, 3), ...Array.from({ length: 4 }, () => Number.NaN)] : row,
      ),
    )
    const { defects } = await eventCoverage(bench, series)
    expect(defects).toMatchObject([
      {
        type: 'suspect',
        detail: 'blank cells: top_account_ratio 24, top_position_ratio 24, account_ratio 24, taker_ratio 24',
      },
    ])
    using query = await openQuery(bench.folder.join('lake'))
    const answer = await query.run('SELECT count(*) FROM metrics WHERE taker_ratio IS NULL')
    for await (const [count] of answer.rows) expect(count).toBe(24)
  })

  it('are asked of REST where the archive lacks them, as far as it goes back', async () => {
    const sandbox = await bench.start(START)
    sandbox.addFaults([
      { type: 'missing-rows', from: '2026-07-01T06:00', to: '2026-07-01T07:00', match: { path: 'metrics.*07-01' } },
      { type: 'missing-rows', from: '2026-06-01T06:05', to: '2026-06-01T07:05', match: { path: 'metrics.*06-01' } },
    ])
    const report = await bench.download(series, '2026-06-01', '2026-07-02')
    expect(report.complete).toBe(false)
    expect(report.gaps).toMatchObject([
      {
        from: Date.UTC(2026, 5, 1, 6),
        to: Date.UTC(2026, 5, 1, 7),
        count: 12,
        cause: 'archive-defect',
        note: expect.stringContaining('REST does not go back so far'),
      },
    ])
    const lost = (time: number): boolean => time >= Date.UTC(2026, 5, 1, 6) && time < Date.UTC(2026, 5, 1, 7)
    expect(await stored()).toEqual((await truth('2026-06-01', '2026-07-02')).filter(([time]) => !lost(time!)))
    const flags = (await stored(series, ['flags'])).flat()
    expect(flags.filter((flag) => flag === 1).length).toBe(12)
  })

  it('wait for REST when it does not answer', async () => {
    const sandbox = await bench.start(START)
    sandbox.addFaults([{ type: 'http-error', status: 503, match: { path: '^/futures/data' } }])
    const report = await bench.download(series, '2026-07-10', NOW)
    expect(report).toMatchObject({ complete: false, gaps: [] })
    expect(report.unsettled.length).toBe(1)
    sandbox.clearFaults()
    const later = await bench.download(series, '2026-07-10', NOW)
    expect(later).toMatchObject({ complete: true, gaps: [], unsettled: [] })
    expect(await stored()).toEqual(await truth('2026-07-10', Math.ceil(later.to / (5 * MINUTE)) * 5 * MINUTE))
  })
})
