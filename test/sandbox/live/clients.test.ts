import { DerivativesTradingUsdsFutures } from '@binance/derivatives-trading-usds-futures'
import { Spot } from '@binance/spot'
import { DefaultLogger, WebsocketClient } from 'binance'
import * as binanceApiNode from 'binance-api-node'
import ccxt from 'ccxt'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Sandbox } from '../../../src/sandbox/index.ts'
import { liveSandbox } from './client.ts'

// Read by the official clients when they are loaded.
vi.hoisted(() => {
  process.env.LOG_LEVEL = 'error'
})

const busy = { tradesPerSecond: 50 }

const silent: DefaultLogger = { ...DefaultLogger, trace: () => {}, info: () => {}, error: () => {} }

/** Its types name no default export and no addresses of streams. */
const BinanceApiNode = binanceApiNode.default as unknown as (options: {
  readonly wsBase: string
  readonly wsFuturesPublic: string
  readonly wsFuturesMarket: string
}) => binanceApiNode.BinanceRest

/** Collects what a callback is given, and waits until there is enough. */
function collector<T>(): { take: (value: T) => void; enough: (count: number) => Promise<T[]> } {
  const values: T[] = []
  let look = (): void => {}
  return {
    take(value) {
      values.push(value)
      look()
    },
    enough: (count) =>
      new Promise((done) => {
        look = () => {
          if (values.length >= count) done(values)
        }
        look()
      }),
  }
}

/** Ids without a hole, and each trade as REST has it. */
async function expectTrades(sandbox: Sandbox, ids: readonly number[], market: 'spot' | 'usdm' = 'spot'): Promise<void> {
  expect(ids).toEqual(ids.map((_, i) => ids[0]! + i))
  const path = market === 'spot' ? '/api/v3/historicalTrades' : '/fapi/v1/historicalTrades'
  const query = `symbol=BTCUSDT&fromId=${ids[0]}&limit=${ids.length}`
  const rows = (await (await fetch(`${sandbox.rest}${path}?${query}`)).json()) as { id: number }[]
  expect(rows.map(({ id }) => id)).toEqual(ids)
}

function pointedAt<E extends { urls: unknown }>(exchange: E, sandbox: Sandbox): E {
  const rewrite = (api: Record<string, unknown>): void => {
    for (const [name, url] of Object.entries(api)) {
      if (typeof url === 'string') {
        api[name] = url.replace(/^https?:\/\/[^/]+/, sandbox.rest).replace(/^wss?:\/\/[^/]+/, sandbox.ws)
      } else rewrite(url as Record<string, unknown>)
    }
  }
  rewrite((exchange.urls as { api: Record<string, unknown> }).api)
  return exchange
}

