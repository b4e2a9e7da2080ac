import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { BinanceClient } from '../../../src/exchanges/binance/client.ts'
import { failureOf } from '../../../src/exchanges/binance/errors.ts'
import { usedWeights } from '../../../src/exchanges/binance/rest.ts'
import { weightOf } from '../../../src/exchanges/binance/weights.ts'
import type { RetryInfo } from '../../../src/exchanges/exchange.ts'
import { EXCHANGES, exchangeOf } from '../../../src/exchanges/index.ts'
import {
  ConfigError,
  ExchangeError,
  HttpError,
  InvalidRangeError,
  InvalidSymbolError,
  ParseError,
  RateLimitExceeded,
  type TicklakeError,
} from '../../../src/model/errors.ts'
import { type BinanceServer, LISTED, startBinance } from '../../helpers/binance-server.ts'
import { sendJson, until } from '../../helpers/http-server.ts'

const MINUTE = 60_000
const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

async function start(
  client: ConstructorParameters<typeof BinanceClient>[0] = {},
  options: Parameters<typeof startBinance>[0] = {},
) {
  const server = await startBinance(options)
  const made = new BinanceClient({ endpoint: server.url, ...client })
  open.push(server, made)
  return { server, client: made }
}

/** Answers the first `times` matching requests this way, then lets the server answer. */
function disturb(
  server: BinanceServer,
  times: number,
  answer: (response: ServerResponse) => void,
  path = 'klines',
): () => number {
  let count = 0
  server.intercept = (url, response) => {
    if (!url.pathname.endsWith(path) || count >= times) return false
    count++
    answer(response)
    return true
  }
  return () => count
}

const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('candles as rows', () => {
  test('a page has typed rows with times in milliseconds', async () => {
    const { server, client } = await start()
    const rows = await client.getKlines('BTC/USDT', '1m', { startTime: LISTED, limit: 2 })
    expect(rows).toHaveLength(2)
    expect(rows[1]).toMatchObject({
      openTime: LISTED + MINUTE,
      closeTime: LISTED + 2 * MINUTE - 1,
      takerBuyQuoteVolume: 2.5,
    })
    expect(server.requests.at(-1)).toBe(`/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=${LISTED}&limit=2`)
  })

  test('a page size that the exchange does not have is refused before anything is sent', async () => {
    const { server, client } = await start()
    for (const limit of [0, 1001, 2.5]) {
      await expect(client.getKlines('BTCUSDT', '1m', { limit })).rejects.toThrow(InvalidRangeError)
    }
    await expect(client.getKlines('BTCUSDT', '2m')).rejects.toThrow(/Unknown interval "2m"/)
    expect(server.requests).toEqual([])
  })

  test('a range comes as rows, its end inclusive as users of the exchange expect', async () => {
    const { client } = await start()
    const rows = await client.getHistoricalKlines('BTCUSDT', '1m', '2020-01-01', '2020-01-02')
    expect(rows).toHaveLength(2 * 1440)
    const some = await client.getHistoricalKlines('BTCUSDT', '1m', LISTED, LISTED + 5 * MINUTE)
    expect(some.map((row) => row.openTime)).toEqual([0, 1, 2, 3, 4, 5].map((minute) => LISTED + minute * MINUTE))
    await expect(client.getHistoricalKlines('BTCUSDT', '1m', '2020-01-03', '2020-01-01')).rejects.toThrow(
      /before startTime/,
    )
  })

  test('a range comes as batches of columns', async () => {
    const { client } = await start()
    let rows = 0
    for await (const batch of client.getKlinesBatched('BTCUSDT', '1m', '2020-01-01', '2020-01-02')) rows += batch.length
    expect(rows).toBe(2880)
  })

  test('the spelling of a symbol says its market', async () => {
    const { server, client } = await start()
    await client.getKlines('BTC/USDT:USDT', '1m', { limit: 1 })
    expect(server.requests.at(-1)).toMatch(/^\/fapi\/v1\/klines\?symbol=BTCUSDT&/)
    await client.getKlines('BTC/USDT', '1m', { limit: 1, market: 'usdm' })
    expect(server.requests.at(-1)).toMatch(/^\/fapi/)
    await client.getKlines('BTC/USD:BTC', '1m', { limit: 1 })
    expect(server.requests.at(-1)).toMatch(/^\/dapi\/v1\/klines\?symbol=BTCUSD_PERP&/)
  })

  test('other prices of futures have their own endpoints', async () => {
    const { server, client } = await start()
    server.intercept = (url, response) => {
      if (!url.pathname.endsWith('Klines')) return false
      sendJson(response, [])
      return true
    }
    await client.getKlines('BTCUSDT', '1m', { price: 'mark' })
    await client.getKlines('BTCUSDT', '1m', { price: 'continuous' })
    expect(server.requests.filter((request) => request.includes('Klines'))).toEqual([
      '/fapi/v1/markPriceKlines?symbol=BTCUSDT&interval=1m&limit=500',
      '/fapi/v1/continuousKlines?pair=BTCUSDT&contractType=PERPETUAL&interval=1m&limit=500',
    ])
  })
})

