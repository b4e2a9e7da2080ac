import { chmod, mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Batch, clipBatch, sliceBatch } from '../../src/model/batch.ts'
import { candle } from '../../src/model/candle.ts'
import { LakeLockedError, StorageError } from '../../src/model/errors.ts'
import type { Interval } from '../../src/model/interval.ts'
import type { SeriesId } from '../../src/model/series.ts'
import { DAY, HOUR, MINUTE } from '../../src/model/time.ts'
import { JOURNAL_FILE } from '../../src/store/lake/commit.ts'
import { COVERAGE_FILE } from '../../src/store/lake/coverage-file.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { openQuery } from '../../src/store/lake/query.ts'
import { makeBatch } from '../helpers/candles.ts'
import { tempFolder } from '../helpers/temp.ts'

const T0 = Date.UTC(2024, 0, 1)

function series(interval: Interval, symbol = 'BTCUSDT'): SeriesId {
  return { exchange: 'binance', market: 'spot', kind: 'candle', symbol, interval }
}

async function store(
  lake: Lake,
  id: SeriesId,
  batches: Batch[],
  covered: { from: number; to: number }[] = [],
): Promise<void> {
  await using writer = await lake.writer(id)
  await writer.commit({ batches, covered: covered.map((range) => ({ ...range, source: 'archive' as const })) })
}

const all = candle.columns.map((spec) => spec.name)

/** For columns too long to be compared value by value. */
function sameBytes(a: Float64Array, b: Float64Array): boolean {
  const bytes = (values: Float64Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength)
  return bytes(a).equals(bytes(b))
}

