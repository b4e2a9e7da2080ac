import { describe, expect, it } from 'vitest'
import { RecordFlag } from '../../../src/model/live/index.ts'
import { parseTime } from '../../../src/model/time.ts'
import type { FaultSpec } from '../../../src/sandbox/index.ts'
import { Bench } from '../help.ts'
import { eventCoverage, eventSeries, expectEventTruth, storedFlags, storedRows, truthRows } from './help.ts'

const bench = new Bench()
const NOW = '2024-03-10T12:00Z'
const [FROM, TO] = ['2024-03-05', '2024-03-08']
const DAY_FILE = { path: 'rades-2024-03-06\\.zip$' }

/** A record without the part of its time that not every source tells. */
function text(row: readonly number[]): string {
  return row.map((value, index) => (index === 1 ? Math.floor(value) : value)).join()
}

describe.each(['trade', 'aggTrade'] as const)('An archive file of %s', (kind) => {
  const series = eventSeries(kind)

  it('that is published anew is taken in by its ids, and the former values stay on record', async () => {
    const sandbox = await bench.start({
      ...{ now: NOW, tradesPerSecond: 0.05 },
      faults: [{ type: 'republished', share: 0.1, match: DAY_FILE }],
    })
    await bench.download(series, FROM, TO)
    const truth = new Map((await truthRows(sandbox.endpoint, series, FROM, TO)).map((row) => [row[0]!, text(row)]))
    const dataDir = bench.folder.join('lake')
    const former = (await storedRows(dataDir, series)).filter((row) => truth.get(row[0]!) !== text(row))
    expect(former.length).toBeGreaterThan(5)
    const manager = bench.manager()
    expect((await manager.verify([series], { archive: true }))[0]).toMatchObject({ ok: true, problems: [] })
    sandbox.clearFaults()
    const [noticed] = await manager.verify([series], { archive: true })
    expect(noticed).toMatchObject({ ok: false, problems: [{ type: 'replaced-in-archive', repaired: false }] })
    const [taken] = await manager.verify([series], { archive: 'take' })
    expect(taken).toMatchObject({ ok: true, problems: [{ type: 'replaced-in-archive', repaired: true }] })
    await expectEventTruth(bench, series, FROM, TO)
    const coverage = await eventCoverage(bench, series)
    const told = coverage.defects.filter(({ type }) => type === 'difference')
    expect(told.map(({ detail }) => Number(/^id (\d+):/.exec(detail)![1]))).toEqual(
      former.slice(0, 200).map(([id]) => id),
    )
    expect(coverage.defectCount).toBe(former.length)
    expect(told[0]!.detail).toMatch(/quantity: stored [\d.]+, now [\d.]+/)
    const flags = await storedFlags(dataDir, series)
    const revised = [...flags].filter(([, flag]) => (flag & RecordFlag.revised) !== 0).map(([id]) => id)
    expect(revised).toEqual(former.map(([id]) => id))
    expect((await manager.verify([series], { archive: true }))[0]).toMatchObject({ ok: true, problems: [] })
  })

  it('that is published anew, but damaged, changes nothing and is noticed again', async () => {
    const sandbox = await bench.start({
      ...{ now: NOW, tradesPerSecond: 0.05 },
      faults: [{ type: 'republished', share: 0.1, match: DAY_FILE }],
    })
    await bench.download(series, FROM, TO)
    const dataDir = bench.folder.join('lake')
    const before = await storedRows(dataDir, series)
    sandbox.clearFaults()
    sandbox.addFaults([{ type: 'truncated-zip', match: DAY_FILE }])
    const [failed] = await bench.manager().verify([series], { archive: 'take' })
    expect(failed).toMatchObject({ ok: false, problems: [{ type: 'replaced-in-archive', repaired: false }] })
    expect(await storedRows(dataDir, series)).toEqual(before)
    sandbox.clearFaults()
    const [taken] = await bench.manager().verify([series], { archive: 'take' })
    expect(taken).toMatchObject({ ok: true, problems: [{ repaired: true }] })
    await expectEventTruth(bench, series, FROM, TO)
  })
})

/** Records whose ids nobody counts: an older file of theirs, by what it says otherwise, lacks, or has besides. */
const FORMER: Readonly<Record<string, FaultSpec>> = {
  'other values': { type: 'republished', share: 0.2 },
  'fewer rows': { type: 'missing-rows', from: '2024-03-06T22:40', to: '2024-03-06T23:50' },
}
/** So late that REST has forgotten the metrics of that day; quotes come by the month then. */
const late = (kind: string) => ({
  ...{ symbols: ['BTCUSDT'], listedAt: '2024-03-06T22:30Z' },
  now: kind === 'quote' ? NOW : '2024-04-20T12:00Z',
})

