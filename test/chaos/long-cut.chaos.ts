import { expect, it } from 'vitest'
import { randomFrom } from '../engine/live/random.ts'
import { Rig } from '../engine/live/rig.ts'

/** Lengths of the outages, ms: `LONG_CUTS=0.1,60` in seconds; else drawn from 0.1 to 60 s by `LIVE_SEED`, and one of 60 s. */
const seed = Number(process.env.LIVE_SEED ?? 1)
const random = randomFrom(seed)
const cuts = process.env.LONG_CUTS?.split(',').map((s) => Number(s) * 1000) ?? [
  ...Array.from({ length: 4 }, () => 100 * 600 ** random()),
  60_000,
]

it(`outages of up to a minute, of streams and REST alike, take nothing (LIVE_SEED=${seed})`, async () => {
  await using rig = await Rig.open({
    sandbox: { tradesPerSecond: 20 },
    // The waits that users have, not those of hurried tests.
    collector: { stream: { reconnectDelayMs: 1000, maxReconnectDelayMs: 60_000 }, backfill: {} },
  })
  await rig.start()
  await rig.run(2000)
  for (const ms of cuts) {
    const filled = rig.collector.status().backfill.filledRecords
    rig.faults({ type: 'disconnect', refuseMs: ms, rest: true })
    await rig.run(ms)
    const back = performance.now()
    const repaired = await rig.until(() => rig.collector.status().backfill.filledRecords > filled, 90_000)
    const waited = Math.round(performance.now() - back)
    // So much is lost in a second that something has to come back.
    if (ms >= 1000) expect(repaired).toBe(true)
    console.log(
      `away for ${(ms / 1000).toFixed(1)} s: ${repaired ? `first repaired record after ${waited} ms` : 'nothing was repaired'}`,
    )
    await rig.run(1000)
  }
  await rig.settle([], 120_000)
  await rig.stop()
  await rig.check()
})
