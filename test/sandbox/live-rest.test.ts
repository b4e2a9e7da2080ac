import ccxt from 'ccxt'
import { describe, expect, it } from 'vitest'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { getJson, klines, NOW, sandboxFor, units } from './help.ts'

const now = Date.parse(NOW)
/** A clock that hardly moves: what is asked for does not change between two questions. */
const still = { speed: 1e-6, tradesPerSecond: 20 }
const BASE = { spot: '/api/v3', usdm: '/fapi/v1' } as const
const MARKETS = ['spot', 'usdm'] as const

interface Depth {
  lastUpdateId: number
  E?: number
  T?: number
  bids: [string, string][]
  asks: [string, string][]
}

interface Trade {
  id: number
  price: string
  qty: string
  quoteQty: string
  time: number
  isBuyerMaker: boolean
}

interface AggTrade {
  a: number
  p: string
  q: string
  f: number
  l: number
  T: number
  m: boolean
}

async function failure(sandbox: Sandbox, path: string, init?: RequestInit): Promise<[number, number]> {
  const response = await fetch(sandbox.endpoint + path, init)
  return [response.status, ((await response.json()) as { code: number }).code]
}

describe('depth', () => {
  it('has as many levels as were asked for, best first, and the book ticker is its top', async () => {
    const sandbox = await sandboxFor(still)
    for (const market of MARKETS) {
      const book = await getJson<Depth>(sandbox, `${BASE[market]}/depth?symbol=BTCUSDT&limit=1000`)
      expect([book.bids.length, book.asks.length]).toEqual([1000, 1000])
      for (const [levels, sign] of [
        [book.bids, -1],
        [book.asks, 1],
      ] as const) {
        for (let i = 1; i < levels.length; i++) {
          expect(sign * (Number(levels[i]![0]) - Number(levels[i - 1]![0]))).toBeGreaterThan(0)
        }
      }
      expect(Number(book.bids[0]![0])).toBeLessThan(Number(book.asks[0]![0]))
      const top = await getJson<Record<string, string>>(sandbox, `${BASE[market]}/ticker/bookTicker?symbol=BTCUSDT`)
      expect([top.bidPrice, top.bidQty, top.askPrice, top.askQty]).toEqual([...book.bids[0]!, ...book.asks[0]!])
      const few = await getJson<Depth>(sandbox, `${BASE[market]}/depth?symbol=BTCUSDT&limit=5`)
      expect(few.bids).toEqual(book.bids.slice(0, 5))
      expect(few.lastUpdateId).toBe(book.lastUpdateId)
    }
  })

  it('is written as each market does', async () => {
    const sandbox = await sandboxFor(still)
    const spot = await getJson<Depth>(sandbox, '/api/v3/depth?symbol=BTCUSDT')
    expect(Object.keys(spot)).toEqual(['lastUpdateId', 'bids', 'asks'])
    expect(spot.bids.length).toBe(100)
    expect(spot.bids[0]!.join(' ')).toMatch(/^\d+\.\d{8} \d+\.\d{8}$/)
    const usdm = await getJson<Depth>(sandbox, '/fapi/v1/depth?symbol=BTCUSDT')
    expect(Object.keys(usdm)).toEqual(['lastUpdateId', 'E', 'T', 'bids', 'asks'])
    expect(usdm.bids.length).toBe(500)
    expect(usdm.bids[0]!.join(' ')).toMatch(/^\d+\.\d0 \d+\.\d{3}$/)
    expect(usdm.T! % 100).toBe(0)
    expect(usdm.E! - usdm.T!).toBeLessThan(2000)
    expect(usdm.E! - usdm.T!).toBeGreaterThanOrEqual(0)
  })

  it('takes any limit on spot, cut at 5000, and seven limits on USD-M', async () => {
    const sandbox = await sandboxFor(still)
    const count = async (limit: number): Promise<number> =>
      (await getJson<Depth>(sandbox, `/api/v3/depth?symbol=ETHUSDT&limit=${limit}`)).bids.length
    expect([await count(1), await count(777), await count(5000), await count(9999)]).toEqual([1, 777, 5000, 5000])
    for (const limit of [5, 10, 20, 50, 100, 500, 1000]) {
      const book = await getJson<Depth>(sandbox, `/fapi/v1/depth?symbol=ETHUSDT&limit=${limit}`)
      expect(book.asks.length).toBe(limit)
    }
    expect(await failure(sandbox, '/fapi/v1/depth?symbol=ETHUSDT&limit=7')).toEqual([400, -4021])
    expect(await failure(sandbox, '/api/v3/depth?symbol=ETHUSDT&limit=0')).toEqual([400, -1130])
    expect(await failure(sandbox, '/api/v3/depth?symbol=ETHUSDT&symbolStatus=HALT')).toEqual([400, -1220])
    expect(await failure(sandbox, '/api/v3/depth?symbol=NOPE')).toEqual([400, -1121])
  })
})