describe('unmodified public clients stream', () => {
  it('ccxt, spot: trades, candles and a book that is right', async () => {
    const sandbox = await liveSandbox(busy)
    const exchange = pointedAt(new ccxt.pro.binance({ options: { fetchMarkets: { types: ['spot'] } } }), sandbox)
    onTestFinished(() => exchange.close().then(() => {}))
    // Without it, ccxt opens no plain ws:// URL.
    await exchange.loadHttpProxyAgent()
    await exchange.loadMarkets()
    const ids: number[] = []
    while (ids.length < 50) for (const trade of await exchange.watchTrades('BTC/USDT')) ids.push(Number(trade.id))
    await expectTrades(
      sandbox,
      [...new Set(ids)].sort((a, b) => a - b),
    )
    expect((await exchange.watchOHLCV('BTC/USDT', '1s')).length).toBeGreaterThan(0)
    await exchange.watchOrderBook('BTC/USDT')
    const book = await exchange.watchOrderBook('BTC/USDT')
    expect(book.bids.length).toBeGreaterThan(100)
    expect(Number(book.bids[0]![0])).toBeLessThan(Number(book.asks[0]![0]))
  })

  it('ccxt, USD-M: by its routes', async () => {
    const sandbox = await liveSandbox(busy)
    const exchange = pointedAt(new ccxt.pro.binanceusdm({ options: { fetchMarkets: { types: ['linear'] } } }), sandbox)
    onTestFinished(() => exchange.close().then(() => {}))
    await exchange.loadHttpProxyAgent()
    await exchange.loadMarkets()
    expect((await exchange.watchTrades('BTC/USDT:USDT')).length).toBeGreaterThan(0)
    const book = await exchange.watchOrderBook('BTC/USDT:USDT')
    expect(Number(book.bids[0]![0])).toBeLessThan(Number(book.asks[0]![0]))
    expect(Number((await exchange.watchMarkPrice('BTC/USDT:USDT')).markPrice)).toBeGreaterThan(0)
    expect(sandbox.live().connections.map(({ route }) => route)).toEqual(expect.arrayContaining(['public', 'market']))
  })

  it('binance: both markets from one base URL', async () => {
    const sandbox = await liveSandbox(busy)
    const client = new WebsocketClient({ wsUrl: sandbox.ws }, silent)
    onTestFinished(() => client.closeAll(true))
    const messages = collector<unknown>()
    client.on('message', (message) => messages.take(message))
    client.on('exception', () => {})
    await client.subscribe(['btcusdt@trade'], 'main')
    await client.subscribe(['btcusdt@depth@100ms'], 'usdmPublic')
    await client.subscribe(['btcusdt@kline_1m', 'btcusdt@markPrice@1s'], 'usdmMarket')
    const all = JSON.stringify(await messages.enough(200))
    for (const stream of ['btcusdt@trade', 'btcusdt@depth@100ms', 'btcusdt@kline_1m', 'btcusdt@markPrice@1s']) {
      expect(all).toContain(`"${stream}"`)
    }
  })

  it('@binance/spot', async () => {
    const sandbox = await liveSandbox(busy)
    const client = new Spot({ configurationWebsocketStreams: { wsURL: sandbox.ws } })
    const connection = await client.websocketStreams.connect()
    onTestFinished(() => connection.disconnect())
    const trades = collector<{ t?: number | bigint }>()
    connection.trade({ symbol: 'btcusdt' }).on('message', (trade) => trades.take(trade))
    await expectTrades(
      sandbox,
      (await trades.enough(50)).slice(0, 50).map(({ t }) => Number(t)),
    )
    const books = collector<{ U?: number | bigint; u?: number | bigint }>()
    connection
      .diffBookDepth({ symbol: 'btcusdt', updateSpeed: '100ms' as never })
      .on('message', (event) => books.take(event))
    const [first, second] = await books.enough(2)
    expect(Number(second!.U)).toBe(Number(first!.u) + 1)
  })

  it('@binance/derivatives-trading-usds-futures, over its three connections', async () => {
    const sandbox = await liveSandbox(busy)
    const client = new DerivativesTradingUsdsFutures({ configurationWebsocketStreams: { wsURL: sandbox.ws } })
    const connection = await client.websocketStreams.connect()
    onTestFinished(() => connection.disconnect())
    const trades = collector<{ a?: number | bigint }>()
    connection.aggregateTradeStreams({ symbol: 'btcusdt' }).on('message', (trade) => trades.take(trade))
    const quotes = collector<{ b?: string; a?: string }>()
    connection.individualSymbolBookTickerStreams({ symbol: 'btcusdt' }).on('message', (quote) => quotes.take(quote))
    const ids = (await trades.enough(20)).map(({ a }) => Number(a))
    expect(ids).toEqual(ids.map((_, i) => ids[0]! + i))
    const [quote] = await quotes.enough(1)
    expect(Number(quote!.b)).toBeLessThan(Number(quote!.a))
    expect(new Set(sandbox.live().connections.map(({ route }) => route))).toEqual(
      new Set(['public', 'market', 'private']),
    )
  })

  it('binance-api-node', async () => {
    const sandbox = await liveSandbox(busy)
    const { ws } = BinanceApiNode({
      wsBase: `${sandbox.ws}/ws`,
      wsFuturesPublic: `${sandbox.ws}/public/ws`,
      wsFuturesMarket: `${sandbox.ws}/market/ws`,
    })
    const trades = collector<{ tradeId: number }>()
    onTestFinished(ws.trades(['BTCUSDT'], (trade) => trades.take(trade)))
    await expectTrades(
      sandbox,
      (await trades.enough(30)).slice(0, 30).map(({ tradeId }) => Number(tradeId)),
    )
    const candles = collector<{ symbol: string }>()
    onTestFinished(ws.futuresCandles('BTCUSDT', '1m', (candle) => candles.take(candle)))
    expect((await candles.enough(1))[0]).toMatchObject({ symbol: 'BTCUSDT' })
    const depth = collector<{ firstUpdateId: number }>()
    onTestFinished(ws.futuresDepth('BTCUSDT', (event) => depth.take(event)))
    expect((await depth.enough(1))[0]!.firstUpdateId).toBeGreaterThan(0)
  })
})
