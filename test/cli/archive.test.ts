import { createHash } from 'node:crypto'
import { lstat, readdir, readFile, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readAge } from '../../src/cli/commands/archive.ts'
import { DataSourceManager } from '../../src/engine/data-source-manager.ts'
import { columnOf } from '../../src/model/batch.ts'
import type { SeriesId } from '../../src/model/series.ts'
import { parseDepot } from '../../src/store/lake/depot/depot.ts'
import { makeRoom } from '../../src/store/lake/depot/local-copies.ts'
import { inspectFile } from '../../src/store/lake/inspect.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { eventSeries, readIds, storeEvents, T0, tradesFrom } from '../helpers/events.ts'
import { S3_ENV, type S3Server, startS3 } from '../helpers/s3.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { ended, jsonLines, runHere, startBin } from './bin.ts'
import { candles, seriesOf } from './lake.ts'

const DAY = 86_400_000
const START = Date.UTC(2024, 0, 1)
const series = seriesOf('BTCUSDT', '1h')
const minutes = seriesOf('ETHUSDT', '5m')
const trades = eventSeries('trade')

let folder: TempFolder
let s3: S3Server | undefined
beforeEach(async () => {
  folder = await tempFolder('depot')
  for (const [name, value] of Object.entries(S3_ENV)) vi.stubEnv(name, value)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await s3?.[Symbol.asyncDispose]()
  s3 = undefined
  await folder[Symbol.asyncDispose]()
})

const here = (...args: string[]) => runHere(args, { cwd: folder.path })
const open = () => Lake.open(folder.join('ticklake-data'))

/** A lake of two years of 1h, three months of 5m, and two days of trades. */
async function fill(): Promise<void> {
  const lake = await open()
  for (const [id, days] of [
    [series, 500],
    [minutes, 80],
  ] as const) {
    await using writer = await lake.writer(id)
    const range = { from: START, to: START + days * DAY }
    await writer.commit({ batches: [candles(id.interval!, range)], covered: [{ ...range, source: 'archive' }] })
  }
  await storeEvents(lake, trades, tradesFrom(1, 500))
  await storeEvents(lake, trades, tradesFrom(501, 900, T0 + DAY))
}