describe('instruments', () => {
  test('a symbol has its increments, bounds and raw filters; exchangeInfo is asked once', async () => {
    const { server, client } = await start()
    const instrument = await client.getSymbolInfo('btc/usdt')
    expect(instrument).toMatchObject({
      exchange: 'binance',
      market: 'spot',
      symbol: 'BTCUSDT',
      base: 'BTC',
      quote: 'USDT',
      active: true,
      tickSize: '0.01000000',
      stepSize: '0.00001000',
      minNotional: '5.00000000',
    })
    expect(instrument.filters.at(-1)).toEqual({ type: 'SOMETHING_NEW', values: { level: 3 } })
    expect(await client.instruments('spot')).toHaveLength(2)
    expect(await client.getSymbolInfo('ETHUSDT', { market: 'usdm' })).toMatchObject({
      contract: 'perpetual',
      settle: 'USDT',
    })
    expect(server.requests).toEqual(['/api/v3/exchangeInfo', '/fapi/v1/exchangeInfo'])
  })

  test('an unknown symbol is an error that names the nearest', async () => {
    const { client } = await start()
    const error = await errorOf(client.getSymbolInfo('ETHUSD'))
    expect(error).toBeInstanceOf(InvalidSymbolError)
    expect((error as InvalidSymbolError).message).toBe('Unknown symbol "ETHUSD" on binance spot. Did you mean ETHUSDT?')
  })

  test('one caller’s abort does not take exchangeInfo from another', async () => {
    const { server, client } = await start()
    server.intercept = async (url) => {
      if (url.pathname.endsWith('exchangeInfo')) await new Promise((resolve) => setTimeout(resolve, 30))
      return false
    }
    const controller = new AbortController()
    const first = errorOf(client.instruments('spot', controller.signal))
    const second = client.instruments('spot')
    controller.abort()
    expect(await first).toMatchObject({ name: 'AbortError' })
    expect(await second).toHaveLength(2)
    expect(server.requests).toHaveLength(1)
  })
})

describe('the clock', () => {
  test('is measured once, however many ask', async () => {
    const { server, client } = await start()
    const times = await Promise.all([client.now('spot'), client.now('spot'), client.now('spot')])
    for (const time of times) expect(Math.abs(time - Date.UTC(2020, 0, 15))).toBeLessThan(5000)
    // One measurement takes up to three questions where answers are slow, and no more for those who wait for it.
    const asked = server.requests.length
    expect(asked).toBeLessThanOrEqual(3)
    await client.now('spot')
    expect(server.requests).toEqual(new Array(asked).fill('/api/v3/time'))
  })
})

