import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { kindOf } from '../../../src/model/kinds.ts'
import type { LiveRecord } from '../../../src/model/live/index.ts'
import { toRecords } from '../../../src/store/lake/event-records.ts'
import { Lake } from '../../../src/store/lake/lake.ts'
import { repositoryRoot } from '../../helpers/real-data.ts'
import { randomFrom } from './random.ts'
import { Rig, type RigOptions } from './rig.ts'
import type { Verdict } from './truth.ts'

export interface CollectorKillPlan extends RigOptions {
  readonly kills: number
  readonly seed: number
  /** Longest life of a collector after it has begun, ms. */
  readonly lifeMs: number
  readonly log?: (line: string) => void
}

export interface CollectorKillTally {
  readonly kills: number
  /** Lives that ended before anything was collected: while the spool of the one before was read. */
  readonly early: number
  /** Kills that left temporary files or a change that was decided and not carried out. */
  readonly interrupted: number
  /** Records that can not be fetched again and were safe before a kill. */
  readonly acknowledged: number
  readonly lost: number
  readonly leftovers: readonly string[]
  readonly verdicts: readonly Verdict[]
}

interface Line {
  readonly opened?: true
  readonly ready?: true
  readonly safe?: readonly string[]
  readonly stopped?: true
  readonly complete?: boolean
}

/** A collector that is killed at random moments and started again, and at last ends well. */
export async function collectWithKills(plan: CollectorKillPlan): Promise<CollectorKillTally> {
  if (!existsSync(join(repositoryRoot, 'dist', 'engine', 'live', 'collector.js')))
    throw new Error('dist/ is missing: npm run build')
  const random = randomFrom(plan.seed)
  await using rig = await Rig.open(plan)
  const { onEvent: _, ...options } = rig.options()
  const acknowledged = new Set<string>()
  let kills = 0
  let early = 0
  let interrupted = 0
  let ended: Line | undefined
  while (ended === undefined) {
    const isLast = kills === plan.kills
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'collector-process.mjs'), JSON.stringify(options)],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const life = watch(child, acknowledged)
    if (isLast) {
      await life.until('ready')
      await sleep(2000)
      child.kill('SIGTERM')
    } else {
      // Some die while they read the spool of the one before, most while they collect.
      if (random() < 0.15) await life.until('opened', random() * 700)
      else {
        await life.until('ready')
        await sleep(random() ** 2 * plan.lifeMs)
      }
      if (!life.isReady) early++
      child.kill('SIGKILL')
    }
    const [code, signal] = await life.ended
    if (signal === 'SIGKILL') {
      kills++
      const left = await leftovers(rig.dataDir)
      if (left.length > 0) interrupted++
      plan.log?.(`kill ${kills}: ${acknowledged.size} safe, ${left.length} leftovers`)
      continue
    }
    if (code !== 0) throw new Error(`a collector ended with ${code}: ${life.stderr()}`)
    ended = life.last()
  }
  expect(ended).toMatchObject({ stopped: true })
  const stored = await storedIds(rig.dataDir)
  const lost = [...acknowledged].filter((id) => !stored.has(id))
  return {
    ...{ kills, early, interrupted, acknowledged: acknowledged.size, lost: lost.length },
    leftovers: await leftovers(rig.dataDir),
    verdicts: await rig.verdicts(),
  }
}

function watch(child: ChildProcess, acknowledged: Set<string>) {
  let stderr = ''
  let last: Line = {}
  const seen = new Set<string>()
  const waiting: (() => void)[] = []
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const lines = createInterface({ input: child.stdout! })
  lines.on('line', (text) => {
    // A kill may cut a line.
    if (!text.endsWith('}')) return
    last = JSON.parse(text) as Line
    for (const name of Object.keys(last)) seen.add(name)
    for (const id of last.safe ?? []) acknowledged.add(id)
    for (const wake of waiting.splice(0)) wake()
  })
  const ended = once(child, 'close') as Promise<[code: number | null, signal: string | null]>
  let over = false
  void ended.then(() => {
    over = true
    for (const wake of waiting.splice(0)) wake()
  })
  return {
    ended,
    stderr: () => stderr,
    last: () => last,
    get isReady() {
      return seen.has('ready')
    },
    /** Until it has said something, has ended, or at most so many ms have passed. */
    async until(name: string, atMostMs?: number): Promise<void> {
      const timeout = atMostMs === undefined ? undefined : sleep(atMostMs)
      let timedOut = false
      void timeout?.then(() => {
        timedOut = true
        for (const wake of waiting.splice(0)) wake()
      })
      while (!seen.has(name) && !over && !timedOut) await new Promise<void>((wake) => waiting.push(wake))
    },
  }
}

/** Names below a folder that no collector that ended well may leave. */
async function leftovers(dataDir: string): Promise<string[]> {
  const names = await readdir(dataDir, { recursive: true }).catch(() => [])
  return names.filter((name) => /^(\.tmp-|\.commit\.json)/.test(name.split(/[/\\]/).at(-1)!))
}

async function storedIds(dataDir: string): Promise<Set<string>> {
  const stored = new Set<string>()
  const lake = await Lake.open(dataDir)
  for (const id of await lake.list()) {
    if (id.kind !== 'quote' && id.kind !== 'bookDelta') continue
    const columns = kindOf(id.kind).columns.map((spec) => spec.name)
    for await (const record of toRecords(kindOf(id.kind), id, lake.readEvents(id, { columns }))) {
      const { updateId, lastUpdateId } = record as LiveRecord & { updateId?: unknown; lastUpdateId?: unknown }
      stored.add(`${id.market}/${id.kind}/${id.symbol}/${updateId ?? lastUpdateId}`)
    }
  }
  return stored
}
