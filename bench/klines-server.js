// A local exchange for bench/rest.js, in its own process: answers klines requests with the prepared page that
// starts at `startTime`.
// Prints {"port": …} when it listens; ends when its stdin does.
import { createServer } from 'node:http'

const rows = Number(process.argv[2] ?? 1000)
const pages = Number(process.argv[3] ?? 1)
const MINUTE = 60_000
const START = Date.UTC(2024, 0, 1)

/** Decimals with the digits that Binance sends, from a fixed seed. */
function page(start) {
  let seed = 42
  const random = () => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    return seed / 0x7fffffff
  }
  const text = (least, span) => (least + random() * span).toFixed(8)
  const candles = []
  for (let index = 0; index < rows; index++) {
    const open = start + index * MINUTE
    candles.push([
      open,
      text(42000, 900),
      text(42000, 900),
      text(42000, 900),
      text(42000, 900),
      text(0, 90),
      open + MINUTE - 1,
      text(900_000, 3_000_000),
      Math.floor(random() * 5000),
      text(0, 50),
      text(400_000, 1_500_000),
      '0',
    ])
  }
  return Buffer.from(JSON.stringify(candles))
}

const klines = new Map()
for (let index = 0; index < pages; index++) {
  const start = START + index * rows * MINUTE
  klines.set(String(start), page(start))
}
const empty = Buffer.from('[]')
const symbol = {
  symbol: 'BTCUSDT',
  status: 'TRADING',
  baseAsset: 'BTC',
  quoteAsset: 'USDT',
  baseAssetPrecision: 8,
  quotePrecision: 8,
  quoteAssetPrecision: 8,
  orderTypes: ['LIMIT'],
  isSpotTradingAllowed: true,
  permissions: [],
  permissionSets: [['SPOT']],
  filters: [
    { filterType: 'PRICE_FILTER', minPrice: '0.01', maxPrice: '1000000', tickSize: '0.01' },
    { filterType: 'LOT_SIZE', minQty: '0.00001', maxQty: '9000', stepSize: '0.00001' },
  ],
}
const info = Buffer.from(
  JSON.stringify({
    timezone: 'UTC',
    serverTime: START,
    rateLimits: [{ rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: 1_000_000_000 }],
    exchangeFilters: [],
    symbols: [symbol],
  }),
)

const server = createServer((request, response) => {
  const url = request.url ?? ''
  const start = /startTime=(\d+)/.exec(url)?.[1] ?? ''
  const body = url.includes('klines')
    ? (klines.get(start) ?? empty)
    : url.includes('exchangeInfo')
      ? info
      : Buffer.from(`{"serverTime":${Date.now()}}`)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
  response.end(body)
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
process.stdin.on('end', () => process.exit(0)).resume()
