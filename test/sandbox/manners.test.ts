import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { SandboxUsage } from '../../src/sandbox/index.ts'
import { getJson, sandboxFor } from './help.ts'

describe('weights', () => {
  it.each([
    ['/api/v3/ping', 1],
    ['/api/v3/exchangeInfo', 20],
    ['/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1000', 2],
    ['/api/v3/avgPrice?symbol=BTCUSDT', 2],
    ['/api/v3/ticker/24hr?symbol=BTCUSDT', 2],
    ['/api/v3/ticker/24hr', 80],
    ['/api/v3/ticker/price', 4],
    ['/api/v3/ticker/bookTicker?symbol=BTCUSDT', 2],
    ['/fapi/v1/exchangeInfo', 1],
    ['/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=99', 1],
    ['/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=499', 2],
    ['/fapi/v1/klines?symbol=BTCUSDT&interval=1m', 5],
    ['/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1001', 10],
    ['/fapi/v1/ticker/24hr', 40],
    ['/fapi/v2/ticker/price', 2],
    ['/fapi/v1/ticker/bookTicker', 5],
    ['/api/v3/depth?symbol=BTCUSDT', 5],
    ['/api/v3/depth?symbol=BTCUSDT&limit=101', 25],
    ['/api/v3/depth?symbol=BTCUSDT&limit=1000', 50],
    ['/api/v3/depth?symbol=BTCUSDT&limit=5000', 250],
    ['/api/v3/trades?symbol=BTCUSDT', 25],
    ['/api/v3/historicalTrades?symbol=BTCUSDT&fromId=1', 25],
    ['/api/v3/aggTrades?symbol=BTCUSDT', 4],
    ['/fapi/v1/depth?symbol=BTCUSDT&limit=50', 2],
    ['/fapi/v1/depth?symbol=BTCUSDT&limit=100', 5],
    ['/fapi/v1/depth?symbol=BTCUSDT', 10],
    ['/fapi/v1/depth?symbol=BTCUSDT&limit=1000', 20],
    ['/fapi/v1/trades?symbol=BTCUSDT', 5],
    ['/fapi/v1/aggTrades?symbol=BTCUSDT', 20],
    ['/fapi/v1/premiumIndex?symbol=BTCUSDT', 1],
    ['/fapi/v1/premiumIndex', 10],
    ['/fapi/v1/fundingRate?symbol=BTCUSDT', 0],
    ['/fapi/v1/fundingInfo', 0],
    ['/fapi/v1/openInterest?symbol=BTCUSDT', 1],
  ])('%s weighs %i', async (path, weight) => {
    const sandbox = await sandboxFor({ tradesPerSecond: 0.01 })
    const response = await fetch(sandbox.endpoint + path)
    expect(response.status).toBe(200)
    expect(response.headers.get('x-mbx-used-weight-1m')).toBe(String(weight))
    const usage = sandbox.usage()[path.startsWith('/fapi') ? 'usdm' : 'spot']
    expect(usage).toMatchObject({ used: weight, highest: weight, requests: 1 })
  })
})