describe('failures', () => {
  test('5xx, cuts and HTML bodies are tried again, each told to the caller', async () => {
    const retries: RetryInfo[] = []
    const { server, client } = await start({ onRetry: (retry) => retries.push(retry) })
    const answers: ((response: ServerResponse) => void)[] = [
      (response) => void response.writeHead(503).end('<html><body><h1>Service Unavailable</h1></body></html>'),
      (response) => void response.socket?.destroy(),
      (response) => sendJson(response, { code: -1001, msg: 'Internal error' }, 400),
    ]
    disturb(server, 3, (response) => answers.shift()!(response))
    expect(await client.getKlines('BTCUSDT', '1m', { limit: 3 })).toHaveLength(3)
    expect(retries.map((retry) => [retry.attempt, retry.error.constructor.name])).toEqual([
      [1, 'HttpError'],
      [2, 'NetworkError'],
      [3, 'ExchangeError'],
    ])
    expect(retries[0]!.error.message).toContain('HTTP 503 Service Unavailable')
    expect(retries[0]!.what).toContain('/api/v3/klines?symbol=BTCUSDT')
  })

  test('a server that never answers is given up after the tries that are allowed', async () => {
    const { server, client } = await start({ timeoutMs: 40, attempts: 2 })
    disturb(server, 9, () => {})
    await expect(client.getKlines('BTCUSDT', '1m')).rejects.toThrow(/no answer within 40 ms/)
  })

  test('a business error is never repeated', async () => {
    const { server, client } = await start()
    const count = disturb(server, 9, (response) => sendJson(response, { code: -1102, msg: 'Mandatory parameter' }, 400))
    const error = await errorOf(client.getKlines('BTCUSDT', '1m'))
    expect(error).toBeInstanceOf(ExchangeError)
    expect(error).toMatchObject({ exchangeCode: -1102, status: 400, retryable: false })
    expect(count()).toBe(1)
  })

  test('the unknown error -1000 is repeated once', async () => {
    const { server, client } = await start()
    const count = disturb(server, 9, (response) => sendJson(response, { code: -1000, msg: 'Unknown' }, 400))
    await expect(client.getKlines('BTCUSDT', '1m')).rejects.toMatchObject({ exchangeCode: -1000 })
    expect(count()).toBe(2)
  })

  test('an unknown symbol from the exchange is an InvalidSymbolError with neighbours', async () => {
    const { client } = await start()
    const error = await errorOf(client.getKlines('BTCUSD', '1m'))
    expect(error).toBeInstanceOf(InvalidSymbolError)
  })

  test('429 is waited out as long as Retry-After says, by every request of the pool', async () => {
    const retries: RetryInfo[] = []
    const { server, client } = await start({ onRetry: (retry) => retries.push(retry) })
    await client.now('spot')
    disturb(server, 1, (response) =>
      sendJson(response, { code: -1003, msg: 'Too many requests' }, 429, { 'Retry-After': '1' }),
    )
    const first = client.getKlines('BTCUSDT', '1m', { limit: 1 })
    await until(() => retries.length === 1)
    expect(retries[0]!.error).toBeInstanceOf(RateLimitExceeded)
    expect(retries[0]!.delayMs).toBeGreaterThanOrEqual(1000)
    expect(client.getRemainingRequests()).toBe(0)
    const asked = server.requests.length
    const second = client.ping()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(server.requests).toHaveLength(asked)
    expect(await first).toHaveLength(1)
    await second
  })

  test('a long ban (418) ends the call with its length, and later calls at once, without a request', async () => {
    const { server, client } = await start()
    const until = Date.UTC(2020, 0, 15) + 3_600_000
    await client.now('spot')
    disturb(server, 9, (response) =>
      sendJson(response, { code: -1003, msg: `Way too much; IP banned until ${until}.` }, 418),
    )
    const first = await errorOf(client.getKlines('BTCUSDT', '1m'))
    expect(first).toMatchObject({ name: 'RateLimitExceeded', banned: true })
    expect((first as RateLimitExceeded).retryAfterMs).toBeGreaterThan(3_500_000)
    expect(client.getRemainingRequests()).toBe(0)
    const asked = server.requests.length
    const error = await errorOf(client.ping())
    expect(error).toBeInstanceOf(RateLimitExceeded)
    expect((error as RateLimitExceeded).retryAfterMs).toBeGreaterThan(3_500_000)
    expect(server.requests).toHaveLength(asked)
  })

  test('an answer of a wrong type is a ParseError with the JSON path', async () => {
    const { server, client } = await start()
    disturb(server, 9, (response) => sendJson(response, { symbol: 'BTCUSDT', price: 5 }), 'price')
    await expect(client.getPrice('BTCUSDT')).rejects.toThrow(
      /\$\.price: expected a decimal number as text, got 5 \(number\)/,
    )
    disturb(server, 9, (response) => sendJson(response, 'no JSON'), 'price')
    await expect(client.getPrice('BTCUSDT')).rejects.toThrow(ParseError)
  })

  test('closing the client ends what is under way with a clear error', async () => {
    const { server, client } = await start()
    disturb(server, 9, (response) => void response.writeHead(503, { 'retry-after': '3600' }).end())
    const pending = errorOf(client.getKlines('BTCUSDT', '1m'))
    await until(() => server.requests.some((request) => request.includes('klines')))
    await client.close()
    const error = await pending
    expect((error as TicklakeError).code).toMatch(/CONFIG|NETWORK/)
  })

  test.each([
    [{ status: 408, body: '' }, HttpError, true],
    [{ status: 502, body: '<html>bad gateway</html>' }, HttpError, true],
    [{ status: 404, body: '<html>no</html>' }, HttpError, false],
    [{ status: 403, body: '<html>firewall</html>' }, HttpError, true],
    [{ status: 451, body: '{"code":0,"msg":"restricted location"}' }, HttpError, false],
    [{ status: 400, body: '{"code":-1121,"msg":"Invalid symbol."}' }, InvalidSymbolError, false],
    [{ status: 400, body: '{"code":-1007,"msg":"Timeout"}' }, ExchangeError, true],
    [{ status: 400, body: '{"code":-1120,"msg":"Invalid interval."}' }, ExchangeError, false],
    [{ status: 503, body: '{"code":-1008,"msg":"Server is busy"}' }, HttpError, true],
    [{ status: 429, body: '' }, RateLimitExceeded, true],
    [{ status: 418, body: '' }, RateLimitExceeded, true],
  ])('%o is the right error', (answer, type, retryable) => {
    const error = failureOf({ url: 'http://x/y', market: 'spot', symbol: 'X', headers: {}, now: 0, ...answer })
    expect(error).toBeInstanceOf(type)
    expect(error.retryable).toBe(retryable)
    expect(error.exchange).toBe('binance')
  })
})

