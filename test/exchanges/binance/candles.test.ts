import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { countPages, pageWindows } from '../../../src/exchanges/binance/candles.ts'
import { BinanceClient } from '../../../src/exchanges/binance/client.ts'
import type { CandlePage } from '../../../src/exchanges/exchange.ts'
import { CandleFlag } from '../../../src/model/candle.ts'
import { InvalidRangeError, InvalidSymbolError, isAbortError } from '../../../src/model/errors.ts'
import { addOpens, INTERVALS, type Interval, intervalLength } from '../../../src/model/interval.ts'
import type { Market } from '../../../src/model/series.ts'
import { type BinanceServer, LISTED, startBinance } from '../../helpers/binance-server.ts'
import { until } from '../../helpers/http-server.ts'

const MINUTE = 60_000
const DAY = 86_400_000
const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

async function start(
  options: Parameters<typeof startBinance>[0] = {},
  client: ConstructorParameters<typeof BinanceClient>[0] = {},
) {
  const server = await startBinance(options)
  const made = new BinanceClient({ endpoint: server.url, ...client })
  open.push(server, made)
  return { server, client: made }
}

async function pagesOf(
  client: BinanceClient,
  from: number,
  to: number,
  interval: Interval = '1m',
  market: Market = 'spot',
) {
  const pages: CandlePage[] = []
  for await (const page of client.candlePages({ market, symbol: 'BTCUSDT', interval, from, to })) pages.push(page)
  return pages
}

const opensOf = (pages: readonly CandlePage[]): number[] => pages.flatMap((page) => [...page.batch.columns.open_time!])

/** The pages cover the range from end to end, and each holds only rows of its own piece. */
function expectCover(pages: readonly CandlePage[], from: number, to: number): void {
  expect(pages[0]!.from).toBe(from)
  expect(pages.at(-1)!.to).toBe(to)
  for (const [index, page] of pages.entries()) {
    if (index > 0) expect(page.from).toBe(pages[index - 1]!.to)
    for (const time of page.batch.columns.open_time!) {
      expect(time).toBeGreaterThanOrEqual(page.from)
      expect(time).toBeLessThan(page.to)
    }
  }
}

const klines = (server: BinanceServer): string[] => server.requests.filter((request) => request.includes('/klines'))

test('a range of many pages comes whole, in order, without overlap', async () => {
  const { server, client } = await start()
  const to = LISTED + 10_500 * MINUTE
  const pages = await pagesOf(client, LISTED, to)
  expectCover(pages, LISTED, to)
  expect(opensOf(pages)).toEqual(Array.from({ length: 10_500 }, (_, minute) => LISTED + minute * MINUTE))
  expect(klines(server)).toHaveLength(11)
  expect(client.candleRequests({ market: 'spot', interval: '1m', from: LISTED, to })).toBe(11)
})

test('years before the listing cost one request, and the first page is known to be complete for them', async () => {
  const { server, client } = await start()
  const to = LISTED + 1500 * MINUTE
  const pages = await pagesOf(client, 0, to)
  expectCover(pages, 0, to)
  expect(opensOf(pages)).toHaveLength(1500)
  expect(klines(server)).toHaveLength(2)
})

test('candles that are missing stay missing, and the pages around them are not confused', async () => {
  const missing = (time: number): boolean => time >= LISTED + 900 * MINUTE && time < LISTED + 4100 * MINUTE
  const { client } = await start({ missing })
  const pages = await pagesOf(client, LISTED, LISTED + 6000 * MINUTE)
  expectCover(pages, LISTED, LISTED + 6000 * MINUTE)
  expect(opensOf(pages)).toHaveLength(6000 - 3200)
})

test('a server that gives smaller pages than asked loses nothing', async () => {
  const { client } = await start({ cap: 300 })
  const pages = await pagesOf(client, LISTED, LISTED + 2000 * MINUTE)
  expectCover(pages, LISTED, LISTED + 2000 * MINUTE)
  expect(opensOf(pages)).toHaveLength(2000)
})

