import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { computeIndicators, resampleCandles } from '../../src/analysis/index.ts'
import { startSandbox } from '../../src/sandbox/index.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runHere } from './bin.ts'
import { makeLake, START, seriesOf } from './lake.ts'

const HOUR = 3_600_000
let folder: TempFolder
beforeAll(async () => {
  folder = await tempFolder('indicators')
  await makeLake(folder.join('ticklake-data'))
})
afterAll(() => folder[Symbol.asyncDispose]())

const here = (...args: string[]) => runHere(['indicators', ...args], { cwd: folder.path })

async function load(symbol: string, interval: '1m' | '1h') {
  return (await Lake.open(folder.join('ticklake-data'))).load(seriesOf(symbol, interval))
}

describe('indicators', () => {
  it('are those of the library, as CSV and JSON lines', async () => {
    const batch = await load('ETHUSDT', '1h')
    const expected = computeIndicators(batch, ['ema(20)', 'bollinger(20, 2).upper'])
    const wanted = ['--add', 'ema(20)', '--add', 'bollinger(20, 2).upper']
    const { code, stdout } = await here('ETHUSDT', '--interval', '1h', ...wanted, '--format', 'csv')
    expect(code).toBe(0)
    const rows = parse(stdout, { columns: true }) as Record<string, string>[]
    expect(rows).toHaveLength(batch.length)
    for (const [i, row] of rows.entries()) {
      expect(Number(row.open_time)).toBe(batch.columns.open_time![i])
      for (const [name, values] of Object.entries(expected)) {
        expect(row[name]).toBe(Number.isNaN(values[i]) ? '' : String(values[i]))
      }
    }
    const json = jsonLines((await here('ETHUSDT', '--interval', '1h', ...wanted, '--json')).stdout)
    expect(json).toHaveLength(batch.length)
    expect(json[0]).toEqual({ open_time: START, close: 100.5, 'ema(20)': null, 'bollinger(20, 2).upper': null })
    expect(json.at(-1)).toMatchObject({ 'ema(20)': expected['ema(20)']!.at(-1) })
  })

  it('of a range begin before it, so that its first candle has a value', async () => {
    const from = START + 150 * HOUR
    const json = jsonLines(
      (await here('ETHUSDT', '--interval', '1h', '--from', String(from), '--add', 'sma(10) as mean', '--json')).stdout,
    ) as { open_time: number; mean: number }[]
    const batch = await load('ETHUSDT', '1h')
    expect(json[0]!.open_time).toBe(from)
    expect(json[0]!.mean).toBeCloseTo(computeIndicators(batch, 'sma(10)')['sma(10)']![150]!, 12)
    const bare = await here(
      'ETHUSDT',
      '--interval',
      '1h',
      '--from',
      String(from),
      '--warm-up',
      '0',
      '--add',
      'sma(10) as mean',
      '--json',
    )
    expect(jsonLines(bare.stdout)[0]).toMatchObject({ mean: null })
  })

  it('in a table are the last twenty, with times to read and a word about the rest', async () => {
    const { stdout, stderr } = await here('ETHUSDT', '--interval', '1h', '--add', 'rsi(14)')
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(21)
    expect(lines[0]).toMatch(/^open_time +close +rsi\(14\)$/)
    expect(lines.at(-1)).toMatch(/^2024-01-10T23:00:00Z +130\.375 +100$/)
    expect(stderr).toContain('the last 20 of 240 rows')
    expect(
      (await here('ETHUSDT', '--interval', '1h', '--add', 'rsi(14)', '--limit', '3')).stdout.trimEnd().split('\n'),
    ).toHaveLength(4)
  })

  it('of larger candles are computed on bars that are done', async () => {
    const bars = resampleCandles(await load('ETHUSDT', '1h'), {
      interval: '1d',
      timeZone: 'America/New_York',
      partial: false,
    })
    const expected = computeIndicators(bars, 'atr(3)')['atr(3)']!
    const { stdout } = await here(
      'ETHUSDT',
      '--interval',
      '1h',
      '--resample',
      '1d',
      '--time-zone',
      'America/New_York',
      '--add',
      'atr(3)',
      '--json',
    )
    const rows = jsonLines(stdout) as { open_time: number; 'atr(3)': number | null }[]
    expect(rows.map((row) => row.open_time)).toEqual([...bars.columns.open_time!].filter((time) => time >= START))
    expect(rows.at(-1)!['atr(3)']).toBe(expected.at(-1))
  })

  it('say that candles are missing, and exit with 3', async () => {
    const { code, stderr } = await here(
      'BTCUSDT',
      '--market',
      'usdm',
      '--interval',
      '1h',
      '--add',
      'sma(3)',
      '--format',
      'csv',
    )
    expect(code).toBe(3)
    expect(stderr).toContain('candles are missing from 2024-01-03 02:00 to 2024-01-03 12:00')
  })

  it('that do not exist are refused with the nearest that do', async () => {
    const typo = await here('ETHUSDT', '--interval', '1h', '--add', 'bolinger(20)')
    expect(typo.code).toBe(2)
    expect(typo.stderr).toContain('Unknown indicator "bolinger". Did you mean bollinger?')
    expect((await here('ETHUSDT')).stderr).toContain('which indicators')
    expect((await here('XRPUSDT', '--interval', '1h', '--add', 'ema(3)')).stderr).toContain(
      'The lake has no XRPUSDT 1h',
    )
    expect((await here('ETHUSDT', '--interval', '1h', '--add', 'ema(3)', '--limit', 'x')).stderr).toContain(
      '--limit is "x"',
    )
    expect((await here('ETHUSDT', '--interval', '1h', '--add', 'ema(3)', '--resample', '7x')).stderr).toContain(
      '--resample is "7x"; allowed: a number and a unit, e.g. 7m,',
    )
    const session = await here('ETHUSDT', '--interval', '1h', '--add', 'ema(3)', '--resample', 'session')
    expect(session).toMatchObject({ code: 2 })
    expect(session.stderr).toContain('--resample is "session"; allowed: a number and a unit')
    expect(session.stderr).not.toContain('session: {')
    const twice = await here('ETHUSDT', '--interval', '1h', '--add', 'sma(volume, 3) as close')
    expect(twice).toMatchObject({ code: 2 })
    expect(twice.stderr).toContain('"close" is a column that is shown, too: call the result otherwise')
    const late = await here(
      'ETHUSDT',
      '--interval',
      '1h',
      '--add',
      'ema(3)',
      '--from',
      '2030-01-01',
      '--source',
      'lake',
    )
    expect(late).toMatchObject({ code: 2 })
    expect(late.stderr).toMatch(/The lake has ETHUSDT 1h from 2024-01-01 00:00 to .*Give --source auto to fetch it/)
  })

  it('are listed with parameters and outputs', async () => {
    const { stdout } = await here('--list')
    expect(stdout).toContain('bollinger(period=20, width=2)')
    const listed = jsonLines((await here('--list', '--json')).stdout) as { id: string; convention: string }[]
    expect(listed.length).toBeGreaterThan(38)
    expect(listed.every((one) => one.convention.length > 10)).toBe(true)
  })

  it('are of candles of other prices too, with those that need no volume', async () => {
    await using sandbox = await startSandbox({ now: '2024-06-01', symbols: ['BTCUSDT'], tradesPerSecond: 0.05 })
    await using own = await tempFolder('indicators-prices')
    const run = (kind: string, ...args: string[]) =>
      runHere(['--endpoint', sandbox.endpoint, 'indicators', 'BTC/USDT:USDT', '--kind', kind, ...args], {
        cwd: own.path,
      })
    const range = ['--interval', '1h', '--from', '2024-05-01', '--to', '2024-05-03', '--warm-up', '0', '--json']
    for (const kind of ['markCandle', 'indexCandle', 'premiumCandle', 'continuousCandle']) {
      const ran = await run(kind, ...range, '--add', 'atr(5)', '--add', 'sma(hlc3, 3) as mean')
      expect(ran.code, ran.stderr).toBe(0)
      const lake = await Lake.open(own.join('ticklake-data'))
      const id = (await lake.list()).find((one) => one.kind === kind)!
      const expected = computeIndicators(await lake.load(id), ['atr(5)', 'sma(hlc3, 3) as mean'])
      const rows = jsonLines(ran.stdout) as Record<string, number | null>[]
      expect(rows.map((row) => row['atr(5)'])).toEqual(
        [...expected['atr(5)']!].map((v) => (Number.isNaN(v) ? null : v)),
      )
      expect(rows.map((row) => row.mean)).toEqual([...expected.mean!].map((v) => (Number.isNaN(v) ? null : v)))
      expect(rows).toHaveLength(48)
      const larger = await run(kind, ...range, '--add', 'sma(2)', '--resample', '6h')
      expect(jsonLines(larger.stdout)).toHaveLength(8)
    }
    const volume = await run('markCandle', ...range, '--add', 'ema(3)', '--add', 'vwma(5)')
    expect(volume.code).toBe(2)
    expect(volume.stderr).toContain('needs volume; markCandle has open_time, open, high, low, close')
    const trades = await run('trade', ...range, '--add', 'ema(3)')
    expect(trades.stderr).toContain('indicators are of candles: candle, markCandle,')
    const spot = await here('BTCUSDT', '--kind', 'markCandle', '--interval', '1h', '--add', 'ema(3)')
    expect(spot.stderr).toContain('There is no past markCandle of spot; usdm and coinm have it.')
  })

  it('fetch what the lake lacks of a range', async () => {
    await using sandbox = await startSandbox({ now: Date.UTC(2024, 2, 10, 12), symbols: ['BTCUSDT'] })
    await using empty = await tempFolder('indicators-fetch')
    const args = [
      '--endpoint',
      sandbox.endpoint,
      'indicators',
      'BTCUSDT',
      '--interval',
      '1h',
      '--add',
      'ema(5)',
      '--json',
    ]
    const { code, stdout } = await runHere([...args, '--from', '2024-03-09', '--to', '2024-03-10'], { cwd: empty.path })
    expect(code).toBe(0)
    const rows = jsonLines(stdout) as { open_time: number; 'ema(5)': number | null }[]
    expect(rows).toHaveLength(24)
    expect(rows[0]!.open_time).toBe(Date.UTC(2024, 2, 9))
    expect(rows.every((row) => typeof row['ema(5)'] === 'number')).toBe(true)
    // Behind what the lake has, and without an end.
    const later = await runHere([...args, '--from', '2024-03-10T10:00'], { cwd: empty.path })
    expect(later.code).toBe(0)
    expect((jsonLines(later.stdout) as { open_time: number }[])[0]!.open_time).toBe(Date.UTC(2024, 2, 10, 10))
  })
})
