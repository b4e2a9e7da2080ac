import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Collector } from '../../../src/engine/live/collector.ts'
import type { SeriesStatus } from '../../../src/engine/live/live-series.ts'
import { LiveSeries } from '../../../src/engine/live/live-series.ts'
import type { Channel } from '../../../src/exchanges/stream.ts'
import { type LiveRecord, type QuoteRecord, RecordFlag, type TradeRecord } from '../../../src/model/live/index.ts'
import { type SandboxOptions, startSandbox } from '../../../src/sandbox/index.ts'
import { Lake } from '../../../src/store/lake/lake.ts'
import { eventSeries } from '../events/help.ts'
import { startProxy } from './proxy.ts'
import { Rig, SYMBOL } from './rig.ts'
import { compareLake } from './truth.ts'

const CHANNELS: Channel[] = (['trade', 'aggTrade', 'bookDelta'] as const).map((kind) => ({
  market: 'spot',
  kind,
  symbol: SYMBOL,
}))
const TRADE = eventSeries('trade')
const START = 1_700_000_000_000

function trade(id: number | bigint, time: number): TradeRecord {
  const facts = { kind: 'trade', market: 'spot', symbol: SYMBOL, price: 1, quantity: 1, buyerIsMaker: true } as const
  return { ...facts, id, time, eventTime: time, receiveTime: time + 5, flags: 0 }
}

function quote(updateId: number, receiveTime: number): QuoteRecord {
  const facts = { kind: 'quote', market: 'spot', symbol: SYMBOL, bidPrice: 1, bidQuantity: 1, askPrice: 2 } as const
  const times = { transactionTime: Number.NaN, eventTime: Number.NaN, receiveTime }
  return { ...facts, updateId, askQuantity: 1, ...times, flags: 0 }
}

function seriesOf(kind: 'trade' | 'quote', highest?: number | bigint): { series: LiveSeries; taken: LiveRecord[] } {
  const resume = { lastTime: START, holes: [], ...(highest === undefined ? {} : { highest }) }
  const series = new LiveSeries({ exchange: 'binance', market: 'spot', kind, symbol: SYMBOL }, undefined, resume)
  const taken: LiveRecord[] = []
  if (highest !== undefined && kind === 'trade') series.takeUp({ ...resume, last: highest }, START)
  series.onRenewal = (_, withheld) => {
    for (const record of withheld) if (series.take(record, 0)) taken.push(record)
  }
  return { series, taken }
}

function feed({ series, taken }: ReturnType<typeof seriesOf>, records: readonly LiveRecord[]): void {
  for (const record of records) if (series.take(record, 0)) taken.push(record)
}

