import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Spool, type SpoolDamage } from '../../../src/store/spool/index.ts'
import { repositoryRoot } from '../../helpers/real-data.ts'
import { tempFolder } from '../../helpers/temp.ts'

const KILLS = 20
const SEED = 20_240_131

/** Numbers from 0 to 1 that follow from the seed. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state / 2 ** 32
  }
}

function start(path: string): ChildProcess {
  if (!existsSync(join(repositoryRoot, 'dist', 'store', 'spool'))) throw new Error('dist/ is stale: npm run build')
  return spawn(process.execPath, [join(import.meta.dirname, 'spool-writer.mjs'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

it(`holds all that it acknowledged to processes killed at random under load (${KILLS} kills, seed ${SEED})`, async () => {
  await using folder = await tempFolder('spool-kill')
  const random = randomFrom(SEED)
  /** First sequence and last acknowledged one of each life. */
  const lives: { first: number; acknowledged: number }[] = []

  for (let kill = 0; kill < KILLS; kill++) {
    const child = start(folder.path)
    const life = { first: 0, acknowledged: 0 }
    const begun = new Promise<void>((done) => {
      createInterface({ input: child.stdout! }).on('line', (line) => {
        const [word, number] = line.split(' ')
        if (word === 'begins') life.first = Number(number)
        else life.acknowledged = Number(number)
        if (word === 'durable') done()
      })
    })
    const closed = new Promise((done) => child.on('close', done))
    await begun
    await sleep(random() * 60)
    child.kill('SIGKILL')
    // `close` comes after the last line was read: nothing that it acknowledged is missed.
    await closed
    lives.push(life)
    if (kill % 4 === 3 || kill === KILLS - 1) {
      const damages: SpoolDamage[] = []
      await using spool = await Spool.open(folder.path, { onDamage: (damage) => damages.push(damage) })

      expect(damages.every(({ isTail }) => isTail)).toBe(true)
      const seen = lives.map(() => 0)
      let last = 0
      for await (const { sequence, type, market, receiveTime, bytes, start: from, end } of spool.replay()) {
        const text = `${sequence}:`.padEnd(20 + (sequence % 977), 'x')
        if (
          Buffer.from(bytes.subarray(from, end)).toString('latin1') !== text ||
          type !== 'frame' ||
          market !== (sequence % 2 === 0 ? 'spot' : 'usdm') ||
          receiveTime !== sequence / 8 ||
          sequence <= last
        )
          expect.fail(`entry ${sequence} after ${last} is not what was appended`)
        last = sequence
        const index = lives.findLastIndex(({ first }) => first <= sequence)
        // Within a life nothing is left out.
        expect(sequence - lives[index]!.first).toBe(seen[index])
        seen[index]!++
      }
      for (const [index, { first, acknowledged }] of lives.entries())
        expect(seen[index], `life ${index}`).toBeGreaterThanOrEqual(acknowledged - first + 1)
    }
  }
}, 120_000)
