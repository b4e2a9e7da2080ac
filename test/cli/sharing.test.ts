import { afterEach, beforeEach, expect, it } from 'vitest'
import { tuningNote } from '../../src/cli/download/reports.ts'
import type { ParallelReport } from '../../src/engine/tuning/decide.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { runHere } from './bin.ts'

let folder: TempFolder
let sandbox: Sandbox | undefined
beforeEach(async () => {
  folder = await tempFolder('sharing')
})
afterEach(async () => {
  await sandbox?.[Symbol.asyncDispose]()
  sandbox = undefined
  await folder[Symbol.asyncDispose]()
})

interface Line {
  readonly group?: string
  readonly name?: string
  readonly state?: string
  readonly detail?: string
}

async function doctor(env: Record<string, string> = {}): Promise<Map<string | undefined, Line>> {
  const { stdout } = await runHere(['doctor', '--offline', '--json'], { cwd: folder.path, env })
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  return new Map(lines.filter((line) => line.group === 'Sharing').map((line) => [line.name, line]))
}

it('doctor tells how many files at a time a download would take, and why', async () => {
  const check = (await doctor()).get('files at a time')
  expect(check?.detail).toMatch(/^\d+ at first \(\d+ cores?, [\d.]+ [MG]B of memory free, at most 13\); /)
})

it('doctor tells where the rate budget is shared, that it is not, and that it cannot be', async () => {
  const shared = (await doctor({ TICKLAKE_SHARED_BUDGET: folder.join('budget') })).get('rate budget')
  expect(shared).toMatchObject({ state: 'ok' })
  expect(shared?.detail).toContain(folder.join('budget'))
  expect((await doctor({ TICKLAKE_SHARED_BUDGET: 'off' })).get('rate budget')).toMatchObject({ state: 'info' })
  const broken = (await doctor({ TICKLAKE_SHARED_BUDGET: '/dev/null/budget' })).get('rate budget')
  expect(broken).toMatchObject({ state: 'warn' })
})

it('a folder without its whole path is wrong usage', async () => {
  const { code, stderr } = await runHere(['list'], { cwd: folder.path, env: { TICKLAKE_SHARED_BUDGET: 'here' } })
  expect([code, stderr]).toEqual([2, expect.stringContaining('true, false or a folder with its whole path')])
})

it('download --json tells how many files at a time it took and why; --parallel is kept to', async () => {
  sandbox = await startSandbox({ now: Date.UTC(2024, 5, 15, 12), symbols: ['BTCUSDT'], tradesPerSecond: 0.01 })
  const download = async (...more: string[]): Promise<ParallelReport> => {
    const args = ['download', 'BTCUSDT', '--interval', '1h', '--from', '2024-05-01', '--endpoint', sandbox!.endpoint]
    const { stdout } = await runHere([...args, '--json', ...more], { cwd: folder.path })
    return (JSON.parse(stdout) as { parallel: ParallelReport }).parallel
  }
  const { auto, first, decisions } = await download()
  expect(auto).toBe(true)
  // What comes later depends on what else this machine has to do.
  expect(decisions[0]).toMatchObject({
    atMs: expect.any(Number),
    parallel: first,
    detail: expect.stringMatching(/cores?, /),
  })
  expect(await download('--parallel', '3')).toMatchObject({
    auto: false,
    first: 3,
    last: 3,
    decisions: [{ parallel: 3, reason: 'given', detail: 'parallel is 3' }],
  })
})

it('says in a line how the number changed, and nothing where it stood', () => {
  const first = { atMs: 0, parallel: 12, reason: 'start', detail: '2 cores' } as const
  const then = { atMs: 2000, parallel: 8, reason: 'disk', detail: '7 files wait for the disk' } as const
  expect(tuningNote(undefined)).toBeUndefined()
  expect(tuningNote({ auto: true, first: 12, last: 12, decisions: [first] })).toBeUndefined()
  expect(tuningNote({ auto: true, first: 12, last: 8, decisions: [first, then] })).toBe(
    'Files at a time: 12 at first, 8 at last (7 files wait for the disk).',
  )
})
