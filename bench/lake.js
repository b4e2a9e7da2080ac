// Lake write and read against DuckDB doing the same alone.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BIGINT, DOUBLE, DuckDBDataChunk, DuckDBInstance, INTEGER, TIMESTAMPTZ } from '@duckdb/node-api'
import duckdb from '@duckdb/node-bindings'
import { CandleFlag, candle, Lake } from '../dist/index.js'
import { random } from './data.js'
import { race } from './measure.js'

const folder = mkdtempSync(join(tmpdir(), 'ticklake-bench-'))
const lake = await Lake.open(folder)
const connection = await (await DuckDBInstance.create(':memory:')).connect()

function candles(rows, from, step) {
  const next = random(3)
  const columns = {}
  for (const { name } of candle.columns) columns[name] = new Float64Array(rows)
  let price = 42000
  for (let i = 0; i < rows; i++) {
    const open = price
    price = Math.max(1, Math.round((price + (next() - 0.5) * 20) * 100) / 100)
    const volume = Math.round(next() * next() * 8e5) / 1e5
    const row = {
      open_time: from + i * step,
      open,
      high: Math.max(open, price) + 1,
      low: Math.min(open, price) - 1,
      close: price,
      volume,
      close_time: from + i * step + step - 1,
      quote_volume: Math.round(volume * price * 1e7) / 1e7,
      trades: Math.floor(next() * 3000),
      taker_buy_volume: Math.round(volume * 5e4) / 1e5,
      taker_buy_quote_volume: Math.round(volume * price * 5e6) / 1e7,
      flags: CandleFlag.rest,
    }
    for (const [name, value] of Object.entries(row)) columns[name][i] = value
  }
  return { length: rows, columns }
}

const MILLION = candles(1_000_000, Date.UTC(2024, 0, 1), 60_000)
let number = 0
const series = (symbol, interval) => ({ exchange: 'binance', market: 'spot', kind: 'candle', symbol, interval })

/** The lake's way: periods, hashes, journal, coverage, fsync. */
async function writeLake() {
  const writer = await lake.writer(series(`W${++number}USDT`, '1m'))
  await writer.commit({ batches: [MILLION] })
  await writer[Symbol.asyncDispose]()
}

const SQL_TYPES = {
  time: ['TIMESTAMPTZ', TIMESTAMPTZ],
  float64: ['DOUBLE', DOUBLE],
  integer: ['BIGINT', BIGINT],
  flags: ['INTEGER', INTEGER],
}

/** DuckDB alone: typed columns into a table, one Parquet file out, nothing hashed, nothing synced. */
async function writeDuck() {
  const table = `t${++number}`
  await connection.run(
    `CREATE TABLE ${table} (${candle.columns.map((c) => `${c.name} ${SQL_TYPES[c.type][0]}`).join(', ')})`,
  )
  const appender = await connection.createAppender(table)
  const chunk = DuckDBDataChunk.create(candle.columns.map((c) => SQL_TYPES[c.type][1]))
  const typed = candle.columns.map((c) => {
    const values = MILLION.columns[c.name]
    if (c.type === 'float64') return values
    if (c.type === 'flags') return Int32Array.from(values)
    return BigInt64Array.from(values, (value) => BigInt(Math.round(value * (c.type === 'time' ? 1000 : 1))))
  })
  for (let offset = 0; offset < MILLION.length; offset += 2048) {
    const rows = Math.min(2048, MILLION.length - offset)
    chunk.reset()
    chunk.rowCount = rows
    typed.forEach((values, index) => {
      const size = values.BYTES_PER_ELEMENT
      duckdb.copy_data_to_vector(
        duckdb.data_chunk_get_vector(chunk.chunk, index),
        0,
        values.buffer,
        offset * size,
        rows * size,
      )
    })
    appender.appendDataChunk(chunk)
  }
  appender.closeSync()
  await connection.run(
    `COPY ${table} TO '${join(folder, `${table}.parquet`)}' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)`,
  )
  await connection.run(`DROP TABLE ${table}`)
}

await race(
  'lake write, 1 M rows',
  'rows',
  MILLION.length,
  { 'DuckDB alone': writeDuck, ticklake: writeLake },
  { rounds: 5 },
)

const MONTH = candles(31 * 86_400, Date.UTC(2024, 0, 1), 1000)
const id = series('BTCUSDT', '1s')
{
  const writer = await lake.writer(id)
  await writer.commit({ batches: [MONTH] })
  await writer[Symbol.asyncDispose]()
}
const glob = join(lake.folder(id), '2024-*.parquet')

async function readLake(columns) {
  const batch = await lake.load(id, { columns })
  if (batch.length !== MONTH.length) throw new Error('rows')
}

async function readDuck(columns) {
  const result = await connection.stream(`SELECT ${columns.join(', ')} FROM read_parquet('${glob}')`)
  const out = columns.map(() => new Float64Array(MONTH.length))
  let offset = 0
  for (let chunk = await result.fetchChunk(); chunk?.rowCount; chunk = await result.fetchChunk()) {
    for (let c = 0; c < columns.length; c++) {
      const bytes = duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk.chunk, c), chunk.rowCount * 8)
      out[c].set(new Float64Array(bytes.buffer, bytes.byteOffset, chunk.rowCount), offset)
    }
    offset += chunk.rowCount
  }
  if (offset !== MONTH.length) throw new Error('rows')
}

for (const columns of [['close'], ['open', 'high', 'low', 'close', 'volume']]) {
  await race(`lake read, ${columns.length} of 12 columns of a month of 1s`, 'rows', MONTH.length, {
    'DuckDB alone': () => readDuck(columns),
    ticklake: () => readLake(columns),
  })
}
rmSync(folder, { recursive: true })
process.exit(0)
