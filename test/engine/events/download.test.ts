import { describe, expect, it } from 'vitest'
import { unfinishedRanges } from '../../../src/engine/download/unfinished.ts'
import { EventSink } from '../../../src/engine/live/event-sink.ts'
import { RecordFlag } from '../../../src/model/live/index.ts'
import { HOUR } from '../../../src/model/time.ts'
import type { FaultSpec } from '../../../src/sandbox/faults/spec.ts'
import { Lake } from '../../../src/store/lake/lake.ts'
import { Bench } from '../help.ts'
import { eventCoverage, eventSeries, expectEventTruth, storedFlags, storedRows, truthRows } from './help.ts'

const bench = new Bench()
const NOW = Date.UTC(2024, 2, 10, 12, 0, 30)
const [FROM, TO] = ['2024-03-05', '2024-03-10T11:00Z']

describe('a download of trades from archive and REST', () => {
  it.each([
    ['trade', 'spot'],
    ['aggTrade', 'spot'],
    ['aggTrade', 'usdm'],
  ] as const)('equals the truth: %s of %s', async (kind, market) => {
    await bench.start({ now: NOW })
    const series = eventSeries(kind, market)
    const report = await bench.download(series, '2024-02-27T10:00Z', TO)
    expect(report.error).toBeUndefined()
    await expectEventTruth(bench, series, '2024-02-27T10:00Z', TO)
    expect(report).toMatchObject({ complete: true, gaps: [], unsettled: [], defects: 0 })
    expect(report.rows).toBe(report.added)
    expect(report.files.length).toBeGreaterThan(5)
    expect(report.files.every((file) => file.outcome === 'verified')).toBe(true)
    const flags = await storedFlags(bench.folder.join('lake'), series)
    expect(new Set(flags.values())).toEqual(new Set([0, RecordFlag.rest]))
  })

  it('reads microseconds and headers as the years have them, in monthly files too', async () => {
    await bench.start({ now: '2025-02-10', tradesPerSecond: 0.005 })
    for (const [kind, market] of [
      ['trade', 'spot'],
      ['aggTrade', 'usdm'],
    ] as const) {
      const series = eventSeries(kind, market)
      const report = await bench.download(series, '2024-12-01', '2025-02-01', { source: 'archive' })
      expect(report).toMatchObject({ complete: true, gaps: [] })
      expect(report.files.map(({ path }) => path.slice(-11, -4)).sort()).toEqual(['2024-12', '2025-01'])
      await expectEventTruth(bench, series, '2024-12-01', '2025-02-01')
    }
    const rows = await storedRows(bench.folder.join('lake'), eventSeries('trade'))
    const micros = rows.filter(([, time]) => !Number.isInteger(time)).map(([, time]) => time!)
    expect(Math.min(...micros)).toBeGreaterThanOrEqual(Date.UTC(2025, 0, 1))
    const truth = await truthRows(bench.sandbox.endpoint, eventSeries('trade'), '2025-01-01', '2025-02-01')
    expect(rows.filter(([, time]) => time! >= Date.UTC(2025, 0, 1))).toEqual(truth)
  })

  it('asks next to nothing when it is run again, and only for what is missing when the range grows', async () => {
    const sandbox = await bench.start({ now: NOW })
    const series = eventSeries('aggTrade')
    await bench.download(series, '2024-03-06', TO)
    sandbox.resetUsage()
    const again = await bench.download(series, '2024-03-06', TO)
    expect(again).toMatchObject({ complete: true, added: 0, files: [], restRequests: 0 })
    expect(sandbox.usage().archive.requests).toBe(0)
    const more = await bench.download(series, FROM, TO)
    expect(more.files.map(({ path }) => path.slice(-14, -4))).toEqual(['2024-03-05'])
    await expectEventTruth(bench, series, FROM, TO)
  })

  it('goes back to the listing when no start is given', async () => {
    await bench.start({ now: '2017-08-25', tradesPerSecond: 0.01 })
    const series = eventSeries('trade')
    const report = await bench.download(series, 0, '2017-08-24')
    expect(report).toMatchObject({ complete: true, from: Date.UTC(2017, 7, 17, 4) })
    await expectEventTruth(bench, series, '2017-08-17', '2017-08-24')
  })

  it('gives the archive what REST does not know any more, and says what is open without a key', async () => {
    await bench.start({ now: NOW })
    const series = eventSeries('trade', 'usdm')
    const report = await bench.download(series, FROM, TO)
    expect(report.complete).toBe(false)
    expect(report.restError).toContain('BINANCE_API_KEY')
    expect(report.unsettled).toEqual([{ from: Date.UTC(2024, 2, 9), to: Date.UTC(2024, 2, 10, 11) }])
    await expectEventTruth(bench, series, FROM, '2024-03-09')
    const keyed = await bench.download(series, FROM, TO, { manager: bench.manager({ apiKey: 'any' }) })
    expect(keyed).toMatchObject({ complete: true, unsettled: [] })
    await expectEventTruth(bench, series, FROM, TO)
  })

  it('leaves alone what lies between two ranges that were asked for', async () => {
    const sandbox = await bench.start({ now: NOW })
    for (const [kind, market] of [
      ['trade', 'spot'],
      ['trade', 'usdm'],
      ['aggTrade', 'usdm'],
    ] as const) {
      const series = eventSeries(kind, market)
      await bench.download(series, '2024-02-10', '2024-02-11')
      sandbox.resetUsage()
      const later = await bench.download(series, '2024-03-06', '2024-03-07')
      expect(later).toMatchObject({ complete: true, gaps: [], rows: later.added, expected: later.added })
      expect(later.files.map(({ path }) => path.slice(-14, -4))).toEqual(['2024-03-06'])
      expect(later.restRequests).toBeLessThan(5)
      const { covered, gaps } = await eventCoverage(bench, series)
      expect(covered).toHaveLength(2)
      expect(gaps).toMatchObject([{ cause: 'unknown', checked: [] }])
      const again = await bench.download(series, '2024-03-06', '2024-03-07')
      expect(again).toMatchObject({ complete: true, files: [], restRequests: 0 })
      const open = unfinishedRanges(await eventCoverage(bench, series), NOW, 36 * HOUR)
      expect(open).toEqual([{ from: Date.UTC(2024, 2, 7), to: NOW }])
      // Nor is it asked for by a repair, or by a collector.
      sandbox.resetUsage()
      await bench.manager().verify([series], { repair: true })
      expect(sandbox.usage().archive.files).toBe(0)
      {
        await using sink = await EventSink.open(await Lake.open(bench.folder.join('lake')), series, undefined)
        expect(sink.resume.holes).toEqual([])
      }
      // Whoever asks for it gets it, and then nothing is open.
      await bench.download(series, '2024-02-11', '2024-03-06')
      await expectEventTruth(bench, series, '2024-02-10', '2024-03-07')
      expect((await eventCoverage(bench, series)).gaps).toEqual([])
    }
  })

  it('is in the lake once when REST and the archive both gave it', async () => {
    await bench.start({ now: NOW })
    const series = eventSeries('aggTrade')
    await bench.download(series, '2024-03-06T05:00Z', '2024-03-06T17:00Z', { source: 'rest' })
    await bench.download(series, FROM, '2024-03-08')
    await expectEventTruth(bench, series, FROM, '2024-03-08')
    const [report] = await bench.manager().verify([series])
    expect(report).toMatchObject({ ok: true, complete: true, problems: [] })
  })
})

