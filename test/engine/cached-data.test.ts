import { readdir, rm } from 'node:fs/promises'
import { Table as ArrowTable, type RecordBatch } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import type { GetDataRequest } from '../../src/engine/data-source-manager.ts'
import { DAY, HOUR, MINUTE } from '../../src/model/time.ts'
import { expectSame } from '../store/cache/help.ts'
import { Bench, klineRequests, seriesOf } from './help.ts'

const NOW = Date.UTC(2025, 0, 20, 12, 34, 56)
const JAN = Date.UTC(2025, 0, 1)
const bench = new Bench()

const RANGE = { symbol: 'BTCUSDT', interval: '1m', from: JAN - 40 * DAY, to: JAN + 3 * DAY } as const

describe('getData with a cache', () => {
  it('gives what it gives without, from every source of rows', async () => {
    await bench.start({ now: NOW })
    const plain = bench.manager()
    const cached = bench.manager({ cacheDir: bench.folder.join('cache') })
    const requests: GetDataRequest[] = [
      RANGE,
      { ...RANGE, columns: ['close', 'openTime', 'flags'] },
      { ...RANGE, source: 'lake' },
      { ...RANGE, from: JAN - DAY + 1, to: JAN + HOUR },
      { ...RANGE, from: JAN, to: JAN },
      { ...RANGE, interval: '1h', from: NOW - 60 * DAY, to: NOW },
      { ...RANGE, interval: '1d', from: NOW - 60 * DAY, to: NOW + DAY, includeUnfinished: true },
    ]
    for (const request of requests) {
      const [a, b] = [await cached.getData(request), await plain.getData(request)]
      if (request.columns === undefined) expectSame(a, b)
      else expect(a.toArray().map(String)).toEqual(b.toArray().map(String))
      expect(a.schema.fields.map(String)).toEqual(b.schema.fields.map(String))
      expect(a.schema.metadata).toEqual(b.schema.metadata)
    }
    expect(await readdir(bench.folder.join('cache/binance-spot/BTCUSDT/1m'))).toContain('202412.arrow')
  })

  it('asks nobody for what is settled, and goes on without a word when the cache is thrown away', async () => {
    await bench.start({ now: NOW })
    const manager = bench.manager({ cacheDir: bench.folder.join('cache') })
    const first = await manager.getData(RANGE)
    bench.sandbox.resetUsage()
    expectSame(await manager.getData(RANGE), first)
    expect(bench.sandbox.usage().paths).toEqual({})
    await rm(bench.folder.join('cache'), { recursive: true })
    expectSame(await manager.getData(RANGE), first)
  })

  it('is not used, and makes no folder, with useCache: false', async () => {
    await bench.start({ now: NOW })
    const manager = bench.manager({ cacheDir: bench.folder.join('cache'), useCache: false })
    await manager.getData(RANGE)
    expect(await manager.cache()).toBeUndefined()
    expect(await readdir(bench.folder.path)).not.toContain('cache')
  })

  it('is filled by prefetch, in the background', async () => {
    await bench.start({ now: NOW })
    const manager = bench.manager({ cacheDir: bench.folder.join('cache') })
    manager.prefetch({ symbol: 'BTCUSDT', interval: '1m', from: JAN - 40 * DAY, to: JAN + 3 * DAY }, 4)
    const cache = (await manager.cache())!
    await expect
      .poll(async () => Object.keys(await cache.cache.months(seriesOf('BTCUSDT', '1m'))), { timeout: 20_000 })
      .toEqual(['202412', '202501'])
  })

  it('is checked in full by verify', async () => {
    await bench.start({ now: NOW })
    const manager = bench.manager({ cacheDir: bench.folder.join('cache') })
    await manager.getData(RANGE)
    const id = seriesOf('BTCUSDT', '1m')
    expect(await manager.verify([id])).toMatchObject([{ ok: true, problems: [] }])
    const path = bench.folder.join('cache/binance-spot/BTCUSDT/1m/202412.arrow')
    const { readFileSync, renameSync, writeFileSync } = await import('node:fs')
    writeFileSync(`${path}.new`, readFileSync(path).fill(1, 50_000, 50_001))
    renameSync(`${path}.new`, path)
    const [report] = await manager.verify([id], { repair: true })
    expect(report).toMatchObject({ ok: true, problems: [{ type: 'damaged-cache', path, repaired: true }] })
    expect(await manager.verify([id])).toMatchObject([{ ok: true, problems: [] }])
  })
})

