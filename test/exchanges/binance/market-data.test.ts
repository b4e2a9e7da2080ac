import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { BinanceClient } from '../../../src/exchanges/binance/client.ts'
import { failureOf } from '../../../src/exchanges/binance/errors.ts'
import { exchangeInfo } from '../../../src/exchanges/binance/instruments.ts'
import { parseKlines, parseKlinesByJson } from '../../../src/exchanges/binance/klines-parser.ts'
import { MARKET_DATA } from '../../../src/exchanges/binance/market-data.ts'
import { integer, object, parseJson, type Schema } from '../../../src/exchanges/binance/schema.ts'
import { WEIGHTS } from '../../../src/exchanges/binance/weights.ts'
import { InvalidRangeError, InvalidSymbolError, ParseError } from '../../../src/model/errors.ts'
import type { Interval } from '../../../src/model/interval.ts'
import { sendJson, startTestServer } from '../../helpers/http-server.ts'
import { findRealData, realDataTitle } from '../../helpers/real-data.ts'

const folder = findRealData()
const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

async function start(body: unknown) {
  const server = await startTestServer((_request, response) => sendJson(response, body))
  const client = new BinanceClient({ endpoint: server.url })
  open.push(server, client)
  return { server, client }
}

interface Recorded {
  readonly path: string
  readonly query: string
  readonly data: unknown
}

/** Recorded answers by path; failures, and rows that the recorder masked (an empty member name), are left out. */
function recorded(): Recorded[] {
  const file = join(folder!, 'rest', 'gct_binance_public_responses.json.gz')
  const all = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Record<
    string,
    { queryString: string; data: unknown }[]
  >
  const bodies: Recorded[] = []
  for (const [path, answers] of Object.entries(all)) {
    for (const { queryString, data } of answers) {
      const isFailure = typeof (data as { code?: unknown } | null)?.code === 'number'
      if (data === null || isFailure || JSON.stringify(data).includes('"":')) continue
      bodies.push({ path, query: queryString, data })
    }
  }
  return bodies
}

function schemaOf(path: string): Schema<unknown> | undefined {
  for (const { paths, schema } of Object.values(MARKET_DATA)) {
    if (
      Object.values(paths).includes(path) ||
      path.replace('/fapi/v1/ticker/price', '/fapi/v2/ticker/price') === paths.usdm
    )
      return schema
  }
  if (path.endsWith('/exchangeInfo')) return exchangeInfo
  return path.endsWith('/time') ? object({ serverTime: integer }) : undefined
}

describe('recorded answers', () => {
  test.skipIf(!folder)(realDataTitle('of every public path pass the check of their form'), () => {
    let rows = 0
    for (const { path, query, data } of recorded()) {
      if (/klines$/i.test(path)) continue
      const schema = schemaOf(path)
      expect(schema, path).toBeDefined()
      const answer = parseJson(Buffer.from(JSON.stringify(data)), schema!, `${path}?${query}`)
      rows += Array.isArray(answer) ? answer.length : 1
    }
    expect(rows).toBeGreaterThan(1200)
  })

  test.skipIf(!folder)(realDataTitle('of klines become the same columns by the byte loop and by JSON.parse'), () => {
    let rows = 0
    for (const { path, query, data } of recorded()) {
      if (!/klines$/i.test(path)) continue
      const interval = /interval=(\w+)/.exec(query)![1] as Interval
      for (const space of [undefined, 1]) {
        const bytes = Buffer.from(JSON.stringify(data, null, space))
        const context = { source: path, interval, now: Date.UTC(2026, 0) }
        const batch = parseKlines(bytes, context)
        expect(batch).toStrictEqual(parseKlinesByJson(bytes, context))
        const values = data as unknown[][]
        expect([...batch.columns.quote_volume!]).toEqual(values.map((row) => Number(row[7])))
        rows += batch.length
      }
    }
    expect(rows).toBeGreaterThan(1000)
  })

  const files: [file: string, schema: Schema<unknown>][] = [
    ['binance-spot/gz_20260809_spot_bookTicker.json', MARKET_DATA.bookTicker.schema],
    ['binance-spot/ps_20260718_spot_depth_snapshot.json', MARKET_DATA.depth.schema],
    ['binance-usdm/gz_20260809_fapi_bookTicker.json', MARKET_DATA.bookTicker.schema],
    ['binance-usdm/gz_20260809_fapi_fundingInfo.trimmed.json', MARKET_DATA.fundingInfo.schema],
    ['binance-usdm/gz_20260809_fapi_premiumIndex.json', MARKET_DATA.premiumIndex.schema],
    ['binance-usdm/gz_20260809_fapi_time.json', object({ serverTime: integer })],
  ]
  test.skipIf(!folder).each(files)(realDataTitle('%s passes the check of its form'), (file, schema) => {
    expect(() => parseJson(readFileSync(join(folder!, 'rest', file)), schema, file)).not.toThrow()
  })

  test
    .skipIf(!folder)
    .each([
      'binance-spot/ps_20260718_spot_klines.json',
      'binance-usdm/ps_20260718_perp_klines.json',
      'binance-usdm/gz_20260809_fapi_klines.json',
    ])(realDataTitle('%s is read by the byte loop, line breaks and all'), (file) => {
    const bytes = readFileSync(join(folder!, 'rest', file))
    const context = { source: file, interval: file.includes('gz_') ? '8h' : '1m', now: Date.UTC(2027, 0) } as const
    const batch = parseKlines(bytes, context)
    expect(batch.length).toBe((JSON.parse(bytes.toString()) as unknown[]).length)
    expect(batch).toStrictEqual(parseKlinesByJson(bytes, context))
  })

  test.skipIf(!folder)(realDataTitle('of an unknown symbol are an InvalidSymbolError'), () => {
    const body = readFileSync(join(folder!, 'rest', 'binance-usdm/gz_20260809_fapi_error_invalid_symbol.json'), 'utf8')
    const error = failureOf({ url: 'http://x', market: 'usdm', symbol: 'NOPE', status: 400, headers: {}, body, now: 0 })
    expect(error).toBeInstanceOf(InvalidSymbolError)
  })
})

