import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { BinanceClient } from '../../../src/exchanges/binance/client.ts'
import { BudgetLog } from '../../../src/net/budget-log.ts'
import { RateLimiter } from '../../../src/net/rate-limiter.ts'
import { startSandbox } from '../../../src/sandbox/index.ts'
import { startBin } from '../../cli/bin.ts'
import { until } from '../../helpers/http-server.ts'
import { repositoryRoot } from '../../helpers/real-data.ts'
import { tempFolder } from '../../helpers/temp.ts'

const NOW = Date.UTC(2024, 5, 15, 12)
const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'BNBUSDT', 'SOLUSDT']
const children = new Set<ChildProcess>()
afterEach(async () => {
  for (const child of [...children]) await kill(child)
})

function own(child: ChildProcess): ChildProcess {
  children.add(child)
  child.stdout?.resume()
  child.stderr?.resume()
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  children.delete(child)
  const gone = child.exitCode !== null || child.signalCode !== null ? undefined : once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

test('four downloads and a collector, some killed at any moment, use over 90 % of the allowance without one refusal', async () => {
  await using folder = await tempFolder('budget')
  // Few requests per window: what is measured is the budget, not the machine.
  const limit = 120
  await using sandbox = await startSandbox({
    now: NOW,
    symbols: SYMBOLS,
    tradesPerSecond: 0.01,
    weightWindowMs: 4000,
    weightLimits: { spot: limit },
  })
  const { endpoint } = sandbox
  // Who comes first tells the rest how short this exchange's windows are.
  await using first = new BinanceClient({ endpoint, sharedBudget: folder.join('budget') })
  await first.now('spot')
  await first.getExchangeInfo()
  const env = { TICKLAKE_SHARED_BUDGET: folder.join('budget') }
  let runs = 0
  const download = (symbol: string): ChildProcess => {
    const args = ['download', symbol, '--source', 'rest', '--from', '2018-01-01', '--endpoint', endpoint, '--quiet']
    return own(startBin([...args, '--data-dir', folder.join(`lake${++runs}`)], { cwd: folder.path, env }))
  }
  const script = join(import.meta.dirname, 'budget-client.mjs')
  own(spawn(process.execPath, [script, endpoint, env.TICKLAKE_SHARED_BUDGET], { stdio: 'ignore' }))
  const downloads = SYMBOLS.map((symbol) => ({ symbol, child: download(symbol) }))

  const windows = new Map<number, number>()
  const watch = setInterval(() => {
    const { windowStart, used } = sandbox.usage().spot
    windows.set(windowStart, used)
  }, 10)
  try {
    // From the first window on that was full, all are at work.
    await until(() => [...windows.values()].some((used) => used >= limit * 0.9))
    const before = windows.size
    for (const pause of [1800, 2600, 1400]) {
      await sleep(pause)
      const victim = downloads[runs % downloads.length]!
      await kill(victim.child)
      victim.child = download(victim.symbol)
    }
    await until(() => windows.size >= before + 4)
    const usage = sandbox.usage().spot
    expect([usage.rejected429, usage.rejected418]).toEqual([0, 0])
    expect(usage.highest).toBeLessThanOrEqual(limit)
    const full = [...windows.values()].slice(before, -1)
    expect(full.length).toBeGreaterThanOrEqual(3)
    expect(full.reduce((sum, used) => sum + used, 0) / full.length / limit).toBeGreaterThan(0.9)
  } finally {
    clearInterval(watch)
  }
}, 120_000)

test('what a killed program had in flight is let go, what a living one has is not', async () => {
  await using folder = await tempFolder('budget')
  const limits = [{ windowMs: 1000, limit: 100, counts: 'weight' as const }]
  const code = `
    import { RateLimiter } from ${JSON.stringify(pathToFileURL(join(repositoryRoot, 'dist/net/rate-limiter.js')).href)}
    import { BudgetLog } from ${JSON.stringify(pathToFileURL(join(repositoryRoot, 'dist/net/budget-log.js')).href)}
    const shared = new BudgetLog({ folder: ${JSON.stringify(folder.path)}, name: 'x' })
    await new RateLimiter({ limits: ${JSON.stringify(limits)}, target: 1, shared }).acquire(60)
    console.log('sent')
    setInterval(() => {}, 1000)`
  const child = own(
    spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  await once(child.stdout!, 'data')
  using limiter = new RateLimiter({ limits, target: 1, shared: new BudgetLog({ folder: folder.path, name: 'x' }) })
  const end = Date.now() + 3000
  while (Date.now() < end) {
    expect(limiter.getRemainingRequests()).toBe(40)
    await sleep(100)
  }
  await kill(child)
  await until(() => limiter.getRemainingRequests() === 100)
})

test('a client whose folder cannot be written goes on alone, and says so', async () => {
  await using folder = await tempFolder('budget')
  await writeFile(folder.join('file'), '')
  await using sandbox = await startSandbox({ now: NOW, symbols: ['BTCUSDT'] })
  const warnings: string[] = []
  const quiet = () => {}
  const log = { debug: quiet, info: quiet, error: quiet, warn: (_: object, text: string) => warnings.push(text) }
  await using client = new BinanceClient({
    endpoint: sandbox.endpoint,
    sharedBudget: folder.join('file', 'budget'),
    log: log as never,
  })
  await client.ping()
  expect(warnings).toEqual(['the rate budget is not shared with other programs'])
})