describe('trades', () => {
  it.each(MARKETS)('of %s are the newest ones, and historicalTrades goes on from any id', async (market) => {
    const sandbox = await sandboxFor(still)
    const headers = { 'X-MBX-APIKEY': 'any' }
    const path = `${BASE[market]}/historicalTrades?symbol=ETHUSDT`
    const newest = await getJson<Trade[]>(sandbox, `${BASE[market]}/trades?symbol=ETHUSDT&limit=1000`)
    expect(newest.length).toBe(1000)
    expect(newest.at(-1)!.time).toBeLessThanOrEqual(now)
    for (const [i, trade] of newest.entries()) {
      expect(trade.id).toBe(newest[0]!.id + i)
      expect(units(trade.price) * units(trade.qty)).toBe(
        units(trade.quoteQty) * 10n ** BigInt(digits(trade.price) + digits(trade.qty) - digits(trade.quoteQty)),
      )
    }
    const page = await getJson<Trade[]>(sandbox, `${path}&fromId=${newest[300]!.id}&limit=200`, { headers })
    expect(page).toEqual(newest.slice(300, 500))
    const last = await getJson<Trade[]>(sandbox, `${path}&fromId=${newest.at(-1)!.id}`, { headers })
    expect(last).toEqual(newest.slice(-1))
    const beyond = await getJson<Trade[]>(sandbox, `${path}&fromId=${newest.at(-1)!.id + 1}`, { headers })
    expect(beyond).toEqual([])
  })

  it('begin with id 1 on spot; futures forget them after a month and want a key', async () => {
    const sandbox = await sandboxFor({ ...still, listedAt: '2024-03-01', symbols: ['BTCUSDT'] })
    const [first] = await getJson<Trade[]>(sandbox, '/api/v3/historicalTrades?symbol=BTCUSDT&fromId=0&limit=3')
    expect(first).toMatchObject({ id: 1, isBestMatch: true })
    expect(first!.time).toBeGreaterThanOrEqual(Date.UTC(2024, 2, 1))
    const path = '/fapi/v1/historicalTrades?symbol=BTCUSDT&fromId=1'
    expect(await failure(sandbox, path)).toEqual([401, -2014])
    const [kept] = await getJson<Trade[]>(sandbox, path, { headers: { 'X-MBX-APIKEY': 'any' } })
    expect(kept!.id).toBeGreaterThan(1)
    expect(kept!.time).toBeGreaterThanOrEqual(now - 30 * 86_400_000)
    expect(kept!.time).toBeLessThan(now - 30 * 86_400_000 + 60_000)
  })

  it.each(MARKETS)('of %s add up to the candle of their minute, exactly', async (market) => {
    const sandbox = await sandboxFor({ ...still, tradesPerSecond: 5 })
    const minute = Math.floor(now / 60_000) * 60_000 - 60_000
    const [candle] = await klines(sandbox, { symbol: 'XRPUSDT', interval: '1m', startTime: minute, limit: 1 }, market)
    const trades = (await getJson<Trade[]>(sandbox, `${BASE[market]}/trades?symbol=XRPUSDT&limit=1000`)).filter(
      (trade) => trade.time >= minute && trade.time < minute + 60_000,
    )
    expect(trades.length).toBe(candle![8])
    const sum = (rows: Trade[], field: 'qty' | 'quoteQty'): bigint =>
      rows.reduce((all, row) => all + units(row[field]), 0n)
    const bought = trades.filter((trade) => !trade.isBuyerMaker)
    const exact = (text: string, like: string): bigint => units(Number(text) === 0 ? (0).toFixed(digits(like)) : text)
    expect(sum(trades, 'qty')).toBe(exact(candle![5], trades[0]!.qty))
    expect(sum(trades, 'quoteQty')).toBe(exact(candle![7], trades[0]!.quoteQty))
    expect(sum(bought, 'qty')).toBe(exact(candle![9], trades[0]!.qty))
    expect([trades[0]!.price, trades.at(-1)!.price]).toEqual([candle![1], candle![4]])
  })

  it('have the ids that the 24 hour ticker names', async () => {
    const sandbox = await sandboxFor({ ...still, tradesPerSecond: 1 })
    for (const market of MARKETS) {
      const ticker = await getJson<{ lastId: number; firstId: number; count: number }>(
        sandbox,
        `${BASE[market]}/ticker/24hr?symbol=BTCUSDT`,
      )
      const [last] = await getJson<Trade[]>(sandbox, `${BASE[market]}/trades?symbol=BTCUSDT&limit=1`)
      expect(ticker.lastId).toBe(last!.id)
      expect(ticker.lastId - ticker.firstId + 1).toBe(ticker.count)
    }
  })

  it('tell microseconds on spot when asked to', async () => {
    const sandbox = await sandboxFor(still)
    const path = '/api/v3/trades?symbol=BTCUSDT&limit=20'
    const headers = { 'X-MBX-TIME-UNIT': 'MICROSECOND' }
    const [ms, us] = [await getJson<Trade[]>(sandbox, path), await getJson<Trade[]>(sandbox, path, { headers })]
    expect(us.map((trade) => Math.floor(trade.time / 1000))).toEqual(ms.map((trade) => trade.time))
    expect(us.some((trade) => trade.time % 1000 !== 0)).toBe(true)
  })
})

