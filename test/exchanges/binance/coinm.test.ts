import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { BinanceClient } from '../../../src/exchanges/binance/client.ts'
import { exchangeInfo, instrumentOf, rateLimitsOf } from '../../../src/exchanges/binance/instruments.ts'
import { parseKlines } from '../../../src/exchanges/binance/klines-parser.ts'
import { parseJson } from '../../../src/exchanges/binance/schema.ts'
import { columnOf } from '../../../src/model/batch.ts'
import { InvalidRangeError, InvalidSymbolError } from '../../../src/model/errors.ts'
import type { Interval } from '../../../src/model/interval.ts'
import { SymbolCatalogue, unifiedSymbol } from '../../../src/model/symbol.ts'
import { DAY, HOUR, MINUTE } from '../../../src/model/time.ts'
import { startSandbox } from '../../../src/sandbox/index.ts'
import { sendJson, startTestServer } from '../../helpers/http-server.ts'
import { findRealData, realDataTitle } from '../../helpers/real-data.ts'

const NOW = Date.UTC(2024, 5, 15, 12)
const LISTED = Date.UTC(2020, 7, 10, 6)
const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

async function start() {
  const sandbox = await startSandbox({ now: NOW, markets: ['coinm', 'usdm'], tradesPerSecond: 0.05 })
  const client = new BinanceClient({ endpoint: sandbox.endpoint })
  open.push(sandbox, client)
  return { sandbox, client }
}

async function opensOf(client: BinanceClient, interval: Interval, from: number, to: number): Promise<number[]> {
  const opens: number[] = []
  const request = { market: 'coinm', symbol: 'BTCUSD_PERP', interval, from, to } as const
  for await (const { batch } of client.candlePages(request)) opens.push(...columnOf(batch, 'open_time'))
  return opens
}

test('candles of years come whole, though COIN-M counts the newest of 200 days', async () => {
  const { sandbox, client } = await start()
  for (const [interval, from] of [
    ['1d', Date.UTC(2018, 0, 1)],
    ['1w', Date.UTC(2020, 6, 1)],
    ['1M', 0],
    ['3d', Date.UTC(2019, 5, 2)],
    ['1m', NOW - 3 * DAY],
  ] as const) {
    const truth = await sandbox.truthCandles('coinm', 'BTCUSD_PERP', interval, from, NOW)
    const opens = await opensOf(client, interval, from, NOW)
    expect(opens.length - truth.length, interval).toBeLessThanOrEqual(1)
    expect(opens.slice(0, truth.length), interval).toEqual(truth.map(([time]) => time))
  }
  // A page a 200 days, and none before the listing but the few that look for it.
  const paths = sandbox.usage().paths['/dapi/v1/klines']!
  expect(paths).toBeLessThan(90)
})

test('the first candle is found where a start alone finds nothing', async () => {
  const { client } = await start()
  const of = { market: 'coinm', symbol: 'BTCUSD_PERP' } as const
  expect(await client.nextOpen({ ...of, interval: '1m', from: 0 })).toBe(LISTED)
  expect(await client.nextOpen({ ...of, interval: '1d', from: 0 })).toBe(LISTED - 6 * HOUR)
  expect(await client.nextOpen({ ...of, interval: '1h', from: LISTED + 90 * MINUTE })).toBe(LISTED + 2 * HOUR)
  expect(await client.nextOpen({ ...of, interval: '1m', from: Date.UTC(2023, 11, 31, 23, 59, 30) })).toBe(
    Date.UTC(2024, 0, 1),
  )
  expect(await client.nextOpen({ ...of, interval: '1m', from: NOW + DAY })).toBeUndefined()
  const index = { market: 'coinm', symbol: 'BTCUSD_PERP', kind: 'indexCandle' } as const
  expect(await client.nextOpen({ ...index, interval: '1h', from: 0 })).toBe(LISTED)
})

test('volumes are contracts, and money is the base asset', async () => {
  const { client } = await start()
  const [candle] = await client.getKlines('BTC/USD:BTC', '1h', { startTime: NOW - 2 * HOUR, endTime: NOW - HOUR - 1 })
  expect(Number.isInteger(candle!.volume)).toBe(true)
  // A contract is 100 USD.
  const price = (100 * candle!.volume) / candle!.quoteVolume
  expect(price).toBeGreaterThan(candle!.low * 0.9999)
  expect(price).toBeLessThan(candle!.high * 1.0001)

  const day = await client.get24hTicker('BTCUSD_PERP', { market: 'coinm' })
  expect(day.quoteVolume).toBeUndefined()
  expect((100 * Number(day.volume)) / Number(day.baseVolume)).toBeCloseTo(Number(day.weightedAvgPrice), 0)
  const [trade] = await client.getTrades('BTCUSD_PERP', { market: 'coinm', limit: 1 })
  expect(Number(trade!.baseQty)).toBeCloseTo((100 * Number(trade!.qty)) / Number(trade!.price), 8)
})

