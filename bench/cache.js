// Reads from the mapped cache against the machine's own limit (a bare loop over a mapped column) and against DuckDB
// handing the same Parquet columns to JS as typed arrays.
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { DuckDBInstance } from '@duckdb/node-api'
import duckdb from '@duckdb/node-bindings'
import { candle, DataSourceManager, Lake } from '../dist/index.js'
import { loadMapper } from '../dist/store/cache/mmap.js'
import { random } from './data.js'
import { median } from './process.js'

const folder = mkdtempSync(join(tmpdir(), 'ticklake-bench-'))
const dataDir = join(folder, 'lake')
const series = { exchange: 'binance', market: 'spot', kind: 'candle', symbol: 'BTCUSDT', interval: '1s' }
const [from, to] = [Date.UTC(2024, 0, 1), Date.UTC(2024, 1, 1)]
const ROWS = (to - from) / 1000
const DAY = 86_400_000
const HOUR = 3_600_000
const FIVE = ['open', 'high', 'low', 'close', 'volume']

const lake = await Lake.open(dataDir)
{
  const next = random(3)
  const columns = Object.fromEntries(candle.columns.map(({ name }) => [name, new Float64Array(ROWS)]))
  let price = 42000
  for (let i = 0; i < ROWS; i++) {
    const open = price
    price = Math.max(1, Math.round((price + (next() - 0.5) * 20) * 100) / 100)
    const volume = Math.round(next() * next() * 8e5) / 1e5
    columns.open_time[i] = from + i * 1000
    columns.open[i] = open
    columns.high[i] = Math.max(open, price) + 1
    columns.low[i] = Math.min(open, price) - 1
    columns.close[i] = price
    columns.volume[i] = volume
    columns.close_time[i] = from + i * 1000 + 999
    columns.quote_volume[i] = Math.round(volume * price * 1e7) / 1e7
    columns.trades[i] = Math.floor(next() * 3000)
    columns.taker_buy_volume[i] = Math.round(volume * 5e4) / 1e5
    columns.taker_buy_quote_volume[i] = Math.round(volume * price * 5e6) / 1e7
  }
  const writer = await lake.writer(series)
  await writer.commit({ batches: [{ length: ROWS, columns }], covered: [{ from, to, source: 'archive' }] })
  await writer[Symbol.asyncDispose]()
}

const cacheDir = join(folder, 'cache')
const open = () => new DataSourceManager({ dataDir, cacheDir })
const request = { symbol: 'BTCUSDT', interval: '1s', from, to }
const manager = open()
const started = performance.now()
await (await manager.cache()).prefetch(series, { from, to })
const build = performance.now() - started
console.log(`\nbuilding the month: ${build.toFixed(0)} ms, ${(ROWS / build / 1000).toFixed(2)} M rows/s`)

/** Each value of each column is touched: what is only promised counts for nothing. */
function sum(arrays) {
  let total = 0
  for (const values of arrays) for (let i = 0; i < values.length; i++) total += values[i]
  return total
}

async function cached(columns) {
  const table = await manager.getData({ ...request, columns })
  if (table.numRows !== ROWS) throw new Error('rows')
  return sum(columns.flatMap((name) => table.getChild(name).data.map(({ values }) => values)))
}

// The limit: the same columns, and nothing around the loop. Mapped once and for all, they are in the page table already;
// mapped for one reading, as every program does that opens a file, they are not.
const path = join(cacheDir, 'binance-spot/BTCUSDT/1s/202401.arrow')
const mapper = await loadMapper()
const whole = mapper?.map(openSync(path, 'r'), 0, readFileSync(path).length)
const { tableFromIPC } = await import('apache-arrow')
const fd = openSync(path, 'r')
const plain = whole && tableFromIPC(new Uint8Array(whole))
const bare = (columns) => sum(columns.map((name) => plain.getChild(name).data[0].values))
const mapAndLoop = (columns) =>
  sum(
    columns.map((name) => {
      const { byteOffset, length } = plain.getChild(name).data[0].values
      const base = Math.floor(byteOffset / mapper.pageSize) * mapper.pageSize
      const offset = byteOffset - base
      return new Float64Array(mapper.map(fd, base, offset + length * 8), offset, length)
    }),
  )
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')
const REPEATS = 4
/**
 * Contestants in turn, several readings each, after the garbage of the one before was collected: medians, means, least, ms.
 * One reading after each collection would measure V8: it then begins to mark after the next 16 MB, which it takes a map
 * for. A program reads on, and pays that now and then: the mean says how much.
 */
