// Rate budget: a download by REST alone against a sandbox that counts weights as Binance does, for a few windows.
// `node bench/budget.js --full` takes the real minute of 6000 weight, three times.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataSourceManager } from '../dist/index.js'
import { startSandbox } from '../dist/sandbox/index.js'

const FULL = process.argv.includes('--full')
const WINDOW_MS = FULL ? 60_000 : 5_000
const WINDOWS = FULL ? 4 : 6
/** Low enough that the exchange and not this machine is the limit: both run in one process here. */
const LIMIT = FULL ? 6000 : 200
const SYMBOLS = FULL ? ['BTCUSDT', 'ETHUSDT', 'BNBUSDT', 'SOLUSDT', 'XRPUSDT', 'ADAUSDT'] : ['BTCUSDT']

{
  const sandbox = await startSandbox({
    now: '2025-03-01T12:00:00Z',
    weightWindowMs: WINDOW_MS,
    weightLimits: { spot: LIMIT },
    symbols: SYMBOLS,
    // Few trades: the sandbox makes three million candles a minute here.
    ...(FULL ? { tradesPerSecond: 0.05 } : {}),
  })
  const folder = mkdtempSync(join(tmpdir(), 'ticklake-bench-'))
  const manager = new DataSourceManager({ dataDir: folder, endpoint: sandbox.endpoint })
  const stop = new AbortController()
  const used = []
  const requests = SYMBOLS.map((symbol) => ({
    series: { exchange: 'binance', market: 'spot', kind: 'candle', symbol, interval: '1m' },
    from: Date.UTC(FULL ? 2018 : 2022, 0, 1),
    to: Date.UTC(2025, 0, 1),
    source: 'rest',
  }))
  const running = manager.download(requests, { signal: stop.signal }).catch((error) => error)
  let start
  let last = 0
  for (const until = Date.now() + WINDOWS * WINDOW_MS + WINDOW_MS; Date.now() < until; ) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    const { windowStart, used: now } = sandbox.usage().spot
    if (start !== undefined && windowStart !== start) used.push(last)
    start = windowStart
    last = now
  }
  stop.abort()
  await running
  const { highest, rejected429, rejected418 } = sandbox.usage().spot
  const full = used.slice(1)
  const mean = full.reduce((sum, value) => sum + value, 0) / full.length
  console.log(`\nrate budget, ${full.length} full windows of ${LIMIT} weight`)
  console.log(
    `  used per window  ${full.join(', ')}  (mean ${((100 * mean) / LIMIT).toFixed(1)} % of the allowance, highest ${highest})`,
  )
  console.log(`  refused          ${rejected429} × 429, ${rejected418} × 418`)
  console.log(
    JSON.stringify({
      bench: 'rate budget',
      limit: LIMIT,
      used: full,
      share: mean / LIMIT,
      highest,
      rejected429,
      rejected418,
    }),
  )
  await manager[Symbol.asyncDispose]()
  await sandbox.close()
  rmSync(folder, { recursive: true })
}
