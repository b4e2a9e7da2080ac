import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { inspectIds } from '../../src/store/lake/event-inspect.ts'
import { inspectFile } from '../../src/store/lake/inspect.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { decodeRecords, Spool } from '../../src/store/spool/index.ts'
import { eventSeries, readIds, T0 } from '../helpers/events.ts'
import { repositoryRoot } from '../helpers/real-data.ts'
import { tempFolder } from '../helpers/temp.ts'

const KILLS = 12
const SEED = 7
const series = eventSeries('trade')

it(`has every acknowledged record once, in the lake or the spool, after each kill (${KILLS} kills, seed ${SEED})`, async () => {
  if (!existsSync(join(repositoryRoot, 'dist', 'store', 'spool'))) throw new Error('dist/ is stale: npm run build')
  await using folder = await tempFolder('events-kill')
  let state = SEED
  const random = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state / 2 ** 32
  }
  const safe = { spooled: 0, stored: 0 }
  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'events-writer.mjs'), folder.path, String(T0)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const closed = new Promise((done) => child.on('close', done))
    await new Promise<void>((done) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const [word, id] = line.split(' ') as ['spooled' | 'stored', string]
        safe[word] = Math.max(safe[word], Number(id))
        if (word === 'stored') done()
      })
    })
    await sleep(random() * 150)
    child.kill('SIGKILL')
    await closed

    const lake = await Lake.open(folder.path)
    const ids = (await readIds(lake, series, 'id')).map(Number)
    const coverage = (await lake.coverage(series))!
    expect(inspectIds(coverage)).toEqual([])
    for (const file of coverage.files) expect(await inspectFile(lake.folder(series), file, coverage)).toBeUndefined()
    expect(ids.length).toBeGreaterThanOrEqual(safe.stored)
    // From the first on without a hole, each once: also across lives, whose replays brought many again.
    const wrong = ids.findIndex((id, index) => id !== index + 1)
    expect(wrong, `id ${ids[wrong]} at ${wrong}`).toBe(-1)
    const held = new Set(ids)
    {
      await using spool = await Spool.open(join(folder.path, '.spool'))
      for await (const { bytes, start, end } of spool.replay())
        for (const record of decodeRecords(bytes, start, end)) held.add(Number((record as { id: number }).id))
    }
    for (let id = 1; id <= safe.spooled; id++)
      if (!held.has(id)) expect.fail(`trade ${id} was acknowledged and is gone`)
  }
}, 120_000)