describe('aggTrades', () => {
  it.each(MARKETS)('of %s are the trades put together, each in one, ids without a hole', async (market) => {
    const sandbox = await sandboxFor(still)
    const aggs = await getJson<AggTrade[]>(sandbox, `${BASE[market]}/aggTrades?symbol=BTCUSDT&limit=400`)
    expect(aggs.length).toBe(400)
    const trades = await getJson<Trade[]>(sandbox, `${BASE[market]}/trades?symbol=BTCUSDT&limit=1000`)
    for (const [i, agg] of aggs.entries()) {
      if (i > 0) expect([agg.a, agg.f]).toEqual([aggs[i - 1]!.a + 1, aggs[i - 1]!.l + 1])
      const own = trades.filter((trade) => trade.id >= agg.f && trade.id <= agg.l)
      if (agg.f < trades[0]!.id) continue
      expect(own.length).toBe(agg.l - agg.f + 1)
      expect(own.every((trade) => trade.price === agg.p && trade.isBuyerMaker === agg.m)).toBe(true)
      expect(own.reduce((sum, trade) => sum + units(trade.qty), 0n)).toBe(units(agg.q))
      expect(agg.T).toBe(own.at(-1)!.time)
      expect(agg.T - own[0]!.time).toBeLessThan(market === 'spot' ? 1 : 100)
    }
    expect(aggs.some((agg) => agg.l > agg.f)).toBe(true)
    expect(trades.at(-1)!.id - aggs.at(-1)!.l).toBeLessThan(4)
    const page = await getJson<AggTrade[]>(
      sandbox,
      `${BASE[market]}/aggTrades?symbol=BTCUSDT&fromId=${aggs[50]!.a}&limit=20`,
    )
    expect(page).toEqual(aggs.slice(50, 70))
  })

  it.each(MARKETS)('of %s are found by time, both ends inside', async (market) => {
    const sandbox = await sandboxFor(still)
    const path = `${BASE[market]}/aggTrades?symbol=BTCUSDT`
    const from = now - 60_000
    const range = await getJson<AggTrade[]>(sandbox, `${path}&startTime=${from}&endTime=${now - 50_000}&limit=1000`)
    expect(range.length).toBeGreaterThan(50)
    for (const agg of range) expect(agg.T >= from && agg.T <= now - 50_000).toBe(true)
    const [a, b] = [range[10]!, range[30]!]
    const inside = await getJson<AggTrade[]>(sandbox, `${path}&startTime=${a.T}&endTime=${b.T}&limit=1000`)
    expect(inside).toEqual(range.filter((agg) => agg.T >= a.T && agg.T <= b.T))
    expect((await getJson<AggTrade[]>(sandbox, `${path}&startTime=${a.T}&limit=5`)).map((agg) => agg.a)).toEqual(
      inside.slice(0, 5).map((agg) => agg.a),
    )
    const before = await getJson<AggTrade[]>(sandbox, `${path}&endTime=${b.T}&limit=5`)
    expect(before).toEqual(inside.slice(-5))
  })

  it('refuse what the exchange refuses, and futures know two days of them', async () => {
    const sandbox = await sandboxFor(still)
    const spot = '/api/v3/aggTrades?symbol=BTCUSDT'
    const usdm = '/fapi/v1/aggTrades?symbol=BTCUSDT'
    const hour = `&startTime=${now - 7_200_000}&endTime=${now - 3_600_000}`
    expect(await failure(sandbox, `${usdm}${hour}`)).toEqual([400, -1127])
    expect((await getJson<AggTrade[]>(sandbox, `${spot}${hour}&limit=10`)).length).toBe(10)
    expect(await failure(sandbox, `${spot}&fromId=1&startTime=${now}`)).toEqual([400, -1128])
    expect(await failure(sandbox, `${usdm}&startTime=${now}&endTime=${now - 1}`)).toEqual([400, -1023])
    expect(await failure(sandbox, `${usdm}&limit=1001`)).toEqual([400, -1130])
    expect(await failure(sandbox, `${spot}&fromId=x`)).toEqual([400, -1100])
    expect((await getJson<AggTrade[]>(sandbox, `${spot}&fromId=1&limit=1`))[0]!.a).toBe(1)
    const [kept] = await getJson<AggTrade[]>(sandbox, `${usdm}&fromId=1&limit=1`)
    expect(kept!.T).toBeGreaterThanOrEqual(now - 48 * 3_600_000)
  })
})