describe('the lake', () => {
  it.each([
    ['1s', DAY * 1.5, ['2024-01-01', '2024-01-02']],
    ['1m', 40 * DAY, ['2024-01', '2024-02']],
    ['1h', 400 * DAY, ['2024', '2025']],
    ['1d', 800 * DAY, ['all']],
  ] as const)('gives back what was stored of %s candles, in a file per period', async (interval, span, periods) => {
    await using folder = await tempFolder()
    const lake = await Lake.open(folder.path)
    const id = series(interval)
    const rows = makeBatch(interval, T0, span / { '1s': 1000, '1m': MINUTE, '1h': HOUR, '1d': DAY }[interval])
    await store(lake, id, [rows])
    expect((await lake.load(id, { columns: all })).columns).toEqual(rows.columns)
    expect((await lake.coverage(id))?.files.map((file) => file.period)).toEqual(periods)
    expect((await readdir(lake.folder(id))).sort()).toEqual(
      [...periods.map((name) => `${name}.parquet`), COVERAGE_FILE].sort(),
    )
    expect(await lake.list()).toEqual([id])
  })

  it('keeps 1m and 1M apart also where file names ignore case', async () => {
    await using folder = await tempFolder()
    const lake = await Lake.open(folder.path)
    await store(lake, series('1m'), [makeBatch('1m', T0, 10)])
    await store(lake, series('1M'), [makeBatch('1M', T0, 10)])
    expect((await lake.list()).map((id) => id.interval)).toEqual(['1m', '1M'])
    expect((await lake.load(series('1M'))).columns.open_time![9]).toBe(Date.UTC(2024, 9, 1))
  })

  it('joins batches in any order and overlap, the later one winning', async () => {
    await using folder = await tempFolder()
    const lake = await Lake.open(folder.path, { compression: 'snappy' })
    const whole = makeBatch('1h', T0, 500)
    let number = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(499), fc.integer({ min: 1, max: 200 }), fc.nat(5)), { minLength: 1, maxLength: 5 }),
        async (pieces) => {
          const id = series('1h', `S${++number}`)
          const expected = new Map<number, number>()
          for (const [start, length, seed] of pieces) {
            const rows = sliceBatch(makeBatch('1h', T0, 500, seed), start, start + length)
            await store(lake, id, [rows])
            for (let i = 0; i < rows.length; i++) expected.set(rows.columns.open_time![i]!, rows.columns.volume![i]!)
          }
          const stored = await lake.load(id)
          const rows = [...expected].sort((a, b) => a[0] - b[0])
          expect([...stored.columns.open_time!]).toEqual(rows.map(([time]) => time))
          expect([...stored.columns.volume!]).toEqual(rows.map(([, volume]) => volume))
        },
      ),
      { numRuns: 15 },
    )
    expect(whole.length).toBe(500)
  })

  it('records each missing candle of a covered range as a gap, and forgets the gap when it is filled', async () => {
    await using folder = await tempFolder()
    const lake = await Lake.open(folder.path)
    const id = series('1m')
    const rows = makeBatch('1m', T0, 100)
    const holed = [sliceBatch(rows, 0, 10), sliceBatch(rows, 12, 50), sliceBatch(rows, 51, 90)]
    await store(lake, id, holed, [{ from: T0, to: T0 + 100 * MINUTE }])
    const gaps = (await lake.coverage(id))?.gaps
    expect(gaps?.map((gap) => [(gap.from - T0) / MINUTE, (gap.to - T0) / MINUTE, gap.count, gap.cause])).toEqual([
      [10, 12, 2, 'unknown'],
      [50, 51, 1, 'unknown'],
      [90, 100, 10, 'unknown'],
    ])
    await store(lake, id, [sliceBatch(rows, 10, 12), sliceBatch(rows, 90, 95)])
    expect((await lake.coverage(id))?.gaps.map((gap) => [(gap.from - T0) / MINUTE, gap.count])).toEqual([
      [50, 1],
      [95, 5],
    ])
  })

  it('reads only the time range and the columns asked for', async () => {
    await using folder = await tempFolder()
    const lake = await Lake.open(folder.path)
    const id = series('1m')
    const rows = makeBatch('1m', T0, 3 * 1440)
    await store(lake, id, [rows])
    const part = await lake.load(id, { from: T0 + HOUR, to: T0 + 2 * HOUR, columns: ['close', 'openTime'] })
    expect(Object.keys(part.columns)).toEqual(['close', 'open_time'])
    expect(part.columns.close).toEqual(clipBatch(candle, rows, T0 + HOUR, T0 + 2 * HOUR).columns.close)
    await expect(lake.load(id, { columns: ['clsoe'] })).rejects.toThrow(/Unknown column "clsoe"/)
    expect((await lake.load(series('5m'))).length).toBe(0)
  })

  it('reads the same whether DuckDB holds the whole answer or streams it, and leaves off when asked to', async () => {
    await using folder = await tempFolder()
    const lake = await Lake.open(folder.path)
    const id = series('1m')
    // With all 12 columns more values than an answer is held of, with one of them fewer, and more than two batches.
    const rows = makeBatch('1m', T0, 300_000)
    await store(lake, id, [rows])
    const whole = (await lake.load(id, { columns: all })).columns
    expect(all.filter((name) => !sameBytes(whole[name]!, rows.columns[name]!))).toEqual([])
    for (const name of all) {
      const { columns } = await lake.load(id, { columns: [name] })
      expect(sameBytes(columns[name]!, rows.columns[name]!), name).toBe(true)
    }
    const lengths: number[] = []
    for await (const batch of lake.read(id, { columns: ['close'] })) lengths.push(batch.length)
    expect(lengths.length).toBeGreaterThan(2)
    expect(lengths.reduce((sum, length) => sum + length)).toBe(300_000)
    for (const columns of [['close'], all]) {
      const abort = new AbortController()
      const read = async () => {
        for await (const _ of lake.read(id, { columns, signal: abort.signal })) abort.abort(new Error('enough'))
      }
      await expect(read()).rejects.toThrow('enough')
    }
  })

  it('splits a period into parts when it would pass maxFileSize, and joins them again when it fits', async () => {
    await using folder = await tempFolder()
    const small = await Lake.open(folder.path, { maxFileSize: 20_000 })
    const id = series('1m')
    const rows = makeBatch('1m', T0, 20_000)
    for (const values of Object.values(rows.columns))
      if (values[0]! < 1e9) for (let i = 0; i < rows.length; i++) values[i] = Math.fround(Math.sin(i) * 50 + 100)
    for (let i = 0; i < rows.length; i++) rows.columns.trades![i] = i
    rows.columns.flags!.fill(0)
    await store(small, id, [rows])
    const files = (await small.coverage(id))!.files
    expect(files.length).toBeGreaterThan(3)
    expect(files[0]?.name).toBe('2024-01.001.parquet')
    for (const file of files) expect(file.bytes).toBeLessThan(30_000)
    expect((await small.load(id, { columns: all })).columns).toEqual(rows.columns)
    const large = await Lake.open(folder.path)
    await store(large, id, [makeBatch('1m', T0 + 20_000 * MINUTE, 1)])
    expect((await large.coverage(id))?.files.map((file) => file.name)).toEqual(['2024-01.parquet'])
    expect((await readdir(large.folder(id))).sort()).toEqual(['2024-01.parquet', COVERAGE_FILE])
    expect((await large.load(id)).length).toBe(20_001)
  })

  it('takes staged rows in, and sweeps those that were never committed', async () => {
    await using folder = await tempFolder()
    const lake = await Lake.open(folder.path)
    const id = series('1s')
    const rows = makeBatch('1s', T0, 86_400)
    {
      await using writer = await lake.writer(id)
      const first = await writer.stage(
        writer.period(T0),
        [sliceBatch(rows, 0, 50_000), sliceBatch(rows, 50_010, 86_400)],
        { from: T0, to: T0 + DAY },
      )
      expect(first.missing).toEqual([{ from: T0 + 50_000_000, to: T0 + 50_010_000 }])
      await writer.stage(writer.period(T0 + DAY), [makeBatch('1s', T0 + DAY, 100)], {
        from: T0 + DAY,
        to: T0 + 2 * DAY,
      })
      await writer.commit({ staged: [first], covered: [{ from: T0, to: T0 + DAY, source: 'archive' }] })
    }
    expect((await lake.load(id)).length).toBe(86_390)
    expect((await lake.coverage(id))?.gaps).toMatchObject([{ from: T0 + 50_000_000, count: 10 }])
    expect((await readdir(lake.folder(id))).sort()).toEqual(['2024-01-01.parquet', COVERAGE_FILE])
  })

  it('lets one writer in at a time and names the one who holds a series', async () => {
    await using folder = await tempFolder()
    const lake = await Lake.open(folder.path, { lockWaitMs: 0 })
    const id = series('1m')
    {
      await using _held = await lake.writer(id)
      await expect(lake.writer(id)).rejects.toThrow(LakeLockedError)
      await expect(lake.writer(id)).rejects.toThrow(new RegExp(`being written by process ${process.pid} on`))
      const waiting = lake.writer(id, { waitMs: 10_000 })
      setTimeout(() => void _held[Symbol.asyncDispose](), 100)
      await using _next = await waiting
      expect(_next.folder).toBe(lake.folder(id))
    }
    const stop = AbortSignal.abort()
    await expect(lake.writer(id, { signal: stop })).rejects.toThrow(/abort/i)
    expect(await readdir(lake.folder(id))).toEqual([])
  })

  it('finishes a change that a crash interrupted after it was decided', async () => {
    await using folder = await tempFolder()
    const lake = await Lake.open(folder.path)
    const id = series('1h')
    const home = lake.folder(id)
    await store(lake, id, [makeBatch('1h', T0, 10)])
    const before = await readFile(join(home, COVERAGE_FILE), 'utf8')
    const old = await readFile(join(home, '2024.parquet'))
    await store(lake, id, [makeBatch('1h', T0, 20)])
    const after = await readFile(join(home, COVERAGE_FILE), 'utf8')
    const fresh = await readFile(join(home, '2024.parquet'))
    // As it was between the journal and the rename.
    await writeFile(join(home, COVERAGE_FILE), before)
    await writeFile(join(home, '2024.parquet'), old)
    await writeFile(join(home, '.tmp-1-1-2024.parquet'), fresh)
    await writeFile(join(home, '.tmp-9-9-2025.parquet'), 'rubbish of another crash')
    await writeFile(
      join(home, JOURNAL_FILE),
      JSON.stringify({ renames: [['.tmp-1-1-2024.parquet', '2024.parquet']], removes: [], text: after }),
    )
    expect((await lake.load(id)).length).toBe(20)
    expect((await readdir(home)).sort()).toEqual(['2024.parquet', COVERAGE_FILE])
  })

  it('says clearly that a data file is damaged or missing, or that the coverage is', async () => {
    await using folder = await tempFolder()
    const lake = await Lake.open(folder.path)
    const id = series('1h')
    await store(lake, id, [makeBatch('1h', T0, 1000)])
    for (const bytes of [500, 5, 0]) {
      await truncate(join(lake.folder(id), '2024.parquet'), bytes)
      for (const read of [() => lake.load(id), () => openQuery(folder.path)]) {
        const error = await read().catch((thrown: unknown) => thrown)
        expect(error).toBeInstanceOf(StorageError)
        expect((error as Error).message).toMatch(/2024\.parquet.*\. Mend it with: ticklake verify --repair$/)
      }
    }
    await writeFile(join(lake.folder(id), COVERAGE_FILE), '{"format": 1, "ser')
    await expect(lake.coverage(id)).rejects.toThrow(/verify --repair/)
    await expect(lake.writer(id)).rejects.toThrow(/verify --repair/)
    expect(await readFile(join(lake.folder(id), COVERAGE_FILE), 'utf8')).toBe('{"format": 1, "ser')
    expect((await readdir(lake.folder(id))).sort()).toEqual(['2024.parquet', COVERAGE_FILE])
  })

  it.each(['format', 'covered', 'files', 'gaps', 'checks', 'defects', 'series'])(
    'refuses a coverage whose %s is wrong',
    async (key) => {
      await using folder = await tempFolder()
      const lake = await Lake.open(folder.path)
      const id = series('1h')
      await store(lake, id, [makeBatch('1h', T0, 10)])
      const path = join(lake.folder(id), COVERAGE_FILE)
      const good = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
      for (const wrong of [undefined, null, 'x', [1], [{ from: 'x' }]]) {
        await writeFile(path, JSON.stringify({ ...good, [key]: wrong }))
        await expect(lake.coverage(id)).rejects.toThrow(/the coverage is damaged/)
      }
    },
  )

  it.skipIf(process.getuid?.() === 0)('says what to do when the folder can not be written', async () => {
    await using folder = await tempFolder()
    await chmod(folder.path, 0o500)
    const lake = await Lake.open(folder.path)
    await expect(lake.writer(series('1m'))).rejects.toThrow(/permission denied.*--data-dir/)
  })

  it('refuses a data folder that is a file', async () => {
    await using folder = await tempFolder()
    await mkdir(folder.join('x'))
    await writeFile(folder.join('x', 'file'), '')
    await expect(Lake.open(folder.join('x', 'file'))).rejects.toThrow(/is a file, not a folder/)
  })
})
