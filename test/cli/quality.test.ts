import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { renderScoreMap, scoreGlyph } from '../../src/cli/render/score-map.ts'
import { createStyle } from '../../src/cli/render/style.ts'
import { candle } from '../../src/model/candle.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import type { GapFinding } from '../../src/store/lake/gaps.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { candlesOf, opensOf } from '../analysis/quality/batches.ts'
import { eventSeries, storeEvents, tradesFrom } from '../helpers/events.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runHere } from './bin.ts'
import { START, seriesOf } from './lake.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
let folder: TempFolder

const range = { from: START, to: START + 4 * DAY }

async function store(lake: Lake, symbol: string, findings: readonly GapFinding[]): Promise<void> {
  await using writer = await lake.writer(seriesOf(symbol, '1h'))
  const isHole = (open: number) => findings.some(({ from, to }) => open >= from && open < to)
  const opens = opensOf(HOUR, 96).filter((open) => !isHole(open))
  const { length, columns } = candlesOf('1h', opens)
  const none = new Float64Array(length)
  const named = candle.columns.map(({ name }) => [name, columns[name] ?? none] as const)
  // What the helper leaves out has values that fit the others.
  const whole = { ...Object.fromEntries(named), quote_volume: columns.close!.map((close) => close * 10) }
  await writer.commit({
    batches: [{ length, columns: whole }],
    covered: [{ ...range, source: 'archive' }],
    findings,
    listedAt: START,
  })
}

beforeAll(async () => {
  folder = await tempFolder('quality')
  const lake = await Lake.open(folder.join('ticklake-data'))
  const asked = { checked: ['archive', 'rest'] } as const
  await store(lake, 'BTCUSDT', [
    { from: START + DAY, to: START + DAY + 6 * HOUR, cause: 'unknown', ...asked },
    { from: START + 3 * DAY, to: START + 3 * DAY + HOUR, cause: 'exchange-outage', ...asked },
  ])
  await store(lake, 'ETHUSDT', [])
  const trades = tradesFrom(1, 40, START).filter(({ id }) => id !== 21)
  await storeEvents(
    lake,
    eventSeries('trade', 'SOLUSDT'),
    trades.map((trade) => ({ ...trade, symbol: 'SOLUSDT' })),
  )
})
afterAll(() => folder[Symbol.asyncDispose]())

const here = (...args: string[]) => runHere(['quality', ...args], { cwd: folder.path })

interface Day {
  readonly day: string
  readonly missing: number
  readonly unpublished: number
  readonly reasons: { readonly part: string; readonly detail: string; readonly rows: number[] }[]
}