describe('ids that begin anew', () => {
  it.each([1000, 2n ** 60n])('are noticed behind a stored id of %s, and no record is lost', (highest) => {
    const one = seriesOf('trade', highest)
    feed(one, [trade(7, START + 5000), trade(8, START + 5001)])
    expect(one.series.renewal).toBeUndefined()
    expect(one.taken).toEqual([])
    feed(one, [trade(9, START + 5002), trade(10, START + 5003), trade(10, START + 5003)])
    expect(one.series.renewal).toMatchObject({ last: highest, lastTime: START, id: 7, time: START + 5000 })
    expect(one.series.renewal!.detail).toContain('--data-dir')
    expect(one.taken.map((record) => (record as TradeRecord).id)).toEqual([7, 8, 9, 10])
    expect(one.series.status()).toMatchObject({ first: 7, last: 10, duplicates: 1, holesOpen: 0, missing: 0 })
  })

  it('do not fill the holes of before', () => {
    const one = seriesOf('trade')
    feed(one, [trade(1, START), trade(20, START + 10)])
    feed(one, [trade(5, START + 9000), trade(6, START + 9001), trade(7, START + 9002)])
    expect(one.series.renewal).toMatchObject({ last: 20, id: 5 })
    expect(one.series.status()).toMatchObject({ holesFound: 1, holesOpen: 0, missing: 0, late: 0, first: 5, last: 7 })
    expect(one.series.status().holes).toMatchObject([{ first: 2, last: 19, filled: 0, cause: 'unknown' }])
  })

  it('are never seen in records that come again, late, or out of order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ id: fc.nat(300), shake: fc.nat(900), step: fc.nat(40) }), { maxLength: 400 }),
        fc.nat(300),
        (records, highest) => {
          const one = seriesOf('trade', highest)
          // The time of an id is its own, whenever it arrives, and may run against the ids a little.
          const timeOf = (id: number): number => START + (id - highest) * 40 + ((id * 7919) % 500)
          feed(
            one,
            records.map(({ id }) => trade(id, timeOf(id))),
          )
          expect(one.series.renewal).toBeUndefined()
        },
      ),
    )
  })

  it('are noticed when they jump up to an earlier time', () => {
    const one = seriesOf('trade', 1000)
    feed(one, [trade(5000, START - 90_000), trade(5001, START - 89_990), trade(5002, START - 89_980)])
    expect(one.series.renewal).toMatchObject({ last: 1000, id: 5000, time: START - 90_000 })
    expect(one.taken).toHaveLength(3)
  })

  it('are noticed when nothing new comes for a minute, though each record could be an old one', () => {
    const one = seriesOf('trade', 1000)
    const old = (index: number): TradeRecord => trade(500 + index, START - 3_600_000 + index)
    for (let index = 0; index < 60; index++) one.series.take(old(index), START + index * 1000)
    expect(one.series.renewal).toBeUndefined()
    for (let index = 60; index < 62; index++) one.series.take(old(index), START + index * 1000)
    expect(one.series.renewal).toMatchObject({ last: 1000, lastTime: START, id: 560 })
    const still = seriesOf('trade', 1000)
    for (let index = 0; index < 200; index++) {
      // What REST fills in, and what comes again between new ones, is as it should be.
      still.series.take({ ...old(index % 3), flags: RecordFlag.rest }, START + index * 1000)
      if (index % 40 === 0) still.series.take(trade(1001 + index, START + index * 1000), START + index * 1000)
      still.series.take(old(index), START + index * 1000)
    }
    expect(still.series.renewal).toBeUndefined()
  })

  it('of quotes are told from a connection that lags', () => {
    const lagging = seriesOf('quote', 100)
    feed(lagging, [quote(98, START + 900), quote(99, START + 950), quote(100, START + 960), quote(100, START + 70_000)])
    feed(lagging, [quote(101, START + 71_000), quote(102, START + 71_001), quote(103, START + 71_002)])
    feed(lagging, [quote(101, START + 200_000), quote(102, START + 200_001), quote(103, START + 200_002)])
    expect(lagging.series.renewal).toBeUndefined()
    const anew = seriesOf('quote', 100)
    feed(anew, [quote(1, START + 9000), quote(4, START + 9001), quote(9, START + 9002)])
    expect(anew.series.renewal).toMatchObject({ last: 100, id: 1 })
    expect(anew.taken).toHaveLength(3)
  })
})

const BEFORE: SandboxOptions = { symbols: [SYMBOL], tradesPerSecond: 30, seed: 1 }

/** The lake as it stands, without what tells when it was looked at. */
async function holding(dataDir: string): Promise<unknown> {
  const lake = await Lake.open(dataDir)
  const coverages = await Promise.all(CHANNELS.map(({ kind }) => lake.coverage(eventSeries(kind))))
  return coverages.map((coverage) => ({
    ids: coverage?.ids,
    files: coverage?.files.map(({ sha256 }) => sha256).sort(),
  }))
}

function ofKind(series: readonly SeriesStatus[], kind: string): SeriesStatus {
  return series.find((one) => one.kind === kind)!
}

