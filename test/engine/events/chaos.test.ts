import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { kindOf } from '../../../src/model/kinds.ts'
import type { SeriesId } from '../../../src/model/series.ts'
import { parseTime } from '../../../src/model/time.ts'
import type { FaultSpec } from '../../../src/sandbox/index.ts'
import { randomFrom } from '../../helpers/kills.ts'
import { repositoryRoot } from '../../helpers/real-data.ts'
import { Bench } from '../help.ts'
import { eventCoverage, eventSeries, expectEventTruth, storedRows, truthRows } from './help.ts'

const bench = new Bench()
const NOW = '2024-03-10T12:00:30Z'
const LISTED = { BTCUSDT: '2024-03-06T22:25Z', ETHUSDT: '2024-01-10' }
const KILLS = 3

/** A series, its range, the days of its archive files, and what may be wrong with these. */
interface Subject {
  readonly series: SeriesId
  readonly from: string
  readonly to: string
  readonly files: string
  readonly defects: readonly FaultSpec[]
}

const ROWS: readonly FaultSpec[] = [
  { type: 'shuffled-rows', rows: 12 },
  { type: 'repeated-rows', every: 9 },
  { type: 'bad-rows', kind: 'cut', rows: 4 },
  { type: 'bad-rows', kind: 'nan', rows: 3 },
  { type: 'bad-rows', kind: 'negative', rows: 5 },
]
const FILES: readonly FaultSpec[] = [{ type: 'missing-file' }, { type: 'wrong-checksum' }, { type: 'corrupt-zip' }]
const lost = (from: string, to: string): FaultSpec => ({ type: 'missing-rows', from, to })
const EVENING = lost('2024-03-06T22:30', '2024-03-06T23:45')
const DAYS = { from: '2024-03-06T22:25Z', to: '2024-03-08', files: '2024-03-0[67]' }
const JANUARY = { from: '2024-01-20', to: '2024-01-23', files: '2024-01-2[012]' }

const SUBJECTS: readonly Subject[] = [
  { series: eventSeries('trade'), ...DAYS, defects: [...ROWS, ...FILES, EVENING] },
  { series: eventSeries('aggTrade', 'usdm'), ...DAYS, defects: [...ROWS, EVENING] },
  { series: eventSeries('quote', 'usdm'), ...DAYS, to: '2024-03-07', defects: [...ROWS, EVENING] },
  { series: eventSeries('bookDepth', 'usdm'), ...DAYS, defects: [...ROWS, ...FILES, EVENING] },
  // What liquidations lack shows nowhere: nobody knows when the next one is due.
  { series: eventSeries('liquidation', 'usdm'), ...DAYS, defects: [...ROWS, ...FILES] },
  {
    ...{ series: eventSeries('metrics', 'usdm', 'ETHUSDT'), ...JANUARY },
    defects: [...ROWS, ...FILES, { type: 'other-labels' }, lost('2024-01-21T05:05', '2024-01-21T07:05')],
  },
  {
    ...{ series: eventSeries('fundingRate', 'usdm', 'ETHUSDT'), from: '2024-01-15', to: '2024-03-05' },
    ...{ files: '2024-0[12]', defects: [...ROWS, ...FILES, lost('2024-02-03', '2024-02-05')] },
  },
]

/** Every record that the lake lacks is named: by a gap, or by a row of its file that could not be read. */
async function expectNamed({ series, from, to }: Subject): Promise<void> {
  const { sortKey } = kindOf(series.kind)
  const isId = sortKey.endsWith('id')
  const [truth, rows] = [
    await truthRows(bench.sandbox.endpoint, series, from, to),
    await storedRows(bench.folder.join('lake'), series),
  ]
  const text = (row: readonly number[]): string =>
    row.map((value, i) => (i === 1 && isId ? Math.floor(value) : value)).join()
  const stored = new Set(rows.map(text))
  expect(stored.size).toBe(rows.length)
  const { gaps, defects, covered } = await eventCoverage(bench, series)
  const unnamed = truth.filter((row) => {
    if (stored.has(text(row))) return false
    const time = row[isId ? 1 : 0]!
    const isInside = (range: { from: number; to: number }): boolean =>
      time >= range.from - 1000 && time <= range.to + 1000
    // A range that is still open is named too: the next download asks for it.
    return !gaps.some(isInside) && covered.some(({ from, to }) => time >= from && time < to)
  })
  const garbled = defects.filter(({ type }) => type === 'bad-row').length
  expect(unnamed.length, `${series.kind}: ${unnamed[0]}`).toBeLessThanOrEqual(garbled)
  const known = new Set(truth.map(text))
  expect(
    rows.filter((row) => !known.has(text(row))),
    series.kind,
  ).toEqual([])
}

