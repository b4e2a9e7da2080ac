// From the bytes of a depth frame to the updated book, without a socket: ticklake's parser and its checked book, beside
// JSON.parse with ccxt's handler and book. Both end with the same best prices.
import { bookLevels, depthTape, FIRST_ID } from './live-frames.js'
import { median } from './process.js'

const DIST = new URL(process.env.BENCH_DIST ?? '../dist/', import.meta.url)
const { createBinanceParser } = await import(new URL('exchanges/binance/frames/index.js', DIST))
const { BookSync } = await import(new URL('book/index.js', DIST))
const { default: ccxtModule } = await import('ccxt')

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 25)
const WARMUPS = 12
const WANTED = 20
const LEVELS = 1000
const FRAMES = 4000
const { bids, asks } = bookLevels(LEVELS)
const numbers = (rows) => rows.map((row) => row.map(Number))

/** The frames of every round, one after another in their ids: making them is no part of the race. */
function roundsOf(combined) {
  const tape = depthTape(FRAMES, { levels: LEVELS, combined })
  let last = FIRST_ID
  const rounds = Array.from({ length: ROUNDS + WARMUPS }, () => {
    last = tape.renew(0, FRAMES, last)
    // Without the four bytes of the WebSocket's header.
    return Array.from({ length: FRAMES }, (_, n) => Buffer.from(tape.slice(n, n + 1).subarray(4)))
  })
  return rounds[Symbol.iterator]()
}

function ticklake() {
  const base = { kind: 'bookSnapshot', market: 'spot', symbol: 'BTCUSDT', eventTime: Number.NaN, flags: 0 }
  const clock = Date.now()
  const snapshot = { ...base, receiveTime: clock, time: clock, depth: LEVELS, lastUpdateId: FIRST_ID }
  const book = new BookSync(
    { market: 'spot', symbol: 'BTCUSDT', tickSize: '0.01' },
    {
      needSnapshot: () => book.snapshot({ ...snapshot, bids: numbers(bids).flat(), asks: numbers(asks).flat() }),
      stateChange() {},
    },
  )
  const parser = createBinanceParser('spot')
  const sink = {
    record: (record) => book.delta(record),
    bad(problem) {
      throw new Error(problem)
    },
  }
  const rounds = roundsOf(true)
  return {
    run() {
      for (const frame of rounds.next().value) parser.parse(frame, 0, frame.length, clock, sink)
    },
    state() {
      if (book.state !== 'synced' || parser.fallbacks > 0) throw new Error(`the book is ${book.state}`)
      return `${book.book.bestBid} ${book.book.bestAsk}`
    },
  }
}

function ccxt() {
  const exchange = new ccxtModule.pro.binance({ newUpdates: true })
  const ids = { id: 'BTCUSDT', symbol: 'BTC/USDT', base: 'BTC', quote: 'USDT', baseId: 'BTC', quoteId: 'USDT' }
  const precision = { price: 0.01, amount: 0.00001 }
  exchange.setMarkets([{ ...ids, type: 'spot', spot: true, active: true, precision, limits: {}, info: {} }])
  const client = exchange.client('wss://localhost:1/ws')
  const book = exchange.orderBook({}, LEVELS)
  book.reset({ symbol: 'BTC/USDT', nonce: FIRST_ID, bids: numbers(bids), asks: numbers(asks) })
  exchange.orderbooks = { 'BTC/USDT': book }
  const rounds = roundsOf(false)
  return {
    run() {
      for (const frame of rounds.next().value) exchange.handleMessage(client, JSON.parse(frame.toString()))
    },
    state: () => `${book.bids[0][0]} ${book.asks[0][0]}`,
  }
}

const [ours, theirs] = [ticklake(), ccxt()]
const times = { ours: [], theirs: [] }
const timed = (list, run, round) => {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  if (round >= 0) list.push((user + system) / FRAMES)
}
for (let round = -WARMUPS; round < ROUNDS; round++) {
  timed(times.ours, ours.run, round)
  timed(times.theirs, theirs.run, round)
}
if (ours.state() !== theirs.state()) throw new Error(`The books differ: ${ours.state()} | ${theirs.state()}`)
const results = { ticklake: median(times.ours), ccxt: median(times.theirs) }
const ratio = results.ccxt / results.ticklake
const title = `depth frame to updated book, 16 levels, ${LEVELS.toLocaleString('en')} a side`
console.log(`\n${title} (median of ${ROUNDS}, processor time)`)
for (const [name, us] of Object.entries(results))
  console.log(`  ${name.padEnd(12)} ${us.toFixed(2).padStart(8)} µs a frame`)
console.log(JSON.stringify({ bench: title, unit: 'µs', results }))
console.log(`  ${ratio < WANTED ? '!' : ' '} ${ratio.toFixed(1)} × ccxt (wanted: ${WANTED})`)
if (ratio < WANTED) process.exitCode = 1
