import { createHash } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Batch, columnOf, sliceBatch } from '../../src/model/batch.ts'
import { candle } from '../../src/model/candle.ts'
import { kindOf } from '../../src/model/kinds.ts'
import type { SeriesId } from '../../src/model/series.ts'
import { connectDuck, quote } from '../../src/store/lake/duckdb.ts'
import { inspectFile } from '../../src/store/lake/inspect.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { recompress } from '../../src/store/lake/recompress.ts'
import { deltaAt, eventSeries, readRows, storeEvents, T0, tradesFrom } from '../helpers/events.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { ended, jsonLines, runHere, startBin } from './bin.ts'
import { candles, seriesOf } from './lake.ts'

const DAY = 86_400_000
const START = Date.UTC(2024, 0, 1)
const series = seriesOf('BTCUSDT', '5m')
const trades = eventSeries('trade')
const deltas = eventSeries('bookDelta')
const ALL = candle.columns.map(({ name }) => name)

let folder: TempFolder
beforeEach(async () => {
  folder = await tempFolder('compact')
})
afterEach(() => folder[Symbol.asyncDispose]())

const here = (...args: string[]) => runHere(args, { cwd: folder.path })
const open = () => Lake.open(folder.join('ticklake-data'))

async function fill(months: number): Promise<void> {
  await using writer = await (await open()).writer(series)
  const range = { from: START, to: Date.UTC(2024, months, 1) }
  await writer.commit({ batches: [candles('5m', range)], covered: [{ ...range, source: 'archive' }] })
}

/** What every row holds, as one hash. */
async function rows(): Promise<string> {
  const batch = await (await open()).load(series, { columns: ALL })
  const hash = createHash('sha256')
  for (const name of ALL) hash.update(new Uint8Array(columnOf(batch, name).slice().buffer))
  return `${batch.length} ${hash.digest('hex')}`
}

async function problems(): Promise<unknown[]> {
  const lake = await open()
  const found: unknown[] = []
  for (const id of await lake.list()) {
    const coverage = (await lake.coverage(id))!
    for (const file of coverage.files) {
      const problem = await inspectFile(lake.folder(id), file, coverage)
      if (problem) found.push(problem)
    }
  }
  return found
}

async function codecs(id: SeriesId): Promise<string[]> {
  const lake = await open()
  using connection = await connectDuck()
  const found = new Set<string>()
  for (const { name } of (await lake.coverage(id))!.files) {
    const path = quote(join(lake.folder(id), name))
    const result = await connection.runAndReadAll(`SELECT DISTINCT compression FROM parquet_metadata(${path})`)
    for (const [codec] of result.getRows()) found.add(String(codec))
  }
  return [...found]
}

