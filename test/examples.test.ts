import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Sandbox, startSandbox } from '../src/sandbox/index.ts'
import { cleanEnv, ended, type Ran } from './cli/bin.ts'
import { repositoryRoot } from './helpers/real-data.ts'
import { type TempFolder, tempFolder } from './helpers/temp.ts'

const FOLDER = join(repositoryRoot, 'examples')

/** What each example must say. An example without a line here is not run by anyone. */
const EXPECTED: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  'get-data.js': [
    '744 candles, complete: true',
    'first opens at 2024-01-01T00:00:00.000Z',
    /average price by volume: \d+\.\d\d$/m,
  ],
  'download-many.js': [
    /^spot BTCUSDT 1h: 4365 rows, \d+ new, complete$/m,
    /^spot ETHUSDT 1d: 182 rows, 182 new, complete$/m,
    /^usdm BTCUSDT 1h: 4365 rows, 4365 new, complete$/m,
    /^received \d+\.\d MB$/m,
  ],
  'query-sql.js': [
    'month\tsymbol\topen\thigh\tlow\tclose\tcandles',
    /^2024-01\tBTCUSDT\t.*\t744$/m,
    /^2024-02\tETHUSDT\t.*\t696$/m,
  ],
  'live-feed.js': [
    /^\d+ trades of the last minute, then 20 live ones, 0 holes$/m,
    /^last price \d+(\.\d+)?, the stream is live$/m,
    /^the book is (syncing|synced)/m,
  ],
  'past-book.js': [
    /^1 snapshots?, \d+ updates$/m,
    /^1 s before the end: bid \d+(\.\d+)?, ask \d+(\.\d+)?, buying 0\.1 costs \d+\.\d* each, right$/m,
    /^0 s before the end: .*, right$/m,
  ],
  'replay.js': ['3 series, complete: true', /^196 records up to 2024-04-08T00:00:00\.000Z, profit -?\d+\.\d\d %$/m],
  'save-own-candles.js': ['2024-01-01T00:10:00.000Z 110 user', '10 rows in 1 file, 1 missing'],
  'rest-client.js': [
    'BTCUSDT: price step 0.01000000, least quantity 0.00001000 BTC',
    /^spot \d+\.\d{8}, perpetual \d+\.\d{2}$/m,
    '4365 hours, highest price',
    'INVALID_SYMBOL: Unknown symbol "BTCUSD" on binance spot. Did you mean BTCUSDT',
  ],
  'watch-rate-budget.js': [/^before: 1\d\d\d requests/m, /^page 8 from .*: \d+ left$/m, /^after \d+ pages: \d+ left$/m],
  'find-gaps.js': [
    'spot ETHUSDT 1m: 44460 rows',
    'never published: 2024-05-10T02:00 to 2024-05-10T05:00, 180 candles, exchange-outage (asked: archive, rest)',
    'mismatch-confirmed-by-rest: data/spot/monthly/klines/ETHUSDT/1m/ETHUSDT-1m-2024-05.zip',
  ],
  'sandbox-for-your-bot.js': [
    'told to wait 1 s',
    'got 3 candles, the newest is not closed yet',
    'closed candles equal the truth: true',
    'used weight 4, requests 2',
  ],
}

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.js'))

let sandbox: Sandbox
let folder: TempFolder

beforeAll(async () => {
  folder = await tempFolder('examples')
  sandbox = await startSandbox({
    now: '2024-08-01T12:00Z',
    faults: [
      { type: 'outage', from: '2024-05-10T02:00Z', to: '2024-05-10T05:00Z' },
      { type: 'wrong-checksum', match: { path: 'ETHUSDT-1m-2024-05' } },
    ],
  })
})

afterAll(async () => {
  await sandbox?.[Symbol.asyncDispose]()
  await folder?.[Symbol.asyncDispose]()
})

function runExample(name: string): Promise<Ran> {
  const child = spawn(process.execPath, [join(FOLDER, name)], {
    cwd: folder.path,
    env: cleanEnv({ TICKLAKE_ENDPOINT: sandbox.endpoint, DATA_DIR: folder.join('lake') }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return ended(child)
}

describe('the examples', () => {
  it('are all run here', () => {
    expect(files.toSorted()).toEqual(Object.keys(EXPECTED).toSorted())
  })

  it.each(Object.entries(EXPECTED))('%s does what its comment says', async (name, expected) => {
    const { code, stdout, stderr } = await runExample(name)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    for (const part of expected) {
      if (typeof part === 'string') expect(stdout).toContain(part)
      else expect(stdout).toMatch(part)
    }
  })

  it.each(files)('%s is short and says on top what it shows', (name) => {
    const lines = readFileSync(join(FOLDER, name), 'utf8').split('\n')
    expect(lines.length).toBeLessThan(60)
    expect(lines[0]).toMatch(/^\/\/ [A-Z].{20,}/)
  })

  it('pass the strict type checker with the types that users get', async () => {
    const tsc = join(repositoryRoot, 'node_modules', 'typescript', 'bin', 'tsc')
    const options = '--noEmit --ignoreConfig --allowJs --checkJs --strict --skipLibCheck --module nodenext'
    const libraries = '--target es2023 --lib es2023,esnext.disposable,dom --types node'
    const args = [tsc, ...options.split(' '), ...libraries.split(' '), ...files.map((name) => join('examples', name))]
    const child = spawn(process.execPath, args, { cwd: repositoryRoot, env: cleanEnv() })
    const { code, stdout } = await ended(child)
    expect(stdout).toBe('')
    expect(code).toBe(0)
  })
})
