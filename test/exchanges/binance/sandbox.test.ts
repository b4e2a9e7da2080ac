import { afterEach, expect, test } from 'vitest'
import { BinanceClient } from '../../../src/exchanges/binance/client.ts'
import type { RetryInfo } from '../../../src/exchanges/exchange.ts'
import type { Market } from '../../../src/model/series.ts'
import { MINUTE } from '../../../src/model/time.ts'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../../src/sandbox/index.ts'

const NOW = Date.UTC(2024, 5, 15, 12)
const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

async function start(options: SandboxOptions = {}, client: ConstructorParameters<typeof BinanceClient>[0] = {}) {
  const sandbox = await startSandbox({ now: NOW, symbols: ['BTCUSDT'], ...options })
  const made = new BinanceClient({ endpoint: sandbox.endpoint, ...client })
  open.push(sandbox, made)
  return { sandbox, client: made }
}

/** Every candle of a range by REST, as the twelve fields without the last, in numbers. */
async function fetched(client: BinanceClient, market: Market, from: number, to: number): Promise<number[][]> {
  const rows: number[][] = []
  for await (const { batch } of client.candlePages({ market, symbol: 'BTCUSDT', interval: '1m', from, to })) {
    const columns = Object.values(batch.columns).slice(0, 11)
    for (let row = 0; row < batch.length; row++) rows.push(columns.map((column) => column[row]!))
  }
  return rows
}

async function truth(sandbox: Sandbox, market: 'spot' | 'usdm', from: number, to: number): Promise<number[][]> {
  const rows = await sandbox.truthCandles(market, 'BTCUSDT', '1m', from, to)
  return rows.map((row) => row.slice(0, 11).map(Number))
}

test.each(['spot', 'usdm'] as const)('what REST gives of %s equals what the sandbox says happened', async (market) => {
  const { sandbox, client } = await start()
  const from = NOW - 3 * 1440 * MINUTE
  const rows = await fetched(client, market, from, NOW)
  expect(rows).toHaveLength(3 * 1440)
  expect(rows).toEqual(await truth(sandbox, market, from, NOW))
})

test('a range full of faults comes out whole', async () => {
  const retries: RetryInfo[] = []
  const match = { path: 'klines' }
  const { sandbox, client } = await start(
    {
      faults: [
        { type: 'http-error', status: 503, times: 2, match },
        { type: 'cut', times: 2, after: 1, match },
        { type: 'garbage-json', body: 'html', status: 503, times: 1, after: 2, match },
        { type: 'stall', times: 1, after: 3, match },
        { type: 'timeout', times: 1, after: 4, match },
        { type: 'rate-limit', times: 1, after: 5, match },
      ],
    },
    { timeoutMs: 300, onRetry: (retry) => retries.push(retry) },
  )
  const from = NOW - 8 * 1440 * MINUTE
  expect(await fetched(client, 'spot', from, NOW)).toEqual(await truth(sandbox, 'spot', from, NOW))
  expect(retries.length).toBeGreaterThanOrEqual(7)
})

test('an exchange whose clock differs from ours is followed, not corrected', async () => {
  const { client } = await start({ faults: [{ type: 'clock-skew', ms: 3_600_000 }] })
  expect(Math.abs((await client.now('spot')) - (NOW + 3_600_000))).toBeLessThan(20_000)
})

test.each([
  ['spot', 100],
  ['usdm', 100],
] as const)(
  'a download of %s by REST alone uses 90 % of every full window without one refusal',
  async (market, limit) => {
    // Few requests per window: what is measured is the budget, not the machine.
    const windowMs = 3000
    const { sandbox, client } = await start({ weightWindowMs: windowMs, weightLimits: { spot: limit, usdm: limit } })
    const windows = new Map<number, number>()
    const look = (): void => {
      const { windowStart, used } = sandbox.usage()[market]
      if (used > 0) windows.set(windowStart, used)
    }
    const watch = setInterval(look, 10)
    try {
      const from = NOW - 1_000_000 * MINUTE
      for await (const _ of client.candlePages({ market, symbol: 'BTCUSDT', interval: '1m', from, to: NOW })) {
        if (windows.size >= 5) break
      }
    } finally {
      clearInterval(watch)
    }
    const usage = sandbox.usage()[market]
    expect([usage.rejected429, usage.rejected418]).toEqual([0, 0])
    expect(usage.highest).toBeLessThanOrEqual(limit)
    // The download began in the middle of the first window and was left in the middle of the last.
    const full = [...windows.values()].slice(1, -1)
    expect(full.length).toBeGreaterThanOrEqual(3)
    for (const used of full) expect(used / limit).toBeGreaterThanOrEqual(0.9)
  },
)