describe('compact', () => {
  it('packs files anew with the same content, and leaves alone what is packed so', async () => {
    await fill(3)
    const lake = await open()
    await storeEvents(lake, trades, tradesFrom(1, 500))
    await storeEvents(lake, deltas, [deltaAt(1), deltaAt(2), deltaAt(4), deltaAt(8)])
    const all = (kind: string): string[] => kindOf(kind).columns.map(({ name }) => name)
    const before = [
      await rows(),
      await readRows(lake, trades, all('trade')),
      await readRows(lake, deltas, all('bookDelta')),
    ]
    const size = (await lake.stats(series))!.bytes
    for (const [codec, name] of [
      ['none', 'UNCOMPRESSED'],
      ['snappy', 'SNAPPY'],
      ['zstd', 'ZSTD'],
    ] as const) {
      const ran = await here('compact', '--compression', codec, '--json')
      expect(ran.code).toBe(0)
      const reports = jsonLines(ran.stdout)
      expect(reports.map(({ kind }) => kind)).toEqual(['bookDelta', 'candle', 'trade'])
      expect(reports[1]).toMatchObject({ files: 3, tooLarge: 0, away: 0 })
      expect([await codecs(series), await codecs(trades), await codecs(deltas)]).toEqual([[name], [name], [name]])
      const now = [
        await rows(),
        await readRows(lake, trades, all('trade')),
        await readRows(lake, deltas, all('bookDelta')),
      ]
      expect(now).toEqual(before)
      expect(await problems()).toEqual([])
      if (codec === 'none') expect((await lake.stats(series))!.bytes).toBeGreaterThan(size)
    }
    const again = await here('compact')
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('0 files packed anew with zstd')])
  })

  it('makes one file of the pieces that live candles came in, and of the chunks of a day', async () => {
    const lake = await open()
    {
      await using writer = await lake.writer(series)
      const range = { from: START, to: START + DAY }
      const batch: Batch = candles('5m', range)
      for (let at = 0; at < 288; at += 48) {
        await writer.commit({
          batches: [sliceBatch(batch, at, at + 48)],
          append: true,
          covered: [{ from: START, to: START + (at + 48) * 300_000, source: 'stream' }],
        })
      }
      expect(writer.coverage.files.length).toBe(6)
    }
    for (let at = 0; at < 5; at++) await storeEvents(lake, trades, tradesFrom(at * 10 + 1, at * 10 + 10))
    const before = await rows()
    expect((await here('compact')).stderr).toContain('1 day joined')
    const names = async (id: SeriesId) => (await lake.coverage(id))!.files.map(({ name }) => name)
    expect([await names(series), await names(trades)]).toEqual([
      ['2024-01.parquet'],
      [`${new Date(T0).toISOString().slice(0, 10)}.parquet`],
    ])
    expect((await readdir(lake.folder(series))).filter((name) => name.endsWith('.parquet'))).toEqual([
      '2024-01.parquet',
    ])
    expect(await rows()).toEqual(before)
    expect(await problems()).toEqual([])
    // And the next candle goes in as ever.
    await using writer = await lake.writer(series)
    const next = { from: START + DAY, to: START + DAY + 300_000 }
    await writer.commit({ batches: [candles('5m', next)], append: true, covered: [{ ...next, source: 'stream' }] })
    expect(writer.coverage.files.map(({ rows: count }) => count)).toEqual([288, 1])
  })

  it('leaves a file alone that would grow past the largest size, and one that is damaged', async () => {
    await fill(2)
    const lake = await open()
    const { bytes } = (await lake.coverage(series))!.files[0]!
    const wish = { compression: 'none', maxFileSize: bytes + 2000 } as const
    expect(await recompress(lake.folder(series), series, wish)).toMatchObject({ files: 0, tooLarge: 2 })
    expect(await codecs(series)).toEqual(['ZSTD'])
    const path = join(lake.folder(series), '2024-01.parquet')
    await writeFile(path, (await readFile(path)).subarray(0, 1000))
    const damaged = await here('compact', '--compression', 'snappy')
    expect([damaged.code, damaged.stderr]).toEqual([3, expect.stringContaining('2024-01.parquet')])
    expect((await stat(path)).size).toBe(1000)
  })

  it('loses nothing by kills at any moment', async () => {
    await fill(12)
    const before = await rows()
    const lake = await open()
    const path = join(lake.folder(series), 'series.json')
    const revision = async (): Promise<number> =>
      (JSON.parse(await readFile(path, 'utf8')) as { revision: number }).revision
    let state = 3
    for (let kill = 0; kill < 4; kill++) {
      const args = ['compact', '--compression', kill % 2 === 0 ? 'snappy' : 'zstd']
      const child = startBin(args, { cwd: folder.path })
      let isDone = false
      const done = ended(child).then(() => {
        isDone = true
      })
      for (const earlier = await revision(); !isDone && (await revision()) === earlier; ) await sleep(1)
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      await sleep((state / 2 ** 32) * 25)
      child.kill('SIGKILL')
      await done
      expect(await rows()).toEqual(before)
      expect(await problems()).toEqual([])
    }
    const last = await here('compact', '--compression', 'snappy')
    expect([last.code, await codecs(series)]).toEqual([0, ['SNAPPY']])
    expect(await rows()).toEqual(before)
    const names = (await readdir(lake.folder(series))).filter((name) => name.startsWith('.tmp-'))
    expect(names).toEqual([])
  })
})