test('every path of the table has a weight', () => {
  for (const { paths } of Object.values(MARKET_DATA)) {
    for (const path of Object.values(paths)) expect(WEIGHTS, path).toHaveProperty([path])
  }
})

test('one symbol gives one row, some give their rows, whether the exchange answers an object or an array', async () => {
  const row = { symbol: 'BTCUSDT', price: '1.5', time: 5 }
  const one = await start(row)
  expect(await one.client.getPrice('BTC/USDT')).toBe('1.5')
  expect(one.server.requests).toEqual(['/api/v3/ticker/price?symbol=BTCUSDT'])
  const many = await start([row, { ...row, symbol: 'ETHUSDT' }, { ...row, symbol: 'XRPUSDT' }])
  await many.client.getPrices(['BTC/USDT', 'ethusdt'])
  expect(decodeURIComponent(many.server.requests[0]!)).toBe('/api/v3/ticker/price?symbols=["BTCUSDT","ETHUSDT"]')
  // Futures know no list: the rest is left out here.
  const rows = await many.client.getPrices(['BTCUSDT', 'ETHUSDT'], { market: 'usdm' })
  expect(rows.map((price) => price.symbol)).toEqual(['BTCUSDT', 'ETHUSDT'])
  expect(many.server.requests[1]).toBe('/fapi/v2/ticker/price')
})

test('symbols that are not ASCII are sent as UTF-8', async () => {
  const { server, client } = await start({ symbol: '币安人生USDT', price: '1' })
  await client.getPrice('币安人生/USDT')
  expect(server.requests[0]).toBe('/api/v3/ticker/price?symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT')
})

test('an id that a number can’t hold is refused loudly instead of rounded', async () => {
  const server = await startTestServer((_request, response) =>
    sendJson(response, '[{"id":9007199254740993,"price":"1","qty":"1","quoteQty":"1","time":1,"isBuyerMaker":true}]'),
  )
  const client = new BinanceClient({ endpoint: server.url })
  open.push(server, client)
  await expect(client.getTrades('BTCUSDT')).rejects.toThrow(/\$\[0\]\.id: expected a whole number within 2\^53/)
})

test('parameters go where the exchange expects them', async () => {
  const { server, client } = await start([])
  await client.getAggTrades('BTCUSDT', { startTime: '2024-01-01', endTime: '2024-01-01', limit: 1000 })
  await client.getFundingRate('BTC/USDT:USDT', { startTime: 1_700_000_000_000 })
  await client.getOpenInterestHist('BTCUSDT', '5m', { limit: 500 })
  await client.getTakerLongShortRatio('BTCUSDT', '1h')
  await client.getHistoricalTrades('BTCUSDT', { fromId: 7 })
  expect(server.requests).toEqual([
    '/api/v3/aggTrades?symbol=BTCUSDT&startTime=1704067200000&endTime=1704153599999&limit=1000',
    '/fapi/v1/fundingRate?symbol=BTCUSDT&startTime=1700000000000',
    '/futures/data/openInterestHist?symbol=BTCUSDT&period=5m&limit=500',
    '/futures/data/takerlongshortRatio?symbol=BTCUSDT&period=1h',
    '/api/v3/historicalTrades?symbol=BTCUSDT&fromId=7',
  ])
  expect(() => client.getAggTrades('BTCUSDT', { fromId: 1, startTime: 5_000_000_000 })).toThrow(InvalidRangeError)
})

test('the API key goes only where it is needed', async () => {
  const keys: (string | undefined)[] = []
  const server = await startTestServer((request, response) => {
    keys.push(request.headers['x-mbx-apikey'] as string | undefined)
    sendJson(response, [])
  })
  const client = new BinanceClient({ endpoint: server.url, apiKey: 'k' })
  open.push(server, client)
  await client.getHistoricalTrades('BTCUSDT', { market: 'usdm' })
  await client.getHistoricalTrades('BTCUSDT')
  await client.getTrades('BTCUSDT')
  expect(keys).toEqual(['k', undefined, undefined])
})

test('a market that lacks an endpoint says who has it', async () => {
  const { client } = await start([])
  await expect(client.getTrades('BTCUSDT', { market: 'option' })).rejects.toThrow(
    /binance option does not offer this; spot, usdm, coinm do/,
  )
})

test('wrong types anywhere in an answer name their JSON path', async () => {
  const { client } = await start({
    lastUpdateId: 1,
    bids: [
      ['1', '2'],
      ['1', 2],
    ],
    asks: [],
  })
  await expect(client.getDepth('BTCUSDT')).rejects.toThrow(
    /\$\.bids\[1\]\[1\]: expected a decimal number as text, got 2/,
  )
  await expect(client.getTrades('BTCUSDT')).rejects.toThrow(ParseError)
})