it('the lake of any kind equals the truth in the end, under random defects and random kills', async () => {
  const seed = process.env.FUZZ_SEED === 'random' ? Math.floor(Math.random() * 1e6) : Number(process.env.FUZZ_SEED ?? 4)
  const random = randomFrom(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const faults = SUBJECTS.flatMap(({ series, files, defects }): FaultSpec[] => {
    const path = { path: `${series.kind === 'fundingRate' ? '' : series.symbol}.*${files}` }
    const folder = {
      trade: '/trades/',
      aggTrade: '/aggTrades/',
      quote: '/bookTicker/',
      liquidation: '/liquidationSnapshot/',
    }
    const name = (folder as Record<string, string>)[series.kind] ?? `/${series.kind}/`
    return Array.from({ length: 2 }, () => ({
      ...pick(defects),
      match: { path: `${name}${path.path}`, market: series.market as 'spot' | 'usdm' },
    }))
  })
  const sandbox = await bench.start({ seed, now: NOW, tradesPerSecond: 0.05, listedAt: LISTED })
  sandbox.addFaults([
    ...faults,
    { type: 'cut', match: { path: '\\.zip$' }, probability: 0.1 },
    { type: 'http-error', status: 503, probability: 0.03 },
    { type: 'slow', bytesPerSecond: 400_000, match: { path: '\\.zip$' }, probability: 0.5 },
  ])
  const requests = SUBJECTS.map(({ series, from, to }) => ({
    ...{ series, from: parseTime(from), to: parseTime(to), source: 'auto' as const },
  }))
  const dataDir = bench.folder.join('lake')
  const root = pathToFileURL(join(repositoryRoot, 'dist/index.js')).href
  const job = JSON.stringify({ requests, root, options: { dataDir, endpoint: sandbox.endpoint } })
  for (let kill = 0; kill < KILLS; kill++) {
    const script = join(import.meta.dirname, 'download-process.mjs')
    const child = spawn(process.execPath, [script, job], { stdio: ['ignore', 'pipe', 'ignore'] })
    const ended = once(child, 'exit')
    const begun = await Promise.race([once(child.stdout, 'data'), ended])
    expect(String(begun[0])).toBe('begun\n')
    await Promise.race([sleep(random() * 900), ended])
    child.kill('SIGKILL')
    await ended
  }
  const context = `seed ${seed}: ${JSON.stringify(faults)}`
  const reports = await bench.manager({ attempts: 6 }).download(requests)
  expect(reports.map(({ error }) => error).filter(Boolean), context).toEqual([])
  for (const subject of SUBJECTS) await expectNamed(subject)
  // What the archive has mended since is taken in by whoever asks.
  sandbox.clearFaults()
  const series = SUBJECTS.map((subject) => subject.series)
  const manager = bench.manager()
  await manager.download(requests)
  const verdicts = await manager.verify(series, { archive: 'take' })
  for (const { series, problems } of verdicts)
    expect(
      problems.filter(({ repaired }) => !repaired),
      `${series.kind}, ${context}`,
    ).toEqual([])
  await manager.download(requests)
  for (const { series, from, to } of SUBJECTS)
    await expectEventTruth(bench, series, from, to).catch((cause: unknown) => {
      throw new Error(`${series.kind}, ${context}`, { cause })
    })
  const after = await manager.verify(series, { archive: true })
  expect(
    after.map(({ ok, complete }) => [ok, complete]),
    context,
  ).toEqual(SUBJECTS.map(() => [true, true]))
}, 120_000)
