import { describe, expect, it } from 'vitest'
import { CandleFlag } from '../../src/model/candle.ts'
import type { FaultSpec } from '../../src/sandbox/index.ts'
import { Bench, klineRequests, request, seriesOf } from './help.ts'

const bench = new Bench()
const NOW = Date.UTC(2024, 2, 10, 0, 0, 30)
const FROM = '2024-02-28'
const TO = '2024-03-04'
const BTC = seriesOf('BTCUSDT', '5m')
const ETH = seriesOf('ETHUSDT', '5m')
/** The first day of March: its own file, and REST has it too. */
const DAY_FILE = { path: 'BTCUSDT-5m-2024-03-01\\.zip(\\?|$)' }
const MONTH_FILE = { path: 'BTCUSDT-5m-2024-02\\.zip(\\?|$)' }

/** Downloads two series from a sandbox with faults; both must come out as the truth, whatever happened on the way. */
async function survive(faults: readonly FaultSpec[], options: { hits?: boolean; from?: string } = {}) {
  const from = options.from ?? FROM
  const sandbox = await bench.start({ now: NOW, faults })
  const [btc, eth] = await bench.manager().download([request(BTC, from, TO), request(ETH, from, TO)])
  expect([btc!.error, eth!.error]).toEqual([undefined, undefined])
  await bench.expectTruth(BTC, from, TO)
  await bench.expectTruth(ETH, from, TO)
  expect([btc!.complete, eth!.complete]).toEqual([true, true])
  if (options.hits !== false) for (const fault of sandbox.faults()) expect(fault.hits, fault.type).toBeGreaterThan(0)
  return { btc: btc!, eth: eth!, sandbox, coverage: await bench.coverage(BTC) }
}

const outcomeOf = (report: { files: readonly { path: string; outcome: string }[] }, path: string) =>
  report.files.filter((file) => file.path.includes(path)).map((file) => file.outcome)

describe('a transfer that fails is taken up again', () => {
  it.each<[string, FaultSpec[]]>([
    ['a server error of the archive', [{ type: 'http-error', status: 503, match: DAY_FILE, times: 2 }]],
    ['a server error of the listing', [{ type: 'http-error', status: 500, match: { path: '^/\\?' }, times: 1 }]],
    ['a connection that is cut', [{ type: 'cut', match: DAY_FILE, times: 1 }]],
    [
      'a connection that is cut after every few kilobytes',
      [{ type: 'cut', afterBytes: 4000, match: MONTH_FILE, times: 6 }],
    ],
    ['a transfer that stands still', [{ type: 'stall', match: DAY_FILE, times: 1 }]],
    ['a slow transfer', [{ type: 'slow', bytesPerSecond: 40_000, match: DAY_FILE, times: 1 }]],
  ])('%s', async (_, faults) => {
    const { btc } = await survive(faults, { from: '2024-02-01' })
    expect(btc.files.every((file) => file.outcome === 'verified')).toBe(true)
    expect(btc.defects).toBe(0)
  })

  it('asks a cut file only for its rest', async () => {
    const sandbox = await bench.start({ now: NOW, faults: [{ type: 'cut', match: MONTH_FILE, times: 1 }] })
    const report = await bench.download(BTC, '2024-02-01', '2024-03-01')
    await bench.expectTruth(BTC, '2024-02-01', '2024-03-01')
    expect(report.files).toHaveLength(1)
    const cut = sandbox.usage().archive.bytes
    sandbox.clearFaults()
    sandbox.resetUsage()
    await bench.download(BTC, '2024-02-01', '2024-03-01', {
      manager: bench.manager({ dataDir: bench.folder.join('b') }),
    })
    // What came before the cut was not sent twice.
    expect(cut).toBeLessThan(sandbox.usage().archive.bytes * 1.2)
  })
})

