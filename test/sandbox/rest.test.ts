import { describe, expect, it } from 'vitest'
import { startSandbox } from '../../src/sandbox/index.ts'
import { getJson, klines, NOW, type Row, sandboxFor } from './help.ts'

const now = Date.parse(NOW)
const MINUTE = 60_000

interface Failure {
  code: number
  msg: string
}

describe('klines of the sandbox', () => {
  it('give the newest 500 candles when nothing bounds them, the last one unfinished', async () => {
    const sandbox = await sandboxFor({ speed: 0.001 })
    const rows = await klines(sandbox, { symbol: 'BTCUSDT', interval: '1m' })
    expect(rows.length).toBe(500)
    expect(rows.at(-1)![0]).toBe(Math.floor(now / MINUTE) * MINUTE)
    expect(rows.at(-1)![6]).toBeGreaterThan(now)
    for (const [i, row] of rows.entries()) expect(row[0]).toBe(rows[0]![0] + i * MINUTE)
  })

  it('hold twelve fields: numbers for times and count, decimal text for the rest', async () => {
    const sandbox = await sandboxFor()
    const [spot] = await klines(sandbox, { symbol: 'BTCUSDT', interval: '1h', limit: 1 })
    expect(spot!.map((field) => typeof field)).toEqual(
      [...'nsssssnsnsss'].map((letter) => (letter === 'n' ? 'number' : 'string')),
    )
    for (const field of [1, 2, 3, 4, 5, 7, 9, 10]) expect(spot![field]).toMatch(/^\d+\.\d{8}$/)
    const [usdm] = await klines(sandbox, { symbol: 'BTCUSDT', interval: '1h', limit: 1 }, 'usdm')
    expect(usdm![1]).toMatch(/^\d+\.\d0$/)
    expect(usdm![5]).toMatch(/^\d+\.\d{3}$/)
    expect(usdm![7]).toMatch(/^\d+\.\d{5}$/)
  })

  it('count both ends of a range by open time', async () => {
    const sandbox = await sandboxFor()
    const from = Date.UTC(2024, 4, 1)
    const range = async (startTime: number, endTime: number): Promise<number[]> =>
      (await klines(sandbox, { symbol: 'ETHUSDT', interval: '1m', startTime, endTime })).map((row) => row[0])
    expect(await range(from, from + 2 * MINUTE)).toEqual([from, from + MINUTE, from + 2 * MINUTE])
    expect(await range(from, from)).toEqual([from])
    expect(await range(from + 1, from + 2 * MINUTE - 1)).toEqual([from + MINUTE])
  })

  it('start at startTime, and end at endTime when that alone is given', async () => {
    const sandbox = await sandboxFor()
    const at = Date.UTC(2024, 2, 1)
    const after = await klines(sandbox, { symbol: 'BTCUSDT', interval: '4h', startTime: at, limit: 3 })
    expect(after.map((row) => row[0])).toEqual([0, 1, 2].map((i) => at + i * 4 * 3_600_000))
    const before = await klines(sandbox, { symbol: 'BTCUSDT', interval: '4h', endTime: at, limit: 3 })
    expect(before.map((row) => row[0])).toEqual([-2, -1, 0].map((i) => at + i * 4 * 3_600_000))
  })

  it('start at the listing and never hold a candle that opens after now', async () => {
    const sandbox = await sandboxFor()
    const oldest = await klines(sandbox, { symbol: 'BTCUSDT', interval: '1d', startTime: 0, limit: 1 })
    expect(oldest[0]![0]).toBe(Date.UTC(2017, 7, 17))
    expect(await klines(sandbox, { symbol: 'BTCUSDT', interval: '1m', startTime: now + 3_600_000 })).toEqual([])
  })

  it('keep to the calendar: weeks from Monday, months, and 3d from the first trading day', async () => {
    const sandbox = await sandboxFor()
    const opens = async (interval: string, symbol = 'BTCUSDT'): Promise<number[]> =>
      (await klines(sandbox, { symbol, interval, limit: 20 })).map((row) => row[0])
    for (const open of await opens('1w')) expect(new Date(open).getUTCDay()).toBe(1)
    for (const open of await opens('1M')) expect(new Date(open).toISOString()).toMatch(/-01T00:00:00/)
    for (const open of await opens('3d')) expect((open / 86_400_000 - 17_395) % 3).toBe(0)
    const other = await opens('3d', 'AVAXUSDT')
    expect(other.every((open) => (open / 86_400_000) % 3 === (Date.UTC(2020, 8, 22) / 86_400_000) % 3)).toBe(true)
  })

  it('shift their boundaries by timeZone on spot', async () => {
    const sandbox = await sandboxFor()
    const rows = await klines(sandbox, { symbol: 'BTCUSDT', interval: '1d', limit: 3, timeZone: '8' })
    for (const row of rows) expect(row[0] % 86_400_000).toBe(16 * 3_600_000)
    const half = await klines(sandbox, { symbol: 'BTCUSDT', interval: '1h', limit: 3, timeZone: '5:45' })
    for (const row of half) expect(row[0] % 3_600_000).toBe(15 * 60_000)
  })

  it('tell microseconds on spot when asked to, and take them as bounds', async () => {
    const sandbox = await sandboxFor()
    const at = Date.UTC(2024, 4, 1)
    const query = `symbol=BTCUSDT&interval=1m&startTime=${at}000&limit=2`
    const micro = await getJson<Row[]>(sandbox, `/api/v3/klines?${query}`, {
      headers: { 'X-MBX-TIME-UNIT': 'MICROSECOND' },
    })
    const milli = await getJson<Row[]>(sandbox, `/api/v3/klines?${query}`)
    expect(micro.map((row) => [row[0], row[6]])).toEqual([
      [at * 1000, (at + MINUTE) * 1000 - 1],
      [(at + MINUTE) * 1000, (at + 2 * MINUTE) * 1000 - 1],
    ])
    expect(milli.map((row) => row[0])).toEqual([at, at + MINUTE])
    const wrong = await getJson<Failure>(sandbox, '/api/v3/time', { headers: { 'X-MBX-TIME-UNIT': 'DAY' } })
    expect(wrong.code).toBe(-1194)
  })

  it('take a limit of 1000 on spot and of 1500 on USD-M at most', async () => {
    const sandbox = await sandboxFor()
    expect((await klines(sandbox, { symbol: 'BTCUSDT', interval: '1m', limit: 5000 })).length).toBe(1000)
    expect((await klines(sandbox, { symbol: 'BTCUSDT', interval: '1m', limit: 1500 }, 'usdm')).length).toBe(1500)
    const failure = await getJson<Failure>(sandbox, '/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1501')
    expect(failure.code).toBe(-1130)
  })
})