describe('getDataBatches', () => {
  it.each([
    ['with', true],
    ['without', false],
  ])('gives a range %s a cache in tables of bounded size, the same rows as getData', async (_, useCache) => {
    await bench.start({ now: NOW })
    const manager = bench.manager({ cacheDir: bench.folder.join('cache'), useCache })
    for (const source of ['auto', 'lake', 'rest'] as const) {
      const request = { ...RANGE, from: source === 'rest' ? JAN : RANGE.from, source }
      const batches: RecordBatch[] = []
      for await (const table of manager.getDataBatches({ ...request, batchRows: 5000 })) {
        expect(table.numRows).toBeLessThanOrEqual(5000)
        expect(table.schema.metadata.get('ticklake.complete')).toBe('true')
        batches.push(...table.batches)
      }
      expect(batches.length).toBeGreaterThan(source === 'rest' ? 0 : 12)
      expectSame(new ArrowTable(batches), await manager.getData(request))
    }
  })

  it('begins where the series does, and gives the candle that is still open last', async () => {
    await bench.start({ now: NOW, listedAt: JAN - 10 * DAY })
    const manager = bench.manager()
    let rows = 0
    for await (const table of manager.getDataBatches({
      ...RANGE,
      interval: '1h',
      from: '2017-01-01',
      to: NOW + HOUR,
      includeUnfinished: true,
    }))
      rows += table.numRows
    const whole = await manager.getData({
      ...RANGE,
      interval: '1h',
      from: '2017-01-01',
      to: NOW + HOUR,
      includeUnfinished: true,
    })
    expect(rows).toBe(whole.numRows)
    expect(rows).toBe(10 * 24 + Math.floor((NOW - JAN) / HOUR) + 1)
  })

  it('fetches no more than one step ahead when the reader leaves', async () => {
    await bench.start({ now: NOW })
    const manager = bench.manager()
    for await (const table of manager.getDataBatches({ ...RANGE, from: '2020-01-01', batchRows: 1000 })) {
      expect(table.numRows).toBe(1000)
      break
    }
    const { covered } = await bench.coverage(seriesOf('BTCUSDT', '1m'))
    expect(covered.at(-1)!.to).toBeLessThan(Date.UTC(2020, 3, 1))
  })

  it.each([0, 1.5, Number.NaN])('refuses tables of %d rows', async (batchRows) => {
    await bench.start({ now: NOW })
    const batches = bench.manager().getDataBatches({ ...RANGE, source: 'lake', batchRows })
    await expect(batches.next()).rejects.toThrow(/batchRows/)
  })
})

describe('getMany', () => {
  it('gives a table per symbol, in one download, by the spelling of the caller', async () => {
    await bench.start({ now: NOW })
    const manager = bench.manager({ cacheDir: bench.folder.join('cache') })
    const range = { interval: '1m', from: JAN, to: JAN + DAY } as const
    const tables = await manager.getMany({ symbols: ['BTC/USDT', 'ETHUSDT', 'BTCUSDT'], ...range })
    expect([...tables.keys()]).toEqual(['BTC/USDT', 'ETHUSDT', 'BTCUSDT'])
    for (const [symbol, table] of tables) {
      expect(table.numRows).toBe(DAY / MINUTE)
      expectSame(table, await manager.getData({ symbol, ...range }))
    }
    const before = klineRequests(bench.sandbox)
    const rest = await manager.getMany({ symbols: ['BTCUSDT', 'ETHUSDT'], ...range, source: 'rest' })
    for (const [symbol, table] of rest) expectSame(table, tables.get(symbol)!)
    expect(klineRequests(bench.sandbox)).toBeGreaterThan(before)
    expect(await manager.getMany({ symbols: [], ...range })).toEqual(new Map())
  })

  it('does not let one symbol that does not exist spoil the others', async () => {
    await bench.start({ now: NOW })
    const tables = await bench
      .manager()
      .getMany({ symbols: ['NOSUCHUSDT', 'BTCUSDT'], interval: '1h', from: JAN, to: JAN + DAY })
    const state = (symbol: string) => [
      tables.get(symbol)!.numRows,
      tables.get(symbol)!.schema.metadata.get('ticklake.complete'),
    ]
    expect(state('BTCUSDT')).toEqual([24, 'true'])
    expect(state('NOSUCHUSDT')).toEqual([0, 'false'])
  })
})
