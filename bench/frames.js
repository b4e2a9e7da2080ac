// Frames to records without a socket: ticklake's parser against JSON.parse-and-map to the same records, JSON.parse
// alone, rows in the form of tardis-dev, and ccxt's own handlers. Contenders take turns; medians.
// Runs on dist/: `npm run build && node bench/frames.js`. Prints a JSON line per kind and a table.
import { race } from './measure.js'

const { createBinanceParser } = await import('../dist/exchanges/binance/frames/index.js')

const FRAMES = 20_000
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7)
const START = Date.UTC(2026, 6, 18, 12)
let seed = 42
const random = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}
const price = () => (64_000 + random() * 2_000).toFixed(2)
const spotPrice = () => `${price()}000000`
const quantity = () => `${(random() * 3).toFixed(5)}000`
const levels = (count) => Array.from({ length: count }, () => [spotPrice(), random() < 0.4 ? '0.00000000' : quantity()])

/** One kind: how its frames look, and how they become a record by JSON.parse. */
const KINDS = {
  trade: {
    make: (n) => {
      const time = START + n * 7
      return `{"stream":"btcusdt@trade","data":{"e":"trade","E":${time},"s":"BTCUSDT","t":${6516180814 + n},"p":"${spotPrice()}","q":"${quantity()}","T":${time},"m":${random() < 0.5},"M":true}}`
    },
    map: ({ data: d }, receiveTime) => ({
      kind: 'trade',
      market: 'spot',
      symbol: d.s,
      eventTime: d.E,
      receiveTime,
      flags: 2,
      id: d.t,
      time: d.T,
      price: Number(d.p),
      quantity: Number(d.q),
      buyerIsMaker: d.m,
    }),
  },
  aggTrade: {
    make: (n) => {
      const time = START + n * 7
      return `{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":${time},"s":"BTCUSDT","a":${4017087867 + n},"p":"${spotPrice()}","q":"${quantity()}","f":${6516181178 + n},"l":${6516181179 + n},"T":${time},"m":${random() < 0.5},"M":true}}`
    },
    map: ({ data: d }, receiveTime) => ({
      kind: 'aggTrade',
      market: 'spot',
      symbol: d.s,
      eventTime: d.E,
      receiveTime,
      flags: 2,
      id: d.a,
      time: d.T,
      price: Number(d.p),
      quantity: Number(d.q),
      firstTradeId: d.f,
      lastTradeId: d.l,
      buyerIsMaker: d.m,
    }),
  },
  bookTicker: {
    make: (n) =>
      `{"stream":"btcusdt@bookTicker","data":{"u":${35346513501 + n},"s":"BTCUSDT","b":"${spotPrice()}","B":"${quantity()}","a":"${spotPrice()}","A":"${quantity()}"}}`,
    map: ({ data: d }, receiveTime) => ({
      kind: 'quote',
      market: 'spot',
      symbol: d.s,
      eventTime: Number.NaN,
      receiveTime,
      flags: 2,
      updateId: d.u,
      bidPrice: Number(d.b),
      bidQuantity: Number(d.B),
      askPrice: Number(d.a),
      askQuantity: Number(d.A),
      transactionTime: Number.NaN,
    }),
  },
  kline: {
    make: (n) => {
      const open = START + Math.floor(n / 30) * 60_000
      return `{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":${open + (n % 30) * 2000},"s":"BTCUSDT","k":{"t":${open},"T":${open + 59_999},"s":"BTCUSDT","i":"1m","f":${6516180814 + n},"L":${6516180914 + n},"o":"${spotPrice()}","c":"${spotPrice()}","h":"${spotPrice()}","l":"${spotPrice()}","v":"${quantity()}","n":364,"x":${n % 30 === 29},"q":"${spotPrice()}","V":"${quantity()}","Q":"${spotPrice()}","B":"0"}}}`
    },
    map: ({ data: d }, receiveTime) => ({
      kind: 'candle',
      market: 'spot',
      symbol: d.s,
      eventTime: d.E,
      receiveTime,
      flags: 2,
      interval: d.k.i,
      closed: d.k.x,
      openTime: d.k.t,
      open: Number(d.k.o),
      high: Number(d.k.h),
      low: Number(d.k.l),
      close: Number(d.k.c),
      volume: Number(d.k.v),
      closeTime: d.k.T,
      quoteVolume: Number(d.k.q),
      trades: d.k.n,
      takerBuyVolume: Number(d.k.V),
      takerBuyQuoteVolume: Number(d.k.Q),
    }),
  },
  depth: {
    make: (n) => {
      const first = 97585364523 + n * 12
      return `{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":${START + n * 100},"s":"BTCUSDT","U":${first},"u":${first + 11},"b":${JSON.stringify(levels(8))},"a":${JSON.stringify(levels(8))}}}`
    },
    map: ({ data: d }, receiveTime) => ({
      kind: 'bookDelta',
      market: 'spot',
      symbol: d.s,
      eventTime: d.E,
      receiveTime,
      flags: 2,
      firstUpdateId: d.U,
      lastUpdateId: d.u,
      previousUpdateId: -1,
      transactionTime: Number.NaN,
      bids: numbersOf(d.b),
      asks: numbersOf(d.a),
    }),
  },
}

