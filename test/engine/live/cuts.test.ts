import { describe, expect, it } from 'vitest'
import { everyKind, Rig } from './rig.ts'

describe('a collector whose connections are cut', () => {
  it('stores what happened without any fault', async () => {
    await using rig = await Rig.open()
    await rig.start()
    await rig.run(2000)
    await rig.settle()
    const report = await rig.stop()
    const verdicts = await rig.check()
    expect(report.complete).toBe(true)
    expect(verdicts.flatMap(({ gaps }) => gaps)).toEqual([])
    expect(rig.samples).toBeGreaterThan(10)
  })

  it('has everything after a cut of a second', async () => {
    await using rig = await Rig.open()
    await rig.start()
    await rig.run(1200)
    rig.faults({ type: 'disconnect', times: 1, refuseMs: 1000 })
    await rig.run(1500)
    await rig.settle()
    const report = await rig.stop()
    await rig.check()
    expect(report.counters.lost).toBeGreaterThan(0)
    expect(report.series.find(({ kind }) => kind === 'trade')?.filled).toBeGreaterThan(0)
  })

  it('asks REST again as soon as a stream is back, whatever it would have waited', async () => {
    const channels = everyKind().filter(({ kind }) => /rade|bookDelta/.test(kind))
    const hours = { graceMs: 50, retryMs: 36_000_000, maxRetryMs: 36_000_000 }
    await using rig = await Rig.open({ channels, collector: { backfill: hours, client: { attempts: 1 } } })
    await rig.start()
    await rig.run(500)
    rig.faults(
      { type: 'drop', every: 3, match: { stream: 'rade' } },
      { type: 'http-error', status: 503, match: { path: 'rades' } },
    )
    await rig.until(() => rig.collector.status().backfill.failures >= 2)
    rig.sandbox.clearFaults()
    await rig.run(300)
    expect(rig.collector.status().series.some(({ missing }) => missing > 0)).toBe(true)
    rig.faults({ type: 'disconnect', times: 1, refuseMs: 300 })
    await rig.run(300)
    await rig.settle()
    await rig.stop()
    await rig.check()
  })
})