describe('hosts', () => {
  async function two() {
    const a = await startBinance()
    const b = await startBinance()
    const client = new BinanceClient({ endpoints: { rest: { spot: [a.url, b.url] } } })
    open.push(a, b, client)
    return { a, b, client }
  }

  test('equivalent hosts are all asked, each as fast as it answers', async () => {
    const { a, b, client } = await two()
    await client.getHistoricalKlines('BTCUSDT', '1m', LISTED, LISTED + 10_000 * MINUTE)
    expect(Math.min(a.requests.length, b.requests.length)).toBeGreaterThanOrEqual(2)
  })

  test('a host that refuses the location is left for good, and the call goes on at another', async () => {
    const { a, b, client } = await two()
    a.intercept = (_url, response) => {
      sendJson(response, { code: 0, msg: 'restricted location' }, 451)
      return true
    }
    for (let i = 0; i < 4; i++) await client.ping()
    expect([a.requests.length, b.requests.length]).toEqual([1, 4])
  })

  test('when every host refuses the location the error says what to do', async () => {
    const { a, b, client } = await two()
    for (const host of [a, b]) {
      host.intercept = (_url, response) => {
        sendJson(response, { code: 0, msg: 'restricted location' }, 451)
        return true
      }
    }
    await expect(client.ping()).rejects.toThrow(/data-api\.binance\.vision.*--source archive/)
    await expect(client.ping()).rejects.toMatchObject({ status: 451 })
  })

  test('a host that is down costs a few tries, then the other one serves', async () => {
    const { a, b, client } = await two()
    await a.close()
    const rows = await client.getHistoricalKlines('BTCUSDT', '1m', LISTED, LISTED + 15_000 * MINUTE)
    expect(rows).toHaveLength(15_001)
    expect(b.requests.length).toBeGreaterThanOrEqual(16)
  })
})

