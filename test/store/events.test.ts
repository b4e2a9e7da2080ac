import { cp, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LakeLockedError, type StorageError } from '../../src/model/errors.ts'
import { kindOf } from '../../src/model/kinds.ts'
import type { LiveRecord } from '../../src/model/live/index.ts'
import { DAY } from '../../src/model/time.ts'
import { JOURNAL_FILE } from '../../src/store/lake/commit.ts'
import { COVERAGE_FILE } from '../../src/store/lake/coverage-file.ts'
import { inspectIds } from '../../src/store/lake/event-inspect.ts'
import { inspectFile } from '../../src/store/lake/inspect.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { openQuery } from '../../src/store/lake/query.ts'
import {
  deltaAt,
  eventSeries,
  quoteAt,
  readAll,
  readIds,
  readRows,
  storeEvents,
  T0,
  tradeAt,
  tradesFrom,
} from '../helpers/events.ts'
import { canMakeDisks, smallDisk } from '../helpers/small-disk.ts'
import { tempFolder } from '../helpers/temp.ts'

const canMount = await canMakeDisks()
const trades = eventSeries('trade')
const all = (kind: string): string[] => kindOf(kind).columns.map((spec) => spec.name)

async function problemsOf(lake: Lake, series = trades): Promise<unknown[]> {
  const coverage = (await lake.coverage(series))!
  const problems: unknown[] = inspectIds(coverage)
  for (const file of coverage.files) {
    const problem = await inspectFile(lake.folder(series), file, coverage)
    if (problem) problems.push(problem)
  }
  return problems
}

