import { describe, expect, it } from 'vitest'
import type { CollectorReport } from '../../../src/engine/live/collector-report.ts'
import type { CollectorOptions } from '../../../src/engine/live/options.ts'
import type { FaultSpec, SandboxOptions } from '../../../src/sandbox/index.ts'
import { Rig } from './rig.ts'

interface Case {
  readonly title: string
  readonly faults: readonly FaultSpec[]
  /** From the start; else from when all flows. */
  readonly atStart?: boolean
  readonly runMs?: number
  readonly sandbox?: SandboxOptions
  readonly collector?: Partial<CollectorOptions>
  /** Lost events of kinds without counted ids leave no trace. */
  readonly silentLosses?: boolean
  readonly offset?: bigint
  readonly skew?: number
  readonly calls?: (rig: Rig) => Promise<void>
  /** What must show that the fault was there. */
  readonly sees?: (report: CollectorReport) => number
}

const counted = /@(trade|aggTrade|depth|kline)/.source

const CASES: readonly Case[] = [
  {
    title: 'connections that are cut at random',
    faults: [{ type: 'disconnect', probability: 0.01 }],
    runMs: 2500,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'cuts with REST away too',
    faults: [{ type: 'disconnect', inMs: 300, everyMs: 900, times: 2, refuseMs: 400, rest: true }],
    runMs: 2500,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'cuts while snapshots are fetched',
    faults: [
      { type: 'late-snapshot', delayMs: 500 },
      { type: 'disconnect', inMs: 300, everyMs: 700, times: 3 },
    ],
    atStart: true,
    runMs: 2500,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'cuts while holes are filled slowly',
    faults: [
      { type: 'slow', bytesPerSecond: 8000, match: { path: 'aggTrades|historicalTrades' } },
      { type: 'disconnect', inMs: 100, everyMs: 600, times: 4, refuseMs: 100 },
    ],
    runMs: 2800,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'cuts during rotations',
    faults: [{ type: 'disconnect', inMs: 250, everyMs: 400, times: 5 }],
    collector: { stream: { rotateAfterMs: 500, rotateOverlapMs: 200 } },
    runMs: 2500,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'rotations every half second',
    faults: [],
    collector: { stream: { rotateAfterMs: 500, rotateOverlapMs: 200 } },
    runMs: 2500,
    sees: (report) => report.counters.rotated,
  },
  {
    title: 'cuts at the start',
    faults: [
      { type: 'refuse-upgrade', forMs: 400 },
      { type: 'disconnect', inMs: 500, everyMs: 300, times: 6 },
    ],
    atStart: true,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'half-open connections',
    faults: [{ type: 'half-open', times: 1 }],
    runMs: 2600,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'streams that fall silent',
    faults: [{ type: 'silent-stream', times: 4, forMs: 20_000 }],
    collector: { stream: { silenceMs: 1300 } },
    runMs: 2800,
    sees: (report) => report.counters.silent,
  },
  {
    title: 'a route that carries nothing',
    faults: [{ type: 'silent-stream', match: { path: '^/market' }, forMs: 20_000 }],
    atStart: true,
    collector: { stream: { silenceMs: 1300 } },
    runMs: 2500,
    sees: (report) => report.counters.silent,
  },
  {
    title: 'refused upgrades',
    faults: [
      { type: 'refuse-upgrade', status: 503, forMs: 1200 },
      { type: 'disconnect', times: 1 },
    ],
    runMs: 1800,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'connections that are too many (429)',
    faults: [
      { type: 'refuse-upgrade', status: 429, times: 3 },
      { type: 'disconnect', times: 1 },
    ],
    runMs: 1800,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'dropped events',
    faults: [{ type: 'drop', every: 9, match: { stream: counted } }],
    sees: (report) => report.series.reduce((sum, one) => sum + one.holesFound + one.breaks, 0),
  },
  {
    title: 'hundreds of holes while REST is away, filled with few requests',
    faults: [
      { type: 'drop', every: 2, match: { stream: '@(trade|aggTrade)' } },
      { type: 'http-error', status: 503, match: { path: 'rades' } },
    ],
    sandbox: { tradesPerSecond: 600 },
    sees: ({ series, backfill }) => {
      const holes = series.reduce((sum, one) => sum + one.holesFound, 0)
      return Number(holes > 100 && backfill.requested < holes / 2)
    },
  },
  {
    title: 'dropped events of all kinds',
    faults: [{ type: 'drop', probability: 0.1 }],
    silentLosses: true,
    sees: (report) => report.series.reduce((sum, one) => sum + one.holesFound + one.breaks, 0),
  },
  {
    title: 'doubled events',
    faults: [{ type: 'duplicate', every: 3, copies: 3 }],
    sees: (report) => report.series.reduce((sum, one) => sum + one.duplicates, 0),
  },
  {
    title: 'reordered events',
    faults: [{ type: 'reorder', every: 7, by: 2 }],
    sees: (report) => report.series.reduce((sum, one) => sum + one.late, 0),
  },
  {
    title: 'delayed events',
    faults: [{ type: 'delay', every: 20, ms: 600 }],
    sees: (report) => Number(report.series.some((one) => one.lag.max > 400)),
  },
  {
    title: 'snapshots that are older than the buffer',
    faults: [
      { type: 'late-snapshot', ms: 1500, times: 4 },
      { type: 'disconnect', inMs: 600, times: 1 },
    ],
    atStart: true,
    runMs: 2500,
    sees: (report) => report.books.reduce((sum, book) => sum + book.snapshots.tooOld, 0),
  },
  {
    title: 'snapshots that are much newer than the buffer',
    faults: [{ type: 'late-snapshot', ms: -1500, times: 4 }],
    atStart: true,
    runMs: 2500,
    sees: (report) => report.books.reduce((sum, book) => sum + book.snapshots.adopted, 0),
  },
  {
    title: 'garbage between the events',
    faults: [
      { type: 'garbage-frame', every: 10, body: 'cut' },
      { type: 'garbage-frame', every: 11, body: 'text' },
      { type: 'garbage-frame', every: 13, body: 'binary' },
    ],
    sees: (report) => report.counters.badFrames,
  },
  {
    title: 'garbage instead of events',
    faults: [{ type: 'garbage-frame', every: 15, instead: true, match: { stream: counted } }],
    sees: (report) => report.counters.badFrames,
  },
  {
    title: 'events, fields and blanks that nobody has heard of',
    faults: [
      { type: 'unknown-event', every: 5 },
      { type: 'unknown-field', every: 3 },
      { type: 'blanks', every: 4 },
    ],
    sees: (report) => report.counters.unknownEvents,
  },
  {
    title: 'ids above 2^53, with a cut',
    faults: [{ type: 'large-ids' }, { type: 'disconnect', inMs: 1200, times: 1, refuseMs: 500 }],
    atStart: true,
    offset: 2n ** 53n,
    runMs: 2500,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'ids that pass 2^53 while they are collected, with a cut',
    faults: [{ type: 'large-ids' }],
    atStart: true,
    offset: 2n ** 53n,
    runMs: 1000,
    sees: () => 1,
  },
  {
    title: '429 while holes are filled',
    faults: [
      { type: 'rate-limit', retryAfterS: 1, times: 3, match: { path: 'rades|klines' } },
      { type: 'disconnect', inMs: 100, times: 1, refuseMs: 400 },
    ],
    runMs: 2500,
    sees: (report) => report.counters.lost,
  },
  {
    title: '418 while holes are filled',
    faults: [
      { type: 'ban', retryAfterS: 2, times: 2, match: { path: 'rades|klines|depth' } },
      { type: 'disconnect', inMs: 100, times: 1, refuseMs: 400 },
    ],
    runMs: 2500,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'REST that fails while holes are filled',
    faults: [
      { type: 'http-error', status: 503, probability: 0.4 },
      { type: 'garbage-json', body: 'html', status: 503, probability: 0.2 },
      { type: 'cut', probability: 0.3 },
      { type: 'disconnect', inMs: 100, everyMs: 900, times: 2, refuseMs: 300 },
    ],
    runMs: 2500,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'REST that does not answer while holes are filled',
    faults: [
      { type: 'timeout', times: 3 },
      { type: 'stall', probability: 0.3 },
      { type: 'disconnect', inMs: 100, times: 1, refuseMs: 300 },
    ],
    collector: { client: { timeoutMs: 500 } },
    runMs: 2500,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'an exchange whose clock is an hour ahead',
    faults: [
      { type: 'clock-skew', ms: 3_600_000 },
      { type: 'disconnect', inMs: 2500, times: 1, refuseMs: 300 },
    ],
    atStart: true,
    runMs: 5000,
    skew: 3_600_000,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'an exchange whose clock is an hour behind',
    faults: [
      { type: 'clock-skew', ms: -3_600_000 },
      { type: 'disconnect', inMs: 2500, times: 1, refuseMs: 300 },
    ],
    atStart: true,
    runMs: 5000,
    skew: -3_600_000,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'connections that the exchange closes after their life',
    faults: [],
    sandbox: { liveTimes: { lifeMs: 2200 } },
    runMs: 3500,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'closes with 1001 and 1008',
    faults: [
      { type: 'close', inMs: 200 },
      { type: 'close', inMs: 900, code: 1008, reason: 'too many requests' },
    ],
    runMs: 2000,
    sees: (report) => report.counters.lost,
  },
  {
    title: 'a shutdown that is announced',
    faults: [{ type: 'server-shutdown', inMs: 200, noticeMs: 800 }],
    runMs: 2000,
    sees: (report) => report.counters.shutdowns,
  },
  {
    title: 'a shutdown that leaves no time',
    faults: [{ type: 'server-shutdown', inMs: 200, noticeMs: 20 }],
    runMs: 1500,
    sees: (report) => report.counters.shutdowns,
  },
]