describe('REST that fails is asked again', () => {
  const klines = { path: '/klines\\?' }
  it.each<[string, FaultSpec[]]>([
    ['a server error', [{ type: 'http-error', status: 500, match: klines, times: 1 }]],
    ['429 with Retry-After', [{ type: 'rate-limit', retryAfterS: 0.2, match: klines, times: 1 }]],
    ['418 with Retry-After', [{ type: 'ban', retryAfterS: 0.2, match: klines, times: 1 }]],
    ['no answer', [{ type: 'timeout', match: klines, times: 1 }]],
    ['a firewall’s page', [{ type: 'garbage-json', body: 'html', status: 503, match: klines, times: 1 }]],
    ['an answer that is cut', [{ type: 'garbage-json', body: 'cut', match: klines, times: 1 }]],
  ])('%s', async (_, faults) => {
    const sandbox = await bench.start({ now: NOW, faults })
    const [btc, eth] = await bench
      .manager()
      .download([request(BTC, '2024-03-08', '2024-03-10', 'rest'), request(ETH, '2024-03-08', '2024-03-10', 'rest')])
    expect([btc!.error, eth!.error]).toEqual([undefined, undefined])
    await bench.expectTruth(BTC, '2024-03-08', '2024-03-10')
    await bench.expectTruth(ETH, '2024-03-08', '2024-03-10')
    expect(sandbox.faults()[0]!.hits).toBe(1)
  })
})

it('a page of REST that is no JSON is an error of its series; the others go on, and the next run brings it', async () => {
  const fault: FaultSpec = { type: 'garbage-json', body: 'cut', match: { path: '/klines\\?symbol=BTCUSDT' } }
  const sandbox = await bench.start({ now: NOW, faults: [fault] })
  const requests = [request(BTC, '2024-03-08', '2024-03-10', 'rest'), request(ETH, '2024-03-08', '2024-03-10', 'rest')]
  const [btc, eth] = await bench.manager().download(requests)
  expect(btc!.error).toMatch(/klines.*not JSON/)
  expect(eth!.complete).toBe(true)
  sandbox.clearFaults()
  const [again] = await bench.manager().download(requests)
  expect(again!.complete).toBe(true)
  await bench.expectTruth(BTC, '2024-03-08', '2024-03-10')
})

