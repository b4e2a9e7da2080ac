import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Interval } from '../../src/model/interval.ts'
import { parseTime } from '../../src/model/time.ts'
import { type FaultSpec, startSandbox } from '../../src/sandbox/index.ts'
import { inspectFile } from '../../src/store/lake/inspect.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { repositoryRoot } from './real-data.ts'
import { tempFolder } from './temp.ts'
import { firstDifference, truthValues, valuesOf } from './truth.ts'

export interface KillPlan {
  /** How many processes are killed. */
  readonly kills: number
  readonly seed: number
  readonly symbols: readonly string[]
  readonly intervals: readonly Interval[]
  readonly from: string
  readonly to: string
  /** The exchange's clock at the start. */
  readonly now: string
  /** A process lives from 0 to so many ms once it has begun to ask the exchange; rather less than more. */
  readonly lifeMs: number
  readonly log?: (line: string) => void
}

export interface KillTally {
  kills: number
  /** Downloads that came to their end, each then compared with the truth, row for row. */
  finished: number
  /** Kills that left something half done on disk: a journal, temporary files, parts, a lock file. */
  interrupted: number
  /** Kills after which the journal had to be carried out. */
  decided: number
}

/** What goes wrong at random on the way. */
const FAULTS: readonly FaultSpec[] = [
  { type: 'cut', match: { path: '\\.zip$' }, probability: 0.1 },
  { type: 'http-error', status: 503, match: { path: '\\.zip$' }, probability: 0.05 },
  { type: 'http-error', status: 500, match: { path: '/klines' }, probability: 0.05 },
  { type: 'stall', match: { path: '\\.zip$' }, probability: 0.01 },
  { type: 'slow', bytesPerSecond: 400_000, match: { path: '\\.zip$' }, probability: 0.3 },
  { type: 'wrong-checksum', match: { path: '(5m|1h)-2024-0[37]\\.zip' } },
  { type: 'corrupt-zip', match: { path: '-05\\.zip' }, probability: 0.3 },
]

const LEFTOVERS = /^(\.lock|\.tmp-.*|\.commit\.json|\.parts|.*\.part)$/

/** Numbers from 0 to 1 that follow from the seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 0x100000000
  }
}

/**
 * Downloads from a faulty sandbox and kills the process (SIGKILL) at random moments, looks after each kill whether what
 * the lake shows is whole, and goes on. A download that comes to its end is compared with the truth, must leave nothing
 * behind, and must have nothing to do when it is run again; then the next one begins in an empty folder.
 */
