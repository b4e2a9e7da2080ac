import { appendFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { proofLines } from '../../../src/cli/collect/proof.ts'
import { createStyle } from '../../../src/cli/render/style.ts'
import { Collector } from '../../../src/engine/live/collector.ts'
import { LakeLockedError } from '../../../src/model/errors.ts'
import { canMakeDisks, smallDisk } from '../../helpers/small-disk.ts'
import { cutManyStreams } from './many.ts'
import { everyKind, Rig } from './rig.ts'

const OFF = 'the collector was not running'
const disks = await canMakeDisks()

/** Takes all the room that a disk has. */
async function fill(path: string): Promise<void> {
  const piece = Buffer.alloc(4096)
  for (;;) {
    try {
      await appendFile(path, piece)
    } catch {
      return
    }
  }
}

describe('a collector that starts and stops', () => {
  it('fills what was missed while nobody collected, and says what it can not', async () => {
    await using rig = await Rig.open()
    await rig.start()
    await rig.run(1500)
    // What never came can not be missed.
    while (rig.collector.status().series.some(({ kind, records }) => kind === 'ticker' && records === 0))
      await rig.run(50)
    await rig.stop()
    await sleep(1500)
    await rig.start()
    await rig.run(500)
    await rig.settle()
    const report = await rig.stop()
    const verdicts = await rig.check()
    const gaps = (kind: string) => verdicts.find(({ series }) => series.includes(`spot/${kind}/`))!.gaps
    expect(report.series.find(({ series }) => series.includes('spot/trade'))!.filled).toBeGreaterThan(0)
    for (const kind of ['trade', 'aggTrade', 'candle']) expect(gaps(kind), kind).toEqual([])
    for (const kind of ['quote', 'ticker', 'bookDelta'])
      expect(gaps(kind), kind).toMatchObject([{ cause: 'own-outage', checked: ['stream'], note: OFF }])
    // The report says the same as the coverage.
    const told = (kind: string) => report.series.find(({ series }) => series.includes(`spot/${kind}/`))!
    for (const kind of ['quote', 'ticker', 'bookDelta']) expect(told(kind).gaps, kind).toMatchObject([{ note: OFF }])
    expect(told('trade').holes[0]).toMatchObject({ missed: OFF })
    expect(proofLines(report, [], createStyle(false)).join('\n')).toContain(`nothing can fill: ${OFF} (`)
  })

  it('has all until the end when its connections are cut just before it is stopped', async () => {
    await using rig = await Rig.open()
    await rig.start()
    await rig.run(2200)
    rig.faults({ type: 'drop', every: 4, match: { stream: '@(trade|aggTrade|depth|kline)' } })
    await rig.run(500)
    // A slow machine may only have begun by now.
    const seesHoles = () => rig.collector.report().series.some(({ holesFound }) => holesFound > 0)
    for (let waits = 0; waits < 600 && !seesHoles(); waits++) await rig.run(100)
    rig.faults({ type: 'disconnect' })
    await rig.run(60)
    const report = await rig.stop()
    const verdicts = await rig.check()
    expect(report.series.reduce((sum, one) => sum + one.holesFound, 0)).toBeGreaterThan(0)
    expect(verdicts.filter(({ series }) => /[Tt]rade|candle/.test(series)).flatMap(({ gaps }) => gaps)).toEqual([])
  })

  it('leaves holes that REST does not fill in time to the next start', async () => {
    await using rig = await Rig.open()
    await rig.start()
    await rig.run(1000)
    rig.faults(
      { type: 'http-error', status: 503, match: { path: 'rades|klines' } },
      { type: 'drop', every: 3, match: { stream: '@(trade|aggTrade|kline)' } },
    )
    await rig.run(1500)
    const first = await rig.collector.stop({ repairMs: 300 })
    expect(first.complete).toBe(false)
    rig.sandbox.clearFaults()
    await rig.start()
    await rig.run(300)
    await rig.settle()
    await rig.stop()
    const verdicts = await rig.check()
    expect(verdicts.filter(({ series }) => /[Tt]rade|candle/.test(series)).flatMap(({ gaps }) => gaps)).toEqual([])
  })

  it('stops while the exchange is away, and starts again while it still is', async () => {
    await using rig = await Rig.open()
    await rig.start()
    await rig.run(800)
    rig.faults({ type: 'disconnect', refuseMs: 4000, rest: true })
    await rig.run(300)
    await rig.collector.stop({ repairMs: 500 })
    void rig.start().catch(() => {})
    await rig.run(800)
    await rig.settle()
    await rig.stop()
    await rig.check()
  })

  it('reads a spool that is much longer than what it moves at a time', async () => {
    const channels = everyKind().filter(({ market, kind }) => market === 'spot' && kind !== 'candle')
    await using rig = await Rig.open({ sandbox: { tradesPerSecond: 2500 }, channels })
    // Nothing reaches the lake: the folder of the process is copied as a kill would leave it.
    await rig.start({
      flushMs: 600_000,
      flushRecords: 10_000_000,
      spool: { commitMs: 20, blockBytes: 64 * 1024, segmentBytes: 256 * 1024 },
    })
    while (rig.collector.status().published < 13_000) await rig.run(50)
    const { series, spool } = rig.collector.status()
    // What was received until now is safe in the spool.
    while (rig.collector.status().spool!.durable < spool!.last) await rig.run(20)
    await rig.abandon()
    await rig.start({ flushRecords: 5000 })
    await rig.run(500)
    await rig.settle()
    const report = await rig.stop()
    // REST waits for the lake, and so does what comes at once after a busy moment.
    expect(report.counters.refusedFrames).toBe(0)
    expect(report.backfill.lastError).toBeUndefined()
    const verdicts = await rig.check()
    expect(verdicts.reduce((sum, { records }) => sum + records, 0)).toBeGreaterThan(13_000)
    // What was in the spool is in the lake, also of what REST does not give again.
    for (const kind of ['quote', 'bookDelta', 'ticker']) {
      const before = series.find((one) => one.kind === kind)!.records
      expect(verdicts.find((one) => one.series.includes(`spot/${kind}/`))!.records, kind).toBeGreaterThan(before)
    }
  })
})

describe('one lake', () => {
  it('has one collector: a second one is told who holds it', async () => {
    await using rig = await Rig.open()
    await rig.start()
    await rig.run(500)
    const second = Collector.open(rig.options())
    await expect(second).rejects.toThrow(LakeLockedError)
    await expect(second).rejects.toThrow(String(process.pid))
    await rig.settle()
    await rig.stop()
    await rig.check()
    // Free again.
    await rig.start()
    await rig.run(300)
    await rig.settle()
    await rig.stop()
    await rig.check()
  })
})

describe('a subscriber', () => {
  it('that never reads holds up nothing, and is told what it lost', async () => {
    await using rig = await Rig.open({ sandbox: { tradesPerSecond: 300 } })
    const collector = await rig.start()
    const asleep = collector.bus.subscribe('market_data.*', { bound: 50 })
    const dropping = collector.bus.subscribe('market_data.trade', { bound: 50, overflow: 'drop-oldest' })
    collector.bus.on('market_data.quote', () => {
      throw new Error('a subscriber with a bug')
    })
    await rig.run(1500)
    await rig.settle()
    expect(dropping.size).toBeLessThanOrEqual(50)
    expect(dropping.dropped).toBeGreaterThan(0)
    await expect(
      (async () => {
        for await (const _ of asleep);
      })(),
    ).rejects.toThrow(/50/)
    await rig.stop()
    await rig.check()
    expect(collector.bus.handlerErrors).toBeGreaterThan(0)
  })
})

describe.skipIf(!disks)('a full disk', () => {
  it('costs nothing that REST has, and the rest is on record', async () => {
    await using rig = await Rig.open({ sandbox: { tradesPerSecond: 200 } })
    await using _disk = await smallDisk(rig.dataDir, '16m')
    const spool = {
      commitMs: 20,
      memoryBytes: 128 * 1024,
      blockBytes: 16 * 1024,
      segmentBytes: 64 * 1024,
      retryMs: 100,
    }
    const collector = await rig.start({ spool })
    await rig.run(800)
    await fill(rig.folder.join('lake', 'filler'))
    const isHit = () => collector.status().counters.refusedFrames >= 50 && collector.status().flusher.failures > 0
    for (let round = 0; round < 2400 && !isHit(); round++) await sleep(25)
    expect(collector.status().counters.refusedFrames).toBeGreaterThan(0)
    expect(collector.status().flusher.failures).toBeGreaterThan(0)
    await rm(rig.folder.join('lake', 'filler'))
    await rig.run(300)
    await rig.settle()
    const report = await rig.stop()
    const verdicts = await rig.check()
    // The sockets waited for as long as they may, which is longer than a ping takes, and none was taken for dead.
    expect(report.counters.holds).toBeGreaterThan(0)
    expect(report.counters.lost).toBe(0)
    expect(report.series.find(({ series }) => series.includes('spot/trade'))!.filled).toBeGreaterThan(0)
    expect(verdicts.filter(({ series }) => /[Tt]rade|candle/.test(series)).flatMap(({ gaps }) => gaps)).toEqual([])
  })
})

describe('many streams', () => {
  it('over 200, with all connections cut at once', async () => {
    const { streams, lost } = await cutManyStreams({ symbols: 36, tradesPerSecond: 15 })
    expect(streams).toBeGreaterThan(200)
    expect(lost).toBeGreaterThanOrEqual(5)
  })
})
