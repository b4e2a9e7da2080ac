import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createBinanceParser, GeneralParser } from '../../../../src/exchanges/binance/frames/index.ts'
import type { Market } from '../../../../src/model/series.ts'
import { startSandbox } from '../../../../src/sandbox/index.ts'
import { Told } from './collect.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

const SPOT = 'trade aggTrade kline_1m depth@100ms depth20@100ms bookTicker ticker miniTicker'.split(' ')
const FUTURES = {
  '/public': 'trade depth@100ms depth10@100ms bookTicker'.split(' '),
  '/market': 'aggTrade kline_1m markPrice@1s ticker miniTicker'.split(' '),
}

test.each([
  ['spot', '', SPOT, ''],
  ['spot in microseconds', '', SPOT, '&timeUnit=MICROSECOND'],
  ['usdm', '/public', FUTURES['/public'], ''],
  ['usdm', '/market', FUTURES['/market'], ''],
] as const)(
  'every stream of the sandbox is read without leaving the byte loop: %s %s',
  async (name, route, streams, extra) => {
    const market: Market = name.startsWith('spot') ? 'spot' : 'usdm'
    const sandbox = await startSandbox({ symbols: ['BTCUSDT'], tradesPerSecond: 50, speed: 10 })
    open.push(sandbox)
    const names = streams.map((stream) => `btcusdt@${stream}`)
    const url = `${sandbox.endpoint.replace('http', 'ws')}${route}/stream?streams=${names.join('/')}${extra}`
    const socket = new WebSocket(url, { perMessageDeflate: false })
    open.push({ [Symbol.asyncDispose]: async () => socket.terminate() })
    const [fast, general] = [createBinanceParser(market), new GeneralParser(market)]
    const waiting = new Set(names)
    const [one, other] = [new Told(), new Told()]
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('message', (data: Buffer) => {
        fast.parse(data, 0, data.length, 1.5, one)
        general.parse(data, 0, data.length, 1.5, other)
        waiting.delete((JSON.parse(data.toString()) as { stream: string }).stream)
        if (waiting.size === 0 && one.records.length > 100) resolve()
      })
    })
    expect(one).toEqual(other)
    expect(one.problems).toEqual([])
    expect(one.unknowns).toEqual([])
    expect(fast.fallbacks).toBe(0)
    const kinds = new Set(one.records.map((record) => record.kind))
    expect(kinds.size).toBeGreaterThanOrEqual(4)
    for (const { flags } of one.records) expect(flags & 64).toBe(0)
    if (extra !== '') expect(one.records.some(({ eventTime }) => eventTime % 1 !== 0)).toBe(true)
  },
)
