import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { SeriesId } from '../../../src/model/series.ts'
import { parseTime } from '../../../src/model/time.ts'
import { Lake } from '../../../src/store/lake/lake.ts'
import { Bench } from '../help.ts'
import { eventCoverage, eventSeries } from './help.ts'

const bench = new Bench()
const NOW = Date.UTC(2024, 2, 10, 12, 0, 30)
/** Listed late in a day, so that its first files are small. */
const YOUNG = { symbols: ['BTCUSDT'], now: NOW, listedAt: { BTCUSDT: '2024-03-05T22:30Z' } }

/** Columns that a kind's truth tells, in its order; sides are words there. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  quote: ['update_id', 'transaction_time', 'bid_price', 'bid_quantity', 'ask_price', 'ask_quantity'],
  bookDepth: ['time', 'percentage', 'depth', 'notional'],
  metrics: [
    ...['time', 'open_interest', 'open_interest_value', 'top_account_ratio', 'top_position_ratio'],
    ...['account_ratio', 'taker_ratio'],
  ],
  liquidation: ['time', 'side', 'price', 'average_price', 'quantity'],
}

async function stored(series: SeriesId, columns = COLUMNS[series.kind]!): Promise<number[][]> {
  const lake = await Lake.open(bench.folder.join('lake'))
  const rows: number[][] = []
  for await (const batch of lake.readEvents(series, { columns })) {
    for (let i = 0; i < batch.length; i++) rows.push(columns.map((name) => Number(batch.columns[name]![i])))
  }
  return rows
}

async function truth({ market, kind, symbol }: SeriesId, from: string | number, to: string | number) {
  const query = { market, kind, symbol, from: String(parseTime(from)), to: String(parseTime(to)) }
  const answer = await fetch(`${bench.sandbox.endpoint}/sandbox/truth?${new URLSearchParams(query)}`)
  const rows = (await answer.json()) as (string | number)[][]
  return rows.map((row) => row.map((cell) => (cell === 'BUY' ? 1 : cell === 'SELL' ? 2 : Number(cell))))
}

async function expectTruth(series: SeriesId, from: string | number, to: string | number): Promise<void> {
  const [told, rows] = [await truth(series, from, to), await stored(series)]
  expect(told.length).toBeGreaterThan(0)
  const index = told.findIndex((row, i) => row.join() !== rows[i]?.join())
  expect(index < 0 ? undefined : { index, stored: rows[index], truth: told[index] }).toBeUndefined()
  expect(rows.length).toBe(told.length)
}

async function expectVerified(series: SeriesId): Promise<void> {
  const [verdict] = await bench.manager().verify([series])
  expect(verdict).toMatchObject({ ok: true, problems: [] })
}

describe('the archive of futures', () => {
  it.each(['quote', 'bookDepth', 'metrics', 'liquidation'] as const)('gives the truth: %s', async (kind) => {
    await bench.start(YOUNG)
    const series = eventSeries(kind, 'usdm')
    const [from, to] = ['2024-03-05', kind === 'quote' || kind === 'bookDepth' ? '2024-03-06' : '2024-03-07T06:00']
    const report = await bench.download(series, from, to)
    expect(report).toMatchObject({ complete: true, unsettled: [], defects: 0, gaps: [{ cause: 'not-listed' }] })
    expect(report.error).toBeUndefined()
    expect(report.files.map(({ outcome }) => outcome)).toEqual(report.files.map(() => 'verified'))
    await expectTruth(series, from, to)
    await expectVerified(series)
    const again = await bench.download(series, from, to)
    expect(again).toMatchObject({ complete: true, added: 0, files: [] })
  })

  it.each([
    ['rows that are cut', { type: 'bad-rows', kind: 'cut', rows: 3 }],
    ['rows that are no numbers', { type: 'bad-rows', kind: 'nan', rows: 3 }],
    ['negative quantities', { type: 'bad-rows', kind: 'negative', rows: 3 }],
  ] as const)('has %s on record, and keeps all others', async (_, fault) => {
    for (const kind of ['bookDepth', 'liquidation'] as const) {
      const sandbox = await bench.start({ ...YOUNG, listedAt: '2024-03-06T20:00Z' })
      sandbox.addFaults([{ ...fault, match: { path: '2024-03-06' } }])
      const series = eventSeries(kind, 'usdm')
      const report = await bench.download(series, '2024-03-06T20:00', '2024-03-07')
      expect(report).toMatchObject({ defects: 3, unsettled: [] })
      const { defects } = await eventCoverage(bench, series)
      expect(defects.every(({ type, where }) => type === 'bad-row' && where.includes('2024-03-06.zip:'))).toBe(true)
      expect((await stored(series)).length).toBe((await truth(series, '2024-03-06T20:00', '2024-03-07')).length - 3)
      await bench.close()
    }
  })

  it.each([
    ['rows that stand twice', { type: 'repeated-rows', every: 7 }, 'duplicate'],
    ['rows out of order', { type: 'shuffled-rows', rows: 30 }, 'out-of-order'],
    [
      'rows out of order, some of them twice',
      { type: 'repeated-rows', every: 7 },
      'duplicate',
      { type: 'shuffled-rows' },
    ],
  ] as const)('leaves no trace of %s but in the coverage', async (_, fault, type, more?: { type: 'shuffled-rows' }) => {
    const sandbox = await bench.start({ ...YOUNG, listedAt: '2024-03-06T23:00Z' })
    const match = { path: '2024-03-06' }
    sandbox.addFaults([{ ...fault, match }, ...(more ? [{ ...more, match }] : [])])
    for (const kind of ['quote', 'bookDepth', 'metrics', 'liquidation'] as const) {
      const series = eventSeries(kind, 'usdm')
      const report = await bench.download(series, '2024-03-06', '2024-03-07')
      expect(report).toMatchObject({ complete: true, unsettled: [] })
      await expectTruth(series, '2024-03-06', '2024-03-07')
      const { defects } = await eventCoverage(bench, series)
      expect(defects.map((defect) => defect.type)).toContain(type)
      await expectVerified(series)
    }
  })

  it('keeps rows whose checksum is wrong, each with a flag, and says so', async () => {
    const sandbox = await bench.start({ ...YOUNG, listedAt: '2024-01-01T00:00Z' })
    sandbox.addFaults([{ type: 'wrong-checksum', match: { path: 'metrics.*2024-01-09' } }])
    const series = eventSeries('metrics', 'usdm')
    const report = await bench.download(series, '2024-01-08', '2024-01-10')
    // They are told of as they come in, and either may be the first.
    const files = [...report.files].sort((a, b) => (a.path < b.path ? -1 : 1))
    expect(files.map(({ outcome }) => outcome)).toEqual(['verified', 'unverified'])
    expect(files[1]!.note).toContain('the hash differs from the published one')
    await expectTruth(series, '2024-01-08', '2024-01-10')
    const flags = (await stored(series, ['flags'])).flat()
    expect(flags).toEqual([...Array.from({ length: 288 }, () => 0), ...Array.from({ length: 288 }, () => 32)])
  })

  it('says of a day without a file that it has none, and takes it when it comes', async () => {
    const sandbox = await bench.start({ ...YOUNG, listedAt: '2024-01-01T00:00Z' })
    sandbox.addFaults([{ type: 'missing-file', day: '2024-01-09', match: { path: 'metrics' } }])
    const series = eventSeries('metrics', 'usdm')
    const day = { from: Date.UTC(2024, 0, 9), to: Date.UTC(2024, 0, 10) }
    const report = await bench.download(series, '2024-01-08', '2024-01-11')
    expect(report).toMatchObject({ complete: false, unsettled: [] })
    expect(report.gaps).toMatchObject([
      { ...day, cause: 'archive-defect', note: expect.stringContaining('no file of it') },
    ])
    const [verdict] = await bench.manager().verify([series])
    expect(verdict).toMatchObject({ ok: true, complete: false, problems: [], holes: [] })
    expect(await bench.download(series, '2024-01-08', '2024-01-11')).toMatchObject({
      added: 0,
      files: [],
      gaps: report.gaps,
    })
    sandbox.clearFaults()
    const later = await bench.download(series, '2024-01-08', '2024-01-11')
    expect(later).toMatchObject({ complete: true, gaps: [] })
    expect(later.files.map(({ path }) => path.slice(-14, -4))).toEqual(['2024-01-09'])
    await expectTruth(series, '2024-01-08', '2024-01-11')
  })

  it('leaves a recent day open that may still come', async () => {
    const sandbox = await bench.start({ ...YOUNG, listedAt: '2024-01-01T00:00Z' })
    sandbox.addFaults([{ type: 'missing-file', day: '2024-03-07', match: { path: 'liquidation' } }])
    const report = await bench.download(eventSeries('liquidation', 'usdm'), '2024-03-06', NOW)
    expect(report).toMatchObject({ complete: false, gaps: [] })
    expect(report.unsettled).toEqual([
      { from: Date.UTC(2024, 2, 7), to: Date.UTC(2024, 2, 8) },
      { from: Date.UTC(2024, 2, 9), to: expect.any(Number) },
    ])
  })

  it('names a hole inside a file', async () => {
    const sandbox = await bench.start({ ...YOUNG, listedAt: '2024-03-06T20:00Z' })
    sandbox.addFaults([{ type: 'missing-rows', from: '2024-03-06T21:00', to: '2024-03-06T22:30' }])
    for (const kind of ['quote', 'bookDepth'] as const) {
      const report = await bench.download(eventSeries(kind, 'usdm'), '2024-03-06T20:00', '2024-03-07')
      expect(report.complete).toBe(false)
      const [gap, ...others] = report.gaps
      expect(others).toEqual([])
      expect(gap).toMatchObject({
        cause: 'archive-defect',
        checked: ['archive'],
        note: expect.stringContaining('nothing here'),
      })
      expect(Math.abs(gap!.from - Date.UTC(2024, 2, 6, 21))).toBeLessThan(60_000)
      expect(Math.abs(gap!.to - Date.UTC(2024, 2, 6, 22, 30))).toBeLessThan(60_000)
    }
  })

  it('ends with the quotes of March 2024, and with some hours of April', async () => {
    await bench.start({ symbols: ['BTCUSDT'], now: '2024-07-01', listedAt: { BTCUSDT: '2024-04-01T03:30Z' } })
    const series = eventSeries('quote', 'usdm')
    const report = await bench.download(series, '2024-04-01T03:30', '2024-06-20')
    expect(report).toMatchObject({ complete: true, unsettled: [] })
    expect(report.files).toMatchObject([{ outcome: 'verified', path: expect.stringContaining('2024-04.zip') }])
    expect(report.gaps.map(({ cause }) => cause)).toEqual(['not-published', 'not-published'])
    expect(report.gaps[0]!.from).toBeLessThan(Date.UTC(2024, 3, 1, 5) + 60_000)
    expect(report.gaps.at(-1)!.to).toBe(Date.UTC(2024, 5, 20))
    expect(report.gaps.every(({ note }) => note?.includes('ceased to be published about 2024-03-30'))).toBe(true)
    await expectTruth(series, '2024-04-01T03:30', '2024-04-01T05:00')
    expect(await bench.download(series, '2024-04-01T03:30', '2024-06-20')).toMatchObject({ added: 0, files: [] })
  })

  it('ends with the liquidations of March 2024, of which in the end none are left', async () => {
    const sandbox = await bench.start({ symbols: ['BTCUSDT'], now: '2024-07-01', listedAt: '2024-03-01T00:00Z' })
    const series = eventSeries('liquidation', 'usdm')
    const report = await bench.download(series, '2024-03-31', '2024-06-20')
    expect(report).toMatchObject({
      complete: true,
      gaps: [{ cause: 'not-published', from: Date.UTC(2024, 3, 1), to: Date.UTC(2024, 5, 20) }],
    })
    await expectTruth(series, '2024-03-31', '2024-04-01')
    sandbox.addFaults([{ type: 'missing-file', match: { path: 'liquidationSnapshot' } }])
    const before = await bench.download(series, '2024-03-20', '2024-03-31')
    expect(before.gaps).toMatchObject([{ cause: 'not-published', note: expect.stringContaining('none any more') }])
  })

  it.each(['quote', 'liquidation'] as const)('has nothing to say of when %ss were collected', async (kind) => {
    const listedAt = kind === 'quote' ? '2024-04-01T04:30Z' : '2024-03-31T22:00Z'
    await bench.start({ symbols: ['BTCUSDT'], now: '2024-07-01', listedAt })
    const series = eventSeries(kind, 'usdm')
    const at = (hour: number): number => Date.UTC(2024, 5, 20, hour)
    {
      await using writer = await (await bench.manager().lake()).eventWriter(series)
      await writer.flush({ covered: [1, 5].map((hour) => ({ from: at(hour), to: at(hour + 1), source: 'stream' })) })
    }
    const report = await bench.download(series, at(0), at(8))
    expect(report).toMatchObject({ complete: false, added: 0, files: [] })
    expect(report.gaps).toMatchObject([{ cause: 'not-published', from: at(0), to: at(1) }])
    expect(report.unsettled).toEqual([
      { from: at(2), to: at(5) },
      { from: at(6), to: at(8) },
    ])
    // The archive's own time is filled all the same.
    const old = await bench.download(series, listedAt, '2024-04-02')
    expect(old).toMatchObject({ complete: true, unsettled: [] })
    expect(old.added).toBeGreaterThan(0)
  })

  it('begins where its first file does', async () => {
    const sandbox = await bench.start({ ...YOUNG, listedAt: '2024-01-01T00:00Z' })
    const first = Array.from({ length: 4 }, (_, i) => `2024-01-0${i + 1}`)
    sandbox.addFaults(first.map((day) => ({ type: 'missing-file', day, match: { path: 'liquidation' } })))
    const report = await bench.download(eventSeries('liquidation', 'usdm'), '2024-01-03', '2024-01-06')
    expect(report).toMatchObject({ complete: true, unsettled: [] })
    expect(report.gaps).toMatchObject([
      { cause: 'not-published', to: Date.UTC(2024, 0, 5), note: "the archive's files begin with 2024-01-05" },
    ])
  })

  it.each(['quote', 'bookDepth', 'metrics', 'liquidation'] as const)(
    'mends a damaged file of the lake: %s',
    async (kind) => {
      await bench.start({ ...YOUNG, listedAt: '2024-03-06T23:00Z' })
      const series = eventSeries(kind, 'usdm')
      const [from, to] = ['2024-03-06T23:00', '2024-03-07']
      await bench.download(series, from, to)
      const lake = await bench.manager().lake()
      const [file] = (await lake.coverage(series))!.files
      await writeFile(join(lake.folder(series), file!.name), 'no Parquet')
      const [found] = await bench.manager().verify([series], { repair: true })
      expect(found).toMatchObject({ ok: true, problems: [{ repaired: true }] })
      await expectTruth(series, from, to)
      expect(await bench.download(series, from, to)).toMatchObject({ complete: true, gaps: [] })
    },
  )

  it('tells by itself when a series began', async () => {
    await bench.start(YOUNG)
    for (const kind of ['quote', 'bookDepth', 'metrics', 'liquidation', 'trade'] as const) {
      const first = await bench.manager().firstAvailable(eventSeries(kind, 'usdm'), undefined, 'archive')
      expect(first, kind).toBe(Date.UTC(2024, 2, 5))
    }
    expect(await bench.manager().firstAvailable(eventSeries('bookDepth'), undefined, 'archive')).toBeUndefined()
  })

  it('is asked for nothing that neither it nor REST has', async () => {
    await bench.start(YOUNG)
    const spot = await bench.download(eventSeries('quote'), '2024-03-06', '2024-03-07')
    expect(spot.error).toContain('Neither the archive nor REST has past quote of spot')
    const rest = await bench.download(eventSeries('bookDepth', 'usdm'), '2024-03-06', '2024-03-07', { source: 'rest' })
    expect(rest.error).toContain('REST gives no past bookDepth of usdm; the archive has it')
  })
})

describe('depth samples', () => {
  it('have two bands more from some time in January 2026 on', async () => {
    await bench.start({ symbols: ['BTCUSDT'], now: '2026-02-10', listedAt: '2026-01-15T12:00Z' })
    const series = eventSeries('bookDepth', 'usdm')
    expect(await bench.download(series, '2026-01-15T12:00', '2026-01-16')).toMatchObject({ complete: true, gaps: [] })
    await expectTruth(series, '2026-01-15T12:00', '2026-01-16')
    const bands = new Map<number, number>()
    for (const [time] of await stored(series)) bands.set(time!, (bands.get(time!) ?? 0) + 1)
    expect(new Set(bands.values())).toEqual(new Set([10, 12]))
  })
})
