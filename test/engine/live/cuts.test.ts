import { describe, expect, it } from 'vitest'
import { Rig } from './rig.ts'

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
})