describe('a port that is taken', () => {
  it('is told with what to do', async () => {
    const { endpoint } = await sandboxFor()
    const port = Number(new URL(endpoint).port)
    await expect(startSandbox({ port })).rejects.toThrow(`port ${port} cannot be used`)
    await expect(startSandbox({ port })).rejects.toThrow('or 0 for one that is free')
  })
})

describe('wrong calls', () => {
  it.each([
    ['an unknown symbol', '/api/v3/klines?symbol=NOPEUSDT&interval=1m', -1121],
    ['a delisted symbol', '/api/v3/klines?symbol=SRMUSDT&interval=1m', -1121],
    ['an unknown symbol on USD-M', '/fapi/v1/klines?symbol=NOPEUSDT&interval=1m', -1121],
    ['lower case', '/api/v3/klines?symbol=btcusdt&interval=1m', -1100],
    ['a wrong interval', '/api/v3/klines?symbol=BTCUSDT&interval=7m', -1120],
    ['seconds on USD-M', '/fapi/v1/klines?symbol=BTCUSDT&interval=1s', -1120],
    ['no symbol', '/api/v3/klines?interval=1m', -1102],
    ['an empty symbol', '/api/v3/klines?symbol=&interval=1m', -1105],
    ['a strange parameter', '/api/v3/klines?symbol=BTCUSDT&interval=1m&colour=red', -1104],
    ['a parameter where there is none', '/api/v3/ping?x=1', -1101],
    ['a repeated parameter', '/api/v3/klines?symbol=BTCUSDT&symbol=BTCUSDT&interval=1m', -1101],
    ['a time in words', '/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=today', -1100],
    ['a limit of 0', '/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=0', -1130],
    ['an end before the start on USD-M', '/fapi/v1/klines?symbol=BTCUSDT&interval=1m&startTime=9&endTime=1', -1023],
    ['an unknown symbol in a list', '/api/v3/exchangeInfo?symbols=["BTCUSDT","NOPE"]', -1121],
    ['a symbol twice in a list', '/api/v3/exchangeInfo?symbols=["BTCUSDT","BTCUSDT"]', -1151],
    ['a list that is no JSON', '/api/v3/exchangeInfo?symbols=[BTCUSDT', -1135],
    ['symbol and symbols', '/api/v3/exchangeInfo?symbol=BTCUSDT&symbols=["ETHUSDT"]', -1128],
    ['a wrong ticker type', '/api/v3/ticker/24hr?symbol=BTCUSDT&type=HUGE', -1139],
    ['a path that is not there', '/fapi/v1/nothing', -5000],
  ])('%s is answered with the code of the exchange', async (_name, path, code) => {
    const sandbox = await sandboxFor()
    const response = await fetch(sandbox.endpoint + encodeURI(path))
    expect(response.status).toBe(code === -5000 ? 404 : 400)
    const failure = (await response.json()) as Failure
    expect(failure.code).toBe(code)
    expect(failure.msg.length).toBeGreaterThan(5)
  })
})

