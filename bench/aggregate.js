// Trades of the lake to 1m candles, against DuckDB doing the same from the same Parquet files. ROWS=50000000 for the
// large one. Walls of a busy machine say little: the processor's time of each is shown beside them.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { candlesOfTrades } from '../dist/engine/reconcile/index.js'
import { Lake } from '../dist/store/lake/lake.js'
import { random } from './data.js'
import { median } from './process.js'

const ROWS = Number(process.env.ROWS ?? 10_000_000)
const ROUNDS = 5
const BLOCK = 100_000
const FROM = Date.UTC(2025, 0, 1)
const DAY = 86_400_000
/** As many a day as BTCUSDT has: 50 M in twelve days. */
const DAYS = Math.max(1, Math.ceil(ROWS / 4_200_000))
const series = { exchange: 'binance', market: 'spot', kind: 'trade', symbol: 'BTCUSDT' }
const range = { from: FROM, to: FROM + DAYS * DAY }

const folder = mkdtempSync(join(tmpdir(), 'ticklake-bench-'))
try {
  const lake = await Lake.open(folder)
  await fill(lake)
  await measure(lake)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Trades as the archive brings them: prices that wander, quantities as people and machines choose them. */
async function fill(lake) {
  const next = random(11)
  const step = ((DAYS * DAY - 1000) / ROWS) * 1000
  let price = 9_459_178
  let time = FROM * 1000
  const writer = await lake.eventWriter(series)
  const stage = writer.stage([range])
  for (let first = 0; first < ROWS; first += BLOCK) {
    const length = Math.min(BLOCK, ROWS - first)
    const columns = Object.fromEntries(
      ['id', 'time', 'price', 'quantity', 'buyer_is_maker'].map((name) => [name, new Float64Array(length)]),
    )
    for (let i = 0; i < length; i++) {
      time += Math.floor(next() * 2 * step)
      if (next() < 0.4) price += Math.floor(next() * 160) - 80
      columns.id[i] = 4_357_463_210 + first + i
      columns.time[i] = Math.min(time, range.to * 1000 - 1) / 1000
      columns.price[i] = price / 100
      columns.quantity[i] = (Math.floor(next() * (next() < 0.5 ? 99_999 : 999)) + 1) / 1e5
      columns.buyer_is_maker[i] = next() < 0.5 ? 0 : 1
    }
    await stage.add({ length, columns })
  }
  await writer.adopt(stage, { covered: [{ ...range, source: 'archive' }] })
  await writer[Symbol.asyncDispose]()
}

async function measure(lake) {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const files = `read_parquet('${join(lake.folder(series), '*.parquet')}')`
  const sums = `max(price), min(price), sum(quantity), sum(price * quantity), count(*),
    sum(quantity) FILTER (NOT buyer_is_maker), sum(price * quantity) FILTER (NOT buyer_is_maker)`
  const sql = (open, close) =>
    `SELECT time_bucket(INTERVAL '1 minute', time) AS minute, ${open}, ${close}, ${sums} FROM ${files} GROUP BY minute ORDER BY minute`
  const duck = async (text) => (await connection.runAndReadAll(text)).currentRowCount
  const contestants = {
    'DuckDB, open and close by id': () => duck(sql('arg_min(price, id)', 'arg_max(price, id)')),
    'DuckDB, any first and last of the minute': () => duck(sql('first(price)', 'last(price)')),
    'ticklake, exact decimal sums': async () => {
      let candles = 0
      for await (const batch of candlesOfTrades(lake, series, { interval: '1m' }, range)) candles += batch.length
      return candles
    },
  }
  const results = {}
  const counts = new Set()
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(contestants)) {
      const cpu = process.cpuUsage()
      const started = performance.now()
      counts.add(await run())
      const ms = performance.now() - started
      const { user, system } = process.cpuUsage(cpu)
      if (round < 0) continue
      results[name] ??= { ms: [], cpu: [] }
      results[name].ms.push(ms)
      results[name].cpu.push((user + system) / 1000)
    }
  }
  if (counts.size !== 1) throw new Error(`candles: ${[...counts].join(', ')}`)
  console.log(`\n${(ROWS / 1e6).toFixed(0)} M trades to ${[...counts][0]} candles (median of ${ROUNDS})`)
  const first = results['DuckDB, open and close by id']
  const shown = Object.entries(results).map(([name, { ms, cpu }]) => [name, median(ms), median(cpu)])
  for (const [name, ms, cpu] of shown)
    console.log(
      `  ${name.padEnd(44)} ${ms.toFixed(0).padStart(7)} ms  ${(ROWS / ms / 1000).toFixed(1).padStart(6)} M trades/s  ×${(median(first.ms) / ms).toFixed(2)} of the first  (processor ${cpu.toFixed(0)} ms, ×${(median(first.cpu) / cpu).toFixed(2)})`,
    )
  console.log(
    JSON.stringify({
      bench: 'trades to 1m candles',
      rows: ROWS,
      results: shown.map(([name, ms, cpu]) => ({ name, ms: Math.round(ms), cpuMs: Math.round(cpu) })),
    }),
  )
}
