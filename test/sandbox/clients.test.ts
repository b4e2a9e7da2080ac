import { DerivativesTradingUsdsFutures } from '@binance/derivatives-trading-usds-futures'
import { Spot, SpotRestAPI } from '@binance/spot'
import { MainClient, USDMClient } from 'binance'
import ccxt from 'ccxt'
import { describe, expect, it } from 'vitest'
import { klines, sandboxFor } from './help.ts'

const quiet = { speed: 0.001 }

describe('unmodified public clients', () => {
  it('ccxt loads markets and candles', async () => {
    const sandbox = await sandboxFor(quiet)
    const exchange = new ccxt.binance({ options: { fetchMarkets: { types: ['spot'] } } })
    const urls = exchange.urls as { api: Record<string, unknown> }
    for (const [name, url] of Object.entries(urls.api)) {
      if (typeof url === 'string') urls.api[name] = url.replace(/^https?:\/\/[^/]+/, sandbox.endpoint)
    }
    await exchange.loadMarkets()
    expect(exchange.markets?.['BTC/USDT']).toMatchObject({ id: 'BTCUSDT', spot: true, active: true })
    expect(exchange.markets?.['BTC/USDT']?.precision).toMatchObject({ amount: 0.00001, price: 0.01 })
    const rows = await exchange.fetchOHLCV('BTC/USDT', '1h', undefined, 50)
    const own = await klines(sandbox, { symbol: 'BTCUSDT', interval: '1h', limit: 50 })
    expect(rows).toEqual(own.map((row) => [row[0], ...row.slice(1, 6).map(Number)]))
    await exchange.close()
  })

  it('ccxt loads the futures too', async () => {
    const sandbox = await sandboxFor(quiet)
    const exchange = new ccxt.binanceusdm({ options: { fetchMarkets: { types: ['linear'] } } })
    const urls = exchange.urls as { api: Record<string, unknown> }
    for (const [name, url] of Object.entries(urls.api)) {
      if (typeof url === 'string') urls.api[name] = url.replace(/^https?:\/\/[^/]+/, sandbox.endpoint)
    }
    await exchange.loadMarkets()
    expect(exchange.markets?.['1000PEPE/USDT:USDT']).toMatchObject({ id: '1000PEPEUSDT', swap: true, linear: true })
    const rows = await exchange.fetchOHLCV('BTC/USDT:USDT', '1d', Date.UTC(2024, 0, 1), 20)
    expect(rows.length).toBe(20)
    expect(rows[0]![0]).toBe(Date.UTC(2024, 0, 1))
    await exchange.close()
  })

  it('binance fetches candles and exchange info of both markets', async () => {
    const sandbox = await sandboxFor(quiet)
    const spot = new MainClient({ baseUrl: sandbox.endpoint, disableTimeSync: true })
    const info = await spot.getExchangeInfo({ symbol: 'BTCUSDT' })
    expect(info.symbols.map(({ symbol }) => symbol)).toEqual(['BTCUSDT'])
    const query = { symbol: 'BTCUSDT', interval: '5m', limit: 20 } as const
    expect(await spot.getKlines(query)).toEqual(await klines(sandbox, query))
    const usdm = new USDMClient({ baseUrl: sandbox.endpoint, disableTimeSync: true })
    expect((await usdm.getExchangeInfo()).symbols.some(({ symbol }) => symbol === '1000PEPEUSDT')).toBe(true)
    expect(await usdm.getKlines(query)).toEqual(await klines(sandbox, query, 'usdm'))
  })

  it('@binance/spot fetches candles and exchange info', async () => {
    const sandbox = await sandboxFor(quiet)
    const client = new Spot({ configurationRestAPI: { apiKey: '', basePath: sandbox.endpoint } })
    const info = await (await client.restAPI.exchangeInfo({ symbols: ['BTCUSDT', 'ETHUSDT'] })).data()
    expect(info.symbols?.map(({ symbol }) => symbol)).toEqual(['BTCUSDT', 'ETHUSDT'])
    const answer = await client.restAPI.klines({
      symbol: 'BTCUSDT',
      interval: SpotRestAPI.KlinesIntervalEnum.INTERVAL_1h,
      limit: 10,
    })
    expect(await answer.data()).toEqual(await klines(sandbox, { symbol: 'BTCUSDT', interval: '1h', limit: 10 }))
    // The client reads the used weight from the headers: 20 for exchange info and 2 for candles.
    expect(answer.rateLimits).toMatchObject([
      { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, count: 22 },
    ])
  })

  it('@binance/derivatives-trading-usds-futures fetches candles and exchange info', async () => {
    const sandbox = await sandboxFor(quiet)
    const client = new DerivativesTradingUsdsFutures({
      configurationRestAPI: { apiKey: '', basePath: sandbox.endpoint },
    })
    const info = await (await client.restAPI.exchangeInformation()).data()
    expect(info.symbols?.find(({ symbol }) => symbol === 'BTCUSDT')?.contractType).toBe('PERPETUAL')
    const answer = await client.restAPI.klineCandlestickData({
      symbol: 'BTCUSDT',
      interval: '1h' as never,
      limit: 10,
    })
    expect(await answer.data()).toEqual(await klines(sandbox, { symbol: 'BTCUSDT', interval: '1h', limit: 10 }, 'usdm'))
  })
})
