import { describe, expect, it } from 'vitest'
import type { Reconciliation, Witness } from '../../src/engine/reconcile/index.ts'
import type { VerifyOptions } from '../../src/engine/requests.ts'
import type { VerifyProgress } from '../../src/engine/types.ts'
import { CandleFlag } from '../../src/model/candle.ts'
import type { SeriesId } from '../../src/model/series.ts'
import { HOUR, MINUTE } from '../../src/model/time.ts'
import { eventSeries } from './events/help.ts'
import { Bench, seriesOf } from './help.ts'

const bench = new Bench()
const NOW = '2024-03-10T12:00Z'
const [FROM, TO] = ['2024-03-05', '2024-03-07']
const START = Date.UTC(2024, 2, 5)

async function verify(series: SeriesId, options: VerifyOptions = {}) {
  const [report] = await bench.manager().verify([series], options)
  return report!
}

function against(all: readonly Reconciliation[], witness: Witness): Reconciliation {
  return all.find((one) => one.against === witness)!
}

/** Changes the volume of stored candles, as nobody ever should. */
async function falsify(series: SeriesId, times: readonly number[]): Promise<void> {
  const lake = await bench.manager().lake()
  const { columns, length } = await lake.load(series, {
    from: times[0]!,
    to: times.at(-1)! + 1,
    columns: [
      'open_time',
      ...Object.keys((await lake.load(series, { from: times[0]!, to: times[0]! + 1 })).columns),
      'flags',
    ],
  })
  const volume = columns.volume!.map((value, row) => value + (times.includes(columns.open_time![row]!) ? 1 : 0))
  await using writer = await lake.writer(series)
  await writer.commit({ batches: [{ length, columns: { ...columns, volume } }] })
}

describe('Candles of the seeded market', () => {
  it.each([
    ['spot', '1m'],
    ['spot', '1h'],
    ['usdm', '5m'],
  ] as const)('are what trades and aggregate trades add up to, exactly (%s %s)', async (market, interval) => {
    await bench.start({ now: NOW, tradesPerSecond: 0.2 })
    const series = seriesOf('BTCUSDT', interval, market)
    for (const one of [series, eventSeries('trade', market), eventSeries('aggTrade', market)])
      await bench.download(one, FROM, TO)
    const report = await verify(series)
    const candles = (2 * 24 * HOUR) / (interval === '1h' ? HOUR : interval === '1m' ? MINUTE : 5 * MINUTE)
    for (const witness of ['trade', 'aggTrade'] as const)
      expect(against(report.reconciled, witness)).toMatchObject({
        range: { from: START, to: START + 48 * HOUR },
        compared: candles,
        differing: 0,
        unresolved: 0,
      })
    expect(report.ok).toBe(true)
  })

  it('are the sum of smaller ones, also those of weeks and months', async () => {
    await bench.start({ now: NOW })
    await bench.download(seriesOf('BTCUSDT', '1h'), '2024-01-29', '2024-03-04')
    for (const interval of ['1d', '1w', '1M', '3d'] as const) {
      await bench.download(seriesOf('BTCUSDT', interval), '2024-01-29', '2024-03-04')
      const report = await verify(seriesOf('BTCUSDT', interval))
      const found = against(report.reconciled, 'candle')
      expect(found).toMatchObject({ differing: 0, unresolved: 0 })
      expect(found.compared).toBeGreaterThan(0)
    }
    const [day] = (await verify(seriesOf('BTCUSDT', '1w'))).reconciled
    expect(day!.witness).toBe('1d candles')
  })

  it('are the sum of smaller ones in which often nothing was traded: a candle opens with its first trade', async () => {
    await bench.start({ now: NOW, tradesPerSecond: 0.1 })
    for (const interval of ['1s', '1m'] as const)
      await bench.download(seriesOf('BTCUSDT', interval), '2024-03-05', '2024-03-05T06:00Z')
    const quiet = await (await bench.manager().lake()).load(seriesOf('BTCUSDT', '1s'), { columns: ['trades'] })
    expect(quiet.columns.trades!.filter((trades) => trades === 0).length).toBeGreaterThan(10_000)
    const report = await verify(seriesOf('BTCUSDT', '1m'))
    expect(against(report.reconciled, 'candle')).toMatchObject({ compared: 360, differing: 0, unresolved: 0 })
  })

  it('agree with REST, and its days with its months', async () => {
    await bench.start({ now: NOW })
    const series = seriesOf('BTCUSDT', '1h')
    await bench.download(series, '2024-02-01', '2024-03-05')
    const { reconciled } = await verify(series, { compare: ['rest', 'archive'] })
    expect(against(reconciled, 'rest')).toMatchObject({ compared: 33 * 24, differing: 0 })
    // March has no file of its own yet.
    expect(against(reconciled, 'archive')).toMatchObject({ compared: 29 * 24, differing: 0 })
  })

  it('of days that follow one another are held against their month by fetching it once', async () => {
    const sandbox = await bench.start({ now: NOW })
    const series = seriesOf('BTCUSDT', '1m')
    const report = await bench.download(series, '2024-02-10', '2024-02-14')
    expect(report.files.map(({ path }) => path.includes('/daily/'))).toEqual([true, true, true, true])
    sandbox.addFaults([{ type: 'slow', bytesPerSecond: 10_000_000, match: { path: '/monthly/.*\\.zip$' } }])
    const { reconciled } = await verify(series, { compare: ['archive'] })
    expect(against(reconciled, 'archive')).toMatchObject({ compared: 4 * 24 * 60, differing: 0 })
    expect(sandbox.faults()[0]!.hits).toBe(1)
  })

  it('tell how far the comparison is, of files and of each witness', async () => {
    await bench.start({ now: NOW })
    const series = seriesOf('BTCUSDT', '1m')
    await bench.download(series, '2024-01-20', '2024-03-05')
    const told: VerifyProgress[] = []
    await verify(series, { compare: ['rest', 'archive'], onProgress: (progress) => void told.push(progress) })
    const of = (wanted: string) => told.filter(({ doing }) => doing === wanted).map(({ done, total }) => [done, total])
    const { files } = (await (await bench.manager().lake()).coverage(series))!
    const all = 45 * 24 * 60
    expect(of('files')).toEqual(files.map((_, index) => [index + 1, files.length]))
    for (const words of ['REST', 'the other files of the archive'])
      expect(of(words), words).toEqual([
        [45_000, all],
        [all, all],
      ])
  })
})

