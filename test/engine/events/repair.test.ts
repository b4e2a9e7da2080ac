import { open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DataSourceManager } from '../../../src/engine/data-source-manager.ts'
import type { VerifyReport } from '../../../src/engine/types.ts'
import type { Channel } from '../../../src/exchanges/stream.ts'
import { type SeriesId, seriesKey } from '../../../src/model/series.ts'
import { startSandbox } from '../../../src/sandbox/index.ts'
import { inspectIds } from '../../../src/store/lake/event-inspect.ts'
import { Lake } from '../../../src/store/lake/lake.ts'
import { Rig, SYMBOL } from '../live/rig.ts'
import { eventSeries } from './help.ts'

const CHANNELS: Channel[] = (['trade', 'aggTrade', 'bookDelta', 'quote'] as const).map((kind) => ({
  market: 'spot',
  kind,
  symbol: SYMBOL,
}))
const TRADE = eventSeries('trade')

/** A lake that was collected in several flushes. */
async function collected(): Promise<Rig> {
  const rig = await Rig.open({ channels: CHANNELS })
  await rig.start()
  await rig.run(1600)
  // A busy machine needs longer for a second file.
  const lake = await lakeOf(rig)
  for (const { kind } of CHANNELS) {
    const files = async () => (await lake.coverage(eventSeries(kind)))?.files.length ?? 0
    await expect.poll(files, { timeout: 60_000 }).toBeGreaterThanOrEqual(3)
  }
  await rig.settle()
  await rig.stop()
  return rig
}

async function lakeOf(rig: Rig): Promise<Lake> {
  return Lake.open(rig.dataDir)
}

async function verify(rig: Rig, series: SeriesId, repair = false): Promise<VerifyReport> {
  await using manager = new DataSourceManager({
    ...{ dataDir: rig.dataDir, endpoint: rig.sandbox.endpoint, timeoutMs: 1000, attempts: 2 },
  })
  const [report] = await manager.verify([series], { repair })
  return report!
}

const DAMAGES = {
  'flipped bytes': async (path: string, bytes: number) => {
    const file = await open(path, 'r+')
    await file.write(Buffer.alloc(24, 0xff), 0, 24, Math.floor(bytes / 2))
    await file.close()
  },
  'a lost end': (path: string, bytes: number) => truncate(path, Math.floor(bytes / 2)),
  'a lost file': (path: string) => rm(path),
}

/** Damages one file of a series: the one at `index`, counted from the end below 0. */
async function damage(rig: Rig, series: SeriesId, index: number, how: keyof typeof DAMAGES): Promise<string> {
  const lake = await lakeOf(rig)
  const { files } = (await lake.coverage(series))!
  const file = files.at(index)!
  await DAMAGES[how](join(lake.folder(series), file.name), file.bytes)
  return file.name
}

describe('a repair of a series of trades', () => {
  it.each([
    ['flipped bytes', 1],
    ['a lost end', 0],
    ['a lost file', -1],
  ] as const)('asks again for what a file with %s held', async (how, index) => {
    await using rig = await collected()
    for (const series of [TRADE, eventSeries('aggTrade')]) {
      const name = await damage(rig, series, index, how)
      const found = await verify(rig, series)
      expect(found).toMatchObject({ ok: false, problems: [{ path: join(seriesKey(series), name), repaired: false }] })
      const mended = await verify(rig, series, true)
      expect(mended).toMatchObject({ ok: true, complete: true, gaps: [], problems: [{ repaired: true }] })
      expect(await verify(rig, series)).toMatchObject({ ok: true, complete: true, problems: [] })
      const { defects } = (await (await lakeOf(rig)).coverage(series))!
      expect(defects).toMatchObject([{ type: 'lost-file', where: name }])
    }
    await rig.check()
  })

  it('mends a series whose every file is gone', async () => {
    await using rig = await collected()
    const { files } = (await (await lakeOf(rig)).coverage(TRADE))!
    for (let index = 0; index < files.length; index++) await damage(rig, TRADE, index, 'a lost file')
    expect(await verify(rig, TRADE, true)).toMatchObject({ ok: true, complete: true, gaps: [] })
    await rig.check()
  })

  it('gives nothing up while nobody answers, and leaves what could not be had to the next collect', async () => {
    await using rig = await collected()
    const name = await damage(rig, TRADE, -1, 'flipped bytes')
    rig.faults({ type: 'http-error', status: 503 })
    const dead = await verify(rig, TRADE, true)
    expect(dead).toMatchObject({ ok: false, problems: [{ repaired: false }] })
    expect(await readdir((await lakeOf(rig)).folder(TRADE))).toContain(name)
    rig.sandbox.clearFaults()
    // Only the records can't be had: what was lost is on record and stays open.
    rig.faults({ type: 'http-error', status: 503, match: { path: 'rades' } })
    const open = await verify(rig, TRADE, true)
    expect(open).toMatchObject({ ok: false, complete: false })
    expect(open.gaps).toMatchObject([{ cause: 'unknown', checked: [] }])
    rig.sandbox.clearFaults()
    await rig.start()
    await rig.run(600)
    await rig.settle()
    const report = await rig.stop()
    expect(report.series.find(({ kind }) => kind === 'trade')).toMatchObject({ missing: 0, gaps: [] })
    expect(await verify(rig, TRADE)).toMatchObject({ ok: true, complete: true, gaps: [] })
    await rig.check()
  })

  it('goes on from the files when the coverage is damaged', async () => {
    await using rig = await collected()
    const lake = await lakeOf(rig)
    await damage(rig, TRADE, 1, 'a lost file')
    for (const { kind } of CHANNELS) {
      const series = eventSeries(kind)
      await writeFile(join(lake.folder(series), 'series.json'), '{"format":1,')
      expect(await verify(rig, series)).toMatchObject({ ok: false, problems: [{ type: 'damaged-coverage' }] })
      expect(await verify(rig, series, true)).toMatchObject({ ok: true, problems: [{ repaired: true }] })
      const coverage = (await lake.coverage(series))!
      expect(inspectIds(coverage)).toEqual([])
      expect(coverage.covered).toHaveLength(1)
    }
    expect((await lake.coverage(TRADE))!.gaps).toEqual([])
    expect((await lake.coverage(eventSeries('quote')))!.gaps).toMatchObject([{ cause: 'unknown' }])
    await rig.start()
    await rig.run(500)
    await rig.settle()
    await rig.stop()
    await rig.check()
  })
})