describe.concurrent('a collector loses nothing, stores nothing twice and shows no wrong book, with', () => {
  it.for(CASES)('$title', async (one) => {
    await using rig = await Rig.open({
      ...(one.sandbox ? { sandbox: one.sandbox } : {}),
      ...(one.collector ? { collector: one.collector } : {}),
    })
    if (one.atStart) rig.faults(...one.faults)
    await rig.start()
    if (!one.atStart) {
      await rig.run(800)
      rig.faults(...one.faults)
    }
    await one.calls?.(rig)
    await rig.run(one.runMs ?? 2000)
    // Ids keep their offset until the end: they are the exchange's.
    const isKept = ({ type }: FaultSpec): boolean => type === 'large-ids' || type === 'clock-skew'
    const isSeen = (): boolean => (one.sees?.(rig.collector.report()) ?? 1) > 0
    // On a machine that was slow to start, a cut came before there was anything to cut.
    for (let again = 0; !(await rig.until(isSeen, 4000)) && again < 5; again++)
      rig.faults(...one.faults.filter((fault) => !isKept(fault)))
    await rig.settle(one.faults.filter(isKept))
    const report = await rig.stop()
    const verdicts = await rig.check({
      ...(one.silentLosses ? { silentLosses: true } : {}),
      ...(one.offset === undefined ? {} : { offset: one.offset }),
      ...(one.skew === undefined ? {} : { skew: one.skew }),
    })
    expect(verdicts.filter(({ series }) => /[Tt]rade|candle/.test(series)).flatMap(({ gaps }) => gaps)).toEqual([])
    expect(one.sees?.(report) ?? 1).toBeGreaterThan(0)
    expect(report.counters.unrouted).toBe(0)
  })
})
