import type { ServerResponse } from 'node:http'
import { sendJson, startTestServer, type TestServer } from './http-server.ts'

export interface BinanceServerOptions {
  /** Open time of the first candle. */
  readonly listedAt?: number
  /** The exchange's clock; candles after it do not exist. */
  readonly now?: () => number
  /** Step between candles, ms; `'month'` for calendar months. */
  readonly step?: number | 'month'
  /** Candles that do not exist. */
  readonly missing?: (open: number) => boolean
  /** Largest page, whatever is asked. */
  readonly cap?: number
  readonly weightLimit?: number
  readonly windowMs?: number
}

export interface BinanceServer extends TestServer {
  /** Weight per window of the server's clock. */
  readonly windows: Map<number, number>
  /** How often 429 was answered. */
  refused(): number
  /** What to do instead of answering; return true when the answer was dealt with. */
  intercept: ((url: URL, response: ServerResponse) => boolean | Promise<boolean>) | undefined
}

export const LISTED = Date.UTC(2020, 0, 1)

/** One candle of the test market, as Binance writes it; its values follow from its time. */
export function klineRow(open: number, close: number): unknown[] {
  const n = Math.floor(open / 1000) % 100_000
  const price = (n / 7 + 1).toFixed(8)
  return [
    open,
    price,
    price,
    price,
    price,
    (n / 3).toFixed(8),
    close,
    (n * 1.5).toFixed(8),
    n,
    '1.00000000',
    '2.5',
    '0',
  ]
}

/** A small Binance: time, exchangeInfo and klines of one symbol, with weights and windows. */
export async function startBinance(options: BinanceServerOptions = {}): Promise<BinanceServer> {
  const { listedAt = LISTED, step = 60_000, missing = () => false, weightLimit = 6000, windowMs = 60_000 } = options
  const now = options.now ?? (() => Date.UTC(2020, 0, 15))
  const windows = new Map<number, number>()
  let refused = 0
  const next = (open: number): number => {
    if (step !== 'month') return open + step
    const date = new Date(open)
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)
  }
  const first = (from: number): number => {
    if (from <= listedAt) return listedAt
    if (step !== 'month') return listedAt + Math.ceil((from - listedAt) / step) * step
    let open = listedAt
    while (open < from) open = next(open)
    return open
  }
  const server = await startTestServer(async (_request, response, url) => {
    if (await self.intercept?.(url, response)) return
    const futures = /^\/[fd]api/.test(url.pathname)
    const limit = Number(url.searchParams.get('limit') ?? 500)
    const name = url.pathname.replace(/^\/(api\/v3|[fd]api\/v1)\//, '')
    const weight =
      name === 'exchangeInfo'
        ? futures
          ? 1
          : 20
        : name !== 'klines'
          ? 1
          : futures
            ? limit < 100
              ? 1
              : limit < 500
                ? 2
                : 5
            : 2
    const window = Math.floor(now() / windowMs)
    const used = (windows.get(window) ?? 0) + weight
    windows.set(window, used)
    const unit = windowMs % 60_000 === 0 ? `${windowMs / 60_000}M` : `${windowMs / 1000}S`
    const headers = { [`X-MBX-USED-WEIGHT-${unit}`]: String(used) }
    if (used > weightLimit) {
      refused++
      return sendJson(response, { code: -1003, msg: 'Too much request weight used.' }, 429, {
        ...headers,
        'Retry-After': '1',
      })
    }
    if (name === 'time') return sendJson(response, { serverTime: Math.floor(now()) }, 200, headers)
    if (name === 'ping') return sendJson(response, {}, 200, headers)
    if (name === 'exchangeInfo') {
      const perUnit =
        windowMs % 60_000 === 0
          ? { interval: 'MINUTE', intervalNum: windowMs / 60_000 }
          : { interval: 'SECOND', intervalNum: windowMs / 1000 }
      const symbol = (id: string, base: string): object => ({
        symbol: id,
        status: 'TRADING',
        baseAsset: base,
        quoteAsset: 'USDT',
        contractType: futures ? 'PERPETUAL' : undefined,
        marginAsset: futures ? 'USDT' : undefined,
        filters: [
          { filterType: 'PRICE_FILTER', minPrice: '0.01000000', maxPrice: '1000000.00000000', tickSize: '0.01000000' },
          { filterType: 'LOT_SIZE', minQty: '0.00001000', maxQty: '9000.00000000', stepSize: '0.00001000' },
          { filterType: 'NOTIONAL', minNotional: '5.00000000', applyMinToMarket: true },
          { filterType: 'SOMETHING_NEW', level: 3 },
        ],
      })
      return sendJson(
        response,
        {
          timezone: 'UTC',
          serverTime: now(),
          rateLimits: [{ rateLimitType: 'REQUEST_WEIGHT', ...perUnit, limit: weightLimit }],
          symbols: [symbol('BTCUSDT', 'BTC'), symbol('ETHUSDT', 'ETH')],
        },
        200,
        headers,
      )
    }
    if (name !== 'klines') return sendJson(response, '<html>not here</html>', 404)
    const query = url.searchParams
    if (!/^BTCUSD(T|_PERP)$/.test(query.get('symbol') ?? ''))
      return sendJson(response, { code: -1121, msg: 'Invalid symbol.' }, 400, headers)
    const end = Math.min(now(), Number(query.get('endTime') ?? now()))
    const rows: unknown[] = []
    for (let open = first(Number(query.get('startTime') ?? 0)); open <= end; open = next(open)) {
      if (rows.length >= Math.min(limit, options.cap ?? limit)) break
      if (!missing(open)) rows.push(klineRow(open, next(open) - 1))
    }
    sendJson(response, rows, 200, headers)
  })
  const self: BinanceServer = Object.assign(server, {
    windows,
    refused: () => refused,
    intercept: undefined as BinanceServer['intercept'],
  })
  return self
}
