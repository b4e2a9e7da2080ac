// REST klines, end to end: ticklake against ccxt and against undici + JSON.parse + Number, on the same local server.
// Twice: one page after the other on a warm connection, and a download of many pages with as many requests in flight for
// everybody. Every contender gives all columns it can. Contenders take turns; medians.
// Runs on dist/: `npm run build && node bench/rest.js`. Prints a JSON line on stdout and a table on stderr.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'

const ROWS = 1000
const PAGES = Number(process.env.BENCH_PAGES ?? 60)
const ROUNDS = 9
/** Rounds before the measured ones, for everybody: byte loops in JavaScript need longer to be compiled than JSON.parse. */
const WARMUPS = 4
const PARALLEL = 12
const START = Date.UTC(2024, 0, 1)
const MINUTE = 60_000
const startOf = (page) => START + page * ROWS * MINUTE

const child = spawn(
  process.execPath,
  [fileURLToPath(new URL('klines-server.js', import.meta.url)), String(ROWS), String(PAGES)],
  {
    stdio: ['pipe', 'pipe', 'inherit'],
  },
)
const [hello] = await once(child.stdout, 'data')
const base = `http://127.0.0.1:${JSON.parse(String(hello)).port}`

const { BinanceClient } = await import('../dist/exchanges/binance/client.js')
const { parseKlines } = await import('../dist/exchanges/binance/klines-parser.js')
const { default: ccxtModule } = await import('ccxt')
const ccxtBinance = ccxtModule.binance

const client = new BinanceClient({ endpoint: base })
await client.getExchangeInfo()

const pool = new Pool(base, { connections: PARALLEL })
const pathOf = (page) => `/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=${startOf(page)}&limit=${ROWS}`
async function plain(page) {
  const { body } = await pool.request({ path: pathOf(page), method: 'GET' })
  return columnsOf(await body.json())
}

function columnsOf(rows) {
  const columns = Array.from({ length: 11 }, () => new Float64Array(rows.length))
  for (let row = 0; row < rows.length; row++) for (let c = 0; c < 11; c++) columns[c][row] = Number(rows[row][c])
  return columns[0].length
}

const ccxt = new ccxtBinance({
  enableRateLimit: false,
  options: { fetchMarkets: { types: ['spot'] }, defaultType: 'spot' },
})
for (const [name, url] of Object.entries(ccxt.urls.api)) {
  if (typeof url === 'string' && url.startsWith('http')) ccxt.urls.api[name] = url.replace(/^https?:\/\/[^/]+/, base)
}
await ccxt.loadMarkets()

const ticklake = async (from, to) => {
  let rows = 0
  for await (const { batch } of client.candlePages({ market: 'spot', symbol: 'BTCUSDT', interval: '1m', from, to }))
    rows += batch.length
  return rows
}
const ccxtPage = async (page) => (await ccxt.fetchOHLCV('BTC/USDT', '1m', startOf(page), ROWS)).length

async function oneByOne(fetchPage) {
  let rows = 0
  for (let page = 0; page < PAGES; page++) rows += await fetchPage(page)
  return rows
}

async function sideBySide(fetchPage) {
  let rows = 0
  let next = 0
  const worker = async () => {
    while (next < PAGES) {
      // Not `rows += await …`: that reads `rows` before the wait.
      const count = await fetchPage(next++)
      rows += count
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
  return rows
}

const pages = {
  ticklake: () => oneByOne((page) => ticklake(startOf(page), startOf(page + 1))),
  'undici + JSON.parse': () => oneByOne(plain),
  ccxt: () => oneByOne(ccxtPage),
}
const download = {
  ticklake: () => ticklake(START, startOf(PAGES)),
  'undici + JSON.parse': () => sideBySide(plain),
  ccxt: () => sideBySide(ccxtPage),
}

async function race(contenders) {
  const rates = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]))
  for (let round = -WARMUPS; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      const start = performance.now()
      const rows = await run()
      if (rows !== PAGES * ROWS) throw new Error(`${name} gave ${rows} rows of ${PAGES * ROWS}`)
      if (round >= 0) rates[name].push((rows / (performance.now() - start)) * 1000)
    }
  }
  return Object.fromEntries(Object.entries(rates).map(([name, values]) => [name, Math.round(median(values))]))
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
const ratio = (rates, a, b) => Number((rates[a] / rates[b]).toFixed(2))

const rates = { 'one page at a time': await race(pages), [`download, ${PARALLEL} in flight`]: await race(download) }

// The parsers alone, on the same bytes.
const bytes = new Uint8Array(await (await pool.request({ path: pathOf(0), method: 'GET' })).body.arrayBuffer())
const decoder = new TextDecoder()
const repeat = (parse) => () => {
  let rows = 0
  for (let page = 0; page < PAGES; page++) rows += parse()
  return rows
}
rates['parser alone'] = await race({
  'byte loop': repeat(
    () => parseKlines(bytes, { source: '', interval: '1m', now: Number.MAX_VALUE, limit: ROWS }).length,
  ),
  'JSON.parse + Number': repeat(() => columnsOf(JSON.parse(decoder.decode(bytes)))),
})

await client.close()
await pool.close()
child.stdin.end()

const [first, second] = Object.values(rates)
const ratios = {
  'ticklake / ccxt': ratio(second, 'ticklake', 'ccxt'),
  'ticklake / undici + JSON.parse': ratio(second, 'ticklake', 'undici + JSON.parse'),
  'ticklake / ccxt, one page at a time': ratio(first, 'ticklake', 'ccxt'),
  'ticklake / undici + JSON.parse, one page at a time': ratio(first, 'ticklake', 'undici + JSON.parse'),
  'byte loop / JSON.parse + Number': ratio(rates['parser alone'], 'byte loop', 'JSON.parse + Number'),
}
console.log(
  JSON.stringify({
    bench: 'rest',
    unit: 'rows/s',
    rates,
    ratios,
    targets: { 'ticklake / ccxt': 2, 'ticklake / undici + JSON.parse': 1.5 },
  }),
)
for (const [title, table] of Object.entries(rates)) {
  console.error(title)
  for (const [name, rate] of Object.entries(table))
    console.error(`  ${name.padEnd(22)} ${(rate / 1e6).toFixed(2).padStart(6)} M rows/s`)
}
for (const [name, value] of Object.entries(ratios)) console.error(`${name.padEnd(52)} ${value.toFixed(2)}`)