test('a range beyond now ends with the unfinished candle and asks for nothing after it', async () => {
  const now = LISTED + 2500.5 * MINUTE
  const { server, client } = await start({ now: () => now })
  const to = LISTED + 100_000 * MINUTE
  const pages = await pagesOf(client, LISTED, to)
  expectCover(pages, LISTED, to)
  const flags = pages.flatMap((page) => [...page.batch.columns.flags!])
  expect(flags).toHaveLength(2501)
  expect(flags.map((flag) => (flag & CandleFlag.unfinished) !== 0)).toEqual(
    Array.from({ length: 2501 }, (_, i) => i === 2500),
  )
  expect(klines(server)).toHaveLength(3)
})

test('a range wholly in the future asks for nothing', async () => {
  const { server, client } = await start({ now: () => LISTED })
  const pages = await pagesOf(client, LISTED + DAY, LISTED + 2 * DAY)
  expectCover(pages, LISTED + DAY, LISTED + 2 * DAY)
  expect(opensOf(pages)).toEqual([])
  expect(klines(server)).toEqual([])
})

test('bounds that lie between two candles, and fractions, are kept exactly', async () => {
  const { client } = await start()
  const from = LISTED + 0.5
  const to = LISTED + 1100 * MINUTE + 0.25
  const pages = await pagesOf(client, from, to)
  expectCover(pages, from, to)
  const opens = opensOf(pages)
  expect([opens[0], opens.at(-1)]).toEqual([LISTED + MINUTE, LISTED + 1100 * MINUTE])
})

test('three-day candles of any origin and calendar months come whole', async () => {
  for (const listedAt of [LISTED, LISTED + DAY, LISTED + 2 * DAY]) {
    const { client } = await start({ listedAt, step: 3 * DAY, now: () => LISTED + 9000 * DAY })
    const pages = await pagesOf(client, LISTED, LISTED + 8000 * DAY, '3d')
    expectCover(pages, LISTED, LISTED + 8000 * DAY)
    expect(opensOf(pages)).toHaveLength(Math.ceil((LISTED + 8000 * DAY - listedAt) / (3 * DAY)))
  }
  const listedAt = Date.UTC(1900, 0)
  const { client } = await start({ listedAt: Date.UTC(1970, 0), step: 'month', now: () => Date.UTC(2100, 0) })
  const pages = await pagesOf(client, listedAt, Date.UTC(2090, 0), '1M')
  expectCover(pages, listedAt, Date.UTC(2090, 0))
  expect(opensOf(pages)).toHaveLength(120 * 12)
})

test('futures pages take the size that costs the least weight per candle', async () => {
  const { server, client } = await start()
  expect(opensOf(await pagesOf(client, LISTED, LISTED + 1200 * MINUTE, '1m', 'usdm'))).toHaveLength(1200)
  expect(klines(server).every((request) => request.startsWith('/fapi/v1/') && request.includes('limit=499'))).toBe(true)
})

test('futures have no candles of a second, and the message says what there is', async () => {
  const { client } = await start()
  await expect(pagesOf(client, 0, 1, '1s', 'usdm')).rejects.toThrow(InvalidRangeError)
  await expect(pagesOf(client, 0, 1, '1s', 'usdm')).rejects.toThrow(/no candles of 1s. Use one of 1m/)
})

test('an unknown symbol names its neighbours', async () => {
  const { client } = await start()
  const request = { market: 'spot', symbol: 'BTCUSD', interval: '1m', from: LISTED, to: LISTED + DAY } as const
  const error = await client
    .candlePages(request)
    .next()
    .catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(InvalidSymbolError)
  expect((error as InvalidSymbolError).suggestions[0]).toBe('BTCUSDT')
})

