import { readFileSync } from 'node:fs'
import { copyFile, readdir, readFile, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { Table as ArrowTable, type RecordBatch, type Table, tableFromIPC } from 'apache-arrow'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { batchesToTable } from '../../../src/engine/arrow.ts'
import { candle } from '../../../src/model/candle.ts'
import { nextOpen } from '../../../src/model/interval.ts'
import { DAY, HOUR, MINUTE, nextMonth } from '../../../src/model/time.ts'
import { ArrowCache, type CacheOptions } from '../../../src/store/cache/arrow-cache.ts'
import { LakeCache } from '../../../src/store/cache/lake-cache.ts'
import type { CacheMetadata } from '../../../src/store/cache/metadata.ts'
import { loadMapper } from '../../../src/store/cache/mmap.ts'
import { makeBatch } from '../../helpers/candles.ts'
import { type TempFolder, tempFolder } from '../../helpers/temp.ts'
import { columnsOf, expectSame, Lake, seriesOf, store } from './help.ts'

const JAN = Date.UTC(2024, 0, 1)
const FEB = Date.UTC(2024, 1, 1)
const id = seriesOf('1m')
const mapper = await loadMapper()

let folder: TempFolder
let lake: Lake
const open: ArrowCache[] = []

beforeEach(async () => {
  folder = await tempFolder('cache')
  lake = await Lake.open(folder.join('lake'))
})
afterEach(async () => {
  for (const cache of open.splice(0)) await cache.close()
  await folder[Symbol.asyncDispose]()
})

async function openCache(options: CacheOptions & { settleMs?: number } = {}): Promise<LakeCache> {
  const cache = await ArrowCache.open(folder.join('cache'), options)
  open.push(cache)
  return new LakeCache(lake, cache, { settleMs: 0, ...options })
}

async function straight(from: number, to: number, series = id): Promise<Table> {
  const batches = []
  for await (const batch of lake.read(series, { from, to })) batches.push(batch)
  return batchesToTable(
    candle.columns.filter((spec) => spec.isDefault),
    batches,
  )
}

async function metadata(): Promise<CacheMetadata> {
  return JSON.parse(await readFile(folder.join('cache/binance-spot/BTCUSDT/1m/metadata.json'), 'utf8')) as CacheMetadata
}

const file = (month: string): string => folder.join(`cache/binance-spot/BTCUSDT/1m/${month}.arrow`)
const builds = async (): Promise<string[]> => Object.values((await metadata()).months).map(({ build }) => build)

describe.each([
  ['mapped', true],
  ['read', false],
])('a cache whose files are %s', (_, map) => {
  it('gives any range and any columns as the lake does, months with holes too', async () => {
    const rows = makeBatch('1m', JAN + 5 * DAY, 70 * 1440)
    const late = makeBatch('1m', JAN + 80 * DAY, 3 * 1440, 2)
    await store(lake, id, [rows, late])
    const cache = await openCache({ map })
    expect(cache.cache.mapped).toBe(map && mapper !== undefined)
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: -10 * 1440, max: 90 * 1440 }),
        fc.oneof(fc.integer({ min: 0, max: 90 * 1440 }), fc.integer({ min: 0, max: 3 })),
        fc.integer({ min: 0, max: MINUTE - 1 }),
        async (start, length, shift) => {
          const from = JAN + start * MINUTE + shift
          const to = from + length * MINUTE
          expectSame(await cache.read(id, { from, to }), await straight(from, to))
        },
      ),
      { numRuns: 25, seed: 4 },
    )
    const columns = ['flags', 'closeTime', 'close']
    const table = await cache.read(id, { from: FEB - HOUR, to: FEB + HOUR, columns })
    expect(table.schema.fields.map(({ name }) => name)).toEqual(['flags', 'close_time', 'close'])
    expect(table.numRows).toBe(120)
    expect(table.getChild('close')!.get(119)).toBe(rows.columns.close![26 * 1440 + 59])
    expect(table.getChild('close_time')!.get(0)).toBe(FEB - HOUR + MINUTE - 1)
    expectSame(await cache.read(id), await straight(0, 9e15))
  })
})

