// One receiver of the live benches, a process of its own: `node live-client.js <contender> <port> <kind>`. It counts what
// its user would get, and says how long that took by the clock and on the processor.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

process.env.LOG_LEVEL = 'error'
const DIST = new URL(process.env.BENCH_DIST ?? '../dist/', import.meta.url)
const [contender, portText, kind = 'trade'] = process.argv.slice(2)
const port = Number(portText)
const stream = kind === 'trade' ? 'btcusdt@trade' : 'btcusdt@depth@100ms'

let count = 0
let wanted = Number.POSITIVE_INFINITY
let firstAt = 0
let cpu
let finish = () => {}
let latencies
let origin = 0
let characters = 0

/** One more message got through. `price` holds the time of sending where latencies are measured. */
function got(price) {
  if (count === 0) firstAt = performance.now()
  if (latencies !== undefined) latencies[count] = Number(process.hrtime.bigint()) / 1e6 - price * 1e3
  if (++count === wanted) finish()
}

async function plainSocket(onMessage) {
  const { WebSocket } = await import('ws')
  const socket = new WebSocket(`ws://127.0.0.1:${port}/stream?streams=${stream}`)
  socket.on('message', onMessage)
  await new Promise((done, failed) => socket.on('open', done).on('error', failed))
}

async function openCollector(options = {}) {
  const { Collector } = await import(new URL('engine/live/collector.js', DIST))
  const symbols = options.symbols ?? ['BTCUSDT']
  const market = 'spot'
  const channels = symbols.flatMap((symbol) => [
    ...(kind === 'depth' ? [{ market, kind: 'bookDelta', symbol }] : []),
    ...(kind === 'trade' || options.symbols ? [{ market, kind: 'trade', symbol }] : []),
  ])
  const made = await Collector.open({
    client: { endpoint: `http://127.0.0.1:${port}` },
    stream: { endpoint: `http://127.0.0.1:${port}`, channelsPerConnection: 1024 },
    snapshotMs: 0,
    channels,
    ...options.collector,
  })
  made.bus.on(kind === 'trade' ? 'market_data.trade.BTCUSDT' : 'market_data.bookDelta.BTCUSDT', (record) => {
    if (kind === 'trade') got(record.price)
    else {
      const { bestBid, bestAsk } = made.book(market, 'BTCUSDT').book
      if (bestBid >= bestAsk) throw new Error(`${bestBid} is at or above ${bestAsk}`)
      got(0)
    }
  })
  await made.start()
  return made
}

const contenders = {
  'ws, frames counted': () => plainSocket(() => got(0)),
  'ws and JSON.parse': () =>
    plainSocket((data) => {
      const message = JSON.parse(data)
      characters += message.stream.length
      got(latencies === undefined ? 0 : Number(message.data.p))
    }),
  ticklake: async () => checked(await openCollector()),
  'ticklake, stored': async () => {
    let durable = 0
    let onDurable = () => {}
    const made = await openCollector({
      // A burst is more than any disk takes: it has to have room.
      collector: {
        dataDir: temporaryFolder(),
        spool: {
          memoryBytes: 256 * 1024 * 1024,
          onDurable(sequence) {
            durable = sequence
            onDurable()
          },
        },
        flushRecords: 1e9,
        flushMs: 1e9,
      },
    })
    const check = checked(made)
    return {
      ...check,
      /** What was received but is not safe yet has not been paid for. */
      async settle() {
        const { last } = made.status().spool
        while (durable < last) await new Promise((done) => (onDurable = done))
      },
      async between() {
        await made.flush()
      },
      async end() {
        await made.stop({ repairMs: 0 })
      },
    }
  },
  binance: async () => {
    const { WebsocketClient, DefaultLogger } = await import('binance')
    const quiet = { ...DefaultLogger, trace: () => {}, info: () => {}, error: () => {} }
    const client = new WebsocketClient({ wsUrl: `ws://127.0.0.1:${port}` }, quiet)
    client.on('message', () => got(0))
    client.on('exception', () => {})
    await client.subscribe([stream], 'main')
  },
  '@binance/spot': async () => {
    const { Spot } = await import('@binance/spot')
    const client = new Spot({ configurationWebsocketStreams: { wsURL: `ws://127.0.0.1:${port}` } })
    const connection = await client.websocketStreams.connect()
    const handle =
      kind === 'trade' ? connection.trade({ symbol: 'btcusdt' }) : connection.diffBookDepth({ symbol: 'btcusdt' })
    handle.on('message', () => got(0))
  },
  // What its user does to know the best prices: its README's example of a depth cache.
  'node-binance-api': () =>
    nodeBinanceApi((client, { bids, asks }) => {
      characters += client.first(client.sortBids(bids)).length + client.first(client.sortAsks(asks)).length
    }),
  // Quantities by price, in no order: not what others call a book.
  'node-binance-api, unsorted': () => nodeBinanceApi(() => {}),
  'ccxt pro': async () => {
    const { default: ccxt } = await import('ccxt')
    const exchange = new ccxt.pro.binance({ newUpdates: true })
    for (const [name, url] of Object.entries(exchange.urls.api)) {
      if (typeof url === 'string')
        exchange.urls.api[name] = url.replace(/^https?:\/\/[^/]+/, `http://127.0.0.1:${port}`)
    }
    exchange.urls.api.ws.spot = `ws://127.0.0.1:${port}/ws`
    exchange.setMarkets([ccxtMarket])
    await exchange.loadHttpProxyAgent()
    const handle = exchange.handleMessage.bind(exchange)
    exchange.handleMessage = (client, message) => {
      handle(client, message)
      if (message.e !== undefined) got(0)
    }
    const watch = kind === 'trade' ? () => exchange.watchTrades('BTC/USDT') : () => exchange.watchOrderBook('BTC/USDT')
    ;(async () => {
      for (;;) characters += (await watch()).length ?? 0
    })().catch((error) => {
      console.error(error)
      process.exit(1)
    })
    return {
      state() {
        const book = exchange.orderbooks['BTC/USDT']
        return kind === 'trade' ? 'fine' : book?.nonce !== undefined && book.bids.length > 100 ? 'fine' : 'no book yet'
      },
    }
  },
}

