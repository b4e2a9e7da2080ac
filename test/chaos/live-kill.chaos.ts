import { expect, it } from 'vitest'
import { collectWithKills } from '../engine/live/kills.ts'
import { everyKind } from '../engine/live/rig.ts'

const kills = Number(process.env.CHAOS_KILLS ?? 200)
const seed = Number(process.env.CHAOS_SEED ?? 1)

it(`${kills} kills of a collector under load lose nothing (CHAOS_KILLS, CHAOS_SEED=${seed})`, async () => {
  const started = performance.now()
  const { verdicts, leftovers, ...tally } = await collectWithKills({
    kills,
    seed,
    lifeMs: 5000,
    sandbox: {
      symbols: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'],
      tradesPerSecond: 200,
      seed,
      // Trouble of its own while collectors come and go.
      faults: [
        { type: 'disconnect', probability: 0.00002, refuseMs: 300 },
        { type: 'drop', probability: 0.0005, match: { stream: '@(trade|aggTrade|depth|kline)' } },
        { type: 'http-error', status: 503, probability: 0.02 },
      ],
    },
    channels: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'].flatMap((symbol) => everyKind(symbol)),
    collector: { spool: { commitMs: 50, segmentBytes: 2 * 1024 * 1024 }, flushMs: 700 },
    log: (line) => process.stderr.write(`${line}\n`),
  })
  const seconds = Math.round((performance.now() - started) / 1000)
  process.stderr.write(`${JSON.stringify({ ...tally, seed, seconds })}\n`)
  for (const { series, records, missing, duplicates, different, gaps } of verdicts)
    process.stderr.write(`${JSON.stringify({ series, records, missing, duplicates, different, gaps: gaps.length })}\n`)
  expect(tally.kills).toBe(kills)
  expect(tally.acknowledged).toBeGreaterThan(kills)
  expect(tally.lost).toBe(0)
  // Kills that only ever hit idle moments would prove nothing.
  expect(tally.interrupted).toBeGreaterThan(0)
  expect(leftovers).toEqual([])
  expect(verdicts.filter(({ problems }) => problems.length > 0)).toEqual([])
  const lost = verdicts.filter(({ series }) => /[Tt]rade|candle/.test(series)).flatMap(({ gaps }) => gaps)
  expect(lost).toEqual([])
})