describe('funding', () => {
  const HOUR = 3_600_000

  it('is paid each eight, four or one hours, as fundingInfo says', async () => {
    const symbols = ['BTCUSDT', ...'ABCDEFGHIJKLMNOP'].map((name) => (name.length > 1 ? name : `${name}${name}USDT`))
    const sandbox = await sandboxFor({ ...still, symbols })
    const infos = await getJson<{ symbol: string; fundingIntervalHours: number }[]>(sandbox, '/fapi/v1/fundingInfo')
    expect(new Set(infos.map((info) => info.fundingIntervalHours))).toEqual(new Set([1, 4]))
    for (const symbol of symbols) {
      const hours = infos.find((info) => info.symbol === symbol)?.fundingIntervalHours ?? 8
      const rows = await getJson<{ fundingTime: number; fundingRate: string; markPrice: string }[]>(
        sandbox,
        `/fapi/v1/fundingRate?symbol=${symbol}&startTime=${now - 200 * HOUR}&limit=20`,
      )
      expect(rows.length).toBe(20)
      for (const [i, row] of rows.entries()) {
        expect(row.fundingTime % HOUR).toBeLessThan(10)
        if (i > 0) expect(Math.round((row.fundingTime - rows[i - 1]!.fundingTime) / HOUR)).toBe(hours)
        expect(Number(row.markPrice)).toBeGreaterThan(0)
      }
    }
  })

  it('has its pages and bounds', async () => {
    const sandbox = await sandboxFor(still)
    const path = '/fapi/v1/fundingRate?symbol=BTCUSDT'
    const newest = await getJson<{ fundingTime: number }[]>(sandbox, path)
    expect(newest.length).toBe(200)
    expect(newest.at(-1)!.fundingTime).toBeGreaterThanOrEqual(Date.UTC(2024, 4, 10, 8))
    const at = newest[100]!.fundingTime
    expect(await getJson(sandbox, `${path}&startTime=${at}&endTime=${at}`)).toEqual([newest[100]])
    expect(await getJson(sandbox, `${path}&endTime=${at}&limit=3`)).toEqual(newest.slice(98, 101))
    const everyone = await getJson<{ symbol: string; fundingTime: number }[]>(sandbox, '/fapi/v1/fundingRate?limit=50')
    expect(new Set(everyone.map((row) => row.symbol)).size).toBeGreaterThan(5)
    expect(everyone.map((row) => row.fundingTime)).toEqual(everyone.map((row) => row.fundingTime).sort((a, b) => a - b))
    expect(await failure(sandbox, `${path}&startTime=2&endTime=1`)).toEqual([400, -1023])
  })

  it('is foretold by premiumIndex, whose estimate ends at what is paid', async () => {
    const sandbox = await sandboxFor({ ...still, now: '2024-05-10T07:59:59.990Z' })
    type Premium = Record<'markPrice' | 'indexPrice' | 'lastFundingRate' | 'estimatedSettlePrice', string> & {
      nextFundingTime: number
    }
    const premium = await getJson<Premium>(sandbox, '/fapi/v1/premiumIndex?symbol=BTCUSDT')
    expect(premium.nextFundingTime).toBe(Date.UTC(2024, 4, 10, 8))
    for (const name of ['markPrice', 'indexPrice', 'estimatedSettlePrice'] as const) {
      expect(premium[name]).toMatch(/^\d+\.\d{8}$/)
    }
    const { price } = await getJson<{ price: string }>(sandbox, '/fapi/v1/ticker/price?symbol=BTCUSDT')
    expect(Math.abs(Number(premium.markPrice) / Number(price) - 1)).toBeLessThan(0.005)
    const later = await sandboxFor({ ...still, now: '2024-05-10T08:00:01Z' })
    const [paid] = await getJson<{ fundingRate: string }[]>(later, '/fapi/v1/fundingRate?symbol=BTCUSDT&limit=1')
    expect(Number(premium.lastFundingRate)).toBeCloseTo(Number(paid!.fundingRate), 7)
    const all = await getJson<unknown[]>(sandbox, '/fapi/v1/premiumIndex')
    expect(all.length).toBeGreaterThan(10)
  })

  it('has an open interest beside it', async () => {
    const sandbox = await sandboxFor(still)
    const answer = await getJson<{ openInterest: string }>(sandbox, '/fapi/v1/openInterest?symbol=BTCUSDT')
    expect(answer).toMatchObject({ symbol: 'BTCUSDT', openInterest: expect.stringMatching(/^\d+\.\d{3}$/) })
    expect(await failure(sandbox, '/fapi/v1/openInterest')).toEqual([400, -1102])
  })
})