describe('a collector whose exchange counts anew', () => {
  it('passes the records on, stores none of them, says so, and goes on when the former one is back', async () => {
    const channels = CHANNELS.slice(0, 2)
    await using rig = await Rig.open({ channels, sandbox: BEFORE })
    await rig.start()
    await rig.run(1200)
    await rig.settle()
    await rig.stop()
    const before = await holding(rig.dataDir)
    await rig.run(1300)

    const listedAt = Date.now() - 3_600_000
    await using other = await startSandbox({ ...BEFORE, seed: 9, listedAt })
    const seen: number[] = []
    const errors: string[] = []
    const log = { debug() {}, info() {}, warn() {}, error: (_: object, text: string) => void errors.push(text) }
    const options = rig.options({ client: { endpoint: other.endpoint }, log })
    const collector = await Collector.open(options)
    collector.bus.on('market_data.trade', (record) => void seen.push(Number(record.id)))
    await collector.start()
    await expect
      .poll(() => collector.status().series.filter(({ renewal }) => renewal).length, { timeout: 60_000 })
      .toBe(2)
    await expect.poll(() => seen.length, { timeout: 60_000 }).toBeGreaterThan(10)
    const report = await collector.stop()
    expect(report.complete).toBe(false)
    for (const { kind } of channels) expect(ofKind(report.series, kind).renewal?.detail).toContain('--data-dir')
    expect(errors.filter((text) => text.includes('begin anew'))).toHaveLength(2)
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, index) => seen[0]! + index))
    expect(await holding(rig.dataDir)).toEqual(before)

    await rig.start()
    await rig.run(500)
    await rig.settle()
    expect((await rig.stop()).series.filter(({ renewal }) => renewal)).toEqual([])
    await rig.check()
  })

  it('notices it while it runs', async () => {
    await using rig = await Rig.open({ channels: CHANNELS, sandbox: BEFORE })
    rig.faults({ type: 'large-ids', offset: 5_000_000 })
    const collector = await rig.start()
    await rig.run(1000)
    await rig.settle([{ type: 'large-ids', offset: 5_000_000 }])
    rig.sandbox.clearFaults()
    const renewed = () => collector.status().series.filter(({ renewal }) => renewal !== undefined)
    await expect.poll(() => renewed().length, { timeout: 60_000 }).toBe(4)
    await expect.poll(() => collector.book('spot', SYMBOL)?.state, { timeout: 60_000 }).toBe('synced')
    const report = await rig.stop()
    for (const kind of ['trade', 'aggTrade', 'bookDelta', 'bookSnapshot'])
      expect(ofKind(report.series, kind).renewal, kind).toBeDefined()
    expect(report.complete).toBe(false)
    const verdicts = await compareLake(rig.dataDir, rig.sandbox.endpoint, { offset: 5_000_000n })
    expect(verdicts.length).toBeGreaterThanOrEqual(3)
    expect(verdicts.flatMap(({ problems }) => problems)).toEqual([])
  })
})

