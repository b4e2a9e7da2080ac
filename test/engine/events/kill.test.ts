import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { seriesKey } from '../../../src/model/series.ts'
import { repositoryRoot } from '../../helpers/real-data.ts'
import { Bench } from '../help.ts'
import { eventSeries, expectEventTruth } from './help.ts'

const bench = new Bench()
const NOW = '2024-03-10T12:00:30Z'
const [FROM, TO] = ['2024-02-20T05:00Z', '2024-03-10T11:00Z']

/** Runs `ticklake download`, and kills it after so many ms when they are given. Gives the exit code, or the signal. */
async function run(args: readonly string[], lifeMs?: number): Promise<number | string> {
  const bin = join(repositoryRoot, 'dist/cli/main.js')
  const child = spawn(process.execPath, [bin, 'download', ...args], { stdio: 'ignore' })
  const ended = new Promise<number | string>((resolve) =>
    child.on('exit', (code, signal) => resolve(code ?? signal ?? 'lost')),
  )
  if (lifeMs !== undefined) void sleep(lifeMs).then(() => child.kill('SIGKILL'))
  return ended
}

it.each([
  ['aggTrade', 'spot'],
  ['aggTrade', 'usdm'],
  ['metrics', 'usdm'],
] as const)(
  'a download of %s (%s) that is killed again and again under faults gives the whole truth in the end',
  async (kind, market) => {
    const sandbox = await bench.start({ now: NOW, tradesPerSecond: 0.2 })
    sandbox.addFaults([
      { type: 'cut', match: { path: '\\.zip$' }, probability: 0.1 },
      { type: 'http-error', status: 503, probability: 0.05 },
      { type: 'slow', bytesPerSecond: 300_000, match: { path: '\\.zip$' } },
      { type: 'shuffled-rows', match: { path: '02-2[0-9]' } },
      { type: 'corrupt-zip', match: { path: '03-05' }, times: 2 },
      { type: 'missing-rows', from: '2024-03-08T04:00Z', to: '2024-03-08T05:00Z', match: { market: 'spot' } },
    ])
    const lake = bench.folder.join('lake')
    const args = ['BTCUSDT', '--kind', kind, '--market', market, '--from', FROM, '--to', TO]
    const where = ['--endpoint', sandbox.endpoint, '--data-dir', lake, '--quiet']
    for (const lifeMs of [900, 1300, 1100, 1700, 2100]) await run([...args, ...where], lifeMs)
    sandbox.clearFaults()
    await run([...args, ...where])
    expect(await run([...args, ...where])).toBe(0)
    const series = eventSeries(kind, market)
    await expectEventTruth(bench, series, FROM, TO)
    const [verdict] = await bench.manager().verify([series])
    expect(verdict).toMatchObject({ ok: true, complete: true, problems: [] })
    const names = await readdir(join(lake, seriesKey(series)))
    expect(names.filter((name) => !/^(\d{4}-\d{2}(-\d{2})?.*\.parquet|series\.json|\.readers)$/.test(name))).toEqual([])
  },
  90_000,
)