describe('unmodified ccxt', () => {
  it.each([
    ['BTC/USDT', 'spot', 5000],
    ['BTC/USDT:USDT', 'usdm', 1000],
  ] as const)('fetches the order book, trades and funding of %s', async (symbol, market, limit) => {
    const sandbox = await sandboxFor(still)
    const types = [market === 'spot' ? 'spot' : 'linear']
    const options = { options: { fetchMarkets: { types } } }
    const exchange = market === 'spot' ? new ccxt.binance(options) : new ccxt.binanceusdm(options)
    const urls = exchange.urls as { api: Record<string, unknown> }
    for (const [name, url] of Object.entries(urls.api)) {
      if (typeof url === 'string') urls.api[name] = url.replace(/^https?:\/\/[^/]+/, sandbox.endpoint)
    }
    const book = await exchange.fetchOrderBook(symbol, limit)
    const own = await getJson<Depth>(sandbox, `${BASE[market]}/depth?symbol=BTCUSDT&limit=${limit}`)
    expect(book.nonce).toBe(own.lastUpdateId)
    expect(book.bids).toEqual(own.bids.map((level) => level.map(Number)))
    expect(book.asks).toEqual(own.asks.map((level) => level.map(Number)))
    const trades = await exchange.fetchTrades(symbol, undefined, 50)
    const aggs = await getJson<AggTrade[]>(sandbox, `${BASE[market]}/aggTrades?symbol=BTCUSDT&limit=50`)
    expect(trades.map((trade) => [trade.id, trade.price, trade.amount, trade.side])).toEqual(
      aggs.map((agg) => [String(agg.a), Number(agg.p), Number(agg.q), agg.m ? 'sell' : 'buy']),
    )
    if (market === 'usdm') {
      const rates = await exchange.fetchFundingRateHistory(symbol, undefined, 5)
      expect(rates.length).toBe(5)
      const funding = await exchange.fetchFundingRate(symbol)
      expect(funding.markPrice).toBeGreaterThan(0)
    }
    await exchange.close()
  })
})

function digits(text: string): number {
  const point = text.indexOf('.')
  return point < 0 ? 0 : text.length - point - 1
}