describe('the weight limit', () => {
  // The clock hardly moves, so that the window cannot end in the middle of a test.
  const still = { speed: 0.001, now: '2024-05-10T10:30:02Z' }

  it('is stated in exchangeInfo and in the name of the header', async () => {
    const sandbox = await sandboxFor({ ...still, weightWindowMs: 5_000, weightLimits: { spot: 100, usdm: 50 } })
    const response = await fetch(`${sandbox.endpoint}/api/v3/exchangeInfo`)
    expect(response.headers.get('x-mbx-used-weight-5s')).toBe('20')
    const info = (await response.json()) as { rateLimits: unknown[] }
    expect(info.rateLimits[0]).toEqual({
      rateLimitType: 'REQUEST_WEIGHT',
      interval: 'SECOND',
      intervalNum: 5,
      limit: 100,
    })
  })

  it('counts funding calls apart: 500 in five minutes', async () => {
    const sandbox = await sandboxFor(still)
    const status = async (path: string): Promise<number> => {
      const response = await fetch(sandbox.endpoint + path)
      await response.arrayBuffer()
      return response.status
    }
    for (let i = 0; i < 250; i++) {
      expect(await status('/fapi/v1/fundingInfo')).toBe(200)
      expect(await status('/fapi/v1/fundingRate?symbol=BTCUSDT&limit=1')).toBe(200)
    }
    const refused = await fetch(`${sandbox.endpoint}/fapi/v1/fundingInfo`)
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await status('/fapi/v1/premiumIndex?symbol=BTCUSDT')).toBe(200)
  })

  it('is answered with 429 and Retry-After when it is passed, and counts both markets apart', async () => {
    const sandbox = await sandboxFor({ ...still, weightLimits: { spot: 50 } })
    const status = async (path: string): Promise<number> => (await fetch(sandbox.endpoint + path)).status
    expect(await status('/api/v3/exchangeInfo')).toBe(200)
    expect(await status('/api/v3/exchangeInfo')).toBe(200)
    const refused = await fetch(`${sandbox.endpoint}/api/v3/exchangeInfo`)
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(((await refused.json()) as { code: number }).code).toBe(-1003)
    expect(await status('/fapi/v1/exchangeInfo')).toBe(200)
    expect(sandbox.usage().spot).toMatchObject({ limit: 50, used: 60, highest: 60, rejected429: 1, requests: 3 })
  })

  it('is forgotten when the next window begins', async () => {
    const sandbox = await sandboxFor({ speed: 60, weightLimits: { spot: 25 } })
    const status = async (): Promise<number> => (await fetch(`${sandbox.endpoint}/api/v3/exchangeInfo`)).status
    const window = (): number => Math.floor(sandbox.now() / 60_000)
    while ((await status()) !== 429);
    const refusedIn = window()
    while (window() <= refusedIn) await delay(20)
    expect(await status()).toBe(200)
  })

  it('leads to a ban for those who keep calling, longer with each call', async () => {
    const sandbox = await sandboxFor({ ...still, weightLimits: { spot: 1 } })
    const call = async (): Promise<{ status: number; until: number }> => {
      const response = await fetch(`${sandbox.endpoint}/api/v3/exchangeInfo`)
      const { msg } = (await response.json()) as { msg: string }
      return { status: response.status, until: Number(/IP banned until (\d+)/.exec(msg)?.[1] ?? 0) }
    }
    let answer = await call()
    for (let calls = 0; answer.status === 429 && calls < 100; calls++) answer = await call()
    expect(answer.status).toBe(418)
    expect(answer.until).toBeGreaterThanOrEqual(sandbox.now() + 119_000)
    const next = await call()
    expect(next.status).toBe(418)
    expect(next.until).toBe(answer.until + 1000)
    expect(sandbox.usage().spot.rejected418).toBe(2)
  })
})

describe('the usage meter', () => {
  it('counts requests by path and what the archive sent, and can be reset', async () => {
    const sandbox = await sandboxFor()
    const file = '/data/spot/daily/klines/BTCUSDT/1d/BTCUSDT-1d-2024-05-01.zip'
    const sizes: number[] = []
    for (const path of [file, file, `${file}.CHECKSUM`, '/?prefix=data/&delimiter=/', '/data/nothing.zip']) {
      sizes.push((await (await fetch(sandbox.endpoint + path)).arrayBuffer()).byteLength)
    }
    await fetch(`${sandbox.endpoint}/api/v3/klines?symbol=BTCUSDT&interval=1m`)
    const usage = await getJson<SandboxUsage>(sandbox, '/sandbox/usage')
    expect(usage.archive).toEqual({
      requests: 5,
      files: 2,
      checksums: 1,
      listings: 1,
      notFound: 1,
      bytes: sizes.reduce((sum, size) => sum + size, 0),
    })
    expect(usage.paths).toEqual({
      [file]: 2,
      [`${file}.CHECKSUM`]: 1,
      '/': 1,
      '/data/nothing.zip': 1,
      '/api/v3/klines': 1,
    })
    const reset = await getJson<SandboxUsage>(sandbox, '/sandbox/usage/reset', { method: 'POST' })
    expect(reset.paths).toEqual({})
    expect(reset.archive.bytes).toBe(0)
    expect(reset.spot).toMatchObject({ requests: 0, highest: 0 })
  })
})