describe('exchangeInfo and tickers', () => {
  it('list what trades: no delisted symbol, none before its listing, one with letters beyond ASCII', async () => {
    interface Info {
      symbols: { symbol: string; status: string }[]
    }
    const early = await sandboxFor({ now: '2019-12-01' })
    const late = await sandboxFor({ now: '2026-02-01' })
    const names = async (sandbox: typeof late, path: string): Promise<string[]> =>
      (await getJson<Info>(sandbox, path)).symbols.map(({ symbol }) => symbol)
    const first = await names(early, '/api/v3/exchangeInfo')
    expect(first).toContain('BTCUSDT')
    expect(first).not.toContain('SOLUSDT')
    const spot = await names(late, '/api/v3/exchangeInfo')
    expect(spot).toEqual(expect.arrayContaining(['BTCUSDT', 'SOLUSDT', '币安人生USDT']))
    expect(spot).not.toContain('SRMUSDT')
    expect(await names(late, '/fapi/v1/exchangeInfo')).toContain('1000PEPEUSDT')
    expect(await names(late, '/api/v3/exchangeInfo?permissions=LEVERAGED')).toEqual([])
    expect((await klines(late, { symbol: '币安人生USDT', interval: '1m', limit: 5 })).length).toBe(5)
  })

  it('prices are those of the candles', async () => {
    const sandbox = await sandboxFor({ speed: 0.001 })
    for (const [market, base] of [
      ['spot', '/api/v3'],
      ['usdm', '/fapi/v1'],
    ] as const) {
      const [minute] = await klines(sandbox, { symbol: 'ETHUSDT', interval: '1m', limit: 1 }, market)
      const price = await getJson<{ price: string }>(sandbox, `${base}/ticker/price?symbol=ETHUSDT`)
      const book = await getJson<{ bidPrice: string; askPrice: string }>(
        sandbox,
        `${base}/ticker/bookTicker?symbol=ETHUSDT`,
      )
      const day = await getJson<{ lastPrice: string; count: number; firstId: number; lastId: number }>(
        sandbox,
        `${base}/ticker/24hr?symbol=ETHUSDT`,
      )
      expect(price.price).toBe(minute![4])
      expect(day.lastPrice).toBe(minute![4])
      expect([book.bidPrice, book.askPrice]).toContain(minute![4])
      expect(Number(book.askPrice)).toBeGreaterThan(Number(book.bidPrice))
      expect(day.lastId - day.firstId + 1).toBe(day.count)
    }
  })

  it('the day of the 24 h ticker is the sum of its seconds', async () => {
    // A whole second, so that the window begins and ends with one.
    const at = '2024-05-10T10:30:29.999Z'
    const sandbox = await sandboxFor({ now: at, speed: 0.001, tradesPerSecond: 0.02 })
    const end = Date.parse(at) + 1
    const rows = await sandbox.truthCandles('spot', 'BTCUSDT', '1m', end - 86_400_000, end)
    const day = await getJson<Record<string, string | number>>(sandbox, '/api/v3/ticker/24hr?symbol=BTCUSDT')
    const inner = rows.reduce((sum, row) => sum + row[8], 0)
    const edges = await klines(sandbox, { symbol: 'BTCUSDT', interval: '1s', startTime: end - 86_400_000, limit: 31 })
    const [running] = await klines(sandbox, { symbol: 'BTCUSDT', interval: '1m', limit: 1 })
    const before = edges.filter((row) => row[0] < rows[0]![0]).reduce((sum, row) => sum + row[8], 0)
    expect(Number(day.count)).toBe(inner + before + running![8])
  })
})