test('rules of contracts: size, pair, quarter and end', async () => {
  const { client } = await start()
  const perpetual = await client.getSymbolInfo('BTC/USD:BTC', { market: 'coinm' })
  expect(perpetual).toMatchObject({
    ...{ symbol: 'BTCUSD_PERP', base: 'BTC', quote: 'USD', settle: 'BTC', contract: 'perpetual', contractSize: 100 },
    ...{ status: 'TRADING', active: true, tickSize: '0.1', stepSize: '1', listedAt: LISTED },
  })
  expect(perpetual).not.toHaveProperty('expiresAt')
  const listed = (await client.instruments('coinm')).map(({ symbol }) => symbol)
  expect(listed).toEqual(['BTCUSD_PERP', 'ETHUSD_PERP', 'BNBUSD_PERP', 'SOLUSD_PERP'])
  await expect(client.getSymbolInfo('BTCUSD', { market: 'coinm' })).rejects.toThrow(/BTCUSD_PERP/)
  await expect(client.getSymbolInfo('BTCUSD_241227', { market: 'coinm' })).rejects.toThrow(InvalidSymbolError)
})

test('quarters come and go', async () => {
  const sandbox = await startSandbox({ now: Date.UTC(2026, 10, 20), markets: ['coinm'] })
  const client = new BinanceClient({ endpoint: sandbox.endpoint, market: 'coinm' })
  open.push(sandbox, client)
  const dated = await client.getSymbolInfo('BTC/USD:BTC-261225')
  expect(dated).toMatchObject({ contract: 'delivery', expiresAt: Date.UTC(2026, 11, 25, 8) })
  expect(await client.getOpenInterest('BTCUSD_270326')).toMatchObject({ pair: 'BTCUSD', contractType: 'NEXT_QUARTER' })
  // What is delivered pays no funding.
  expect(await client.getFundingRate('BTCUSD_261225')).toEqual([])
  expect(await client.getPremiumIndex('BTCUSD_261225')).toMatchObject([{ lastFundingRate: '', nextFundingTime: 0 }])
  expect((await client.getFundingRate('BTCUSD_PERP', { limit: 3 })).length).toBe(3)
})

test('one allowance for both futures markets', async () => {
  const { sandbox, client } = await start()
  const before = client.getRemainingRequests(1, 'futures')
  await client.getKlines('BTCUSD_PERP', '1m', { market: 'coinm', limit: 1500 })
  await client.getKlines('BTCUSDT', '1m', { market: 'usdm', limit: 1500 })
  expect(before - client.getRemainingRequests(1, 'futures')).toBeGreaterThanOrEqual(20)
  expect(sandbox.usage().usdm.highest).toBeGreaterThanOrEqual(20)
  expect(client.getRemainingRequests(1, 'spot')).toBeGreaterThan(5000)
})

test('statistics of COIN-M are asked for by pair', async () => {
  const server = await startTestServer((_request, response) => sendJson(response, []))
  const client = new BinanceClient({ endpoint: server.url })
  open.push(server, client)
  const call = { market: 'coinm' } as const
  await client.getOpenInterestHist('BTCUSD_PERP', '5m', call)
  await client.getOpenInterestHist('BTCUSD_261225', '5m', { ...call, contractType: 'CURRENT_QUARTER' })
  await client.getTopLongShortPositionRatio('BTC/USD:BTC', '1h')
  await client.getTakerBuySellVolume('BTCUSD_PERP', '1h', { limit: 3 })
  await client.getBasis('BTCUSD', '1h', call)
  await client.getPremiumIndex('ETHUSD_PERP', call)
  await client.getOpenInterestHist('BTCUSDT', '5m')
  expect(server.requests).toEqual([
    '/futures/data/openInterestHist?pair=BTCUSD&contractType=PERPETUAL&period=5m',
    '/futures/data/openInterestHist?pair=BTCUSD&contractType=CURRENT_QUARTER&period=5m',
    '/futures/data/topLongShortPositionRatio?pair=BTCUSD&period=1h',
    '/futures/data/takerBuySellVol?pair=BTCUSD&contractType=PERPETUAL&period=1h&limit=3',
    '/futures/data/basis?pair=BTCUSD&contractType=PERPETUAL&period=1h',
    '/dapi/v1/premiumIndex?symbol=ETHUSD_PERP',
    '/futures/data/openInterestHist?symbol=BTCUSDT&period=5m',
  ])
  expect(() => client.getOpenInterestHist('BTCUSD_261225', '5m', call)).toThrow(InvalidRangeError)
})