describe('a month in the cache', () => {
  it('is a plain Arrow file with aligned buffers, which any Arrow reader reads', async () => {
    await store(lake, id, [makeBatch('1m', JAN, 1001)])
    await (await openCache()).read(id, { from: JAN, to: FEB })
    const bytes = readFileSync(file('202401'))
    const table = tableFromIPC(bytes)
    expect(table.numRows).toBe(1001)
    expect(table.batches).toHaveLength(1)
    expectSame(table, await straight(JAN, FEB))
    expect(table.schema.metadata.get('ticklake.month')).toBe('202401')
    for (const { data } of table.batches) {
      const offsets = data.children.map((child) => (child.values as Float64Array).byteOffset - bytes.byteOffset)
      expect(offsets.every((offset) => offset % 64 === 0)).toBe(true)
    }
  })

  it('stands in metadata.json with hash, rows, range and the files that it came from', async () => {
    await store(lake, id, [makeBatch('1m', JAN + DAY, 2 * 1440)])
    await (await openCache()).read(id)
    const { months, series } = await metadata()
    const coverage = (await lake.coverage(id))!
    expect(series).toEqual(id)
    expect(Object.keys(months)).toEqual(['202401'])
    const { builtAt, build, sha256, frame, ...entry } = months['202401']!
    const [{ name, sha256: hash, first, last }] = coverage.files as [(typeof coverage.files)[number]]
    expect(entry).toEqual({
      file: '202401.arrow',
      bytes: (await stat(file('202401'))).size,
      rows: 2880,
      first: JAN + DAY,
      last: JAN + 3 * DAY - MINUTE,
      source: { type: 'lake', revision: coverage.revision, files: [{ name, sha256: hash, first, last }] },
    })
    expect(frame.head + frame.tail).toBeLessThan(entry.bytes)
    expect(sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(Number.isNaN(Date.parse(builtAt))).toBe(false)
  })

  it('is built once, also when many readers of several caches want it at once', async () => {
    await store(lake, id, [makeBatch('1m', JAN, 60 * 1440)])
    const caches = await Promise.all(Array.from({ length: 4 }, () => openCache()))
    const tables = await Promise.all(caches.flatMap((cache) => [cache.read(id), cache.read(id)]))
    expect(new Set(tables.map((table) => table.numRows))).toEqual(new Set([60 * 1440]))
    const before = await builds()
    expect(await (await openCache()).prefetch(id, { from: JAN, to: nextMonth(FEB) })).toBe(0)
    expect(await builds()).toEqual(before)
    expect((await readdir(folder.join('cache/binance-spot/BTCUSDT/1m'))).toSorted()).toEqual([
      '202401.arrow',
      '202402.arrow',
      'metadata.json',
    ])
  })

  it('is built anew when the lake got other rows, and only that month', async () => {
    await store(lake, id, [makeBatch('1m', JAN, 60 * 1440)])
    const cache = await openCache()
    await cache.read(id)
    const [first, second] = await builds()
    await store(lake, id, [makeBatch('1m', FEB, 10, 9)])
    expectSame(await cache.read(id), await straight(JAN, 9e15))
    const now = await builds()
    expect(now[0]).toBe(first)
    expect(now[1]).not.toBe(second)
  })

  it('that grows is not written anew while it grows: the new rows come from the lake', async () => {
    const seconds = seriesOf('1s')
    const day = (n: number) => makeBatch('1s', JAN + n * DAY, 3000, n)
    await store(lake, seconds, [day(0), day(1)])
    const built = await openCache()
    await built.read(seconds)
    const path = folder.join('cache/binance-spot/BTCUSDT/1s/202401.arrow')
    const before = (await stat(path)).ino
    const cache = await openCache({ settleMs: HOUR })
    for (const n of [2, 3]) {
      await store(lake, seconds, [day(n)])
      const expected = await straight(JAN, FEB, seconds)
      expect(expected.numRows).toBe(3000 * (n + 1))
      expectSame(await cache.read(seconds), expected)
    }
    // An older day that is revised: what lies before it is still good, what follows is not.
    await store(lake, seconds, [makeBatch('1s', JAN + DAY, 5, 77)])
    expectSame(await cache.read(seconds), await straight(JAN, FEB, seconds))
    expect((await stat(path)).ino).toBe(before)
    await store(lake, seconds, [day(4)], { from: JAN, to: FEB })
    expectSame(await cache.read(seconds), await straight(JAN, FEB, seconds))
    expect((await stat(path)).ino).not.toBe(before)
  })

  it.each(['1h', '1d', '1M', '3d'] as const)('holds its part of a longer file of the lake (%s)', async (interval) => {
    const series = seriesOf(interval)
    await store(lake, series, [makeBatch(interval, JAN, 40)])
    const cache = await openCache()
    const end = nextOpen({ interval, origin: JAN }, JAN + 30 * DAY)
    for (const [from, to] of [
      [JAN, 9e15],
      [JAN + 15 * HOUR, end],
    ] as const)
      expectSame(await cache.read(series, { from, to }), await straight(from, to, series))
    expect(cache.cache.folder(series).endsWith(interval === '1M' ? '1mo' : interval)).toBe(true)
  })
})

describe('damage', () => {
  const expectMended = async (cache: LakeCache): Promise<void> => {
    expectSame(await cache.read(id), await straight(JAN, 9e15))
    expect(await cache.verify(id)).toEqual([])
  }

  beforeEach(async () => {
    await store(lake, id, [makeBatch('1m', JAN, 4000)])
    await (await openCache()).read(id)
  })

  /** Never in place: a program that has the file mapped would be ended by the system. */
  const replace = async (change: (bytes: Buffer) => Buffer): Promise<void> => {
    await writeFile(folder.join('changed'), change(readFileSync(file('202401'))))
    await rename(folder.join('changed'), file('202401'))
  }

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['cut short', (bytes) => bytes.subarray(0, bytes.length - 50_000)],
    ['longer', (bytes) => Buffer.concat([bytes, Buffer.alloc(8)])],
    ['empty', () => Buffer.alloc(0)],
    ['of zeros', (bytes) => Buffer.alloc(bytes.length)],
    ['without its end', (bytes) => bytes.fill(0, bytes.length - 400)],
    ['without its beginning', (bytes) => bytes.fill(1, 0, 2000)],
    ['with a footer of another length', (bytes) => bytes.fill(0x7f, bytes.length - 10, bytes.length - 6)],
  ])('a file that is %s is found when it is opened, and built anew', async (_, change) => {
    await replace(change)
    await expectMended(await openCache())
  })

  it('of any single byte of header and footer never gives other rows', async () => {
    const good = readFileSync(file('202401'))
    const expected = await straight(JAN, 9e15)
    const places = [
      ...Array.from({ length: 24 }, (_, i) => i * 79),
      ...Array.from({ length: 24 }, (_, i) => -1 - i * 57),
    ]
    for (const place of places) {
      await replace(() => {
        const bytes = Buffer.from(good)
        const at = place < 0 ? bytes.length + place : place
        bytes[at] = bytes[at]! ^ 0x55
        return bytes
      })
      expectSame(await (await openCache()).read(id), expected, `byte ${place}`)
    }
  })

  it('inside of the values is found by verify, and mended with repair', async () => {
    await replace((bytes) => bytes.fill(7, 300_000, 300_008))
    const cache = await openCache()
    const [problem, ...more] = await cache.verify(id, { repair: true })
    expect(problem).toMatchObject({ path: file('202401'), detail: expect.stringContaining('SHA-256') })
    expect(more).toEqual([])
    expect((await metadata()).months['202401']!.rows).toBe(4000)
    await expectMended(cache)
  })

  it('a file that someone else made is not taken for ours', async () => {
    const cache = await openCache()
    const other = await ArrowCache.open(folder.join('other'))
    open.push(other)
    await new LakeCache(lake, other, { settleMs: 0 }).read(id)
    await copyFile(folder.join('other/binance-spot/BTCUSDT/1m/202401.arrow'), folder.join('changed'))
    await rename(folder.join('changed'), file('202401'))
    await expectMended(cache)
  })

  it.each(['', '{', '{"format":1}', '{"format":1,"months":{"202401":{"file":"../../x"}}}', 'null'])(
    'a metadata.json that holds %j is as good as none',
    async (text) => {
      await writeFile(folder.join('cache/binance-spot/BTCUSDT/1m/metadata.json'), text)
      await expectMended(await openCache())
    },
  )

  it('a cache that can not be written to is not used, and nothing fails', async () => {
    await rm(folder.join('cache'), { recursive: true })
    const cache = await openCache()
    await writeFile(folder.join('cache'), 'a file stands where the folder should be')
    expectSame(await cache.read(id), await straight(JAN, 9e15))
  })

  it.runIf(mapper !== undefined)('a file cut short while it is open ends no process at the next read', async () => {
    const cache = await openCache()
    await cache.read(id, { columns: ['close'], from: JAN, to: JAN + HOUR })
    await truncate(file('202401'), 4096)
    await expectMended(cache)
  })
})

