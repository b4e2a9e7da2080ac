import { describe, expect, it } from 'vitest'
import { RecordFlag } from '../../../src/model/live/index.ts'
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