describe('recorded answers of COIN-M', () => {
  const folder = findRealData()
  const read = (path: string): string => gunzipSync(readFileSync(join(folder!, 'rest', path))).toString()

  test.skipIf(!folder)(realDataTitle('list contracts whose names go both ways'), () => {
    const [line] = read('binance-coinm/exchangeInfo_cf_20210722_BINANCE_DELIVERY.0.gz').split('\n')
    const body = Buffer.from(line!.slice(line!.indexOf(': {') + 2))
    const info = parseJson(body, exchangeInfo, 'recorded')
    const instruments = info.symbols.map((row) => instrumentOf(row, 'coinm'))
    expect(instruments.length).toBe(36)
    expect(rateLimitsOf(info)).toEqual([{ windowMs: MINUTE, limit: 2400, counts: 'weight' }])
    const catalogue = new SymbolCatalogue(instruments)
    for (const one of instruments) {
      expect(one.contractSize, one.symbol).toBe(one.base === 'BTC' ? 100 : 10)
      expect([one.settle, one.quote]).toEqual([one.base, 'USD'])
      expect(one.contract).toBe(one.symbol.endsWith('_PERP') ? 'perpetual' : 'delivery')
      expect(one.expiresAt === undefined).toBe(one.contract === 'perpetual')
      expect(catalogue.resolve(unifiedSymbol(one), 'coinm').symbol).toBe(one.symbol)
    }
    expect(catalogue.resolve('BTC/USD:BTC-210924')).toMatchObject({ symbol: 'BTCUSD_210924', active: true })
  })

  test.skipIf(!folder)(realDataTitle('hold contracts and coins, as the sandbox tells them'), async () => {
    type Answers = Record<string, { queryString: string; data: unknown }[]>
    const answers = JSON.parse(read('gct_binance_public_responses.json.gz')) as Answers
    const [refused, months] = answers['/dapi/v1/klines']!
    expect(months!.queryString).toContain('BTCUSD_PERP')
    const bytes = Buffer.from(JSON.stringify(months!.data))
    const batch = parseKlines(bytes, { source: 'recorded', interval: '1M', now: NOW })
    expect(batch.length).toBeGreaterThan(2)
    for (let i = 0; i < batch.length; i++) {
      const [volume, base, low, high] = ['volume', 'quote_volume', 'low', 'high'].map(
        (name) => columnOf(batch, name)[i]!,
      )
      expect((100 * volume!) / base!).toBeGreaterThan(low!)
      expect((100 * volume!) / base!).toBeLessThan(high!)
    }
    // Its refusal of a long span, word for word.
    const { sandbox } = await start()
    const path = `${sandbox.endpoint}/dapi/v1/klines?symbol=BTCUSD_PERP&interval=1d`
    const long = await fetch(`${path}&startTime=${NOW - 365 * DAY}&endTime=${NOW}`)
    expect(long.status).toBe(400)
    expect(await long.json()).toEqual(refused!.data)
  })
})

test('the sandbox counts the newest candles of 200 days, as COIN-M does', async () => {
  const { sandbox } = await start()
  const opens = async (query: string): Promise<number[]> => {
    const answer = await fetch(`${sandbox.endpoint}/dapi/v1/klines?symbol=BTCUSD_PERP&interval=1d&${query}`)
    return ((await answer.json()) as [number][]).map(([open]) => open)
  }
  const day = Date.UTC(2023, 0, 1)
  expect(await opens(`startTime=${day}&limit=2`)).toEqual([day + 199 * DAY, day + 200 * DAY])
  expect(await opens(`startTime=${day}&endTime=${day + 2 * DAY - 1}&limit=5`)).toEqual([day, day + DAY])
  expect(await opens(`endTime=${day}&limit=1`)).toEqual([day])
  expect((await opens(`endTime=${LISTED + 3 * DAY}`))[0]).toBe(LISTED - 6 * HOUR)
  expect((await opens('limit=1500')).length).toBe(Math.floor(NOW / DAY) - Math.floor(LISTED / DAY) + 1)
})