describe('an archive file that is not as it should be', () => {
  it('is fetched again when it was damaged on the way once', async () => {
    const { btc } = await survive([{ type: 'corrupt-zip', match: DAY_FILE, times: 1 }])
    expect(outcomeOf(btc, '2024-03-01')).toEqual(['verified'])
  })

  it.each<[string, FaultSpec]>([
    ['is truncated', { type: 'truncated-zip', match: DAY_FILE }],
    ['is corrupt', { type: 'corrupt-zip', bytes: 40, match: DAY_FILE }],
    ['is a zip bomb', { type: 'zip-bomb', bytes: 64 * 1024 * 1024, match: DAY_FILE }],
  ])('%s: it is read twice, then left to REST, and the outcome is on record', async (_, fault) => {
    const { btc, coverage } = await survive([fault])
    const outcomes = outcomeOf(btc, '2024-03-01')
    expect(outcomes).toHaveLength(1)
    expect(['unreadable', 'mismatch-confirmed-by-rest', 'mismatch-replaced-by-rest']).toContain(outcomes[0])
    expect(coverage.checks.find(({ path }) => path.includes('2024-03-01'))?.outcome).toBe(outcomes[0])
    if (outcomes[0] === 'unreadable') expect(coverage.defects).toMatchObject([{ type: 'lost-file', kept: 'none' }])
  })

  it('has a path as the name of its entry: nothing is written anywhere but in the lake', async () => {
    const { btc, coverage } = await survive([{ type: 'zip-path-entry', name: '../../../evil.csv', match: DAY_FILE }])
    expect(['verified', 'unreadable']).toContain(outcomeOf(btc, '2024-03-01')[0])
    expect(coverage.files.length).toBeGreaterThan(0)
    const { readdir } = await import('node:fs/promises')
    const names = await readdir(bench.folder.path, { recursive: true })
    expect(names.filter((name) => name.includes('evil'))).toEqual([])
    expect(await readdir(bench.folder.path)).toEqual(['lake'])
  })

  it('has a monthly file that is unreadable: the days take its place', async () => {
    const { btc } = await survive([{ type: 'truncated-zip', match: MONTH_FILE }], { from: '2024-02-01' })
    expect(outcomeOf(btc, '5m-2024-02.zip')).toEqual(['unreadable'])
    expect(outcomeOf(btc, '-2024-02-')).toEqual(Array.from({ length: 29 }, () => 'verified'))
  })

  it('has a wrong checksum: fetched again, compared with REST row by row, kept where both agree', async () => {
    const { btc, sandbox, coverage } = await survive([{ type: 'wrong-checksum', match: DAY_FILE }])
    expect(outcomeOf(btc, '2024-03-01')).toEqual(['mismatch-confirmed-by-rest'])
    expect(coverage.checks.find(({ path }) => path.includes('2024-03-01'))?.note).toMatch(
      /288 rows compared with REST, 0 differ/,
    )
    const fetched = Object.entries(sandbox.usage().paths).find(([path]) => path.endsWith('BTCUSDT-5m-2024-03-01.zip'))
    expect(fetched?.[1]).toBe(2)
    expect((await bench.flags(BTC)).some((flag) => flag & CandleFlag.unverified)).toBe(false)
  })

  it('has a wrong checksum, as all of many long files at once: none waits for another for ever', async () => {
    await bench.start({ now: NOW, tradesPerSecond: 0.001, faults: [{ type: 'wrong-checksum' }] })
    const series = [seriesOf('BTCUSDT', '1m'), seriesOf('ETHUSDT', '1m')]
    // More files than may be in memory and in threads; each is read twice.
    const reports = await bench
      .manager()
      .download(series.map((id) => request(id, '2023-09-01', '2024-02-01', 'archive')))
    for (const report of reports) {
      expect(report.error).toBeUndefined()
      expect(report.files.map((file) => file.outcome)).toEqual(Array.from({ length: 5 }, () => 'unverified'))
      expect(report.rows).toBe(153 * 1440)
    }
  })

  it('has no checksum: compared with REST too', async () => {
    const { btc, coverage } = await survive([{ type: 'missing-checksum', match: { path: 'BTCUSDT-5m-2024-03-01' } }], {
      hits: false,
    })
    expect(outcomeOf(btc, '2024-03-01')).toEqual(['mismatch-confirmed-by-rest'])
    expect(coverage.checks.find(({ path }) => path.includes('2024-03-01'))?.note).toMatch(/no checksum is published/)
  })

  it('is missing for a day: REST has it', async () => {
    const { btc } = await survive([{ type: 'missing-file', day: '2024-03-02', match: { symbol: 'BTCUSDT' } }], {
      hits: false,
    })
    expect(outcomeOf(btc, '2024-03-02')).toEqual([])
    expect(btc.gaps).toEqual([])
    expect((await bench.flags(BTC)).filter((flag) => flag & CandleFlag.rest)).toHaveLength(288)
  })

  it('is missing for a month: the days take its place', async () => {
    const { btc } = await survive([{ type: 'missing-file', month: '2024-02', match: { symbol: 'BTCUSDT' } }], {
      hits: false,
    })
    expect(outcomeOf(btc, '-2024-02-').length).toBe(2)
  })

  it('lacks rows: REST has them', async () => {
    const { coverage } = await survive([
      { type: 'missing-rows', from: '2024-03-01T05:00Z', to: '2024-03-01T06:00Z', match: { symbol: 'BTCUSDT' } },
    ])
    expect(coverage.gaps).toEqual([])
    expect((await bench.flags(BTC)).filter((flag) => flag & CandleFlag.rest)).toHaveLength(12)
  })

  it.each([
    ['cut', 'bad-row'],
    ['nan', 'bad-row'],
    ['negative', 'suspect'],
    ['absurd', 'suspect'],
  ] as const)('holds rows that are %s: REST’s stand, and each is a defect', async (kind, type) => {
    const { btc, coverage } = await survive([{ type: 'bad-rows', kind, rows: 3, match: DAY_FILE }])
    expect(coverage.defects.map((defect) => [defect.type, defect.kept])).toEqual([
      [type, 'rest'],
      [type, 'rest'],
      [type, 'rest'],
    ])
    expect(btc.defects).toBe(3)
    if (type === 'suspect') {
      // The former value is on record beside the row that is flagged as revised.
      expect(coverage.defects[0]!.detail).toMatch(
        kind === 'absurd' ? /high: archive 1e\+300, rest \d/ : /volume: archive -[\d.]+, rest \d/,
      )
      expect((await bench.flags(BTC)).filter((flag) => flag & CandleFlag.revised)).toHaveLength(3)
    }
  })

  it('is published anew later: verify --archive notices and takes it in, and the old values are on record', async () => {
    const sandbox = await bench.start({ now: NOW, faults: [{ type: 'republished', share: 0.2, match: DAY_FILE }] })
    await bench.download(BTC, FROM, TO)
    const truth = await bench.truth(BTC, FROM, TO)
    const before = await bench.stored(BTC)
    const old = before.filter((row, i) => row.join() !== truth[i]!.join())
    expect(old.length).toBeGreaterThan(20)
    const manager = bench.manager()
    expect((await manager.verify([BTC], { archive: true }))[0]).toMatchObject({ ok: true, problems: [] })
    sandbox.clearFaults()
    const [noticed] = await manager.verify([BTC], { archive: true })
    expect(noticed).toMatchObject({ ok: false, problems: [{ type: 'replaced-in-archive', repaired: false }] })
    const [mended] = await manager.verify([BTC], { archive: 'take' })
    expect(mended).toMatchObject({ ok: true, problems: [{ type: 'replaced-in-archive', repaired: true }] })
    await bench.expectTruth(BTC, FROM, TO)
    const { defects } = await bench.coverage(BTC)
    expect(defects.filter((defect) => defect.type === 'difference').map((defect) => defect.time)).toEqual(
      old.map((row) => row[0]),
    )
    const revised = defects.find((defect) => defect.time === old[0]![0])!
    expect(revised.detail).toContain(`volume: stored ${old[0]![5]}, now `)
    expect((await bench.flags(BTC)).filter((flag) => flag & CandleFlag.revised)).toHaveLength(old.length)
    expect((await manager.verify([BTC], { archive: true }))[0]).toMatchObject({ ok: true, problems: [] })
  })

  it('is published anew, but can not be had now: the former rows stay, and it is noticed again', async () => {
    const sandbox = await bench.start({ now: NOW, faults: [{ type: 'republished', share: 0.2, match: DAY_FILE }] })
    await bench.download(BTC, FROM, TO)
    const before = await bench.stored(BTC)
    sandbox.clearFaults()
    sandbox.addFaults([
      { type: 'truncated-zip', match: DAY_FILE },
      { type: 'http-error', status: 503, match: { path: '/v3/klines' } },
    ])
    const [failed] = await bench.manager().verify([BTC], { archive: true, repair: true })
    expect(failed).toMatchObject({ ok: false, problems: [{ type: 'replaced-in-archive', repaired: false }] })
    expect(await bench.stored(BTC)).toEqual(before)
    sandbox.clearFaults()
    const [mended] = await bench.manager().verify([BTC], { archive: true, repair: true })
    expect(mended).toMatchObject({ ok: true, problems: [{ type: 'replaced-in-archive', repaired: true }] })
    await bench.expectTruth(BTC, FROM, TO)
  })
})