test('leaving the loop early ends the requests that run ahead', async () => {
  const { server, client } = await start({ now: () => LISTED + 200 * DAY })
  await client.now('spot')
  let seen = 0
  server.intercept = (url) => url.searchParams.has('endTime') && ++seen > 2
  for await (const page of client.candlePages({
    market: 'spot',
    symbol: 'BTCUSDT',
    interval: '1m',
    from: LISTED,
    to: LISTED + 100 * DAY,
  })) {
    if (page.from > LISTED) break
  }
  await until(() => server.aborted() >= 1)
  server.intercept = undefined
  expect(await client.nextOpen({ market: 'spot', symbol: 'BTCUSDT', interval: '1m', from: 0 })).toBe(LISTED)
  // The first page, those that were fetched ahead, and this one; not the other hundred.
  expect(klines(server).length).toBeLessThanOrEqual(20)
})

test('an abort in the middle of a page rejects at once and frees its sockets', async () => {
  const { server, client } = await start()
  const controller = new AbortController()
  server.intercept = (url, response) => {
    if (!url.pathname.endsWith('klines')) return false
    response.writeHead(200, { 'content-type': 'application/json' }).write('[[1577836800000,"1"')
    return true
  }
  const pages = client.candlePages({
    market: 'spot',
    symbol: 'BTCUSDT',
    interval: '1m',
    from: LISTED,
    to: LISTED + DAY,
    signal: controller.signal,
  })
  const outcome = pages.next().catch((error: unknown) => error)
  await until(() => klines(server).length === 1)
  controller.abort()
  expect(isAbortError(await outcome)).toBe(true)
  await until(() => server.aborted() === 1)
})

test('the first candle from a time on', async () => {
  const { client } = await start({ missing: (time) => time === LISTED + MINUTE })
  const at = (from: number) => client.nextOpen({ market: 'spot', symbol: 'BTC/USDT', interval: '1m', from })
  expect(await at(0)).toBe(LISTED)
  expect(await at(LISTED + 1)).toBe(LISTED + 2 * MINUTE)
  expect(await at(Date.UTC(2030, 0))).toBeUndefined()
})

test('windows cover any range without overlap and hold at most a page each', () => {
  const interval = fc.constantFrom(...INTERVALS)
  fc.assert(
    fc.property(
      interval,
      fc.integer({ min: 0, max: 2e12 }),
      fc.double({ min: 0, max: 3000, noNaN: true }),
      fc.integer({ min: 1, max: 1000 }),
      (step, from, pages, limit) => {
        const to = from + pages * intervalLength(step)
        const windows = [...pageWindows(step, { from, to }, limit)]
        expect(countPages(step, { from, to }, limit)).toBe(windows.length)
        expect(windows.length === 0).toBe(to <= from)
        for (const [index, window] of windows.entries()) {
          expect(window.from).toBe(index === 0 ? from : windows[index - 1]!.to)
          const most =
            step === '1M'
              ? addOpens({ interval: step }, window.from, limit + 1)
              : window.from + limit * intervalLength(step)
          expect(window.to).toBeLessThanOrEqual(most)
        }
        if (windows.length > 0) expect(windows.at(-1)!.to).toBe(to)
      },
    ),
  )
})

test('a download by REST alone uses 90 % of every full window and is never refused, with the local clock an hour off', async () => {
  const real = Date.now
  const windowMs = 3000
  const skewed = (): number => real() + 3_600_000
  try {
    Date.now = () => real() - 1_800_000
    const { server, client } = await start({ now: skewed, listedAt: LISTED, weightLimit: 100, windowMs })
    const from = Math.floor(skewed() / MINUTE) * MINUTE - 900_000 * MINUTE
    let rows = 0
    for await (const page of client.candlePages({
      market: 'spot',
      symbol: 'BTCUSDT',
      interval: '1m',
      from,
      to: from + 900_000 * MINUTE,
    })) {
      rows += page.batch.length
      if (server.windows.size >= 5) break
    }
    expect(rows).toBeGreaterThan(100_000)
    expect(server.refused()).toBe(0)
    const full = [...server.windows.values()].slice(1, -1)
    expect(full.length).toBeGreaterThanOrEqual(3)
    for (const used of full) expect(used / 100).toBeGreaterThanOrEqual(0.9)
  } finally {
    Date.now = real
  }
})