describe('a series of events', () => {
  it('gives back every value of a trade, ids beyond 2^53 and microseconds included', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    const big = 9_007_199_254_740_993n
    const records = [
      tradeAt(big),
      tradeAt(big + 1n),
      { ...tradeAt(big + 2n), eventTime: Number.NaN, receiveTime: Number.NaN, flags: 1 },
    ]
    await storeEvents(lake, trades, records)
    expect(await readRows(lake, trades, all('trade'))).toEqual(
      records.map((record) => ({
        id: record.id,
        time: record.time,
        price: record.price,
        quantity: record.quantity,
        buyer_is_maker: Number(record.buyerIsMaker),
        event_time: record.eventTime,
        receive_time: record.receiveTime,
        flags: record.flags,
      })),
    )
    expect((await lake.coverage(trades))?.ids).toEqual([
      { first: `${big}`, last: `${big + 2n}`, from: records[0]!.time, to: records[2]!.time },
    ])
    expect(await lake.list()).toEqual([trades])
  })

  it('takes many records of one entry as it takes each of them', async () => {
    const big = 2 ** 53
    /** Ids in runs, which jump ahead, repeat what was there, and pass the last whole number. */
    const runs = fc.array(
      fc.tuple(
        fc.constantFrom(1, 5, 40, 300, big - 20),
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 1, max: 400 }),
      ),
      { minLength: 1, maxLength: 6 },
    )
    const idAt = (id: number, n: number) => (id + n < big ? id + n : BigInt(id) + BigInt(n))
    await fc.assert(
      fc.asyncProperty(runs, async (lists) => {
        await using folder = await tempFolder('events')
        const lake = await Lake.open(folder.path)
        const told = []
        for (const [name, isSingle] of [
          ['one', true],
          ['many', false],
        ] as const) {
          await using writer = await lake.eventWriter({ ...trades, symbol: name }, { spoolId: 'spool' })
          for (const [sequence, [from, skip, count]] of lists.entries()) {
            const records = Array.from({ length: count }, (_, n) => ({
              ...tradeAt(n),
              id: idAt(from + skip, n),
              flags: n % 3 === 0 ? 128 : 1,
            }))
            if (isSingle) for (const record of records) writer.append(record, sequence)
            else writer.appendAll([...records, tradeAt(1e6)], records.length, sequence)
          }
          told.push({ held: writer.held, from: writer.pendingFrom, records: writer.pendingRecords })
          await writer.flush()
          const { ids, spool, inexactValues } = writer.coverage
          const rows = await readRows(lake, { ...trades, symbol: name }, all('trade'))
          told.push({ ids, spool, inexactValues, rows })
        }
        expect(told.slice(2)).toEqual(told.slice(0, 2))
      }),
      { numRuns: 8 },
    )
  })

  it("keeps every level of a book update, one row each, in the exchange's order", async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    const series = eventSeries('bookDelta')
    const deltas = Array.from({ length: 20 }, (_, n) => deltaAt(n + 1))
    await storeEvents(lake, series, deltas)
    const rows = await readRows(lake, series, [
      'last_update_id',
      'previous_update_id',
      'transaction_time',
      'side',
      'price',
      'quantity',
    ])
    const expected = deltas.flatMap(({ lastUpdateId, bids, asks }) => {
      const row = (side: number, price: number, quantity: number) => ({
        last_update_id: BigInt(lastUpdateId),
        previous_update_id: -1n,
        transaction_time: Number.NaN,
        side,
        price,
        quantity,
      })
      const levels = (side: number, list: readonly number[]) =>
        list.flatMap((price, i) => (i % 2 === 0 ? [row(side, price, list[i + 1]!)] : []))
      return bids.length + asks.length === 0 ? [row(0, 0, 0)] : [...levels(1, bids), ...levels(2, asks)]
    })
    expect(rows).toEqual(expected)
    const stats = await lake.stats(series)
    expect([stats?.records, stats?.rows]).toEqual([20, expected.length])
    // Every update names the one before it: the ids are held without a hole.
    expect((await lake.coverage(series))?.ids).toMatchObject([{ first: 10, last: 209 }])
  })

  it('writes a file per day and flush, and reads them in order across those that overlap', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    const origin = T0 + DAY / 2 - 1000
    {
      await using writer = await lake.eventWriter(trades)
      for (const record of tradesFrom(1, 20, origin)) writer.append(record)
      expect(await writer.flush()).toMatchObject({ records: 20, rows: 20 })
      for (const record of tradesFrom(31, 40, origin)) writer.append(record)
      await writer.flush()
      for (const record of tradesFrom(21, 30, origin).reverse()) writer.append(record)
      for (const record of tradesFrom(41, 50, origin)) writer.append(record)
      await writer.flush()
    }
    const names = ['2024-01-01.0001', '2024-01-02.0001', '2024-01-02.0002', '2024-01-02.0003', '2024-01-02.0004']
    expect((await readdir(lake.folder(trades))).filter((name) => name.endsWith('.parquet')).sort()).toEqual(
      names.map((name) => `${name}.parquet`),
    )
    expect(await readIds(lake, trades, 'id')).toEqual(Array.from({ length: 50 }, (_, i) => BigInt(i + 1)))
    expect((await lake.coverage(trades))?.gaps).toEqual([])
    expect(await problemsOf(lake)).toEqual([])
    const from = tradeAt(15, origin).time
    expect(await readIds(lake, trades, 'id', { from, to: tradeAt(36, origin).time })).toEqual(
      Array.from({ length: 21 }, (_, i) => BigInt(i + 15)),
    )
  })

  it('stores every record once, however it is appended, flushed, replayed and compacted', async () => {
    await using folder = await tempFolder('events')
    let number = 0
    const lake = await Lake.open(folder.path)
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.record({ first: fc.integer({ min: 1, max: 300 }), length: fc.integer({ min: 1, max: 60 }) }),
            fc.constantFrom('flush' as const, 'compact' as const, 'reopen' as const),
          ),
          { minLength: 3, maxLength: 14 },
        ),
        async (steps) => {
          const series = eventSeries('trade', `P${++number}`)
          const stored = new Set<number>()
          const pending = new Set<number>()
          let writer = await lake.eventWriter(series)
          try {
            for (const step of steps) {
              if (step === 'reopen') {
                // What was not flushed is gone with the process.
                await writer[Symbol.asyncDispose]()
                pending.clear()
                writer = await lake.eventWriter(series)
              } else if (step === 'compact') await writer.compact('2024-01-01')
              else if (step === 'flush') {
                await writer.flush()
                for (const id of pending) stored.add(id)
                pending.clear()
              } else {
                for (let id = step.first; id < step.first + step.length; id++) {
                  const isNew = !stored.has(id) && !pending.has(id)
                  expect(writer.append(tradeAt(id))).toBe(isNew)
                  pending.add(id)
                }
              }
            }
          } finally {
            await writer[Symbol.asyncDispose]()
          }
          const ids = [...stored].sort((a, b) => a - b)
          expect(await readIds(lake, series, 'id')).toEqual(ids.map(BigInt))
          if (ids.length === 0) return
          const coverage = (await lake.coverage(series))!
          // Every id between the first and the last is stored or a gap.
          const gone = new Set<number>()
          for (const gap of coverage.gaps)
            for (let id = Number(gap.firstId); id <= Number(gap.lastId); id++) gone.add(id)
          for (let id = ids[0]!; id <= ids.at(-1)!; id++) expect(stored.has(id)).toBe(!gone.has(id))
          expect(coverage.gaps.reduce((sum, gap) => sum + gap.count!, 0)).toBe(gone.size)
          expect(await problemsOf(lake, series)).toEqual([])
          expect((await lake.stats(series))?.records).toBe(ids.length)
        },
      ),
      { numRuns: 25 },
    )
  })

  it('puts a hole on record with its cause, and forgets the part of it that is filled', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    await using writer = await lake.eventWriter(trades)
    for (const record of [...tradesFrom(1, 10), ...tradesFrom(21, 30), ...tradesFrom(41, 50)]) writer.append(record)
    const hole = { from: tradeAt(10).time, to: tradeAt(21).time }
    await writer.flush({
      covered: [{ from: T0, to: T0 + 6000, source: 'stream' }],
      gaps: [{ ...hole, cause: 'own-outage', checked: ['rest'], firstId: 11, lastId: 20 }],
    })
    expect(writer.coverage.gaps).toMatchObject([
      { ...hole, cause: 'own-outage', checked: ['rest'], count: 10, firstId: 11, lastId: 20 },
      { cause: 'unknown', checked: [], count: 10, firstId: 31, lastId: 40 },
    ])
    for (const record of [...tradesFrom(13, 15), ...tradesFrom(31, 40)]) writer.append(record)
    await writer.flush()
    expect(writer.coverage.gaps).toMatchObject([
      { cause: 'own-outage', count: 2, firstId: 11, lastId: 12 },
      { cause: 'own-outage', count: 5, firstId: 16, lastId: 20 },
    ])
    expect(writer.coverage.covered).toEqual([{ from: T0, to: T0 + 6000, source: 'stream' }])
    // What is known to be missing behind the last record stays on record until records follow.
    const after = { from: tradeAt(50).time, to: tradeAt(61).time }
    await writer.flush({ gaps: [{ ...after, cause: 'own-outage', checked: [], firstId: 51, lastId: 60 }] })
    expect(writer.coverage.gaps.at(-1)).toMatchObject({ firstId: 51, lastId: 60 })
    for (const record of tradesFrom(61, 62)) writer.append(record)
    await writer.flush()
    expect(writer.coverage.gaps.at(-1)).toMatchObject({ firstId: 51, lastId: 60, cause: 'own-outage', count: 10 })
  })

  it('skips what a replay of the spool brings again, by id or by sequence', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    const quotes = eventSeries('quote')
    const open = (series = quotes, spoolId = 'a') => lake.eventWriter(series, { spoolId })
    {
      await using writer = await open()
      for (let i = 1; i <= 5; i++) expect(writer.append(quoteAt(i * 10), i)).toBe(true)
      expect(writer.pendingFrom).toBe(1)
      await writer.flush()
      expect(writer.pendingFrom).toBeUndefined()
      expect(writer.append(quoteAt(60), 6)).toBe(true)
    }
    {
      await using writer = await open()
      for (let i = 1; i <= 7; i++) expect(writer.append(quoteAt(i * 10), i)).toBe(i > 5)
      // A second connection repeats some and brings one late.
      for (const id of [70, 50, 55]) writer.append(quoteAt(id), 8)
      await writer.flush()
    }
    expect(await readIds(lake, quotes, 'update_id')).toEqual([10n, 20n, 30n, 40n, 50n, 55n, 60n, 70n])
    // A spool that began anew counts from 1 again: nothing of it is stored yet.
    await using writer = await open(quotes, 'b')
    expect(writer.append(quoteAt(80), 1)).toBe(true)
  })

  it('merges the files of a day into one that holds the same', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    const series = eventSeries('bookDelta')
    await using writer = await lake.eventWriter(series)
    for (const start of [0, 50, 150, 100]) {
      for (let n = start; n < start + 50; n++) writer.append(deltaAt(n + 1))
      await writer.flush()
    }
    const before = await readRows(lake, series, all('bookDelta'))
    expect(writer.coverage.files.length).toBe(4)
    expect(await writer.compact('2024-01-01')).toBe(true)
    expect(writer.coverage.files).toMatchObject([{ name: '2024-01-01.parquet', compacted: true, records: 200 }])
    expect((await readdir(lake.folder(series))).filter((name) => name.endsWith('.parquet'))).toEqual([
      '2024-01-01.parquet',
    ])
    expect(await readRows(lake, series, all('bookDelta'))).toEqual(before)
    expect(await problemsOf(lake, series)).toEqual([])
    expect(await writer.compact('2024-01-01')).toBe(false)
    // A late record makes the day unfinished again.
    writer.append(deltaAt(250))
    await writer.flush()
    expect(await writer.compact('2024-01-01')).toBe(true)
    expect(writer.coverage.files).toMatchObject([{ name: '2024-01-01.parquet', records: 201 }])
  })

  it('tidies finished days, and small files of the running day when they are many', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    await using writer = await lake.eventWriter(trades)
    for (let i = 0; i < 24; i++) {
      writer.append(tradeAt(i + 1, T0 - DAY))
      writer.append(tradeAt(i + 101, T0))
      await writer.flush()
    }
    // Ids of the day before were late from the second flush on: they lie among the others.
    expect(writer.coverage.files.length).toBe(48)
    expect(await writer.tidy(T0)).toBe(2)
    expect(writer.coverage.files.map((file) => [file.name, file.records, file.compacted])).toEqual([
      ['2023-12-31.parquet', 24, true],
      ['2024-01-01.0025.parquet', 24, undefined],
    ])
    expect(await writer.tidy(T0)).toBe(0)
    expect(await writer.tidy(T0 + DAY)).toBe(1)
    expect(await problemsOf(lake)).toEqual([])
  })

  it('merges in a process of its own, and changes nothing when that is killed or the merge fails', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    await using writer = await lake.eventWriter(trades, { mergeElsewhere: true })
    for (let part = 0; part < 3; part++) {
      for (const record of tradesFrom(part * 50 + 1, part * 50 + 50)) writer.append(record)
      await writer.flush()
    }
    const before = writer.coverage
    await expect(writer.compact('2024-01-01', AbortSignal.timeout(1))).rejects.toThrow()
    expect(writer.coverage).toEqual(before)
    expect(await writer.compact('2024-01-01')).toBe(true)
    expect(writer.coverage.files).toMatchObject([{ name: '2024-01-01.parquet', records: 150 }])
    expect(await problemsOf(lake)).toEqual([])
    for (const record of tradesFrom(151, 160)) writer.append(record)
    await writer.flush()
    await writeFile(join(lake.folder(trades), '2024-01-01.parquet'), 'damaged')
    await expect(writer.compact('2024-01-01')).rejects.toThrow(/too small to be a Parquet file/)
    expect(writer.coverage.files).toHaveLength(2)
  })

  it('keeps compacted files below maxFileSize where days are larger', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path, { maxFileSize: 16_384 })
    await using writer = await lake.eventWriter(trades)
    for (let part = 0; part < 6; part++) {
      for (const record of tradesFrom(part * 500 + 1, part * 500 + 500)) writer.append(record)
      await writer.flush()
    }
    await writer.compact('2024-01-01')
    const { files } = writer.coverage
    expect(files.length).toBeGreaterThan(1)
    expect(files.length).toBeLessThan(6)
    for (const file of files) {
      expect(file.bytes).toBeLessThanOrEqual(16_384)
      expect(file.name).toMatch(/^2024-01-01\.p00\d\.parquet$/)
    }
    expect((await readIds(lake, trades, 'id')).length).toBe(3000)
  })

  it('lets a reader end before a merge takes its files', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    await using writer = await lake.eventWriter(trades)
    for (let part = 0; part < 3; part++) {
      for (const record of tradesFrom(part * 70_000 + 1, part * 70_000 + 70_000)) writer.append(record)
      await writer.flush()
    }
    const reader = lake.readEvents(trades, { columns: ['id'] })
    let rows = (await reader.next()).value?.length ?? 0
    const merging = writer.compact('2024-01-01')
    for await (const batch of reader) rows += batch.length
    expect(rows).toBe(210_000)
    expect(await merging).toBe(true)
    expect((await readIds(lake, trades, 'id')).length).toBe(210_000)
  })

  it('lets a question in SQL end before a merge takes its files', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    await using writer = await lake.eventWriter(trades)
    for (let part = 0; part < 3; part++) {
      for (const record of tradesFrom(part * 20_000 + 1, part * 20_000 + 20_000)) writer.append(record)
      await writer.flush()
    }
    using query = await openQuery(folder.path)
    const { rows } = await query.run('SELECT id FROM trade')
    const merging = writer.compact('2024-01-01')
    let count = 0
    for await (const _ of rows) count++
    expect(count).toBe(60_000)
    expect(await merging).toBe(true)
    const again = await query.run('SELECT count(*) FROM trade')
    for await (const row of again.rows) expect(row).toEqual([60_000])
  })

  it('has one writer at a time', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path, { lockWaitMs: 0 })
    await using _writer = await lake.eventWriter(trades)
    await expect(lake.eventWriter(trades)).rejects.toThrow(LakeLockedError)
    await expect(lake.writer(trades)).rejects.toThrow(/eventWriter/)
    await expect(lake.readEvents({ ...trades, kind: 'candle', interval: '1m' }).next()).rejects.toThrow(/read/)
  })

  it('holds pending records in bounded memory', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    await using writer = await lake.eventWriter(trades, { maxPendingBytes: 100_000 })
    let id = 0
    expect(() => {
      for (;;) writer.append(tradeAt(++id))
    }).toThrow(/Flush more often/)
    expect(writer.isFull).toBe(true)
    await writer.flush()
    expect(writer.isFull).toBe(false)
    expect(writer.append(tradeAt(id))).toBe(true)
  })

  it('finishes a flush that a crash interrupted after it was decided', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    await storeEvents(lake, trades, tradesFrom(1, 100))
    const path = lake.folder(trades)
    const before = folder.join('before')
    await cp(path, before, { recursive: true })
    await storeEvents(lake, trades, tradesFrom(101, 200))
    // The state after the journal was written and before anything was renamed.
    const after = await readFile(join(path, COVERAGE_FILE), 'utf8')
    await cp(join(path, '2024-01-01.0002.parquet'), join(before, '.tmp-1-1-2024-01-01.part'))
    const renames = [['.tmp-1-1-2024-01-01.part', '2024-01-01.0002.parquet']]
    await writeFile(join(before, JOURNAL_FILE), JSON.stringify({ renames, removes: [], text: after }))
    await cp(before, lake.folder(eventSeries('trade', 'CRASHED')), { recursive: true })
    const crashed = eventSeries('trade', 'CRASHED')
    expect((await readIds(lake, crashed, 'id')).length).toBe(200)
    expect(
      (await readdir(lake.folder(crashed))).filter((name) => name.startsWith('.tmp') || name === JOURNAL_FILE),
    ).toEqual([])
  })

  it.each([
    [
      'a byte that changed',
      'hash-mismatch',
      async (path: string) => {
        const bytes = await readFile(path)
        bytes[100]! ^= 1
        await writeFile(path, bytes)
      },
    ],
    ['a file that was cut', 'damaged-file', (path: string) => truncate(path, 500)],
  ])('finds %s', async (_, type, damage) => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    await storeEvents(lake, trades, tradesFrom(1, 1000))
    expect(await problemsOf(lake)).toEqual([])
    await damage(join(lake.folder(trades), '2024-01-01.0001.parquet'))
    expect(await problemsOf(lake)).toMatchObject([{ type }])
  })

  it('finds ids that the coverage claims and the files do not hold, and holes that no gap explains', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    await storeEvents(lake, trades, [...tradesFrom(1, 10), ...tradesFrom(21, 30)])
    const path = join(lake.folder(trades), COVERAGE_FILE)
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('"first":1,"last":10', '"first":1,"last":9'))
    expect(JSON.stringify(await problemsOf(lake))).toMatch(
      /ids 10 to 10 are missing and no gap says so.*id 10 is not among/,
    )
  })

  it('finds nothing wrong with a time that has more digits than the file, at midnight too', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    const quotes = eventSeries('quote')
    const midnight = T0 + DAY / 2
    await storeEvents(lake, quotes, [
      { ...quoteAt(1), receiveTime: T0 + 0.50049 },
      { ...quoteAt(2), receiveTime: midnight - 2 ** -12 },
      { ...quoteAt(3), receiveTime: midnight + 0.50051 },
    ])
    expect(await problemsOf(lake, quotes)).toEqual([])
  })

  it('answers SQL over all files of all kinds, with exact ids', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    const big = 9_007_199_254_740_993n
    await storeEvents(lake, trades, [tradeAt(big)])
    await storeEvents(lake, trades, [tradeAt(big + 1n)])
    await storeEvents(lake, eventSeries('quote'), [quoteAt(1)])
    await storeEvents(lake, eventSeries('bookDelta', 'ETHUSDT', 'usdm'), [deltaAt(1)])
    using query = await openQuery(folder.path)
    const ask = async (sql: string) => {
      const rows: unknown[] = []
      for await (const row of (await query.run(sql)).rows) rows.push(row)
      return rows
    }
    expect(await ask('SELECT id, buyer_is_maker, symbol FROM trade ORDER BY id')).toEqual([
      [big, tradeAt(big).buyerIsMaker, 'BTCUSDT'],
      [big + 1n, tradeAt(big + 1n).buyerIsMaker, 'BTCUSDT'],
    ])
    expect(await ask('SELECT update_id, event_time FROM quote')).toEqual([[1, null]])
    expect(await ask('SELECT market, count(*) FROM "bookDelta" GROUP BY 1')).toEqual([['usdm', 3]])
    // The files change while the question stands: it is asked again.
    await using writer = await lake.eventWriter(trades)
    await writer.compact('2024-01-01')
    expect((await readIds(lake, trades, 'id')).length).toBe(2)
    expect(await ask('SELECT id FROM trade ORDER BY id DESC')).toEqual([[big + 1n], [big]])
  })

  it.skipIf(!canMount)(
    `keeps records pending on a full disk and stores them when there is room${canMount ? '' : ' (needs root)'}`,
    async () => {
      await using folder = await tempFolder('events')
      const path = folder.join('disk')
      await using disk = await smallDisk(path, '300k')
      const lake = await Lake.open(path)
      await using writer = await lake.eventWriter(trades)
      let last = 0
      const failed = async (): Promise<StorageError> => {
        for (;;) {
          for (let i = 0; i < 2000; i++) writer.append(tradeAt(++last))
          try {
            await writer.flush()
          } catch (error) {
            return error as StorageError
          }
        }
      }
      expect((await failed()).message).toMatch(/the disk is full\. Free some space/)
      expect(writer.pendingRecords).toBe(2000)
      const before = (await readIds(lake, trades, 'id')).length
      expect(before).toBe(last - 2000)
      writer.append(tradeAt(++last))
      await disk.resize('8m')
      await writer.flush()
      expect(await readIds(lake, trades, 'id')).toEqual(Array.from({ length: last }, (_, i) => BigInt(i + 1)))
      expect(await problemsOf(lake)).toEqual([])
      expect((await readdir(lake.folder(trades))).filter((name) => name.startsWith('.tmp'))).toEqual([])
    },
  )

  it('stores any kind', async () => {
    await using folder = await tempFolder('events')
    const lake = await Lake.open(folder.path)
    const base = { market: 'usdm' as const, symbol: 'BTCUSDT', eventTime: T0, receiveTime: T0 + 1.5, flags: 2 }
    const records: LiveRecord[] = [
      {
        ...base,
        kind: 'aggTrade',
        id: 7,
        time: T0,
        price: 1,
        quantity: 2,
        firstTradeId: 70,
        lastTradeId: 72,
        buyerIsMaker: false,
      },
      { ...base, kind: 'bookSnapshot', lastUpdateId: 5, time: T0, depth: 10, bids: [1, 2, 0.5, 3], asks: [] },
      {
        ...base,
        kind: 'markPrice',
        markPrice: 1,
        indexPrice: 2,
        estimatedSettlePrice: Number.NaN,
        fundingRate: 0.0001,
        nextFundingTime: T0 + 5,
      },
      { ...base, kind: 'fundingRate', fundingTime: T0, fundingRate: 0.0001, markPrice: Number.NaN },
      {
        ...base,
        kind: 'liquidation',
        time: T0,
        side: 2,
        price: 1,
        averagePrice: 2,
        quantity: 3,
        lastFilledQuantity: 1,
        filledQuantity: 1,
      },
    ]
    for (const record of records) {
      const series = eventSeries(record.kind, 'BTCUSDT', 'usdm')
      await storeEvents(lake, series, [record])
      const [batch] = await readAll(lake, series, { columns: all(record.kind) })
      for (const spec of kindOf(record.kind).columns) {
        if (['side', 'price', 'quantity'].includes(spec.name) && record.kind === 'bookSnapshot') continue
        const value = (record as unknown as Record<string, unknown>)[spec.property]
        expect(Number(batch!.columns[spec.name]![0]), `${record.kind} ${spec.name}`).toBe(Number(value))
      }
      expect(await problemsOf(lake, series)).toEqual([])
    }
  })
})