describe('the exchange’s clock', () => {
  it.each([
    ['ahead', 3_600_000],
    ['behind', -3_600_000],
  ])('an hour %s: nothing is lost, and no open candle is stored', async (_, ms) => {
    const now = Date.UTC(2024, 2, 10, 12, 0, 30)
    const sandbox = await bench.start({ now, faults: [{ type: 'clock-skew', ms }] })
    await bench.download(BTC, '2024-03-09', now + 7_200_000)
    const rows = await bench.stored(BTC)
    expect(rows.at(-1)![6]).toBeLessThan(now)
    // By the clock that it shows, the exchange may not have closed the last hour yet; the next run brings it.
    sandbox.clearFaults()
    const report = await bench.download(BTC, '2024-03-09', now)
    expect(report.complete).toBe(true)
    await bench.expectTruth(BTC, '2024-03-09', now)
  })
})

describe('an exchange’s clock that is ahead does not close an open candle', () => {
  const HOUR = 3_600_000
  const DAY = 24 * HOUR
  /** Half an hour before a day, a 3d candle, a week and a month are over at once. */
  const end = Date.UTC(2024, 3, 1)
  const now = end - 30 * 60_000
  const listedAt = end - 91 * 3 * DAY

  it.each(['1h', '4h', '12h', '1d', '3d', '1w', '1M'] as const)('%s', async (interval) => {
    const series = seriesOf('BTCUSDT', interval)
    const from = '2024-01-01'
    await bench.start({
      now,
      listedAt,
      tradesPerSecond: 0.002,
      faults: [{ type: 'clock-skew', ms: 3_600_000 }],
    })
    const early = await bench.download(series, from, end + DAY)
    const rows = await bench.stored(series)
    expect(rows.length).toBeGreaterThan(1)
    expect(rows.at(-1)![6]).toBeLessThan(now)
    // What the skewed clock says has closed is told to be open still, not taken for a gap.
    expect(early.gaps).toEqual([])
    expect([early.complete, early.unsettled.length, early.error]).toEqual([false, 1, undefined])
    for (const source of ['rest', 'auto'] as const) {
      const manager = bench.manager()
      const request = { symbol: 'BTCUSDT', interval, from, to: end + DAY, source }
      expect((await manager.getData(request)).numRows, source).toBe(rows.length)
      // The open candle is there for whoever asks for it, and is marked as what it is.
      const all = await manager.getData({ ...request, columns: ['open_time', 'flags'], includeUnfinished: true })
      expect(all.numRows, source).toBe(rows.length + 1)
      expect(all.getChild('flags')!.get(rows.length) & CandleFlag.unfinished, source).not.toBe(0)
    }
    await bench.close()
    await bench.start({ now: end + 3 * HOUR, listedAt, tradesPerSecond: 0.002 })
    const late = await bench.download(series, from, end)
    expect([late.complete, late.unsettled]).toEqual([true, []])
    await bench.expectTruth(series, from, end)
  })
})

