import { readdir, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DataSourceManager } from '../../src/engine/data-source-manager.ts'
import { unfinishedRanges } from '../../src/engine/download/unfinished.ts'
import { holesOf } from '../../src/engine/holes.ts'
import { columnOf } from '../../src/model/batch.ts'
import { CandleFlag } from '../../src/model/candle.ts'
import type { Gap } from '../../src/model/coverage.ts'
import type { TimeRange } from '../../src/model/time.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { emptyCoverage, type SeriesCoverage } from '../../src/store/lake/coverage-file.ts'
import { noteInterrupted, readInterrupted } from '../../src/store/lake/interrupted.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runHere } from './bin.ts'
import { seriesOf } from './lake.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOW = Date.UTC(2024, 2, 20, 12)
const FROM = Date.UTC(2024, 2, 10)
const series = seriesOf('BTCUSDT', '1h')

describe('what earlier runs left open', () => {
  const day = (n: number): number => FROM + n * DAY
  const covered = (...ranges: [number, number][]): Pick<SeriesCoverage, 'covered'> => ({
    covered: ranges.map(([from, to]) => ({ from: day(from), to: day(to), source: 'archive' })),
  })
  const gap = (from: number, to: number, about: Partial<Gap> = {}): Gap => ({
    ...{ from: day(from), to: day(to), cause: 'exchange-outage', checked: ['rest'] },
    ...about,
  })
  const open = (coverage: Partial<SeriesCoverage>, unclosed: TimeRange[] = []): number[][] =>
    unfinishedRanges({ ...emptyCoverage(series), ...coverage }, NOW, 36 * HOUR, unclosed).map(({ from, to }) => [
      (from - FROM) / DAY,
      (to - FROM) / DAY,
    ])

  it.each([
    ['only what came after', covered([0, 10]), [[10, 10.5]]],
    ['nothing, and the lake is ahead', covered([0, 11]), [[10.5, 10.5]].slice(1)],
    ['an outage by the word of REST alone', { ...covered([0, 10]), gaps: [gap(3, 4)] }, [[3, 10.5]]],
    [
      'none that the archive was asked about',
      { ...covered([0, 10]), gaps: [gap(3, 4, { checked: ['archive', 'rest'] })] },
      [[10, 10.5]],
    ],
    ['none that the archive has no file of yet', { ...covered([0, 10]), gaps: [gap(9, 9.5)] }, [[10, 10.5]]],
    ['none of long ago', { ...covered([-99, 10]), gaps: [gap(-80, -79)] }, [[10, 10.5]]],
    ['none before the listing', { ...covered([0, 10]), gaps: [gap(3, 4, { cause: 'not-listed' })] }, [[10, 10.5]]],
    [
      'what nobody was asked about, however old',
      { ...covered([-99, 10]), gaps: [gap(-80, -79, { cause: 'unknown', checked: [] })] },
      [[-80, 10.5]],
    ],
    ['a short hole', covered([0, 4], [6, 10]), [[4, 10.5]]],
    ['no long one, which somebody left on purpose', covered([-50, -40], [0, 10]), [[10, 10.5]]],
    [
      'stretches apart by themselves',
      { ...covered([-50, -40], [0, 10]), gaps: [gap(-48, -47), gap(3, 4)] },
      [
        [-48, -47],
        [3, 10.5],
      ],
    ],
  ] as [string, Partial<SeriesCoverage>, number[][]][])('is %s', (_, coverage, expected) => {
    expect(open(coverage)).toEqual(expected)
  })

  it('is a candle that was stored before it closed', () => {
    expect(open(covered([0, 10]), [{ from: day(9), to: day(9) + 1 }])[0]![0]).toBe(9)
  })
})

describe('a note of what a run is after', () => {
  it('is what the next one goes on with, also before and behind what is there', () => {
    const coverage: SeriesCoverage = { ...emptyCoverage(series), covered: [{ from: FROM, to: NOW, source: 'archive' }] }
    const open = (from: number, to: number) => unfinishedRanges(coverage, NOW, 36 * HOUR, [], [{ from, to }])
    expect(open(0, FROM - 30 * DAY)).toEqual([{ from: 0, to: FROM - 30 * DAY }])
    expect(open(FROM - 30 * DAY, NOW + DAY)).toEqual([{ from: FROM - 30 * DAY, to: FROM }])
    expect(open(FROM, NOW)).toEqual([])
  })

  it('that nobody can read is none', async () => {
    await using folder = await tempFolder('note')
    expect(await readInterrupted(folder.path)).toEqual([])
    for (const text of ['[', '{}', '[{"from":1}]', 'null']) {
      await writeFile(folder.join('.unfinished.json'), text)
      expect(await readInterrupted(folder.path), text).toEqual([])
    }
    await noteInterrupted(folder.path, [
      { from: 5, to: 9 },
      { from: 1, to: 5 },
    ])
    expect(await readInterrupted(folder.path)).toEqual([{ from: 1, to: 9 }])
    await noteInterrupted(folder.path, [])
    expect(await readdir(folder.path)).toEqual([])
  })
})

