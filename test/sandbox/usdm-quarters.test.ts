import { afterAll, beforeAll, expect, it } from 'vitest'
import { Collector } from '../../src/engine/live/collector.ts'
import { isRight } from '../../src/engine/live/proof.ts'
import { proveLake } from '../../src/engine/live/prove.ts'
import { DAY, HOUR } from '../../src/model/time.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { tempFolder } from '../helpers/temp.ts'
import { getJson } from './help.ts'

type Row = Record<string, unknown>

const NOW = Date.UTC(2026, 10, 21, 12)
const DUE = Date.UTC(2026, 11, 25, 8)

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startSandbox({ now: NOW, tradesPerSecond: 20 })
})
afterAll(() => sandbox[Symbol.asyncDispose]())

it('exchangeInfo of USD-M lists the quarters of BTC and ETH beside their perpetuals', async () => {
  const { symbols } = await getJson<{ symbols: Row[] }>(sandbox, '/fapi/v1/exchangeInfo')
  const dated = symbols.filter(({ symbol }) => String(symbol).includes('_'))
  expect(
    dated.map(({ symbol, pair, contractType, deliveryDate }) => [symbol, pair, contractType, deliveryDate]),
  ).toEqual([
    ['BTCUSDT_261225', 'BTCUSDT', 'CURRENT_QUARTER', DUE],
    ['BTCUSDT_270326', 'BTCUSDT', 'NEXT_QUARTER', Date.UTC(2027, 2, 26, 8)],
    ['ETHUSDT_261225', 'ETHUSDT', 'CURRENT_QUARTER', DUE],
    ['ETHUSDT_270326', 'ETHUSDT', 'NEXT_QUARTER', Date.UTC(2027, 2, 26, 8)],
  ])
  // As recorded of BTCUSDT_210625.
  expect(dated[0]).toMatchObject({
    ...{ marginAsset: 'USDT', quoteAsset: 'USDT', baseAsset: 'BTC', status: 'TRADING', underlyingType: 'COIN' },
    ...{ pricePrecision: 1, quantityPrecision: 3, onboardDate: DUE - 182 * DAY },
  })
  expect(symbols.find(({ symbol }) => symbol === 'BTCUSDT')).toMatchObject({
    ...{ contractType: 'PERPETUAL', deliveryDate: 4_133_404_800_000 },
  })
  const spot = await fetch(`${sandbox.rest}/api/v3/klines?symbol=BTCUSDT_261225&interval=1h`)
  expect(await spot.json()).toMatchObject({ code: -1121 })
})

it('their candles are those of their trades, and continuousKlines follow the contracts in turn', async () => {
  const range = `startTime=${NOW - 2 * HOUR}&endTime=${NOW - HOUR - 1}`
  const [hour] = await getJson<string[][]>(sandbox, `/fapi/v1/klines?symbol=BTCUSDT_261225&interval=1h&${range}`)
  const minutes = await getJson<string[][]>(sandbox, `/fapi/v1/klines?symbol=BTCUSDT_261225&interval=1m&${range}`)
  expect(minutes).toHaveLength(60)
  const sum = minutes.reduce((total, row) => total + Number(row[5]), 0)
  expect(Number(hour![5])).toBeCloseTo(sum, 6)
  expect(hour![1]).toMatch(/^\d+\.\d$/)
  const trades = await getJson<Row[]>(sandbox, '/fapi/v1/trades?symbol=BTCUSDT_261225&limit=10')
  expect(trades).toHaveLength(10)
  const turn = (type: string, more = range): Promise<string[][]> =>
    getJson(sandbox, `/fapi/v1/continuousKlines?pair=BTCUSDT&contractType=${type}&interval=1h&${more}`)
  expect(await turn('CURRENT_QUARTER')).toEqual([hour])
  expect(await turn('NEXT_QUARTER')).toEqual(
    await getJson(sandbox, `/fapi/v1/klines?symbol=BTCUSDT_270326&interval=1h&${range}`),
  )
  expect(await turn('PERPETUAL')).toEqual(await getJson(sandbox, `/fapi/v1/klines?symbol=BTCUSDT&interval=1h&${range}`))
  // Long settled: REST gives it by its type only.
  const old = `startTime=${Date.UTC(2024, 11, 27, 6)}&endTime=${Date.UTC(2024, 11, 27, 9)}`
  expect((await turn('CURRENT_QUARTER', old)).map(([open]) => open)).toEqual([
    ...[Date.UTC(2024, 11, 27, 6), Date.UTC(2024, 11, 27, 7)],
  ])
})

it('they pay no funding, and say so', async () => {
  const premium = await getJson<Row>(sandbox, '/fapi/v1/premiumIndex?symbol=BTCUSDT_261225')
  expect(premium).toMatchObject({ lastFundingRate: '', interestRate: '', nextFundingTime: 0 })
  expect(Number(premium.markPrice)).toBeGreaterThan(0)
  expect(await getJson(sandbox, '/fapi/v1/fundingRate?symbol=BTCUSDT_261225')).toEqual([])
})

it('they are collected like any other contract, and the lake holds what happened', async () => {
  await using folder = await tempFolder('quarters')
  const kinds = ['trade', 'aggTrade', 'bookDelta', 'quote', 'markPrice'] as const
  const collector = await Collector.open({
    client: { endpoint: sandbox.endpoint },
    dataDir: folder.path,
    channels: kinds.map((kind) => ({ market: 'usdm', kind, symbol: 'BTCUSDT_261225' })),
  })
  await collector.start()
  const records = (kind: string): number => collector.status().series.find((one) => one.kind === kind)?.records ?? 0
  await expect.poll(() => kinds.every((kind) => records(kind) > 2), { timeout: 60_000 }).toBe(true)
  await collector.flush()
  // What pays no funding is not asked for any.
  expect(collector.status().series.map(({ kind }) => kind)).not.toContain('fundingRate')
  const lake = collector.lake!
  const marks = []
  const id = { exchange: 'binance', market: 'usdm', symbol: 'BTCUSDT_261225' } as const
  for await (const batch of lake.readEvents({ ...id, kind: 'markPrice' })) marks.push(...batch.columns.funding_rate!)
  expect(marks.every(Number.isNaN)).toBe(true)
  await collector.stop()
  const proofs = []
  for await (const proof of proveLake(lake, await lake.list(), sandbox.endpoint)) proofs.push(proof)
  expect(proofs.filter(({ stored }) => stored > 0).map(({ series }) => series.kind)).toEqual(
    expect.arrayContaining([...kinds]),
  )
  expect(proofs.filter((proof) => !isRight(proof))).toEqual([])
})