async function compare(title, contestants, rounds = 7) {
  const times = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    for (const [name, run] of Object.entries(contestants)) {
      gc()
      await new Promise((done) => setImmediate(done))
      for (let repeat = 0; repeat < REPEATS; repeat++) {
        const start = performance.now()
        await run()
        if (round >= 0) times[name].push(performance.now() - start)
      }
    }
  }
  const results = {}
  console.log(`\n${title} (median, mean and least of ${rounds * REPEATS}, ms)`)
  for (const [name, list] of Object.entries(times)) {
    const mean = list.reduce((total, ms) => total + ms) / list.length
    results[name] = { median: median(list), mean }
    const figures = [median(list), mean, Math.min(...list)].map((ms) => ms.toFixed(1).padStart(8))
    console.log(`  ${name.padEnd(40)} ${figures.join('')}`)
  }
  console.log(JSON.stringify({ bench: title, results }))
  return results
}

const connection = await (await DuckDBInstance.create(':memory:')).connect()
const glob = join(lake.folder(series), '2024-*.parquet')
async function duck(columns) {
  const result = await connection.stream(`SELECT ${columns.join(', ')} FROM read_parquet('${glob}')`)
  const out = columns.map(() => new Float64Array(ROWS))
  let offset = 0
  for (let chunk = await result.fetchChunk(); chunk?.rowCount; chunk = await result.fetchChunk()) {
    for (let c = 0; c < columns.length; c++) {
      const bytes = duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk.chunk, c), chunk.rowCount * 8)
      out[c].set(new Float64Array(bytes.buffer, bytes.byteOffset, chunk.rowCount), offset)
    }
    offset += chunk.rowCount
  }
  if (offset !== ROWS) throw new Error('rows')
  return sum(out)
}

for (const columns of [['close'], FIVE]) {
  if (mapper && bare(columns) !== (await cached(columns))) throw new Error('sums differ')
  const results = await compare(`a month of 1s, ${columns.length} of 12 columns, each value summed`, {
    ...(mapper
      ? {
          'bare loop, columns mapped once': () => bare(columns),
          'bare loop, columns mapped for it': () => mapAndLoop(columns),
        }
      : {}),
    'ticklake, cached': () => cached(columns),
    'ticklake, from the lake': async () => {
      const batch = await lake.load(series, { from, to, columns })
      return sum(columns.map((name) => batch.columns[name]))
    },
    'DuckDB, Parquet to typed arrays': () => duck(columns),
  })
  const ours = results['ticklake, cached']
  const over = (name) => ['median', 'mean'].map((key) => (ours[key] / results[name][key]).toFixed(2)).join(', ')
  if (mapper) {
    console.log(`  ${over('bare loop, columns mapped once')} × the loop over columns mapped once (medians, means)`)
    console.log(`  ${over('bare loop, columns mapped for it')} × mapping and looping`)
  }
  console.log(`  ${(results['DuckDB, Parquet to typed arrays'].median / ours.median).toFixed(1)} × as fast as DuckDB`)
}

/** Median of many single reads, µs. */
async function micros(count, run) {
  const times = []
  for (let i = -50; i < count; i++) {
    const start = performance.now()
    await run(i)
    if (i >= 0) times.push((performance.now() - start) * 1000)
    // Maps that are no longer used are ended between turns of the event loop.
    if (i % 20 === 0) await new Promise((done) => setImmediate(done))
  }
  return median(times)
}

const hour = (columns) =>
  micros(500, async (i) => {
    const start = from + (((i + 50) * 7) % 700) * HOUR
    const table = await manager.getData({ ...request, from: start, to: start + HOUR, columns })
    if (table.numRows !== 3600) throw new Error('rows')
    sum(columns.map((name) => table.getChild(name).data[0].values))
  })

const privateBytes = () =>
  Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? Number.NaN) * 1024

const oneHour = await hour(['close'])
const oneHourFive = await hour(FIVE)
const day = await micros(60, async (i) => {
  const start = from + ((i + 50) % 31) * DAY
  const fresh = open()
  const table = await fresh.getData({ ...request, from: start, to: start + DAY, columns: FIVE })
  if (table.numRows !== 86_400) throw new Error('rows')
  sum(FIVE.map((name) => table.getChild(name).data[0].values))
  await fresh.close()
})
let grown = Number.NaN
if (process.platform === 'linux') {
  const before = privateBytes()
  const fresh = open()
  const table = await fresh.getData({ ...request, from, to: from + DAY, columns: FIVE })
  sum(FIVE.map((name) => table.getChild(name).data[0].values))
  grown = privateBytes() - before
  await fresh.close()
}
console.log(
  `\none hour out of the month, warm    1 column ${oneHour.toFixed(0)} µs, 5 columns ${oneHourFive.toFixed(0)} µs`,
)
console.log(
  `a day of 1s, 5 columns, with open  ${(day / 1000).toFixed(2)} ms; new private memory ${(grown / 1e6).toFixed(1)} MB`,
)
console.log(
  JSON.stringify({
    bench: 'cache',
    buildMs: Math.round(build),
    hourUs: oneHour,
    hourFiveUs: oneHourFive,
    dayUs: day,
    dayPrivateBytes: grown,
  }),
)
await manager.close()
rmSync(folder, { recursive: true })
process.exit(0)
