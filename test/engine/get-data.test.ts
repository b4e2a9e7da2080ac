import type { Table } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DataSourceManager } from '../../src/engine/data-source-manager.ts'
import { DAY, HOUR, MINUTE } from '../../src/model/time.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { truthValues, VALUE_COLUMNS } from '../helpers/truth.ts'

const NOW = Date.UTC(2025, 0, 20, 12, 34, 56)

function values(table: Table): number[][] {
  const columns = VALUE_COLUMNS.map((name) => table.getChild(name)!)
  return Array.from({ length: table.numRows }, (_, row) => columns.map((column) => Number(column.get(row))))
}

describe('getData', () => {
  let sandbox: Sandbox
  let folder: TempFolder
  let manager: DataSourceManager

  beforeAll(async () => {
    sandbox = await startSandbox({ now: NOW, symbols: ['BTCUSDT'], tradesPerSecond: 0.2 })
    folder = await tempFolder('get-data')
    manager = new DataSourceManager({ dataDir: folder.path, endpoint: sandbox.endpoint })
  })
  afterAll(async () => {
    await manager[Symbol.asyncDispose]()
    await sandbox.close()
    await folder[Symbol.asyncDispose]()
  })

  async function truth(
    market: 'spot' | 'usdm',
    interval: '1m' | '1h' | '1d',
    from: number,
    to: number,
  ): Promise<number[][]> {
    return truthValues(await sandbox.truthCandles(market, 'BTCUSDT', interval, from, to))
  }

  it.each(['spot', 'usdm'] as const)(
    'gives the same values through each source, across the change to microseconds, on %s',
    async (market) => {
      const range = { from: Date.UTC(2024, 11, 30), to: Date.UTC(2025, 0, 3) }
      const expected = await truth(market, '1m', range.from, range.to)
      expect(expected).toHaveLength(4 * 1440)
      for (const source of ['rest', 'archive', 'auto', 'lake'] as const) {
        const table = await manager.getData({ symbol: 'BTCUSDT', market, interval: '1m', ...range, source })
        expect(values(table), source).toEqual(expected)
        expect(table.schema.metadata.get('ticklake.complete')).toBe('true')
      }
    },
  )

  it('joins archive, REST and lake without seam, hole or duplicate up to the last closed candle', async () => {
    const from = NOW - 5 * DAY
    const table = await manager.getData({ symbol: 'BTC/USDT', interval: '1m', from, endTime: sandbox.now() })
    const times = values(table).map((row) => row[0]!)
    const last = Math.floor(sandbox.now() / MINUTE) * MINUTE
    expect(times[0]).toBe(Math.ceil(from / MINUTE) * MINUTE)
    expect(last - times.at(-1)!).toBeLessThanOrEqual(2 * MINUTE)
    for (let i = 1; i < times.length; i++) expect(times[i]! - times[i - 1]!).toBe(MINUTE)
    const { archive } = sandbox.usage()
    expect(archive.files).toBeGreaterThan(0)
  })

  it('leaves the unfinished candle out unless it is asked for', async () => {
    const now = sandbox.now()
    const open = Math.floor(now / DAY) * DAY
    const request = { symbol: 'BTCUSDT', interval: '1d', from: open - 3 * DAY }
    const closed = await manager.getData(request)
    expect(values(closed).map((row) => row[0])).toEqual([3, 2, 1].map((days) => open - days * DAY))
    const all = await manager.getData({ ...request, includeUnfinished: true })
    expect(values(all).map((row) => row[0])).toEqual([3, 2, 1, 0].map((days) => open - days * DAY))
  })

  it('takes startTime and endTime as inclusive, from and to as half-open', async () => {
    const hours = async (more: object): Promise<number> =>
      (await manager.getData({ symbol: 'BTCUSDT', interval: '1h', ...more })).numRows
    const [a, b] = [Date.UTC(2025, 0, 6), Date.UTC(2025, 0, 7)]
    expect(await hours({ from: a, to: b })).toBe(24)
    expect(await hours({ startTime: a, endTime: b })).toBe(25)
    expect(await hours({ startTime: '2025-01-06', endTime: '2025-01-06' })).toBe(24)
    expect(await hours({ startTime: new Date(a), endTime: '2025-01-06T05:00:00Z' })).toBe(6)
    expect(await hours({ from: a + 1, to: a + HOUR })).toBe(0)
  })

  it('gives the columns asked for, in that order, times as timestamps', async () => {
    const range = { from: Date.UTC(2025, 0, 6), to: Date.UTC(2025, 0, 6, 1) }
    const table = await manager.getData({ symbol: 'BTCUSDT', interval: '1m', ...range, columns: ['close', 'openTime'] })
    expect(table.schema.fields.map((field) => field.name)).toEqual(['close', 'open_time'])
    expect(table.getChild('open_time')!.get(1)).toBe(range.from + MINUTE)
    const whole = await manager.getData({ symbol: 'BTCUSDT', interval: '1m', ...range })
    expect(whole.schema.fields.map((field) => field.name)).toEqual(VALUE_COLUMNS)
  })

  it.each([
    [{ interval: '7m' }, /Unknown interval "7m"/],
    [{ interval: '1s', market: 'usdm' }, /usdm has no 1s candles/],
    [{ market: 'stocks' }, /Unknown market "stocks"/],
    [{ symbol: '' }, /symbol/i],
    [{ from: 'yesterday' }, /"yesterday" is not a time/],
    [{ to: '2024-01-01' }, /ends .* before it begins/],
    [{ columns: ['clsoe'] }, /Unknown column "clsoe"/],
    [{ startTime: '2025-01-01' }, /startTime or from, not both/],
  ])('says what is wrong with %j', async (wrong, message) => {
    const request = { symbol: 'BTCUSDT', interval: '1m', from: '2025-01-06', to: '2025-01-07', ...wrong }
    await expect(manager.getData(request)).rejects.toThrow(message)
  })

  it('refuses a source that there is not, and a prefetch that can be of nothing', async () => {
    const request = { symbol: 'BTCUSDT', interval: '1h', from: '2025-01-06', to: '2025-01-07' } as const
    const source = 'lakes' as 'lake'
    await expect(manager.getData({ ...request, source })).rejects.toThrow('source is "lakes"; use auto, lake,')
    await expect(manager.getMany({ ...request, symbols: ['BTCUSDT'], source })).rejects.toThrow('source is "lakes"')
    await expect(manager.getDataBatches({ ...request, source }).next()).rejects.toThrow('source is "lakes"')
    expect(() => manager.prefetch({ ...request, interval: '7m' })).toThrow('Unknown interval "7m"')
    expect(() => manager.prefetch(request, 0)).toThrow('maxDays is 0')
  })

  it('says why there is nothing of a symbol that the exchange does not know', async () => {
    const request = { interval: '1h', from: '2025-01-06', to: '2025-01-07' } as const
    await expect(manager.getData({ symbol: 'BTCUSTD', ...request })).rejects.toThrow(/"BTCUSTD".*Did you mean BTCUSDT/)
    const tables = await manager.getMany({ symbols: ['BTCUSTD', 'BTCUSDT'], ...request })
    const complete = (symbol: string) => tables.get(symbol)!.schema.metadata.get('ticklake.complete')
    expect([complete('BTCUSTD'), tables.get('BTCUSTD')!.numRows]).toEqual(['false', 0])
    expect([complete('BTCUSDT'), tables.get('BTCUSDT')!.numRows]).toEqual(['true', 24])
  })

  it('of the lake alone says whether the lake has all of it', async () => {
    const request = { symbol: 'BTCUSDT', interval: '12h', from: '2025-01-06', to: '2025-01-08' } as const
    const facts = async (more: object) => {
      const table = await manager.getData({ ...request, source: 'lake', ...more })
      return [table.numRows, table.schema.metadata.get('ticklake.complete')]
    }
    expect(await facts({})).toEqual([0, 'false'])
    await manager.getData(request)
    expect(await facts({})).toEqual([4, 'true'])
    expect(await facts({ to: '2025-01-09' })).toEqual([4, 'false'])
    const many = await manager.getMany({ ...request, symbols: ['BTCUSDT'], to: '2025-01-09', source: 'lake' })
    expect(many.get('BTCUSDT')!.schema.metadata.get('ticklake.complete')).toBe('false')
    const batches = manager.getDataBatches({ ...request, to: '2025-01-09', source: 'lake' })
    expect((await batches.next()).value!.schema.metadata.get('ticklake.complete')).toBe('false')
  })

  it('stops at once when it is aborted', async () => {
    const stop = new AbortController()
    const running = manager.getData({
      symbol: 'BTCUSDT',
      interval: '1m',
      from: '2023-01-01',
      to: '2024-12-01',
      source: 'rest',
      signal: stop.signal,
    })
    setTimeout(() => stop.abort(), 50)
    await expect(running).rejects.toThrow(/abort/i)
  })

  it('prefetches in the background, at most so many days', async () => {
    const to = Date.UTC(2024, 5, 20)
    manager.prefetch({ symbol: 'BTCUSDT', interval: '1h', from: to - 30 * DAY, to }, 3)
    const lake = await manager.lake()
    const id = { exchange: 'binance', market: 'spot', kind: 'candle', symbol: 'BTCUSDT', interval: '1h' } as const
    await expect
      .poll(async () => (await lake.load(id, { from: to - 30 * DAY, to })).length, { timeout: 10_000 })
      .toBe(72)
  })
})