describe('the bound on size', () => {
  it('lets the months go that were used least recently, and keeps to it', async () => {
    await store(lake, id, [makeBatch('1m', JAN, 150 * 1440)])
    const all = await openCache()
    await all.read(id)
    const { bytes } = await all.cache.stats()
    expect(bytes).toBeGreaterThan(150 * 1440 * 92)
    const names = Object.keys((await metadata()).months)
    for (const [index, name] of names.entries()) await utimes(file(name), 1000 + index, 1000 + index)
    const held = await all.read(id, { from: JAN, to: FEB, columns: ['close'] })
    const expected = columnsOf(await straight(JAN, FEB))[4]!
    await utimes(file(names[0]!), 5000, 5000)
    await rm(file(names[4]!))
    const small = await openCache({ maxBytes: bytes * 0.75 })
    await small.read(id, { from: Date.UTC(2024, 4, 10) })
    const left = await readdir(folder.join('cache/binance-spot/BTCUSDT/1m'))
    expect(left.filter((name) => name.endsWith('.arrow')).toSorted()).toEqual([
      '202401.arrow',
      '202404.arrow',
      '202405.arrow',
    ])
    expect((await small.cache.stats()).bytes).toBeLessThanOrEqual(bytes * 0.75)
    expect(held.getChild('close')!.data[0]!.values).toEqual(expected)
    expectSame(await small.read(id), await straight(JAN, 9e15))
  })

  it('leaves out what is larger than all of it', async () => {
    await store(lake, id, [makeBatch('1m', JAN, 10_000)])
    const cache = await openCache({ maxBytes: 500_000 })
    expectSame(await cache.read(id), await straight(JAN, 9e15))
    expect(await cache.cache.stats()).toEqual({ files: 0, bytes: 0, maxBytes: 500_000 })
    expect(await cache.cache.list()).toEqual([])
  })

  it('of open files closes those that were used least recently', async () => {
    await store(lake, id, [makeBatch('1m', JAN, 150 * 1440)])
    const cache = await openCache({ maxOpen: 2 })
    const expected = await straight(JAN, 9e15)
    const tables = await Promise.all([cache.read(id), cache.read(id), cache.read(id)])
    for (const table of tables) expectSame(table, expected)
    expect(await cache.cache.list()).toEqual([id])
  })
})

