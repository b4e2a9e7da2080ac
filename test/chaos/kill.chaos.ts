import { expect, it } from 'vitest'
import { downloadWithKills } from '../helpers/kills.ts'

const kills = Number(process.env.CHAOS_KILLS ?? 200)
const seed = Number(process.env.CHAOS_SEED ?? 1)

it(`${kills} kills at random moments of a faulty download lose nothing (CHAOS_KILLS, CHAOS_SEED=${seed})`, async () => {
  const started = performance.now()
  const tally = await downloadWithKills({
    kills,
    seed,
    symbols: ['BTCUSDT', 'ETHUSDT'],
    intervals: ['1m', '5m', '1h'],
    from: '2024-01-15',
    to: '2024-08-08',
    now: '2024-08-08T00:10Z',
    lifeMs: 4000,
    log: (line) => process.stderr.write(`${line}\n`),
  })
  process.stderr.write(
    `${JSON.stringify({ ...tally, seed, seconds: Math.round((performance.now() - started) / 1000) })}\n`,
  )
  expect(tally.kills).toBe(kills)
  // Kills that only ever hit idle moments would prove nothing.
  expect(tally.interrupted).toBeGreaterThan(kills / 10)
})
