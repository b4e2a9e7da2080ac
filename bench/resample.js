// 1s candles to larger ones: beside a plain loop, a pass that only reads every column (memory speed), and DuckDB over the
// same rows in a table of its own. ROWS=50000000 for the large one, which takes 10 GB.
import { DuckDBInstance } from '@duckdb/node-api'
import { resampleCandles, tradeBars } from '../dist/analysis/resample/index.js'
import { race } from './measure.js'

const N = Number(process.env.ROWS ?? 3_000_000)
const START = Date.UTC(2024, 0, 1)

function seeded(seed) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const NAMES = [
  ...['open_time', 'open', 'high', 'low', 'close', 'volume', 'close_time', 'quote_volume', 'trades'],
  ...['taker_buy_volume', 'taker_buy_quote_volume'],
]
const random = seeded(5)
const columns = Object.fromEntries(NAMES.map((name) => [name, new Float64Array(N)]))
let price = 60_000
for (let i = 0; i < N; i++) {
  const open = price
  price = Math.round((price + (random() - 0.5) * 4) * 100) / 100
  columns.open_time[i] = START + i * 1000
  columns.close_time[i] = START + i * 1000 + 999
  columns.open[i] = open
  columns.close[i] = price
  columns.high[i] = Math.max(open, price) + 0.5
  columns.low[i] = Math.min(open, price) - 0.5
  columns.volume[i] = Math.round(random() * 1e5) / 1e5
  columns.quote_volume[i] = Math.round(random() * 1e9) / 1e5
  columns.trades[i] = Math.floor(random() * 50)
  columns.taker_buy_volume[i] = Math.round(random() * 1e5) / 1e5
  columns.taker_buy_quote_volume[i] = Math.round(random() * 1e9) / 1e5
}
const source = { length: N, columns }

/** What one writes by hand: float sums, no check of order, no partial bars. */
function plain(length) {
  const bars = Math.ceil((N * 1000) / length)
  const out = Object.fromEntries(NAMES.map((name) => [name, new Float64Array(bars)]))
  let bar = -1
  let end = Number.NEGATIVE_INFINITY
  for (let i = 0; i < N; i++) {
    const time = columns.open_time[i]
    if (time >= end) {
      bar++
      out.open_time[bar] = Math.floor(time / length) * length
      end = out.open_time[bar] + length
      out.open[bar] = columns.open[i]
      out.high[bar] = Number.NEGATIVE_INFINITY
      out.low[bar] = Number.POSITIVE_INFINITY
    }
    if (columns.high[i] > out.high[bar]) out.high[bar] = columns.high[i]
    if (columns.low[i] < out.low[bar]) out.low[bar] = columns.low[i]
    out.close[bar] = columns.close[i]
    out.volume[bar] += columns.volume[i]
    out.close_time[bar] = columns.close_time[i]
    out.quote_volume[bar] += columns.quote_volume[i]
    out.trades[bar] += columns.trades[i]
    out.taker_buy_volume[bar] += columns.taker_buy_volume[i]
    out.taker_buy_quote_volume[bar] += columns.taker_buy_quote_volume[i]
  }
  return out
}

let sink = 0
function readAll() {
  for (const name of NAMES) {
    const values = columns[name]
    let a = 0
    let b = 0
    for (let i = 0; i + 1 < N; i += 2) {
      a += values[i]
      b += values[i + 1]
    }
    sink += a + b
  }
}

const instance = await DuckDBInstance.create(':memory:', {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
})
const connection = await instance.connect()
await connection.run(
  `CREATE TABLE candle AS SELECT ${START} + i * 1000 AS open_time, 60000 + random() AS open, 60001 + random() AS high,
   59999 + random() AS low, 60000 + random() AS close, round(random(), 5) AS volume, ${START} + i * 1000 + 999 AS close_time,
   round(random() * 10000, 5) AS quote_volume, (random() * 50)::BIGINT AS trades, round(random(), 5) AS taker_buy_volume,
   round(random() * 10000, 5) AS taker_buy_quote_volume FROM range(${N}) t(i)`,
)
const sql = (length, open = 'arg_min(open, open_time)', close = 'arg_max(close, open_time)') =>
  `SELECT open_time // ${length} * ${length} AS bar, ${open}, max(high), min(low), ${close},
   sum(volume), max(close_time), sum(quote_volume), sum(trades), sum(taker_buy_volume), sum(taker_buy_quote_volume)
   FROM candle GROUP BY bar ORDER BY bar`

for (const [interval, length] of [
  ['1m', 60_000],
  ['1h', 3_600_000],
]) {
  await race(`1s candles to ${interval}, ${N.toLocaleString('en')} rows`, 'rows', N, {
    DuckDB: async () => (await connection.runAndReadAll(sql(length))).currentRowCount,
    'DuckDB, any first and last of the bar': async () =>
      (await connection.runAndReadAll(sql(length, 'first(open)', 'last(close)'))).currentRowCount,
    'plain loop, float sums': () => plain(length),
    'reading every column once': readAll,
    ticklake: () => resampleCandles(source, { interval }),
  })
}
await race(`1s candles to 1d of New York, ${N.toLocaleString('en')} rows`, 'rows', N, {
  'ticklake 1d UTC': () => resampleCandles(source, { interval: '1d' }),
  'ticklake 1d America/New_York': () => resampleCandles(source, { interval: '1d', timeZone: 'America/New_York' }),
})

const TRADES = Math.min(N, 1_000_000)
const trades = {
  length: TRADES,
  columns: {
    time: columns.open_time.subarray(0, TRADES),
    price: columns.close.subarray(0, TRADES),
    quantity: columns.volume.subarray(0, TRADES),
    buyer_is_maker: Float64Array.from({ length: TRADES }, () => (random() < 0.5 ? 0 : 1)),
  },
}
await race(`bars of ${TRADES.toLocaleString('en')} trades`, 'trades', TRADES, {
  'time 1m': () => tradeBars(trades, { type: 'time', interval: '1m' }),
  'tick 1000': () => tradeBars(trades, { type: 'tick', size: 1000 }),
  'volume 500': () => tradeBars(trades, { type: 'volume', size: 500 }),
  'dollar 30 M': () => tradeBars(trades, { type: 'dollar', size: 3e7 }),
  imbalance: () => tradeBars(trades, { type: 'imbalance', expectedTrades: 1000 }),
})
if (sink === 0) console.log(sink)
connection.closeSync()