describe('a table that was read', () => {
  it("is the reader's own: what is written into it changes neither the file nor another table", async () => {
    await store(lake, id, [makeBatch('1m', JAN, 5000)])
    const cache = await openCache()
    const close = (table: Table): Float64Array => table.getChild('close')!.data[0]!.values as Float64Array
    const [a, b] = [close(await cache.read(id)), close(await cache.read(id))]
    const before = Float64Array.from(b)
    a.reverse()
    expect(b).toEqual(before)
    expect(close(await cache.read(id))).toEqual(before)
    expect(await cache.verify(id)).toEqual([])
  })

  it('comes in pieces of bounded size when it is asked for so', async () => {
    await store(lake, id, [makeBatch('1m', JAN, 40 * 1440)])
    const cache = await openCache()
    const batches: RecordBatch[] = []
    for await (const table of cache.batches(id, { batchRows: 10_000 })) {
      expect(table.numRows).toBeLessThanOrEqual(10_000)
      batches.push(...table.batches)
    }
    expectSame(new ArrowTable(batches), await straight(JAN, 9e15))
  })

  it('stops when it is aborted', async () => {
    await store(lake, id, [makeBatch('1m', JAN, 40 * 1440)])
    const cache = await openCache()
    await expect(cache.read(id, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
    const stop = new AbortController()
    const reading = cache.read(id, { signal: stop.signal })
    stop.abort()
    await expect(reading).rejects.toThrow(/abort/i)
    expectSame(await cache.read(id), await straight(JAN, 9e15))
  })
})
