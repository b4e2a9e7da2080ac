import { afterEach, describe, expect, it } from 'vitest'
import type { DataSourceManagerOptions } from '../../src/engine/data-source-manager.ts'
import type { SeriesReport } from '../../src/engine/types.ts'
import { type DeadServer, refusedPort, silentServer, statusServer } from '../helpers/dead-server.ts'
import { Bench, klineRequests, request, seriesOf } from './help.ts'

const bench = new Bench()
const NOW = Date.UTC(2024, 2, 10, 0, 0, 30)
const BTC = seriesOf('BTCUSDT', '5m')
/** More series than are worked on at once. */
const SERIES = (['5m', '15m', '30m', '1h', '2h', '4h', '6h', '8h'] as const).map((interval) =>
  seriesOf('BTCUSDT', interval),
)
/** The archive of a Sunday after midnight, less the 36 hours that are left to REST. */
const ARCHIVED = Date.UTC(2024, 2, 8)

let dead: DeadServer | undefined
afterEach(async () => {
  await dead?.[Symbol.asyncDispose]()
  dead = undefined
})

/** A manager whose REST is a dead host, beside the sandbox's archive. */
function halfDead(options: Partial<DataSourceManagerOptions> = {}) {
  const { endpoint: _, ...rest } = { endpoint: undefined, ...options }
  return bench.manager({
    ...rest,
    ...({ endpoint: undefined } as object),
    restUrl: dead!.url,
    archiveUrl: bench.sandbox.archive,
  })
}

const times = (reports: readonly SeriesReport[]) => reports.map(({ error, unsettled }) => [error, unsettled])

describe.each([
  ['refuses connections', refusedPort, /refused the connection/, 0],
  ['never answers', silentServer, /no answer within 200 ms/, 3],
  ['answers 503 to everything', () => statusServer(503), /HTTP 503/, 3],
  ['refuses this country', () => statusServer(451), /HTTP 451/, 1],
  ['bans this address for hours', () => statusServer(418, { 'retry-after': '7200' }), /banned .*HTTP 418/, 1],
])('REST that %s', (_, start, why, most) => {
  it('leaves the archive to serve what it has; what is open is told, and the next run brings it', async () => {
    await bench.start({ now: NOW })
    dead = await start()
    const manager = halfDead({ timeoutMs: 200, attempts: 3 })
    const reports = await manager.download(SERIES.map((id) => request(id, '2024-02-01', '2024-03-10')))
    const open = [{ from: ARCHIVED, to: Date.UTC(2024, 2, 10) }]
    expect(times(reports)).toEqual(SERIES.map(() => [undefined, open]))
    for (const report of reports) {
      expect(report.restError).toMatch(why)
      expect([report.complete, report.restRequests]).toEqual([false, 0])
    }
    for (const id of SERIES) await bench.expectTruth(id, '2024-02-01', ARCHIVED)
    // Asked once for the whole run, with its tries, and not once per series.
    expect(dead.seen()).toBeLessThanOrEqual(most)
    expect(klineRequests(bench.sandbox)).toBe(0)
    const next = await bench.download(BTC, '2024-02-01', '2024-03-10')
    expect([next.complete, next.restError, next.unsettled]).toEqual([true, undefined, []])
    await bench.expectTruth(BTC, '2024-02-01', '2024-03-10')
  })
})

it('what was downloaded before stays complete while REST is dead', async () => {
  await bench.start({ now: NOW })
  await bench.download(BTC, '2024-02-01', '2024-03-10')
  dead = await refusedPort()
  const [report] = await halfDead({ attempts: 2 }).download([request(BTC, '2024-02-01', '2024-03-10')])
  expect([report!.error, report!.complete, report!.unsettled]).toEqual([undefined, true, []])
})

it('a symbol that the archive does not have either is an error', async () => {
  await bench.start({ now: NOW })
  dead = await refusedPort()
  const [report] = await halfDead({ attempts: 2 }).download([request(seriesOf('NOSUCHUSDT', '5m'), '2024-02-01', NOW)])
  expect(report!.error).toMatch(/refused the connection/)
})

it('a REST that dies during the run costs its tries once; the other series go on without', async () => {
  const sandbox = await bench.start({
    now: NOW,
    faults: [{ type: 'http-error', status: 503, match: { path: '/klines\\?.*startTime=[1-9]' } }],
  })
  const reports = await bench
    .manager({ attempts: 2 })
    .download(SERIES.map((id) => request(id, '2024-02-01', '2024-03-10')))
  expect(reports.map(({ error }) => error)).toEqual(SERIES.map(() => undefined))
  expect(reports.every(({ restError }) => /HTTP 503/.test(restError!))).toBe(true)
  for (const id of SERIES) await bench.expectTruth(id, '2024-02-01', ARCHIVED)
  expect(sandbox.faults()[0]!.hits).toBeLessThanOrEqual(2 * 6)
})

it('--source archive needs no REST at all', async () => {
  const sandbox = await bench.start({ now: NOW })
  dead = await silentServer()
  const manager = halfDead()
  expect(await manager.firstAvailable(BTC, undefined, 'archive')).toBeLessThan(Date.UTC(2024, 1, 1))
  expect(await manager.now('spot', undefined, 'archive')).toBeGreaterThan(NOW - 1000)
  const report = await bench.download(BTC, '2024-02-01', '2024-03-10', { source: 'archive', manager })
  expect([report.error, report.restError, report.rows]).toEqual([undefined, undefined, 37 * 288])
  await bench.expectTruth(BTC, '2024-02-01', '2024-03-09')
  expect(dead.seen()).toBe(0)
  expect(sandbox.usage().archive.files).toBeGreaterThan(0)
})

it('getData gives what the archive has, and says that it is not all', async () => {
  await bench.start({ now: NOW })
  dead = await refusedPort()
  const table = await halfDead({ attempts: 2 }).getData({ symbol: 'BTCUSDT', interval: '1h', from: '2024-03-01' })
  expect(table.numRows).toBe(7 * 24)
  expect(table.schema.metadata.get('ticklake.complete')).toBe('false')
})