describe('Stored candles that differ', () => {
  it('are found, asked about, and taken from REST; the former values stay on record', async () => {
    await bench.start({ now: NOW, tradesPerSecond: 0.2 })
    const series = seriesOf('BTCUSDT', '1m')
    await bench.download(series, FROM, TO)
    await bench.download(eventSeries('trade'), FROM, TO)
    const times = [START + HOUR, START + HOUR + MINUTE]
    await falsify(series, times)
    const found = against((await verify(series)).reconciled, 'trade')
    expect(found).toMatchObject({ differing: 2, unresolved: 2 })
    expect(found.differences.map(({ time, resolved }) => [time, resolved])).toEqual(times.map((time) => [time, false]))
    expect(Object.keys(found.differences[0]!.values)).toEqual(['volume'])
    const repaired = against((await verify(series, { repair: true })).reconciled, 'trade')
    expect(repaired).toMatchObject({ differing: 2, unresolved: 0 })
    expect(repaired.differences.every(({ kept, resolved }) => kept === 'rest' && resolved)).toBe(true)
    await bench.expectTruth(series, FROM, TO)
    const { defects } = await bench.coverage(series)
    expect(defects.filter(({ type }) => type === 'difference').map(({ time }) => time)).toEqual(
      expect.arrayContaining(times),
    )
    expect((await bench.flags(series))[60]! & CandleFlag.revised).not.toBe(0)
    expect(against((await verify(series)).reconciled, 'trade')).toMatchObject({ differing: 0 })
  })

  it('stay unresolved when REST does not answer', async () => {
    const sandbox = await bench.start({ now: NOW })
    const [small, large] = [seriesOf('BTCUSDT', '15m'), seriesOf('BTCUSDT', '1h')]
    for (const series of [small, large]) await bench.download(series, FROM, TO)
    await falsify(small, [START])
    sandbox.addFaults([{ type: 'http-error', status: 500, match: { path: '^/api' } }])
    const found = against((await verify(large, { repair: true })).reconciled, 'candle')
    expect(found).toMatchObject({ differing: 1, unresolved: 1 })
    expect(found.differences[0]!.why).toContain('REST could not be asked')
    sandbox.clearFaults()
    const mended = against((await verify(large, { repair: true })).reconciled, 'candle')
    expect(mended).toMatchObject({ differing: 1, unresolved: 0 })
    expect(mended.differences[0]).toMatchObject({
      kept: 'archive',
      why: expect.stringContaining('15m candles were brought'),
    })
    await bench.expectTruth(small, FROM, TO)
    await bench.expectTruth(large, FROM, TO)
  })

  it('stand where the exchange stood still within them, and are not compared where trades are missing', async () => {
    const [halt, back] = [START + 2 * HOUR + 20 * MINUTE, START + 2 * HOUR + 40 * MINUTE]
    await bench.start({ now: NOW, faults: [{ type: 'outage', from: halt, to: back }], tradesPerSecond: 0.2 })
    const [small, large] = [seriesOf('BTCUSDT', '1m'), seriesOf('BTCUSDT', '1h')]
    for (const series of [small, large, eventSeries('trade')]) await bench.download(series, FROM, TO)
    const { reconciled } = await verify(large)
    expect(against(reconciled, 'candle')).toMatchObject({ compared: 48, unresolved: 0 })
    expect(against(reconciled, 'trade')).toMatchObject({ compared: 48, unresolved: 0 })
  })
})