test('the weights of the table follow the parameters', () => {
  expect(weightOf('/api/v3/depth')).toBe(5)
  expect(weightOf('/api/v3/depth', { limit: 101 })).toBe(25)
  expect(weightOf('/api/v3/depth', { limit: 5000 })).toBe(250)
  expect(weightOf('/fapi/v1/klines', { limit: 99 })).toBe(1)
  expect(weightOf('/fapi/v1/klines', { limit: 499 })).toBe(2)
  expect(weightOf('/fapi/v1/klines')).toBe(5)
  expect(weightOf('/fapi/v1/klines', { limit: 1500 })).toBe(10)
  expect(weightOf('/api/v3/ticker/24hr', { symbol: 'A' })).toBe(2)
  expect(weightOf('/api/v3/ticker/24hr', { symbols: Array.from({ length: 21 }, (_, i) => `S${i}`) })).toBe(40)
  expect(weightOf('/api/v3/ticker/24hr')).toBe(80)
  expect(weightOf('/api/v3/ticker', { symbols: ['A', 'B'] })).toBe(8)
  expect(weightOf('/api/v3/ticker', { symbols: Array.from({ length: 90 }, (_, i) => `S${i}`) })).toBe(200)
  expect(weightOf('/fapi/v1/premiumIndex')).toBe(10)
  expect(() => weightOf('/api/v3/order')).toThrow(InvalidRangeError)
})

test('used-weight headers are read with their window', () => {
  const headers = {
    'x-mbx-used-weight': '7',
    'x-mbx-used-weight-1m': '7',
    'x-mbx-used-weight-5s': '3',
    'x-mbx-used-weight-x': '1',
  }
  expect([...usedWeights(headers)]).toEqual([
    [60_000, 7],
    [5_000, 3],
  ])
})

test('the registry knows binance and names it to those who mistype', () => {
  expect(exchangeOf('Binance')).toBe(EXCHANGES.binance)
  expect(() => exchangeOf('binanse')).toThrow(ConfigError)
  expect(() => exchangeOf('constructor')).toThrow(/Use one of binance/)
})

test('URLs follow the options', () => {
  const { binance } = EXCHANGES
  const custom = binance!.endpoints({ endpoint: 'http://127.0.0.1:1/' })
  expect(custom).toMatchObject({
    rest: { spot: ['http://127.0.0.1:1'] },
    archive: 'http://127.0.0.1:1',
    archiveList: 'http://127.0.0.1:1',
  })
  expect(binance!.endpoints({})).toMatchObject({
    archive: 'https://data.binance.vision',
    archiveList: 'https://s3-ap-northeast-1.amazonaws.com/data.binance.vision',
  })
  expect(binance!.endpoints({ testnet: true }).archive).toBeUndefined()
  expect(binance!.endpoints({ archiveUrl: 'http://mirror/x' })).toMatchObject({
    archive: 'http://mirror/x',
    archiveList: 'http://mirror/x',
  })
  expect(() => binance!.endpoints({ restUrl: 'ftp://x' })).toThrow(/restUrl: "ftp:\/\/x" is not a URL/)
})
