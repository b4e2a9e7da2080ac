import { describe, expect, it } from 'vitest'
import type { Candle } from '../../src/model/candle.ts'
import { CandleStorage } from '../../src/store/candle-storage.ts'
import { openQuery, QueryError } from '../../src/store/lake/query.ts'
import { tempFolder } from '../helpers/temp.ts'

const T0 = Date.UTC(2024, 0, 1)
const MINUTE = 60_000

function row(minute: number, close = 100): Candle {
  return {
    openTime: T0 + minute * MINUTE,
    open: 99,
    high: 101,
    low: 98,
    close,
    volume: 1.5,
    closeTime: T0 + (minute + 1) * MINUTE - 1,
    quoteVolume: 150,
    trades: 3,
    takerBuyVolume: 0.5,
    takerBuyQuoteVolume: 50,
  }
}

describe('CandleStorage', () => {
  it('saves, replaces, appends, loads and counts candles', async () => {
    await using folder = await tempFolder()
    const storage = new CandleStorage({ dataDir: folder.path })
    await storage.save('BTCUSDT', '1m', [row(2), row(0), row(1)])
    await storage.save('BTCUSDT', '1m', [row(1, 200)])
    await storage.append('BTCUSDT', '1m', [row(5)])
    const rows = await storage.loadRows('BTCUSDT', '1m')
    expect(rows.map((candle) => [(candle.openTime - T0) / MINUTE, candle.close])).toEqual([
      [0, 100],
      [1, 200],
      [2, 100],
      [5, 100],
    ])
    expect(await storage.getStats('BTCUSDT', '1m')).toMatchObject({ rows: 4, first: T0, last: T0 + 5 * MINUTE })
    const part = await storage.load('BTCUSDT', '1m', { from: T0 + MINUTE, to: T0 + 2 * MINUTE, columns: ['close'] })
    expect([...part.columns.close!]).toEqual([200])
    expect(await storage.getStats('ETHUSDT', '1m')).toBeUndefined()
  })

  it('refuses what is no candle, and stores nothing of it', async () => {
    await using folder = await tempFolder()
    const storage = new CandleStorage({ dataDir: folder.path })
    await expect(storage.save('BTCUSDT', '1m', [{ ...row(0), openTime: T0 + 1 }])).rejects.toThrow(
      /no 1m candle opens at/,
    )
    await expect(storage.save('BTCUSDT', '1m', [row(0), { ...row(1), close: Number.NaN }])).rejects.toThrow(
      /Row 1: close is NaN/,
    )
    await expect(storage.save('BTCUSDT', '9m', [row(0)])).rejects.toThrow(/Unknown interval/)
    await expect(storage.save('../BTC', '1m', [row(0)])).rejects.toThrow(/can not be a symbol/)
    await storage.save('BTCUSDT', '1m', [row(0), row(1)])
    await expect(storage.append('BTCUSDT', '1m', [row(1)])).rejects.toThrow(/not after the last stored one/)
    expect((await storage.loadRows('BTCUSDT', '1m')).length).toBe(2)
  })
})

describe('SQL over a lake', () => {
  it('has a view per kind, with times to the microsecond and whole numbers as numbers', async () => {
    await using folder = await tempFolder()
    const storage = new CandleStorage({ dataDir: folder.path })
    await storage.save('BTCUSDT', '1m', [row(0), row(1)])
    await new CandleStorage({ dataDir: folder.path, market: 'usdm' }).save('ETHUSDT', '1m', [row(0, 7)])
    using query = await openQuery(folder.path)
    const read = async (sql: string): Promise<unknown[]> => {
      const { rows } = await query.run(sql)
      const all: unknown[] = []
      for await (const one of rows) all.push(one)
      return all
    }
    expect(await read('SELECT market, symbol, "interval", open_time, trades, close FROM candle ORDER BY ALL')).toEqual([
      ['spot', 'BTCUSDT', '1m', T0, 3, 100],
      ['spot', 'BTCUSDT', '1m', T0 + MINUTE, 3, 100],
      ['usdm', 'ETHUSDT', '1m', T0, 3, 7],
    ])
    expect(await read("SELECT TIMESTAMP '2024-01-01 00:00:00.000001', 9007199254740993")).toEqual([
      [T0 + 0.001, 9007199254740993n],
    ])
    await expect(query.run('SELECT nothing FROM candle')).rejects.toThrow(QueryError)
    await expect(query.run('SELEC 1')).rejects.toThrow(/syntax error/i)
  })

  it('has empty views over an empty lake', async () => {
    await using folder = await tempFolder()
    using query = await openQuery(folder.path)
    const { columns, rows } = await query.run('SELECT * FROM candle')
    for await (const _ of rows) expect.fail('no row was stored')
    expect(columns.slice(0, 5).map(({ name }) => name)).toEqual([
      'exchange',
      'market',
      'symbol',
      'interval',
      'open_time',
    ])
  })

  it('stops when it is aborted', async () => {
    await using folder = await tempFolder()
    using query = await openQuery(folder.path)
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 50)
    const sql = 'SELECT count(*) FROM range(100000) a, range(100000) b WHERE (a.range * b.range) % 7 = 3'
    const running = (async () => {
      const { rows } = await query.run(sql, { signal: stop.signal })
      for await (const _ of rows) expect.fail('it can not have finished')
    })()
    await expect(running).rejects.toThrow(/abort/i)
  })
})