describe('a collector whose exchange counts anew and is ahead already', () => {
  const AHEAD: SandboxOptions = { ...BEFORE, seed: 9, tradesPerSecond: 60 }

  it('is told by one question at its start, and stores nothing of it', async () => {
    await using rig = await Rig.open({ channels: CHANNELS, sandbox: BEFORE })
    await rig.start()
    await rig.run(1000)
    await rig.settle()
    await rig.stop()
    const before = await holding(rig.dataDir)
    await using other = await startSandbox(AHEAD)
    const collector = await Collector.open(rig.options({ client: { endpoint: other.endpoint } }))
    let seen = 0
    collector.bus.on('market_data.*', () => void seen++)
    await collector.start()
    await expect.poll(() => seen, { timeout: 60_000 }).toBeGreaterThan(20)
    const report = await collector.stop()
    for (const { kind } of CHANNELS) expect(ofKind(report.series, kind).renewal?.detail, kind).toContain('begin anew')
    expect(report.complete).toBe(false)
    expect(report.backfill.requested).toBe(0)
    expect(await holding(rig.dataDir)).toEqual(before)
    // The former one is asked, and knows its records.
    await rig.start()
    await rig.run(500)
    await rig.settle()
    expect((await rig.stop()).series.filter(({ renewal }) => renewal)).toEqual([])
    await rig.check()
  })

  it('finds it behind a cut, fills no hole with it, and puts it on record', async () => {
    const channels = CHANNELS.slice(0, 2)
    await using rig = await Rig.open({ channels, sandbox: BEFORE })
    await using other = await startSandbox(AHEAD)
    await using proxy = await startProxy(rig.sandbox.endpoint)
    const collector = await rig.start({ client: { endpoint: proxy.endpoint } })
    await rig.run(1000)
    await rig.settle()
    proxy.redirect(other.endpoint)
    const renewed = () => collector.status().series.filter(({ renewal }) => renewal !== undefined)
    await expect.poll(() => renewed().length, { timeout: 60_000 }).toBe(2)
    const report = await rig.stop()
    expect(report.complete).toBe(false)
    for (const { kind } of channels) {
      const { renewal, filled, holesOpen } = ofKind(report.series, kind)
      expect({ filled, holesOpen }).toEqual({ filled: 0, holesOpen: 0 })
      const coverage = (await (await Lake.open(rig.dataDir)).coverage(eventSeries(kind as 'trade')))!
      expect(coverage.gaps).toMatchObject([{ cause: 'unknown', firstId: Number(renewal!.last) + 1 }])
      expect(coverage.gaps[0]!.note).toContain('the ids began anew')
    }
  })

  it('fills the hole where it is still the same', async () => {
    const channels = CHANNELS.slice(0, 2)
    await using rig = await Rig.open({ channels, sandbox: { ...BEFORE, tradesPerSecond: 900 } })
    const collector = await rig.start()
    await rig.run(500)
    // Longer than a page, and shorter.
    for (const refuseMs of [900, 100]) {
      rig.faults({ type: 'disconnect', times: 1, refuseMs })
      await rig.run(300)
      await rig.settle()
    }
    expect(collector.status().series.filter(({ renewal }) => renewal)).toEqual([])
    expect(collector.status().series.every(({ filled }) => filled > 0)).toBe(true)
    await rig.stop()
    await rig.check()
  })
})

describe('ids that jump upwards', () => {
  it.each([30_000_000_000n, 2n ** 60n])('by %s leave one gap, and only the newest are asked for', async (offset) => {
    await using rig = await Rig.open({ channels: CHANNELS.slice(0, 2), sandbox: BEFORE })
    await rig.start()
    await rig.run(700)
    await rig.settle()
    await rig.stop()
    const last = (await (await Lake.open(rig.dataDir)).coverage(TRADE))!.ids!.at(-1)!.last
    const large = { type: 'large-ids', offset: String(offset) } as const
    rig.faults(large)
    rig.sandbox.resetUsage()
    await rig.start({ maxBackfill: 3000 })
    await rig.run(800)
    await rig.settle([large])
    const report = await rig.stop()
    const requests = Object.entries(rig.sandbox.usage().paths).filter(([path]) => /rades/i.test(path))
    expect(requests.reduce((sum, [, count]) => sum + count, 0)).toBeLessThan(40)
    const status = ofKind(report.series, 'trade')
    expect(status).toMatchObject({ holesOpen: 0, missing: 0, renewal: undefined })
    const { gaps } = (await (await Lake.open(rig.dataDir)).coverage(TRADE))!
    expect(gaps[0]).toMatchObject({ cause: 'own-outage', firstId: Number(last) + 1 })
    expect(gaps[0]!.note).toContain('too many to ask REST for (the newest 3000 were)')
    expect(gaps[0]!.count).toBeGreaterThan(Number(offset) * 0.99)
    expect(report.complete).toBe(false)
  })
})
