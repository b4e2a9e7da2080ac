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

function start(path: string, ...args: string[]): ChildProcess {
  if (!existsSync(join(repositoryRoot, 'dist', 'store', 'spool'))) throw new Error('dist/ is stale: npm run build')
  return spawn(process.execPath, [join(import.meta.dirname, 'spool-writer.mjs'), path, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

it.each([
  ['all that it acknowledged', []],
  ['all that was not released, in segments written over others', ['release']],
])(
  `holds %s, of processes killed at random under load (${KILLS} kills, seed ${SEED})`,
  async (_, args) => {
    await using folder = await tempFolder('spool-kill')
    const random = randomFrom(SEED)
    /** First sequence and last acknowledged one of each life. */
    const lives: { first: number; acknowledged: number }[] = []
    /** Up to here nothing has to be there. */
    let released = 0

    for (let kill = 0; kill < KILLS; kill++) {
      const child = start(folder.path, ...args)
      const life = { first: 0, acknowledged: 0 }
      const begun = new Promise<void>((done) => {
        createInterface({ input: child.stdout! }).on('line', (line) => {
          const [word, number] = line.split(' ')
          if (word === 'begins') life.first = Number(number)
          else if (word === 'durable') life.acknowledged = Number(number)
          else released = Math.max(released, Number(number))
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
        /** What must be there of each life, and how much of it is. */
        const from = lives.map(({ first }) => Math.max(first, released + 1))
        const seen = lives.map(() => 0)
        let last = 0
        for await (const { sequence, type, market, receiveTime, bytes, start: at, end } of spool.replay()) {
          const text = `${sequence}:`.padEnd(20 + (sequence % 977), 'x')
          if (
            Buffer.from(bytes.subarray(at, end)).toString('latin1') !== text ||
            type !== 'frame' ||
            market !== (sequence % 2 === 0 ? 'spot' : 'usdm') ||
            receiveTime !== sequence / 8 ||
            sequence <= last
          )
            expect.fail(`entry ${sequence} after ${last} is not what was appended`)
          last = sequence
          if (sequence <= released) continue
          const index = lives.findLastIndex(({ first }) => first <= sequence)
          // Within a life nothing is left out.
          expect(sequence - from[index]!).toBe(seen[index])
          seen[index]!++
        }
        for (const [index, { acknowledged }] of lives.entries())
          expect(seen[index], `life ${index}`).toBeGreaterThanOrEqual(acknowledged - from[index]! + 1)
      }
    }
  },
  120_000,
)