describe('defects of archive files of trades', () => {
  const day = { path: 'trades.*2024-03-06' }
  it.each([
    ['a truncated zip', { type: 'truncated-zip', match: day }],
    ['a damaged zip', { type: 'corrupt-zip', match: day }],
    ['a zip bomb', { type: 'zip-bomb', bytes: 64 * 2 ** 20, match: day }],
    ['a day that is not there', { type: 'missing-file', day: '2024-03-06', match: { path: 'trades' } }],
    ['rows that are missing', { type: 'missing-rows', from: '2024-03-06T03:00Z', to: '2024-03-06T03:30Z' }],
    ['a file that begins late', { type: 'missing-rows', from: '2024-03-05', to: '2024-03-05T04:00Z' }],
    ['a file that ends early', { type: 'missing-rows', from: '2024-03-08T09:29Z', to: '2024-03-09' }],
    ['rows that are cut', { type: 'bad-rows', kind: 'cut', rows: 5, match: day }],
    ['rows that are no numbers', { type: 'bad-rows', kind: 'nan', rows: 5, match: day }],
    ['negative quantities', { type: 'bad-rows', kind: 'negative', rows: 5, match: day }],
    ['absurd prices', { type: 'bad-rows', kind: 'absurd', rows: 5, match: day }],
    ['rows out of order', { type: 'shuffled-rows', match: day }],
    ['rows that stand twice', { type: 'repeated-rows', match: day }],
    ['transfers that break', { type: 'cut', afterBytes: 3000, times: 2, match: day }],
    ['an archive that stumbles', { type: 'http-error', status: 503, times: 2, match: day }],
  ] as const)('leave no trace in the rows: %s', async (_, fault) => {
    const sandbox = await bench.start({ now: NOW })
    sandbox.addFaults([fault as FaultSpec])
    const series = eventSeries('trade')
    const report = await bench.download(series, FROM, TO)
    expect(report.error).toBeUndefined()
    await expectEventTruth(bench, series, FROM, TO)
    expect(report).toMatchObject({ complete: true, gaps: [] })
    const noticed = ['missing-rows', 'cut', 'http-error', 'missing-file'].includes(fault.type)
    expect(report.defects > 0).toBe(!noticed)
    const [verdict] = await bench.manager().verify([series])
    expect(verdict).toMatchObject({ ok: true, complete: true })
  })

  it('keep rows whose checksum is wrong, with a flag on each and a word in the coverage', async () => {
    const sandbox = await bench.start({ now: NOW })
    sandbox.addFaults([{ type: 'wrong-checksum', match: day }])
    const series = eventSeries('trade')
    await bench.download(series, FROM, '2024-03-08')
    await expectEventTruth(bench, series, FROM, '2024-03-08')
    const check = (await eventCoverage(bench, series)).checks.find(({ path }) => path.includes('03-06'))
    expect(check).toMatchObject({ outcome: 'unverified', note: expect.stringContaining('flagged') })
    const flags = await storedFlags(bench.folder.join('lake'), series)
    const rows = await storedRows(bench.folder.join('lake'), series)
    const flagged = rows.filter(([id]) => flags.get(id!) === RecordFlag.unverified).map(([, time]) => time!)
    const inDay = rows.filter(([, time]) => time! >= Date.UTC(2024, 2, 6) && time! < Date.UTC(2024, 2, 7))
    expect(flagged.length).toBe(inDay.length)
    expect(flagged.every((time) => time >= Date.UTC(2024, 2, 6) && time < Date.UTC(2024, 2, 7))).toBe(true)
  })

  it('are gaps by id where nothing else has the rows', async () => {
    const sandbox = await bench.start({ now: NOW })
    const [from, to] = [Date.UTC(2024, 2, 6, 3), Date.UTC(2024, 2, 6, 4)]
    sandbox.addFaults([{ type: 'missing-rows', from, to }])
    const series = eventSeries('trade', 'usdm')
    const report = await bench.download(series, FROM, '2024-03-08')
    const lost = await truthRows(sandbox.endpoint, series, from, to)
    expect(report).toMatchObject({ complete: false, unsettled: [] })
    expect(report.gaps).toMatchObject([
      { cause: 'unknown', count: lost.length, firstId: lost[0]![0], lastId: lost.at(-1)![0], checked: ['archive'] },
    ])
    expect(report.expected - report.rows).toBe(lost.length)
    sandbox.clearFaults()
    const keyed = await bench.download(series, FROM, '2024-03-08', { manager: bench.manager({ apiKey: 'any' }) })
    expect(keyed).toMatchObject({ complete: true, gaps: [], added: lost.length })
    await expectEventTruth(bench, series, FROM, '2024-03-08')
  })

  it('are no loss where futures withhold a single id', async () => {
    const sandbox = await bench.start({ now: NOW })
    const series = eventSeries('trade', 'usdm')
    const truth = await truthRows(sandbox.endpoint, series, '2024-03-06T03:00Z', '2024-03-06T04:00Z')
    const time = (row: number[] | undefined): number => Math.floor(row?.[1] ?? Number.NaN)
    const lone = truth.findIndex((row, i) => i > 0 && time(truth[i - 1]) < time(row) && time(truth[i + 1]) > time(row))
    const [id, at] = [truth[lone]![0], time(truth[lone])]
    sandbox.addFaults([{ type: 'missing-rows', from: at, to: at + 1 }])
    const report = await bench.download(series, FROM, '2024-03-08')
    expect(report).toMatchObject({ complete: true, gaps: [{ cause: 'no-trades', count: 1, firstId: id }] })
  })

  it('are no gap where the exchange stood still', async () => {
    await bench.start({ now: NOW, faults: [{ type: 'outage', from: '2024-03-06T03:00Z', to: '2024-03-07T02:00Z' }] })
    const series = eventSeries('trade')
    const report = await bench.download(series, FROM, TO)
    expect(report).toMatchObject({ complete: true, gaps: [] })
    await expectEventTruth(bench, series, FROM, TO)
  })

  it('end with what the archive has when REST does not answer, and go on later', async () => {
    const sandbox = await bench.start({ now: NOW })
    sandbox.addFaults([{ type: 'http-error', status: 500, match: { path: '^/api' } }])
    const series = eventSeries('aggTrade')
    const report = await bench.download(series, FROM, TO)
    expect(report).toMatchObject({ complete: false, restError: expect.anything() })
    expect(report.unsettled).toEqual([{ from: Date.UTC(2024, 2, 9), to: Date.UTC(2024, 2, 10, 11) }])
    sandbox.clearFaults()
    expect(await bench.download(series, FROM, TO)).toMatchObject({ complete: true })
    await expectEventTruth(bench, series, FROM, TO)
  })

  it('do not stop a symbol that was delisted', async () => {
    await bench.start({ now: '2022-12-10', symbols: ['BTCUSDT', 'SRMUSDT'], tradesPerSecond: 0.05 })
    const series = eventSeries('trade', 'spot', 'SRMUSDT')
    const report = await bench.download(series, Date.UTC(2022, 10, 25), Date.UTC(2022, 11, 5))
    expect(report.complete).toBe(true)
    expect(report.gaps).toMatchObject([{ cause: 'delisted' }])
    await expectEventTruth(bench, series, Date.UTC(2022, 10, 25), Date.UTC(2022, 10, 28) + 3 * HOUR)
  })
})
