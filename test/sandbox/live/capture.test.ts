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