describe('download', () => {
  let folder: TempFolder
  let sandbox: Sandbox
  beforeEach(async () => {
    folder = await tempFolder('update')
    sandbox = await startSandbox({ now: NOW, symbols: ['BTCUSDT'], tradesPerSecond: 0.02 })
  })
  afterEach(async () => {
    await sandbox[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  const here = (...args: string[]) => runHere(['--endpoint', sandbox.endpoint, ...args], { cwd: folder.path })
  const open = () => Lake.open(folder.join('ticklake-data'))
  const download = (...args: string[]) => here('download', 'BTCUSDT', '--interval', '1h', ...args)

  async function column(name: string): Promise<number[]> {
    return [...columnOf(await (await open()).load(series, { columns: [name] }), name)]
  }

  it('--update fills what the archive has published since, and asks for it once', async () => {
    expect((await download('--from', '2024-03-10', '--to', '2024-03-19')).code).toBe(0)
    const truth = await column('close')
    const hole = { from: FROM + 50 * HOUR, to: FROM + 53 * HOUR }
    {
      await using writer = await (await open()).writer(series)
      await writer.commit({
        clear: [hole],
        covered: [{ ...hole, source: 'rest' }],
        findings: [{ ...hole, cause: 'exchange-outage', checked: ['rest'] }],
      })
    }
    // A download of the same range takes REST at its word.
    await download('--from', '2024-03-10', '--to', '2024-03-19')
    expect((await column('close')).length).toBe(truth.length - 3)
    const update = await here('download', '--update', '--json')
    expect(update.code).toBe(0)
    expect(jsonLines(update.stdout)).toMatchObject([{ from: hole.from, to: NOW, added: 3 + 36 }])
    expect((await column('close')).slice(0, truth.length)).toEqual(truth)
    expect((await (await open()).coverage(series))!.gaps).toEqual([])
    expect(jsonLines((await here('download', '--update', '--json')).stdout)).toMatchObject([{ added: 0, files: [] }])
  })

  it('--update goes on with what a stopped run left, whatever its length', async () => {
    sandbox.addFaults([{ type: 'slow', bytesPerSecond: 500, match: { path: '1h-2023-11.zip$' } }])
    const [from, to] = [Date.UTC(2023, 9, 1), Date.UTC(2024, 0, 1)]
    const stop = new AbortController()
    {
      await using manager = new DataSourceManager({
        dataDir: folder.join('ticklake-data'),
        endpoint: sandbox.endpoint,
        parallel: 5,
      })
      let rows = 0
      const stopped = manager.download([{ series, from, to, source: 'archive', remember: true }], {
        signal: stop.signal,
        onEvent: (event) => {
          if (event.type === 'commit') rows += event.rows
          // All but November.
          if (rows >= 62 * 24) stop.abort()
        },
      })
      await expect(stopped).rejects.toThrow('aborted')
    }
    const covered = async () => (await (await open()).coverage(series))!.covered
    expect(await covered()).toMatchObject([
      { from, to: Date.UTC(2023, 10, 1) },
      { from: Date.UTC(2023, 11, 1), to },
    ])
    sandbox.clearFaults()
    expect((await here('download', '--update')).code).toBe(0)
    expect([(await covered())[0]!.from, (await covered()).at(-1)!.to]).toEqual([from, NOW])
    expect(holesOf(await covered())).toEqual([])
    expect(await readInterrupted((await open()).folder(series))).toEqual([])
  })

  it('--update replaces a candle that was stored before it closed', async () => {
    expect((await download('--from', '2024-03-10', '--to', '2024-03-19')).code).toBe(0)
    const truth = await column('close')
    {
      await using writer = await (await open()).writer(series)
      const batch = await (await open()).load(series, {
        from: FROM + 100 * HOUR,
        to: FROM + 101 * HOUR,
        columns: writer.kind.columns.map(({ name }) => name),
      })
      columnOf(batch, 'close')[0] = columnOf(batch, 'low')[0]!
      columnOf(batch, 'flags')[0] = CandleFlag.user | CandleFlag.unfinished
      await writer.commit({ batches: [batch] })
    }
    expect((await here('download', '--update')).code).toBe(0)
    expect((await column('close')).slice(0, truth.length)).toEqual(truth)
    expect((await column('flags')).some((flags) => (flags & CandleFlag.unfinished) !== 0)).toBe(false)
  })

  it('--prepend goes back to a day, and then to the listing', async () => {
    const args = ['--interval', '1d', '--json']
    expect(
      (await here('download', 'BTCUSDT', '--interval', '1d', '--from', '2024-03-10', '--to', '2024-03-15')).code,
    ).toBe(0)
    const day = await here('download', '--prepend', '--from', '2024-03-01', ...args)
    expect([day.code, jsonLines(day.stdout)]).toMatchObject([0, [{ from: Date.UTC(2024, 2, 1), to: FROM, added: 9 }]])
    const all = await here('download', 'BTCUSDT', '--prepend', '--update', ...args)
    expect(all.code).toBe(0)
    const coverage = (await (await open()).coverage(seriesOf('BTCUSDT', '1d')))!
    expect([coverage.listedAt! < Date.UTC(2024, 0, 1), coverage.covered[0]!.from]).toEqual([true, coverage.listedAt])
    expect(coverage.covered.at(-1)!.to).toBe(Date.UTC(2024, 2, 20))
    expect(coverage.gaps).toEqual([])
    const again = await here('download', '--prepend', '--interval', '1d')
    expect([again.code, again.stderr]).toEqual([0, expect.not.stringContaining('error')])
  })

  it.each([
    [['--update', '--from', '2024-01-01'], 'leave --from out'],
    [['--prepend', '--to', '2024-01-01'], 'leave --to out'],
    [['--prepend', '--days', '3'], 'leave --days out'],
  ])('refuses %j', async (args, message) => {
    const ran = await here('download', ...args)
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining(message)])
  })
})