describe('quality', () => {
  it('tells the days, the reasons and the rows behind them as JSON', async () => {
    const { code, stdout } = await here('BTCUSDT', '--json')
    expect(code).toBe(0)
    const [line, ...others] = jsonLines(stdout) as { symbol: string; score: number; days: Day[] }[]
    expect(others).toEqual([])
    expect(line!.symbol).toBe('BTCUSDT')
    expect(line!.days.map(({ day, missing, unpublished }) => [day, missing, unpublished])).toEqual([
      ['2024-01-01', 0, 0],
      ['2024-01-02', 6, 0],
      ['2024-01-03', 0, 0],
      ['2024-01-04', 0, 1],
    ])
    const lost = line!.days[1]!.reasons.find(({ part }) => part === 'completeness')
    expect(lost).toMatchObject({ detail: 'missing (unknown)', rows: [START + DAY] })
    expect(line!.days[3]!.reasons.map(({ detail }) => detail)).toContain('never published (exchange-outage)')
  })

  it('draws a calendar and shows the worst days first', async () => {
    const { code, stdout } = await here('BTCUSDT', '--reasons', '1')
    expect(code).toBe(0)
    expect(stdout).toContain('market  symbol')
    expect(stdout).toMatch(/2024-01 {2}\S{4}\n/)
    expect(stdout).toContain('score of each day')
    expect(stdout.indexOf('2024-01-02')).toBeGreaterThan(0)
    expect(stdout).not.toContain('2024-01-04  ')
    expect(stdout).toContain('more day')
    expect((await here('--no-map')).stdout).not.toContain('score of each day')
  })

  it('scores trades by their ids, values and times', async () => {
    const { code, stdout } = await here('SOLUSDT', '--json')
    expect(code).toBe(0)
    expect(jsonLines(stdout)).toMatchObject([
      { symbol: 'SOLUSDT', kind: 'trade', rows: 39, expected: 40, parts: { completeness: 39 / 40, validity: 1 } },
    ])
    const { stdout: shown } = await here()
    expect(shown).toMatch(/SOLUSDT +trade +1 +39 /)
    expect(shown).toContain('completeness -')
    expect(shown).toContain('missing by their ids (unknown) (1 row, first 2024-01-01')
    expect((await here('SOLUSDT', '--json', '--from', '2024-02-01')).stdout).toContain('"rows":0')
  })

  it('takes a range and looks for anomalies when asked', async () => {
    const { stdout } = await here('ETHUSDT', '--json', '--anomalies', '--from', '2024-01-02', '--to', '2024-01-03')
    expect(jsonLines(stdout)).toMatchObject([{ symbol: 'ETHUSDT', expected: 24, rows: 24, score: 100, anomalies: [] }])
  })

  it('ends with 3 where a series scores less than wanted', async () => {
    expect((await here('--min', '1')).code).toBe(0)
    expect((await here('--min', '100')).code).toBe(3)
    const wrong = await here('--min', 'high')
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toContain('--min is "high"; allowed: a number from 0 to 100.')
  })
})

it('quality asks smaller candles and other markets about a price that jumps', async () => {
  await using own = await tempFolder('quality-peers')
  const lake = await Lake.open(own.join('ticklake-data'))
  const series = async (interval: '30m' | '1h', market: 'spot' | 'usdm', isHigh: (open: number) => boolean) => {
    await using writer = await lake.writer(seriesOf('BTCUSDT', interval, market))
    const step = interval === '1h' ? HOUR : HOUR / 2
    const { length, columns } = candlesOf(interval, opensOf(step, (4 * DAY) / step), (row) =>
      isHigh(row.open_time!) ? { ...row, high: 160, close: 150 } : row,
    )
    const none = new Float64Array(length)
    const whole = Object.fromEntries(candle.columns.map(({ name }) => [name, columns[name] ?? none]))
    await writer.commit({ batches: [{ length, columns: whole }], covered: [{ ...range, source: 'archive' }] })
  }
  const [real, wrong] = [START + 60 * HOUR, START + 80 * HOUR]
  await series('1h', 'spot', (open) => open === real || open === wrong)
  await series('30m', 'spot', (open) => open === real + HOUR / 2)
  await series('1h', 'usdm', (open) => open === real)
  const args = ['quality', 'BTCUSDT', '--market', 'spot', '--interval', '1h', '--anomalies', '--json']
  const ran = await runHere(args, { cwd: own.path })
  const [{ anomalies }] = jsonLines(ran.stdout) as [
    { anomalies: { time: number; confirmedBy: string[]; deniedBy: string[] }[] },
  ]
  const peers = ['usdm BTCUSDT 1h', 'BTCUSDT 30m']
  const told = new Map(anomalies.map(({ time, confirmedBy, deniedBy }) => [time, { confirmedBy, deniedBy }]))
  expect(told.get(real)).toEqual({ confirmedBy: expect.arrayContaining(peers), deniedBy: [] })
  expect(told.get(wrong)).toEqual({ confirmedBy: [], deniedBy: expect.arrayContaining(peers) })
})