async function closes(id: SeriesId = series): Promise<number[]> {
  return [...columnOf(await (await open()).load(id, { columns: ['close'] }), 'close')]
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

/** Data files of a series that take room here. */
async function localFiles(id: SeriesId = series): Promise<string[]> {
  const path = (await open()).folder(id)
  const names = (await readdir(path)).filter((name) => name.endsWith('.parquet'))
  const isFile = await Promise.all(names.map(async (name) => (await lstat(join(path, name))).isFile()))
  return names.filter((_, index) => isFile[index]).sort()
}

async function placeOf(type: string): Promise<string> {
  if (type === 'folder') return folder.join('cold')
  s3 = await startS3(folder.path)
  return `s3://lake/my/ticks?endpoint=${s3.endpoint}`
}

describe.each(['folder', 's3'])('an archive in %s', (type) => {
  it('takes periods that ended, and everything reads on as before', async () => {
    await fill()
    const before = [await closes(), await closes(minutes), await readIds(await open(), trades, 'id')]
    const sql = 'SELECT symbol, count(*) n, sum(close) s FROM candle GROUP BY symbol ORDER BY symbol'
    const asked = (await here('query', sql, '--json')).stdout
    const exported = (await here('export', 'BTCUSDT', '--interval', '1h')).stdout
    const place = await placeOf(type)

    const ran = await here('archive', '--older-than', '2024-03-01', '--to', place, '--json')
    expect(ran.code).toBe(0)
    const moved = jsonLines(ran.stdout).map(({ symbol, kind, files }) => [symbol, kind, files])
    // Of 1h the year 2024 has not ended by then.
    expect(moved).toEqual([
      ['BTCUSDT', 'candle', 0],
      ['ETHUSDT', 'candle', 2],
      ['BTCUSDT', 'trade', 2],
    ])
    expect(await localFiles(minutes)).toEqual(['2024-03.parquet'])
    expect(
      (await here('archive', 'BTCUSDT', '--interval', '1h', '--older-than', '2025-01-01', '--to', place)).stdout,
    ).toContain('1 file moved')
    const coverage = (await (await open()).coverage(series))!
    expect(coverage.files.map(({ name, depot }) => [name, depot?.slice(0, 5)])).toEqual([
      [expect.stringMatching(/^2024\.away-[0-9a-f]{8}\.parquet$/), type === 'folder' ? 'file:' : 's3://'],
      ['2025.parquet', undefined],
    ])
    expect(JSON.stringify(coverage)).not.toContain('S3RVER')

    // A question about another symbol brings nothing back that it does not need.
    await here('query', "SELECT count(*) FROM candle WHERE symbol = 'ETHUSDT'")
    expect(await localFiles(series)).toEqual(['2025.parquet'])
    expect((await here('query', sql, '--json')).stdout).toBe(asked)
    expect((await here('export', 'BTCUSDT', '--interval', '1h')).stdout).toBe(exported)
    await here('export', 'ETHUSDT', '--interval', '5m', '--out', 'x.parquet')
    expect((await stat(folder.join('x.parquet'))).size).toBeGreaterThan(10_000)
    expect([await closes(), await closes(minutes), await readIds(await open(), trades, 'id')]).toEqual(before)
    expect(await problems()).toEqual([])
    // Once more there is nothing left to move.
    expect((await here('archive', '--older-than', '2024-03-01', '--to', place)).stdout).toContain('0 files moved')
  })

  it('is read by getData without any network of an exchange', async () => {
    await fill()
    const place = await placeOf(type)
    await here('archive', '--older-than', '2025-01-01', '--to', place)
    await using manager = new DataSourceManager({
      dataDir: folder.join('ticklake-data'),
      cacheDir: folder.join('cache'),
    })
    const table = await manager.getData({
      symbol: 'BTCUSDT',
      interval: '1h',
      from: START,
      to: START + 30 * DAY,
      source: 'lake',
    })
    expect(table.numRows).toBe(720)
  })

  it('gives a period back that changes: the new file is here, and the archived one stays', async () => {
    await fill()
    await here('archive', '--older-than', '2024-03-01', '--to', await placeOf(type))
    const lake = await open()
    {
      await using writer = await lake.writer(minutes)
      const batch = candles('5m', { from: START, to: START + DAY })
      columnOf(batch, 'close').fill(7)
      await writer.commit({ batches: [batch], covered: [] })
    }
    expect((await closes(minutes)).slice(287, 290)).toEqual([7, 100.5 + 288 / 8, 100.5 + 289 / 8])
    expect(await localFiles(minutes)).toContain('2024-01.parquet')
    expect(await problems()).toEqual([])
  })

  it('tells where a file should be that is gone, or that was damaged there', async () => {
    await fill()
    const place = await placeOf(type)
    await here('archive', 'ETHUSDT', '--interval', '5m', '--older-than', '2024-03-01', '--to', place)
    const root = type === 'folder' ? folder.join('cold') : folder.join('s3/lake')
    const names = (await readdir(root, { recursive: true })).filter((name) => /2024-01\.away/.test(name)).sort()
    const content = names.find((name) => type === 'folder' || name.includes('object'))!
    await truncate(join(root, content), 100)
    const damaged = await here('verify', 'ETHUSDT')
    expect(damaged.code).not.toBe(0)
    expect(damaged.stdout + damaged.stderr).toContain('2024-01.away')
    for (const name of names) await rm(join(root, name), { recursive: true, force: true })
    const gone = await here('export', 'ETHUSDT', '--interval', '5m')
    expect(gone.code).toBe(1)
    expect(gone.stderr).toMatch(/archived file is not there|can not be|could not be/)
    if (type !== 's3') return
    await s3?.[Symbol.asyncDispose]()
    const away = await here('export', 'ETHUSDT', '--interval', '5m')
    expect([away.code, away.stderr]).toEqual([1, expect.stringContaining('ECONNREFUSED')])
  })

  it('has each file here or there, and whole, after kills at any moment', async () => {
    const many = seriesOf('SOLUSDT', '5m')
    {
      await using writer = await (await open()).writer(many)
      const range = { from: START, to: Date.UTC(2025, 3, 1) }
      await writer.commit({ batches: [candles('5m', range)], covered: [{ ...range, source: 'archive' }] })
    }
    const hash = async (): Promise<string> =>
      createHash('sha256')
        .update(new Float64Array(await closes(many)))
        .digest('hex')
    const before = await hash()
    const path = join((await open()).folder(many), 'series.json')
    const moved = async (): Promise<number> => (await readFile(path, 'utf8')).split('.away-').length - 1
    const args = ['archive', '--older-than', '2026-01-01', '--to', await placeOf(type)]
    let state = 5
    for (let kill = 0; kill < 4; kill++) {
      const child = startBin(args, { cwd: folder.path, env: S3_ENV })
      let isDone = false
      const done = ended(child).then(() => {
        isDone = true
      })
      // Not before it has begun to work, and then at any step of it.
      for (const earlier = await moved(); !isDone && (await moved()) === earlier; ) await sleep(1)
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      await sleep((state / 2 ** 32) * 25)
      child.kill('SIGKILL')
      await done
      expect(await hash()).toBe(before)
      expect(await problems()).toEqual([])
    }
    const last = await ended(startBin(args, { cwd: folder.path, env: S3_ENV }))
    expect([last.code, last.stderr]).toEqual([0, expect.not.stringContaining('error')])
    expect((await (await open()).coverage(many))!.files.filter(({ depot }) => depot === undefined)).toEqual([])
    expect(await hash()).toBe(before)
    expect(await problems()).toEqual([])
    const names = await readdir((await open()).folder(many))
    expect(names.filter((name) => name.startsWith('.tmp-') || name.startsWith('.commit'))).toEqual([])
  })
})

describe('an archive', () => {
  it('keeps copies of what is in S3 as long as there is room, those that were used last', async () => {
    await fill()
    const place = await placeOf('s3')
    await here('archive', '--older-than', '2026-01-01', '--to', place)
    expect(await localFiles()).toEqual([])
    await closes()
    await closes(minutes)
    const dataDir = folder.join('ticklake-data')
    const held = [await localFiles(), await localFiles(minutes)]
    expect(held.map((names) => names.length)).toEqual([2, 3])
    // What is in use stays, however little room there is.
    await makeRoom(dataDir, 0, { inUse: 3_600_000 })
    expect((await localFiles()).length).toBe(2)
    for (const name of held[0]!)
      await utimes(join((await open()).folder(series), name), new Date(START), new Date(START))
    const sizes = await Promise.all(
      held[1]!.map(async (name) => (await stat(join((await open()).folder(minutes), name))).size),
    )
    const room = sizes.reduce((a, b) => a + b)
    expect(await makeRoom(dataDir, room, { inUse: 0 })).toBe(room)
    expect([await localFiles(), await localFiles(minutes)]).toEqual([[], held[1]])
    expect((await closes()).length).toBe(12_000)
  })

  it('in S3 is brought back a few files at a time, so that a range may be larger than the disk', async () => {
    const lake = await open()
    for (let day = 0; day < 20; day++)
      await storeEvents(lake, trades, tradesFrom(1 + day * 50, 50 + day * 50, T0 + day * DAY))
    await here('archive', '--older-than', '2100-01-01', '--to', await placeOf('s3'))
    expect(await localFiles(trades)).toEqual([])
    const ids: bigint[] = []
    const local: number[] = []
    for await (const batch of lake.readEvents(trades, { columns: ['id'] })) {
      ids.push(...(batch.columns.id as BigInt64Array).subarray(0, batch.length))
      const names = await localFiles(trades)
      local.push(names.length)
      // As if another process made room meanwhile.
      for (const name of names) await rm(join(lake.folder(trades), name))
    }
    expect(ids).toEqual(Array.from({ length: 1000 }, (_, n) => BigInt(n + 1)))
    expect(Math.max(...local)).toBeLessThan(20)
  })

  it('is left as it is by verify --repair while its disk is away', async () => {
    await fill()
    await here('archive', '--older-than', '2100-01-01', '--to', 'cold')
    const coverage = async (id: SeriesId) => readFile(join((await open()).folder(id), 'series.json'), 'utf8')
    const all = [series, minutes, trades]
    const before = await Promise.all(all.map(coverage))
    await rename(folder.join('cold'), folder.join('away'))
    for (const args of [[], ['--repair']]) {
      const ran = await here('verify', ...args)
      expect([ran.code, ran.stdout]).toEqual([1, expect.stringContaining('out-of-reach')])
      expect(ran.stderr).toContain('left as it is')
      expect(ran.stderr).not.toContain('Mend it')
    }
    expect(await Promise.all(all.map(coverage))).toEqual(before)
    await rename(folder.join('away'), folder.join('cold'))
    expect((await here('verify')).stdout).not.toContain('out-of-reach')
    // A file that is gone though its folder is there is lost, and can be fetched again.
    const [name] = (await readdir(folder.join('cold'), { recursive: true })).filter((path) => path.endsWith('.parquet'))
    await rm(folder.join('cold', name!))
    const ran = await here('verify')
    expect([ran.stdout, ran.stderr]).toEqual([
      expect.stringContaining('missing-file'),
      expect.stringContaining('Mend it'),
    ])
  })

  it('does not move a file that is damaged, and says so', async () => {
    await fill()
    const path = join((await open()).folder(series), '2024.parquet')
    const bytes = await readFile(path)
    bytes[100]! ^= 1
    await writeFile(path, bytes)
    const ran = await here('archive', '--older-than', '2026-01-01', '--to', 'cold')
    expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining('2024.parquet: SHA-256 is')])
    expect(ran.stdout).toContain('5 files moved')
    expect(await localFiles()).toContain('2024.parquet')
  })

  it.each([
    [['--to', 'cold'], 'Say what to move with --older-than'],
    [['--older-than', '90d'], 'Say where to with --to'],
    [['--older-than', '90', '--to', 'cold'], 'of what? Use 90d'],
    [['--older-than', '90d', '--to', 'ticklake-data/old'], 'inside the lake itself'],
    [['--older-than', '90d', '--to', 'ftp://host/x'], 'use a folder or s3://bucket/prefix'],
    [['--older-than', '90d', '--to', 's3://key:secret@bucket/x'], 'Keys do not belong into the address'],
  ])('refuses %j', async (args, message) => {
    const ran = await here('archive', ...args)
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining(message)])
  })

  it('understands ages and places', () => {
    expect(['36h', '90d', '2w', '3mo', '1y', '2024-01-01'].map((age) => readAge(age, START + 400 * DAY))).toEqual([
      ...[1.5, 90, 14, 90, 365].map((days) => START + (400 - days) * DAY),
      START,
    ])
    expect(parseDepot('s3://b/a/c?endpoint=http://h:1&region=eu', '/')).toEqual({
      ...{ type: 's3', bucket: 'b', prefix: 'a/c/', endpoint: 'http://h:1', region: 'eu' },
    })
    expect(parseDepot('s3://b', '/')).toEqual({ type: 's3', bucket: 'b', prefix: '' })
    expect(parseDepot('x/y', '/home')).toEqual({ type: 'folder', path: join('/home', 'x', 'y') })
  })
})