export async function downloadWithKills(plan: KillPlan): Promise<KillTally> {
  const random = randomFrom(plan.seed)
  await using folder = await tempFolder('kills')
  await using sandbox = await startSandbox({
    now: plan.now,
    seed: plan.seed,
    tradesPerSecond: 0.01,
    symbols: plan.symbols,
    faults: FAULTS,
  })
  const dataDir = folder.join('lake')
  const args = [
    'download',
    ...plan.symbols,
    ...['--interval', plan.intervals.join(','), '--from', plan.from, '--to', plan.to],
    ...['--endpoint', sandbox.endpoint, '--data-dir', dataDir, '--quiet', '--json'],
  ]
  const truth = new Map<string, number[][]>()
  const trueRows = async (symbol: string, interval: Interval): Promise<number[][]> => {
    const key = `${symbol} ${interval}`
    let rows = truth.get(key)
    if (!rows) {
      const found = await sandbox.truthCandles('spot', symbol, interval, parseTime(plan.from), parseTime(plan.to))
      rows = truthValues(found)
      truth.set(key, rows)
    }
    return rows
  }
  const tally: KillTally = { kills: 0, finished: 0, interrupted: 0, decided: 0 }
  // Enough for every kill to be followed by a run to the end, and then for the last download to end.
  while (tally.kills < plan.kills || tally.finished === 0) {
    const child = start(args, folder.path)
    const ended = endOf(child)
    if (tally.kills < plan.kills) {
      // The process first loads itself, which takes longer than all else on a busy machine: its first request counts.
      const before = requests(sandbox.usage().paths)
      await Promise.race([ended, until(() => requests(sandbox.usage().paths) > before + 1)])
      // Most lives are short, some long enough for a download to come to its end.
      await Promise.race([ended, sleep(random() ** 2 * plan.lifeMs)])
      child.kill('SIGKILL')
    }
    const { code, signal, stderr } = await ended
    if (signal === 'SIGKILL') {
      tally.kills++
      const left = await leftovers(dataDir)
      if (left.length > 0) tally.interrupted++
      if (left.some((name) => name.endsWith('.commit.json'))) tally.decided++
      await checkWhole(dataDir, trueRows)
      plan.log?.(`kill ${tally.kills}: ${left.length} leftovers, ${tally.finished} downloads finished`)
      continue
    }
    expect(code, stderr).toBe(0)
    tally.finished++
    const lake = await Lake.open(dataDir)
    for (const symbol of plan.symbols) {
      for (const interval of plan.intervals) {
        const id = { exchange: 'binance', market: 'spot', kind: 'candle', symbol, interval } as const
        const different = firstDifference(valuesOf(await lake.load(id)), await trueRows(symbol, interval))
        expect(different, `${symbol} ${interval}`).toBeUndefined()
      }
    }
    expect(await leftovers(dataDir)).toEqual([])
    sandbox.resetUsage()
    const again = await endOf(start(args, folder.path))
    expect(again.code, again.stderr).toBe(0)
    expect(sandbox.usage().archive.files).toBe(0)
    expect(Object.keys(sandbox.usage().paths).filter((path) => path.endsWith('/klines'))).toEqual([])
    await rm(dataDir, { recursive: true })
  }
  return tally
}

/** What a reader sees after a kill: every file that the coverage names is there, whole, and holds true rows. */
async function checkWhole(
  dataDir: string,
  trueRows: (symbol: string, interval: Interval) => Promise<number[][]>,
): Promise<void> {
  const lake = await Lake.open(dataDir)
  for (const id of await lake.list()) {
    const coverage = await lake.coverage(id)
    if (!coverage) continue
    for (const file of coverage.files) expect(await inspectFile(lake.folder(id), file, coverage)).toBeUndefined()
    const stored = valuesOf(await lake.load(id))
    const known = new Map((await trueRows(id.symbol, id.interval!)).map((row) => [row[0]!, row.join()]))
    const strange = stored.find((row) => known.get(row[0]!) !== row.join())
    expect(strange, `${id.symbol} ${id.interval}`).toBeUndefined()
    // Every instant that the coverage claims is a row: this market has no gaps.
    const opens = new Set(stored.map((row) => row[0]!))
    const claimed = [...known.keys()].filter((time) => coverage.covered.some((c) => time >= c.from && time < c.to))
    expect(claimed.filter((time) => !opens.has(time))).toEqual([])
  }
}

function start(args: readonly string[], cwd: string): ChildProcess {
  if (!existsSync(join(repositoryRoot, 'dist', 'cli', 'main.js'))) throw new Error('dist/ is missing: npm run build')
  return spawn(process.execPath, [join(repositoryRoot, 'bin', 'ticklake.js'), ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: cwd },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

function endOf(child: ChildProcess): Promise<{ code: number | null; signal: string | null; stderr: string }> {
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((done) => child.on('close', (code, signal) => done({ code, signal, stderr })))
}

async function until(test: () => boolean): Promise<void> {
  for (let round = 0; round < 2000 && !test(); round++) await sleep(5)
}

function requests(paths: Readonly<Record<string, number>>): number {
  return Object.values(paths).reduce((sum, count) => sum + count, 0)
}

/** Names below a folder that no finished download may leave. */
export async function leftovers(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  return names.filter((name) => LEFTOVERS.test(name.split(/[/\\]/).at(-1)!))
}