it('quality scores candles of other prices, and of negative premiums', async () => {
  await using sandbox = await startSandbox({ now: '2024-06-01', symbols: ['BTCUSDT'], tradesPerSecond: 0.05 })
  await using own = await tempFolder('quality-prices')
  const kinds = ['markCandle', 'indexCandle', 'premiumCandle', 'continuousCandle']
  const range = ['--interval', '1h', '--from', '2024-05-01', '--to', '2024-05-03', '--endpoint', sandbox.endpoint]
  for (const kind of kinds) {
    const { code } = await runHere(['download', 'BTCUSDT', '--market', 'usdm', '--kind', kind, ...range], {
      cwd: own.path,
    })
    expect(code).toBe(0)
  }
  const { code, stdout } = await runHere(['quality', '--json', '--anomalies'], { cwd: own.path })
  expect(code).toBe(0)
  for (const verb of ['quality', 'verify', 'coverage', 'stats']) {
    const table = await runHere([verb], { cwd: own.path })
    for (const kind of kinds) expect(table.stdout, verb).toMatch(new RegExp(`BTCUSDT\\w* +${kind} 1h `))
  }
  const scores = jsonLines(stdout) as { kind: string; score: number; rows: number }[]
  expect(scores.map(({ kind }) => kind).toSorted()).toEqual(kinds.toSorted())
  expect(scores.map(({ score, rows }) => [score, rows])).toEqual(kinds.map(() => [100, 48]))
})

describe('quality of a clean market', () => {
  let sandbox: Sandbox
  let own: TempFolder
  beforeAll(async () => {
    sandbox = await startSandbox({ now: '2024-03-20T12:00Z', symbols: ['BTCUSDT'], tradesPerSecond: 2 })
    own = await tempFolder('quality-kinds')
  })
  afterAll(async () => {
    await own[Symbol.asyncDispose]()
    await sandbox.close()
  })
  const run = (...args: string[]) => runHere([...args, '--endpoint', sandbox.endpoint], { cwd: own.path })
  interface Line {
    readonly kind: string
    readonly score: number
    readonly parts: Readonly<Record<string, number | null>>
    readonly unjudged: Readonly<Record<string, string>>
  }
  const scores = async (...args: string[]) =>
    jsonLines((await run('quality', '--json', ...args)).stdout) as unknown as Line[]

  it('is 100 for every kind that is downloaded, and says what it cannot judge', async () => {
    const range = ['--from', '2024-03-10', '--to', '2024-03-12']
    const day = ['--from', '2024-03-10', '--to', '2024-03-11']
    const wanted: Readonly<Record<string, readonly string[]>> = {
      metrics: ['BTCUSDT', ...range],
      fundingRate: ['BTCUSDT', ...range],
      liquidation: ['BTCUSDT', ...day],
      ticker: ['BTCUSDT'],
      exchangeInfo: [],
    }
    for (const [kind, args] of Object.entries(wanted)) {
      expect(await run('download', '--market', 'usdm', '--kind', kind, ...args), kind).toMatchObject({ code: 0 })
    }
    const lines = await scores()
    expect(lines.map(({ kind, score }) => [kind, score]).toSorted()).toEqual(
      Object.keys(wanted)
        .map((kind) => [kind, 100])
        .toSorted(),
    )
    for (const { kind, parts, unjudged } of lines) {
      const silent = Object.keys(parts).filter((part) => parts[part] === null)
      expect(Object.keys(unjudged).toSorted(), kind).toEqual(silent.toSorted())
      expect(parts.completeness, kind).toBe(kind === 'liquidation' ? null : 1)
    }
    const { stdout } = await run('quality')
    expect(stdout).toMatch(/metrics +2 +576 +100\.00 +100\.00 +100\.00 +100\.00 +- +100\.00/)
    expect(stdout).toContain('- completeness of liquidation: the exchange tells at most one a second')
    expect(stdout).toMatch(/usdm BTCUSDT metrics\n.*\n +2024-03 +██\n/)
    expect((await run('quality', '--kind', 'metrics', '--from', '2024-03-11', '--json')).stdout).toContain('"rows":288')
  })

  it('is 100 for every kind that is collected', async () => {
    const kinds = ['bookDelta', 'markPrice', 'quote', 'ticker']
    const args = ['--market', 'usdm', '--kinds', kinds.join(), '--duration', '3s', '--data-dir', 'live']
    expect(await run('collect', 'BTCUSDT', ...args)).toMatchObject({ code: 0 })
    const lines = await scores('--data-dir', 'live')
    // Fundings come with mark prices, snapshots with updates; a ticker may not have come yet.
    const found = lines.map(({ kind }) => kind)
    expect(found).toEqual(expect.arrayContaining(['bookDelta', 'bookSnapshot', 'fundingRate', 'markPrice', 'quote']))
    expect(lines.map(({ kind, score }) => [kind, score])).toEqual(found.map((kind) => [kind, 100]))
    const { stdout } = await run('quality', '--data-dir', 'live')
    expect(stdout).toMatch(/timeliness of bookDelta, .*: the clock of the exchange is more than a day off ours/)
  })
})