describe('one source is dead', () => {
  it('REST: the archive is taken as far as it goes, the rest is told, and the next run brings it', async () => {
    const faults: FaultSpec[] = [
      { type: 'http-error', status: 503, match: { path: '^/(api|fapi)/' } },
      { type: 'missing-rows', from: '2024-03-01T05:00Z', to: '2024-03-01T06:00Z', match: { symbol: 'BTCUSDT' } },
    ]
    const sandbox = await bench.start({ now: NOW, faults })
    const [report] = await bench.manager({ attempts: 2 }).download([request(BTC, FROM, '2024-03-10')])
    expect(report!.error).toBeUndefined()
    expect(report!.restError).toMatch(/HTTP 503/)
    expect(report!.complete).toBe(false)
    expect(report!.unsettled).toEqual([{ from: Date.UTC(2024, 2, 8), to: Date.UTC(2024, 2, 10) }])
    expect(report!.gaps).toMatchObject([{ cause: 'unknown', checked: ['archive'], count: 12 }])
    // 28 and 29 February, and seven days of March, without the hour that the archive lacks.
    expect((await bench.stored(BTC)).length).toBe(9 * 288 - 12)
    expect(report!.rows).toBe(9 * 288 - 12)
    expect((await bench.coverage(BTC)).defects).toEqual([])
    sandbox.clearFaults()
    const next = await bench.download(BTC, FROM, '2024-03-10')
    expect(next.complete).toBe(true)
    await bench.expectTruth(BTC, FROM, '2024-03-10')
  })

  it('the archive: REST has all of it', async () => {
    const { btc, sandbox } = await survive([{ type: 'http-error', status: 503, match: { path: '^/(\\?|data/)' } }])
    expect(btc.files).toEqual([])
    expect(klineRequests(sandbox)).toBeGreaterThan(2)
  })

  it('one file of the archive: REST has it, and the loss is on record', async () => {
    const { coverage } = await survive([{ type: 'http-error', status: 503, match: DAY_FILE }])
    expect(coverage.defects).toMatchObject([{ type: 'lost-file', kept: 'none' }])
  })

  it('both: an error soon, and nothing recorded', async () => {
    await bench.start({ now: NOW, faults: [{ type: 'http-error', status: 503 }] })
    const report = await bench.download(BTC, FROM, TO)
    expect(report.error).toBeDefined()
    expect([report.rows, report.gaps, report.complete]).toEqual([0, [], false])
    expect(await (await bench.manager().lake()).list()).toEqual([])
  })

  it('a server that never answers: an error that says so', async () => {
    const sandbox = await bench.start({ now: NOW, faults: [{ type: 'timeout' }] })
    const manager = bench.manager({ timeoutMs: 200, attempts: 2 })
    const [report] = await manager.download([request(BTC, FROM, TO, 'rest')])
    expect(report!.error).toMatch(/no answer|200 ms|0\.2 s/)
    expect(report!.error).toContain(sandbox.endpoint)
  })
})