const ccxtMarket = {
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

async function nodeBinanceApi(read) {
  const { default: Binance } = await import('node-binance-api')
  const urls = { base: `http://127.0.0.1:${port}/api/`, stream: `ws://127.0.0.1:${port}/ws/` }
  const client = new Binance({ urls, reconnect: false, log: () => {} })
  const onBook = (_, book, context) => {
    // The first call is that of the snapshot.
    if (context === undefined) return
    read(client, book)
    got(0)
  }
  client.websockets.depthCache('BTCUSDT', onBook, 1000)
  return {
    state() {
      const { bids, asks } = client.getDepthCache('BTCUSDT')
      return Object.keys(bids).length > 100 && Object.keys(asks).length > 100 ? 'fine' : 'no book yet'
    },
  }
}

/** Whoever is fast must also be right. */
function checked(made) {
  return {
    made,
    state() {
      const { series, books } = made.status()
      const bad = series.find((one) => one.holesFound > 0 || one.duplicates > 0 || one.breaks > 0)
      if (bad) return `${bad.series}: ${bad.holesFound} holes, ${bad.duplicates} duplicates, ${bad.breaks} breaks`
      const stale = books.filter((book) => book.state !== 'synced')
      return stale.length === 0 ? 'fine' : `${stale.length} books are ${stale[0].state}`
    },
  }
}

/** A folder that goes with the process. */
function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'ticklake-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

let running = {}

const commands = {
  async start(request) {
    if (request.symbols) {
      const collector = { bookDepth: 100, ...(request.stored ? { dataDir: temporaryFolder() } : {}) }
      running = checked(await openCollector({ symbols: request.symbols, collector }))
      running.end = () => running.made.stop({ repairMs: 0 })
    } else running = (await contenders[contender]()) ?? {}
  },
  /** What comes next is a round of so many messages. */
  async expect(request) {
    await running.between?.()
    globalThis.gc?.()
    count = 0
    wanted = request.count
    origin = request.origin ?? 0
    latencies = request.latencies ? new Float64Array(wanted) : undefined
    cpu = process.cpuUsage()
  },
  /** Ends with the last message of the round, and when all that it costs is paid. */
  async result() {
    if (count < wanted) {
      await new Promise((done, failed) => {
        const missing = () => failed(new Error(`${contender}: ${count} of ${wanted} came; ${running.state?.() ?? ''}`))
        const timer = setTimeout(missing, 60_000)
        finish = () => {
          clearTimeout(timer)
          done()
        }
      })
    }
    const wallMs = performance.now() - firstAt
    await running.settle?.()
    const { user, system } = process.cpuUsage(cpu)
    const result = { count, wallMs, cpuMs: (user + system) / 1000, state: running.state?.() ?? 'fine' }
    wanted = Number.POSITIVE_INFINITY
    finish = () => {}
    if (latencies) {
      const list = latencies.map((value) => value - origin * 1e3).sort()
      const at = (share) => list[Math.min(list.length - 1, Math.floor(share * list.length))]
      result.latency = { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) }
      latencies = undefined
    }
    return result
  },
  async state() {
    return running.state?.() ?? 'fine'
  },
  /** Processor time since the last look, and the memory held. */
  async usage() {
    const used = process.cpuUsage(cpu)
    cpu = process.cpuUsage()
    const { rss, heapUsed } = process.memoryUsage()
    return { cpuMs: (used.user + used.system) / 1000, rss, heapUsed, published: running.made?.bus.published }
  },
  async end() {
    await running.end?.()
  },
}

process.on('message', ({ call, command, ...request }) => {
  commands[command](request).then(
    (value) => process.send({ call, value }),
    (error) => process.send({ call, error: error.stack }),
  )
})
process.on('disconnect', () => process.exit())
process.on('exit', () => characters < 0 && console.log(characters))
process.send({ call: 0 })
