import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { findRealData, realDataTitle } from '../../helpers/real-data.ts'
import { connect, liveSandbox } from './client.ts'
import { captureFile, type Line, T } from './recorded.ts'

/** Frames whose bytes no serialiser would give: blanks, odd order, large numbers, letters of several bytes. */
const FRAMES = [
  '{"stream":"btcusdt@trade","data":{"e":"trade","E":1721347020001,"s":"BTCUSDT","t":9007199254740993,"M":true}}',
  '{ "stream" : "btcusdt@trade" , "data" : {"t": 2,  "e":"trade" } }',
  '{"stream":"币安人生usdt@depth@0ms","data":{"e":"depthUpdate","s":"币安人生USDT","b":[],"a":[]}}',
  '{"stream":"btcusdt@trade","data":{"e":"trade","note":"}}"}}',
]

describe('a capture', () => {
  it('is played byte for byte, in the order of the file, over combined and raw connections', async () => {
    const file = captureFile(FRAMES.map((frame, i) => ({ t: T + i * 10, frame })))
    const sandbox = await liveSandbox({ capture: [file] })
    expect(sandbox.live().capture).toMatchObject({ state: 'waiting', from: T / 1000 })
    const names = ['btcusdt@trade', encodeURIComponent('币安人生usdt@depth@0ms')].join('/')
    const combined = await connect(sandbox, `/stream?streams=${names}`)
    const raw = await connect(sandbox, `/ws/${names}`)
    await combined.many(4, '"data"')
    expect(combined.texts).toEqual(FRAMES)
    await raw.many(4, '"e"')
    expect(raw.texts).toEqual([
      FRAMES[0]!.slice(33, -1),
      '{"t": 2,  "e":"trade" }',
      '{"e":"depthUpdate","s":"币安人生USDT","b":[],"a":[]}',
      '{"e":"trade","note":"}}"}',
    ])
    expect(sandbox.live().capture?.streams).toEqual([
      { market: 'spot', name: 'btcusdt@trade', frames: 3 },
      { market: 'spot', name: '币安人生usdt@depth@0ms', frames: 1 },
    ])
  })

  it('plays a stream of books at the speed that it was recorded with, under the name that was asked for', async () => {
    const depth = (u: number): string => `{"e":"depthUpdate","s":"BTCUSDT","u":${u}}`
    const file = captureFile([
      { t: T, frame: `{"stream":"btcusdt@depth@0ms","data":${depth(1)}}` },
      { t: T + 10, frame: `{"stream":"btcusdt@depth20@0ms","data":${depth(2)}}` },
      { t: T + 20, frame: `{"stream":"btcusdt@depth@0ms","data":${depth(3)}}` },
    ])
    const sandbox = await liveSandbox({ capture: [`usdm:${file}`] })
    const client = await connect(sandbox, '/public/stream?streams=btcusdt@depth@100ms/btcusdt@depth20/btcusdt@depth5')
    await client.many(3, '"data"')
    expect(client.texts).toEqual([
      `{"stream":"btcusdt@depth@100ms","data":${depth(1)}}`,
      `{"stream":"btcusdt@depth20","data":${depth(2)}}`,
      `{"stream":"btcusdt@depth@100ms","data":${depth(3)}}`,
    ])
  })

  it('is played on the exchange clock, which stands until somebody subscribes, at its speed', async () => {
    const frame = FRAMES[0]!
    const file = captureFile([
      { t: T, frame },
      { t: T + 60_000_000, frame },
    ])
    const sandbox = await liveSandbox({ capture: [file], speed: 1000 })
    const start = sandbox.now()
    expect(start).toBe(T / 1000 - 1)
    const client = await connect(sandbox, '/ws')
    expect(sandbox.now()).toBe(start)
    await client.ask('SUBSCRIBE', ['btcusdt@trade'])
    await client.many(2, '"trade"')
    expect(sandbox.now()).toBeGreaterThanOrEqual(T / 1000 + 60_000)
    expect(sandbox.live().capture?.state).toBe('done')
  })

  it('answers depth with the recorded bodies at their time', async () => {
    const rest = '/api/v3/depth?symbol=BTCUSDT&limit=1000'
    const file = captureFile([
      { t: T, frame: FRAMES[0]! },
      { t: T + 400_000, rest, status: 200, body: '{ "lastUpdateId": 1 }' },
      { t: T + 5_000_000, rest, status: 200, body: '{ "lastUpdateId": 2 }' },
    ])
    const sandbox = await liveSandbox({ capture: [file], speed: 10 })
    const client = await connect(sandbox, '/ws/btcusdt@trade')
    const body = async (): Promise<string> =>
      (await fetch(`${sandbox.rest}/api/v3/depth?symbol=BTCUSDT&limit=100`)).text()
    expect(await body()).toBe('{ "lastUpdateId": 1 }')
    expect(sandbox.now()).toBeGreaterThanOrEqual(T / 1000 + 400)
    await client.many(1, '"trade"')
    while (sandbox.now() < T / 1000 + 5000) await new Promise((done) => setTimeout(done, 20))
    expect(await body()).toBe('{ "lastUpdateId": 2 }')
  })

  it('makes REST agree: trades, candles and the rules of the symbol', async () => {
    const trade = (t: number, p: string, q: string): Line => ({
      t: T + t * 10_000,
      frame: `{"stream":"tinyusdt@trade","data":{"e":"trade","E":${T / 1000 + t},"s":"TINYUSDT","t":${t},"p":"${p}","q":"${q}","T":${T / 1000 + t},"m":false,"M":true}}`,
    })
    const k = `"t":${T / 1000},"T":${T / 1000 + 59_999},"s":"TINYUSDT","i":"1m","f":1,"L":3,"o":"0.5","c":"0.6","h":"0.7","l":"0.4","v":"9","n":3,"x":true,"q":"5","V":"1","Q":"2","B":"0"`
    const file = captureFile([
      trade(1, '0.00012300', '10.00000000'),
      trade(2, '0.00012310', '2.50000000'),
      { t: T + 25_000, frame: `{"stream":"tinyusdt@kline_1m","data":{"e":"kline","E":1,"s":"TINYUSDT","k":{${k}}}}` },
      trade(3, '0.00012300', '1.00000000'),
      trade(9_000, '0.00012300', '1.00000000'),
    ])
    const sandbox = await liveSandbox({ capture: [file] })
    const client = await connect(sandbox, '/ws/tinyusdt@trade')
    await client.many(3, '"trade"')
    const get = async (path: string): Promise<unknown> => (await fetch(sandbox.rest + path)).json()
    const rows = await get('/api/v3/historicalTrades?symbol=TINYUSDT&fromId=2&limit=2')
    expect(rows).toEqual([
      {
        ...{ id: 2, price: '0.00012310', qty: '2.50000000', quoteQty: '0.00030775', time: T / 1000 + 2 },
        ...{ isBuyerMaker: false, isBestMatch: true },
      },
      expect.objectContaining({ id: 3 }),
    ])
    expect(((await get('/api/v3/trades?symbol=TINYUSDT&limit=10')) as unknown[]).length).toBe(3)
    expect(await get('/api/v3/klines?symbol=TINYUSDT&interval=1m')).toEqual([
      [T / 1000, '0.5', '0.7', '0.4', '0.6', '9', T / 1000 + 59_999, '5', 3, '1', '2', '0'],
    ])
    const info = (await get('/api/v3/exchangeInfo')) as { symbols: { symbol: string; filters: unknown[] }[] }
    expect(info.symbols.map(({ symbol }) => symbol)).toEqual(['TINYUSDT'])
    expect(info.symbols[0]!.filters).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ tickSize: '0.00000010' }),
        expect.objectContaining({ filterType: 'LOT_SIZE', stepSize: '0.10000000' }),
      ]),
    )
  })

  it('of a market that only a prefix tells is played there', async () => {
    const file = captureFile([{ t: T, frame: FRAMES[0]! }], 'session.ndjson')
    const sandbox = await liveSandbox({ capture: [`usdm:${file}`] })
    const client = await connect(sandbox, '/public/stream?streams=btcusdt@trade')
    expect(await client.until(() => true)).toBe(FRAMES[0])
  })

  it.each([
    ['{"t":1}', /line 1 of ".*" is not \{"t":µs,"frame":…\}/],
    ['{"t":1,"frame":"x"', /cannot be read after line 1/],
    ['', /there is nothing in/],
  ])('that says %s is refused', async (text, message) => {
    const file = captureFile([], 'bad.ndjson')
    writeFileSync(file, text)
    await expect(liveSandbox({ capture: [file] })).rejects.toThrow(message)
  })

  it('that is not there is refused', async () => {
    await expect(liveSandbox({ capture: ['nowhere.ndjson'] })).rejects.toThrow(/"nowhere.ndjson" cannot be read/)
  })
})

const recorded = findRealData()

describe.skipIf(recorded === undefined)(realDataTitle('a recorded session'), () => {
  it('arrives as it was recorded', async () => {
    const lines: Line[] = gunzipSync(readFileSync(join(recorded!, 'ws/binance-usdm/hft_btcusdt_20240719.gz')))
      .toString()
      .split('\n')
      .slice(0, 20_000)
      .flatMap((line) => {
        const [time = '', frame = ''] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]
        return frame.startsWith('{"stream"') ? [{ t: Math.floor(Number(time) / 1000), frame }] : []
      })
    const file = captureFile(lines)
    const sandbox = await liveSandbox({ capture: [file], speed: 100 })
    const client = await connect(sandbox, '/public/stream?streams=btcusdt@depth@0ms/btcusdt@bookTicker/btcusdt@trade')
    await client.many(lines.length, '"stream"')
    expect(client.texts).toEqual(lines.map((line) => 'frame' in line && line.frame))
  })
})