describe.each(['quote', 'bookDepth', 'metrics', 'liquidation'] as const)('An archive file of %s', (kind) => {
  const series = eventSeries(kind, 'usdm')
  const [from, to] = ['2024-03-06T22:30', '2024-03-07']

  it.each(['other values', 'fewer rows'])(
    'that had %s at first is taken in when it is published anew',
    async (what) => {
      const sandbox = await bench.start({
        ...late(kind),
        faults: [{ ...FORMER[what]!, match: { path: '2024-03-06' } }],
      })
      await bench.download(series, from, to)
      const dataDir = bench.folder.join('lake')
      const truth = new Set((await truthRows(sandbox.endpoint, series, from, to)).map(String))
      const before = await storedRows(dataDir, series)
      const wrong = before.filter((row) => !truth.has(String(row)))
      const hadGaps = (await eventCoverage(bench, series)).gaps.some(({ cause }) => cause === 'archive-defect')
      expect(hadGaps).toBe(what === 'fewer rows' && kind !== 'liquidation')
      expect(wrong.length > 1).toBe(what === 'other values')
      sandbox.clearFaults()
      const manager = bench.manager()
      const [noticed] = await manager.verify([series], { archive: true })
      expect(noticed).toMatchObject({ ok: false, problems: [{ type: 'replaced-in-archive', repaired: false }] })
      expect(await storedRows(dataDir, series)).toEqual(before)
      const [taken] = await manager.verify([series], { archive: 'take' })
      expect(taken).toMatchObject({ ok: true, problems: [{ type: 'replaced-in-archive', repaired: true }] })
      await expectEventTruth(bench, series, from, to)
      const { defects, defectCount, gaps, checks } = await eventCoverage(bench, series)
      expect(gaps.filter(({ cause }) => cause !== 'not-listed')).toEqual([])
      expect(checks).toMatchObject([{ outcome: 'verified' }])
      expect(defectCount).toBe(wrong.length)
      const told = defects.filter(({ type }) => type === 'difference')
      expect(told.map(({ time }) => time)).toEqual(
        kind === 'quote' ? told.map(() => expect.any(Number)) : wrong.slice(0, 200).map(([time]) => time),
      )
      expect(told.every(({ detail }) => /stored \S+, now \S+|no longer published: side [12]/.test(detail))).toBe(true)
      const [verdict] = await manager.verify([series], { archive: true })
      expect(verdict).toMatchObject({ ok: true, complete: true, problems: [] })
    },
  )
})

describe('Archive files of records without ids', () => {
  it('that say less than before leave a gap, and the rows that they had on record', async () => {
    const sandbox = await bench.start(late('metrics'))
    const series = eventSeries('metrics', 'usdm')
    await bench.download(series, '2024-03-06T22:30', '2024-03-07')
    sandbox.addFaults([{ ...FORMER['fewer rows']!, match: { path: '2024-03-06' } }])
    await bench.manager().verify([series], { archive: 'take' })
    const rows = await storedRows(bench.folder.join('lake'), series)
    const { gaps, defects } = await eventCoverage(bench, series)
    const lost = gaps.filter(({ cause }) => cause === 'archive-defect')
    expect(lost).toMatchObject([{ count: 14 }])
    expect(rows.length).toBe(18 - 14)
    expect(rows.some(([time]) => time! >= lost[0]!.from && time! < lost[0]!.to)).toBe(false)
    expect(defects.filter(({ detail }) => /^no longer published: open_interest \d/.test(detail)).length).toBe(14)
  })

  it('of fundings leave alone what only REST tells', async () => {
    const match = { path: 'fundingRate.*2024-02' }
    const sandbox = await bench.start({ now: NOW, faults: [{ type: 'republished', share: 0.3, match }] })
    const series = eventSeries('fundingRate', 'usdm')
    await bench.download(series, '2024-01-01', '2024-03-08')
    sandbox.clearFaults()
    const [taken] = await bench.manager().verify([series], { archive: 'take' })
    expect(taken).toMatchObject({ ok: true, problems: [{ type: 'replaced-in-archive', repaired: true }] })
    await expectEventTruth(bench, series, '2024-01-01', '2024-03-08')
    const flags = await storedFlags(bench.folder.join('lake'), series)
    const months = (bit: number): string[] => [
      ...new Set(
        [...flags].filter(([, flag]) => (flag & bit) !== 0).map(([time]) => new Date(time).toISOString().slice(0, 7)),
      ),
    ]
    expect(months(RecordFlag.revised)).toEqual(['2024-02'])
    expect(months(RecordFlag.rest)).toEqual(['2024-03'])
    expect(parseTime(NOW)).toBeGreaterThan(Math.max(...flags.keys()))
  })
})