it('quality of a kind that the lake lacks says so, and the lake is not called empty', async () => {
  const run = (...args: string[]) => runHere(args, { cwd: folder.path })
  for (const verb of ['quality', 'verify', 'coverage', 'list', 'stats', 'compact']) {
    const { code, stderr } = await run(verb, '--kind', 'quote')
    expect(code).toBe(0)
    expect(stderr).toContain('holds nothing of it. See what there is: ticklake list')
  }
})

describe('export --transform', () => {
  const run = async (text: string, ...args: string[]) => {
    await writeFile(folder.join('my.txt'), text)
    return runHere(['export', 'ETHUSDT', '--transform', 'my.txt', ...args], { cwd: folder.path })
  }

  it('adds the columns of a file, and drops rows', async () => {
    const text = 'move = close - prev(close) # NaN first\nwhere !isnan(move)'
    const { code, stdout } = await run(text, '--columns', 'open_time', '--format', 'jsonl')
    expect(code).toBe(0)
    const rows = jsonLines(stdout) as { open_time: number; move: number }[]
    const { close } = candlesOf('1h', opensOf(HOUR, 96)).columns
    expect(rows).toEqual(
      opensOf(HOUR, 96).flatMap((open_time, i) => (i === 0 ? [] : [{ open_time, move: close![i]! - close![i - 1]! }])),
    )
    const lacking = await run('x = prev(close)\ny = 1 / (close - close)', '--columns', 'close', '--format', 'jsonl')
    expect(jsonLines(lacking.stdout).slice(0, 2)).toEqual([
      { close: close![0]!, x: null, y: null },
      { close: close![1]!, x: close![0]!, y: null },
    ])
    const csv = await run('open = open * 2', '--columns', 'open', '--to', '2024-01-01T01:00:00Z')
    expect(csv.stdout).toBe(`open\n${candlesOf('1h', [START]).columns.open![0]! * 2}\n`)
  })

  it('tells what is wrong with the file', async () => {
    expect((await run('x = clsoe')).stderr).toContain('my.txt reads "clsoe"; there are open_time')
    const early = await run('x = close +')
    expect(early.code).toBe(2)
    expect(early.stderr).toContain('my.txt:1: it ends too early')
    expect(await run('# nothing')).toMatchObject({
      code: 2,
      stderr: 'error: my.txt holds no formula and no condition.\n',
    })
    expect((await run('x = close', '--format', 'parquet', '--out', 'x.parquet')).stderr).toContain(
      'writes csv, jsonl or',
    )
    const gone = await runHere(['export', 'ETHUSDT', '--transform', 'no.txt'], { cwd: folder.path })
    expect(gone).toMatchObject({ code: 2 })
    expect(gone.stderr).toContain('--transform is "no.txt", which cannot be read.')
  })
})

describe('the map of scores', () => {
  it('has a row for each month and a letter for each score', () => {
    const days = [100, 99.96, 99.9, 95, 80, 60, 0].map((score, i) => ({ from: Date.UTC(2024, 0, 28 + i), score }))
    const lines = renderScoreMap(days, createStyle(false))
    expect(lines[1]).toBe(`2024-01  ${' '.repeat(27)}██▓▓`)
    expect(lines[2]).toBe('2024-02  ▒░·')
    expect(lines[3]).toContain('█ 100, ▓ 95 and more, ▒ 80 and more, ░ 50 and more, · below 50')
    expect(renderScoreMap([], createStyle(false))).toEqual([])
    expect(scoreGlyph(0)).toBe('·')
  })
})