describe('a repair of a series that nobody gives again', () => {
  it.each(['bookDelta', 'quote'] as const)('sets a damaged file of %s aside and says what is lost', async (kind) => {
    await using rig = await collected()
    const series = eventSeries(kind)
    const lake = await lakeOf(rig)
    const before = (await lake.coverage(series))!
    const name = await damage(rig, series, 1, 'flipped bytes')
    expect(await verify(rig, series)).toMatchObject({ ok: false })
    const mended = await verify(rig, series, true)
    expect(mended).toMatchObject({ ok: true, complete: false, problems: [{ repaired: true }] })
    expect(mended.gaps).toMatchObject([{ cause: 'own-outage', note: expect.stringContaining('damaged file') }])
    expect(mended.rows).toBe(before.files.filter((file) => file.name !== name).reduce((sum, { rows }) => sum + rows, 0))
    const names = await readdir(lake.folder(series))
    expect(names).not.toContain(name)
    expect(names.filter((one) => one.startsWith(`${name}.damaged-`))).toHaveLength(1)
    expect(await verify(rig, series)).toMatchObject({ ok: true, complete: false, problems: [] })
    await rig.start()
    await rig.run(500)
    await rig.settle()
    await rig.stop()
    expect(await verify(rig, series)).toMatchObject({ ok: true, problems: [] })
    expect((await lake.coverage(series))!.gaps).toContainEqual(mended.gaps[0])
  })
})

describe('a gap of a collector that REST could not fill', () => {
  it('is filled from the archive by the first download after the archive has the day', async () => {
    const sandbox = { tradesPerSecond: 4, symbols: [SYMBOL], seed: 3 }
    await using rig = await Rig.open({ channels: CHANNELS.slice(0, 1), sandbox })
    await rig.start()
    await rig.run(3000)
    rig.faults(
      { type: 'drop', match: { stream: '@trade' } },
      { type: 'http-error', status: 503, match: { path: 'rades' } },
    )
    await rig.run(4000)
    rig.sandbox.clearFaults()
    rig.faults({ type: 'http-error', status: 503, match: { path: 'rades' } })
    await rig.run(4000)
    await rig.collector.stop({ repairMs: 0 })
    const file = join((await lakeOf(rig)).folder(TRADE), 'series.json')
    const told = await readFile(file, 'utf8')
    expect(told).toContain('"cause":"unknown"')
    // As where REST answered, and does not go back so far.
    await writeFile(file, told.replaceAll('"cause":"unknown"', '"cause":"own-outage"'))
    const { gaps, covered } = (await (await lakeOf(rig)).coverage(TRADE))!
    expect(gaps.map(({ cause }) => cause)).toContain('own-outage')

    const now = rig.sandbox.now()
    await using later = await startSandbox({ ...sandbox, now: new Date(now + 3 * 86_400_000).toISOString() })
    await using manager = new DataSourceManager({ dataDir: rig.dataDir, endpoint: later.endpoint })
    const range = { from: covered[0]!.from, to: covered.at(-1)!.to }
    const [report] = await manager.download([{ series: TRADE, ...range, source: 'archive' }])
    expect(report).toMatchObject({ complete: true, gaps: [] })
    expect((await (await lakeOf(rig)).coverage(TRADE))!.gaps).toEqual([])
  })
})
