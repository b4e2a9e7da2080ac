import { describe, expect, it } from 'vitest'
import type { FaultSpec, Sandbox } from '../../../src/sandbox/index.ts'
import { connect, liveSandbox } from './client.ts'

interface Depth {
  lastUpdateId: number
}

const get = async <T>(sandbox: Sandbox, path: string): Promise<T> =>
  (await (await fetch(sandbox.rest + path)).json()) as T
const text = async (sandbox: Sandbox, path: string): Promise<string> => (await fetch(sandbox.rest + path)).text()

const busy = (faults: FaultSpec[]): Promise<Sandbox> => liveSandbox({ tradesPerSecond: 50, faults })

describe('a late snapshot', () => {
  it.each([
    ['spot', '', '/api/v3/depth?symbol=BTCUSDT&limit=100'],
    ['usdm', '/public', '/fapi/v1/depth?symbol=BTCUSDT&limit=100'],
  ] as const)('on %s is older than the stream, once', async (market, route, path) => {
    const sandbox = await busy([{ type: 'late-snapshot', ms: 5000, times: 1, match: { market } }])
    const client = await connect(sandbox, `${route}/ws/btcusdt@depth@100ms`)
    const [first] = (await client.many(1, '"depthUpdate"')) as { U: number }[]
    const old = await get<Depth>(sandbox, path)
    expect(old.lastUpdateId).toBeLessThan(first!.U)
    expect((await get<Depth>(sandbox, path)).lastUpdateId).toBeGreaterThan(old.lastUpdateId)
  })

  it('can be much newer than what the stream has told', async () => {
    const sandbox = await busy([{ type: 'late-snapshot', ms: -3000, match: { symbol: 'BTCUSDT' } }])
    const client = await connect(sandbox, '/ws/btcusdt@depth@100ms')
    await client.many(1, '"depthUpdate"')
    const snapshot = await get<Depth>(sandbox, '/api/v3/depth?symbol=BTCUSDT')
    const told = client.texts.map((event) => (JSON.parse(event) as { u: number }).u)
    expect(snapshot.lastUpdateId).toBeGreaterThan(told.at(-1)!)
    const other = await get<Depth>(sandbox, '/api/v3/depth?symbol=ETHUSDT')
    expect(other.lastUpdateId).toBeGreaterThan(0)
  })

  it('can come late, as the book was when it was asked for', async () => {
    const sandbox = await busy([{ type: 'late-snapshot', delayMs: 400 }])
    const client = await connect(sandbox, '/ws/btcusdt@depth@100ms')
    const asked = sandbox.now()
    const snapshot = await get<Depth>(sandbox, '/api/v3/depth?symbol=BTCUSDT')
    expect(sandbox.now() - asked).toBeGreaterThanOrEqual(400)
    const told = (await client.many(3, '"depthUpdate"')) as { u: number }[]
    expect(snapshot.lastUpdateId).toBeLessThan(told.at(-1)!.u)
  })
})

describe('large ids', () => {
  it('are the same in streams and in REST', async () => {
    const offset = 2n ** 53n
    const sandbox = await busy([{ type: 'large-ids', match: { market: 'spot' } }])
    const client = await connect(sandbox, '/ws/btcusdt@trade/btcusdt@aggTrade/btcusdt@depth@100ms')
    await client.many(20, '"trade"')
    await client.many(1, '"aggTrade"')
    const ids = client.texts.flatMap((event) => /"t":(\d+)/.exec(event)?.[1] ?? [])
    expect(BigInt(ids[0]!)).toBeGreaterThan(offset)
    expect(ids).toEqual(ids.map((_, i) => String(BigInt(ids[0]!) + BigInt(i))))
    const trades = await text(sandbox, `/api/v3/historicalTrades?symbol=BTCUSDT&fromId=${ids[0]}&limit=5`)
    expect([...trades.matchAll(/"id":(\d+)/g)].map(([, id]) => id)).toEqual(ids.slice(0, 5))
    const agg = /"a":(\d+)/.exec(client.texts.find((event) => event.includes('"aggTrade"'))!)![1]!
    const aggs = await text(sandbox, `/api/v3/aggTrades?symbol=BTCUSDT&fromId=${agg}&limit=1`)
    expect(/"a":(\d+)/.exec(aggs)![1]).toBe(agg)
    const depth = await text(sandbox, '/api/v3/depth?symbol=BTCUSDT&limit=5')
    expect(BigInt(/"lastUpdateId":(\d+)/.exec(depth)![1]!)).toBeGreaterThan(offset)
    const futures = await get<Depth>(sandbox, '/fapi/v1/depth?symbol=BTCUSDT&limit=5')
    expect(BigInt(futures.lastUpdateId)).toBeLessThan(offset)
  })
})
