import { describe, expect, it } from 'vitest'
import type { CollectorReport } from '../../../src/engine/live/collector-report.ts'
import type { CollectorOptions } from '../../../src/engine/live/options.ts'
import type { Channel } from '../../../src/exchanges/stream.ts'
import { Rig, SYMBOL } from './rig.ts'

const CHANNELS: Channel[] = (['trade', 'aggTrade', 'bookDelta', 'quote'] as const).map((kind) => ({
  market: 'spot',
  kind,
  symbol: SYMBOL,
}))

/** Memory for a fraction of what comes in a burst, but for more than sockets bring after they were paused. */
const SMALL = { commitMs: 20, blockBytes: 64 * 1024, memoryBytes: 1024 * 1024 }

/** Nothing runs for so long: what the exchange has to send meanwhile comes at once, before the disk could take any. */
function freeze(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** Collects through a burst of several times the memory, and compares the lake with the truth. */
async function burst(options: Partial<CollectorOptions>, tradesPerSecond = 3000): Promise<CollectorReport> {
  await using rig = await Rig.open({ sandbox: { tradesPerSecond }, channels: CHANNELS })
  await rig.start(options)
  await rig.run(700)
  const before = rig.collector.status().published
  freeze(2500)
  await rig.run(300)
  await rig.settle()
  const report = await rig.stop()
  expect(report.published - before).toBeGreaterThan(tradesPerSecond)
  const verdicts = await rig.check()
  expect(verdicts.filter(({ series }) => /[Tt]rade/.test(series)).flatMap(({ gaps }) => gaps)).toEqual([])
  return report
}

describe('a burst beyond', () => {
  it('the memory of the spool waits in the sockets: nothing is refused', async () => {
    const report = await burst({ spool: SMALL })
    expect(report.counters.holds).toBeGreaterThan(0)
    expect(report.counters.refusedFrames).toBe(0)
    expect(report.counters.lost).toBe(0)
    expect(report.series.map(({ holesFound }) => holesFound)).toEqual(report.series.map(() => 0))
  })

  it('what one move to the lake takes waits in the sockets: nothing is refused', async () => {
    const report = await burst({ flushRecords: 1000 })
    expect(report.counters.holds).toBeGreaterThan(0)
    expect(report.counters.refusedFrames).toBe(0)
    expect(report.series.map(({ holesFound }) => holesFound)).toEqual(report.series.map(() => 0))
  })

  it('the memory of a spool that drops is refused, counted, and filled from REST', async () => {
    const spool = { commitMs: 50, blockBytes: 16 * 1024, memoryBytes: 512 * 1024, whenFull: 'drop' } as const
    const report = await burst({ spool }, 2000)
    expect(report.counters.holds).toBe(0)
    expect(report.counters.refusedFrames).toBeGreaterThan(0)
    const { filled } = report.series.find(({ kind }) => kind === 'trade')!
    expect(filled).toBeGreaterThan(0)
  })
})