const EVENTS = { trade: 'trade', aggTrade: 'aggTrade', kline: 'kline', depthUpdate: 'depth' }
/** Everything in turn, as one busy connection carries it. */
KINDS.mixed = {
  make: (n) => {
    const order = ['trade', 'bookTicker', 'aggTrade', 'bookTicker', 'depth', 'trade', 'bookTicker', 'kline']
    return KINDS[order[n % order.length]].make(n)
  },
  map: (frame, receiveTime) => KINDS[EVENTS[frame.data.e] ?? 'bookTicker'].map(frame, receiveTime),
}

function numbersOf(rows) {
  const numbers = []
  for (const [one, other] of rows) numbers.push(Number(one), Number(other))
  return numbers
}

/** The form that tardis-dev gives trades: texts for ids, a side, Dates. */
const datedRows = {
  trade: ({ data: d }, receiveTime) => ({
    type: 'trade',
    symbol: d.s,
    exchange: 'binance',
    id: String(d.t),
    price: Number(d.p),
    amount: Number(d.q),
    side: d.m ? 'sell' : 'buy',
    timestamp: new Date(d.T),
    localTimestamp: new Date(receiveTime),
  }),
}

const ccxt = await ccxtHandlers()
const failed = []
for (const [name, { make, map }] of Object.entries(KINDS)) {
  const frames = Array.from({ length: FRAMES }, (_, n) => Buffer.from(make(n)))
  const parser = createBinanceParser('spot')
  let sum = 0
  const sink = {
    record(record) {
      sum += record.flags
    },
    reply() {},
    shutdown() {},
    unknown() {},
    bad(problem) {
      throw new Error(problem)
    },
  }
  sameRecords(name, frames.slice(0, 50), parser, map)
  const contenders = {
    ticklake: () => {
      for (const frame of frames) parser.parse(frame, 0, frame.length, 1_784_410_630_500.25, sink)
    },
    'JSON.parse and map': () => {
      for (const frame of frames) sum += map(JSON.parse(frame.toString()), 1_784_410_630_500.25).flags
    },
    'JSON.parse alone': () => {
      for (const frame of frames) sum += JSON.parse(frame.toString()).stream.length
    },
  }
  if (datedRows[name]) {
    contenders['JSON.parse to rows with Dates'] = () => {
      for (const frame of frames) sum += datedRows[name](JSON.parse(frame.toString()), 1_784_410_630_500).price
    }
  }
  if (ccxt[name]) {
    contenders['ccxt pro'] = () => {
      for (const frame of frames) ccxt[name](JSON.parse(frame.toString()).data)
    }
  }
  const results = await race(`frames to records: ${name}, ${frames[0].length} bytes`, 'frames', FRAMES, contenders, {
    rounds: ROUNDS,
    warmups: 3,
  })
  const ratio = results.ticklake.rate / results['JSON.parse and map'].rate
  const wanted = ['kline', 'depth', 'mixed'].includes(name) ? 2.5 : 3
  console.log(`  ${ratio.toFixed(2)} × JSON.parse and map (wanted: ${wanted})`)
  if (ratio < wanted || parser.fallbacks > 0) failed.push(name)
  if (!Number.isFinite(sum)) throw new Error('nothing was summed')
}
if (failed.length > 0) {
  console.error(`Below the target: ${failed.join(', ')}`)
  process.exitCode = 1
}

/** Both ways must make the same of a frame, or the race is none. The flags of a candle say more than the map knows. */
function sameRecords(name, frames, parser, map) {
  for (const frame of frames) {
    let got
    parser.parse(frame, 0, frame.length, 1.5, { record: (record) => (got = record), bad: console.error })
    const wanted = map(JSON.parse(frame.toString()), 1.5)
    const [a, b] = [got, wanted].map((record) => JSON.stringify({ ...record, flags: 0 }))
    if (a !== b) throw new Error(`${name}: ${a} is not ${b}`)
  }
}

/** ccxt's own parsers of stream messages, without a connection. */
async function ccxtHandlers() {
  const { default: ccxtModule } = await import('ccxt')
  const exchange = new ccxtModule.pro.binance({ newUpdates: true })
  const market = {
    id: 'BTCUSDT',
    symbol: 'BTC/USDT',
    base: 'BTC',
    quote: 'USDT',
    baseId: 'BTC',
    quoteId: 'USDT',
    type: 'spot',
    spot: true,
    active: true,
    precision: { price: 0.01, amount: 0.00001 },
    limits: {},
    info: {},
  }
  exchange.setMarkets([market])
  return {
    trade: (data) => exchange.parseWsTrade(data, market),
    aggTrade: (data) => exchange.parseWsTrade(data, market),
    bookTicker: (data) => exchange.parseWsTicker(data, 'spot'),
  }
}
