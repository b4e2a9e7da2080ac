import { execFile } from 'node:child_process'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { tableFromIPC } from 'apache-arrow'
import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { candle } from '../../src/model/candle.ts'
import { connectDuck } from '../../src/store/lake/duckdb.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, runBin, runHere } from './bin.ts'
import { makeLake, START, seriesOf } from './lake.ts'

const HOUR = 3_600_000
let folder: TempFolder
beforeAll(async () => {
  folder = await tempFolder('verbs')
  await makeLake(folder.join('ticklake-data'))
})
afterAll(() => folder[Symbol.asyncDispose]())

const here = (...args: string[]) => runHere(args, { cwd: folder.path })

/** The same rows, read past the command line. */
async function rowsOf(symbol: string, interval: '1m' | '1h', market: 'spot' | 'usdm' = 'spot') {
  const lake = await Lake.open(folder.join('ticklake-data'))
  return lake.load(seriesOf(symbol, interval, market))
}

describe('list, stats and coverage', () => {
  it('list the series, by market, symbol and interval', async () => {
    const { code, stdout } = await here('list')
    expect(code).toBe(0)
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/).slice(1, 5).join(' '))).toEqual([
      'market kind symbol interval',
      'spot candle BTCUSDT 1m',
      'spot candle ETHUSDT 1h',
      'usdm candle BTCUSDT 1h',
      '',
    ])
    const lines = jsonLines((await here('list', 'btc/usdt', '--json')).stdout)
    expect(lines).toEqual([
      {
        exchange: 'binance',
        market: 'spot',
        kind: 'candle',
        symbol: 'BTCUSDT',
        interval: '1m',
        from: START,
        to: START + 72 * HOUR,
        rows: 4200,
      },
    ])
    expect(jsonLines((await here('list', 'BTCUSDT', '--json')).stdout)).toHaveLength(2)
    expect(jsonLines((await here('list', '--market', 'usdm', '--json')).stdout)).toHaveLength(1)
    expect(jsonLines((await here('list', '--interval', '1h', '--json')).stdout)).toHaveLength(2)
  })

  it('suggest a symbol that the lake has, and say what there is of one', async () => {
    const typo = await here('coverage', 'BTCUSTD')
    expect(typo.code).toBe(2)
    expect(typo.stderr).toContain('Unknown symbol "BTCUSTD" on the lake ticklake-data. Did you mean BTCUSDT?')
    const interval = await here('stats', 'ETHUSDT', '--interval', '5m')
    expect(interval.code).toBe(2)
    expect(interval.stderr).toContain('The lake has no such series of ETHUSDT; it has ETHUSDT 1h.')
  })

  it('count rows, files and bytes, and only gaps that matter as missing', async () => {
    const { stdout } = await here('stats')
    expect(stdout.split('\n').at(-2)).toMatch(/^ +all +5,390 +3 /)
    const lines = jsonLines((await here('stats', '--json')).stdout)
    expect(lines.map(({ rows, missing, unpublished }) => [rows, missing, unpublished])).toEqual([
      [4200, 0, 120],
      [240, 0, 0],
      [950, 10, 0],
    ])
    expect(lines[1]).toMatchObject({ first: START, last: START + 239 * HOUR, files: 1 })
  })

  it('show gaps with causes and the calendar, and end with 3 when something is missing', async () => {
    const all = await here('coverage')
    expect(all.code).toBe(3)
    expect(all.stdout).toContain(
      'gap  2024-01-02 06:00 to 2024-01-02 08:00, 120 candles: exchange-outage, the exchange stood still',
    )
    expect(all.stdout).toContain('gap  2024-01-03 02:00 to 2024-01-03 12:00, 10 candles: unknown, a note')
    expect(all.stdout).toContain('2024-01  █o█')
    expect(all.stdout).toContain(`2024-01  ██▒${'█'.repeat(28)}`)
    expect(all.stdout).not.toContain('\u001b')
    expect((await here('coverage', 'ETHUSDT')).code).toBe(0)
    expect((await here('coverage', '--no-map')).stdout).not.toContain('█')
    const coloured = await runHere(['coverage'], { cwd: folder.path, env: { FORCE_COLOR: '1' } })
    expect(coloured.stdout).toContain('\u001b[32m█')
  })

  it('give everything as JSON', async () => {
    const { code, stdout } = await here('coverage', 'BTC/USDT:USDT', '--json')
    expect(code).toBe(3)
    const [line] = jsonLines(stdout)
    expect(line).toMatchObject({
      symbol: 'BTCUSDT',
      market: 'usdm',
      rows: 950,
      expected: 960,
      missing: 10,
      complete: false,
      gapsByCause: { unknown: { gaps: 1, candles: 10 } },
      covered: [{ from: START, to: START + 960 * HOUR, source: 'archive' }],
      gaps: [{ from: START + 50 * HOUR, to: START + 60 * HOUR, cause: 'unknown', count: 10, note: 'a note' }],
      checks: [{ path: 'data/BTCUSDT.zip', outcome: 'verified' }],
      defects: [],
      holes: [],
    })
  })

  it('count what was never asked for as missing, as verify does, which notes a stray file without alarm', async () => {
    await using other = await tempFolder('holes')
    const lake = await Lake.open(other.join('ticklake-data'))
    const { storeSeries } = await import('./lake.ts')
    const series = seriesOf('XUSDT', '1h')
    await storeSeries(lake, series, { from: START, to: START + 24 * HOUR })
    await storeSeries(lake, series, { from: START + 72 * HOUR, to: START + 96 * HOUR })
    const { code, stdout } = await runHere(['coverage'], { cwd: other.path })
    expect(code).toBe(3)
    expect(stdout).toMatch(/complete +missing +not asked for/)
    expect(stdout).toMatch(/XUSDT .* 48 +50\.00 % +48 +48 /)
    expect(stdout).toContain('not asked for  2024-01-02 00:00 to 2024-01-04 00:00, 48 candles')
    const [line] = jsonLines((await runHere(['coverage', '--json'], { cwd: other.path })).stdout)
    expect(line).toMatchObject({
      rows: 48,
      expected: 96,
      missing: 48,
      notAskedFor: 48,
      unpublished: 0,
      complete: false,
    })

    await writeFile(other.join('ticklake-data', 'binance-spot', 'candle', 'XUSDT', '1h', 'stray.parquet'), 'mine')
    const stray = await runHere(['verify'], { cwd: other.path })
    expect(stray.code).toBe(3)
    expect(stray.stdout).toContain('ok, 1 note')
    expect(stray.stdout).toMatch(/open gaps +not asked for +verdict/)
    expect(stray.stdout).toContain('not asked for  2024-01-02 00:00 to 2024-01-04 00:00, 48 candles')
    const [verified] = jsonLines((await runHere(['verify', '--json'], { cwd: other.path })).stdout)
    const [covered] = jsonLines((await runHere(['coverage', '--json'], { cwd: other.path })).stdout)
    expect(verified).toMatchObject({ ok: true, complete: false, gaps: [] })
    expect(verified!.holes).toEqual([{ from: START + 24 * HOUR, to: START + 72 * HOUR }])
    expect(verified!.holes).toEqual(covered!.holes)
    expect(stray.stdout).toMatch(/note {2}stray-file: binance-spot\/candle\/XUSDT\/1h\/stray\.parquet: /)
    expect(stray.stderr).toMatch(/^checking 1 series\nchecked 1 of 1 series, 1 file, 48 rows in /)
  })

  it('name the path of a damaged coverage once, and give no advice that was followed', async () => {
    await using other = await tempFolder('mended')
    await makeLake(other.join('ticklake-data'))
    await writeFile(other.join('ticklake-data', 'binance-spot', 'candle', 'ETHUSDT', '1h', 'series.json'), '{')
    const problem = async (...args: string[]) =>
      (await runHere(['verify', 'ETHUSDT', ...args], { cwd: other.path })).stdout
        .split('\n')
        .find((line) => line.includes('damaged-coverage'))
    const wrong = await problem()
    expect(wrong).toMatch(/^ {2}wrong .*Run "ticklake verify --repair"/)
    expect(wrong?.split('series.json')).toHaveLength(2)
    expect(await problem('--repair')).toBe(
      '  repaired  damaged-coverage: binance-spot/candle/ETHUSDT/1h/series.json: the coverage is damaged (it is no JSON).',
    )
  })

  it('leave a series alone that a newer version has written', async () => {
    await using other = await tempFolder('newer')
    await makeLake(other.join('ticklake-data'))
    const path = other.join('ticklake-data', 'binance-spot', 'candle', 'ETHUSDT', '1h', 'series.json')
    const newer = (await readFile(path, 'utf8')).replace(/"format": ?1/, '"format":2')
    await writeFile(path, newer)
    for (const args of [['list'], ['verify', '--repair', 'ETHUSDT'], ['export', 'ETHUSDT', '--interval', '1h']]) {
      const { code, stdout, stderr } = await runHere(args, { cwd: other.path })
      expect(code, args.join(' ')).toBe(1)
      expect(stdout + stderr).toContain('newer version of ticklake (format 2; this one reads 1)')
    }
    expect(await readFile(path, 'utf8')).toBe(newer)
  })

  it('tell of a damaged series and still show the others', async () => {
    await using other = await tempFolder('damaged')
    await makeLake(other.join('ticklake-data'))
    await writeFile(other.join('ticklake-data', 'binance-spot', 'candle', 'ETHUSDT', '1h', 'series.json'), '{')
    for (const verb of ['list', 'stats', 'coverage']) {
      const { code, stdout, stderr } = await runHere([verb, '--json'], { cwd: other.path })
      expect(code).toBe(1)
      expect(jsonLines(stdout)).toHaveLength(2)
      expect(jsonLines(stderr)[0]).toMatchObject({
        error: { code: 'DAMAGED_COVERAGE', message: expect.stringContaining('verify --repair') },
      })
    }
    const doctor = await runHere(['doctor', '--offline'], { cwd: other.path })
    expect(doctor.code).toBe(1)
    expect(doctor.stdout).toContain('ticklake verify --repair')
  })
})

describe('export', () => {
  it('writes CSV that reads back to exactly the rows', async () => {
    const { code, stdout, stderr } = await here('export', 'ETHUSDT')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const rows = parse(stdout, { columns: true }) as Record<string, string>[]
    const truth = await rowsOf('ETHUSDT', '1h')
    expect(rows).toHaveLength(truth.length)
    for (const { name } of candle.columns.filter((spec) => spec.isDefault)) {
      expect(rows.map((row) => Number(row[name]))).toEqual([...truth.columns[name]!])
    }
    expect(Object.keys(rows[0]!)).toEqual(candle.columns.filter((spec) => spec.isDefault).map((spec) => spec.name))
    expect(stdout).not.toMatch(/\de[-+]?\d/)
  })

  it('takes range, columns, names and time format', async () => {
    const base = ['export', 'BTCUSDT', '--market', 'usdm', '--from', '2024-01-02', '--to', '2024-01-02T02:00:00Z']
    expect((await here(...base, '--columns', 'open_time,close')).stdout).toBe(
      'open_time,close\n1704153600000,103.5\n1704157200000,103.625\n',
    )
    expect(
      (await here(...base, '--columns', 'openTime', 'quoteVolume', '--names', 'camel', '--time', 'iso', '--no-header'))
        .stdout,
    ).toBe('2024-01-02T00:00:00Z,1234.5678\n2024-01-02T01:00:00Z,1234.5678\n')
    expect((await here(...base, '--columns', 'open_time', '--time', 'us', '--format', 'jsonl')).stdout).toBe(
      '{"open_time":1704153600000000}\n{"open_time":1704157200000000}\n',
    )
    const inclusive = await here(
      'export',
      'ETHUSDT',
      '--start-date',
      '2024-01-05',
      '--end-date',
      '2024-01-05',
      '--json',
      '--columns',
      'open_time',
    )
    expect(jsonLines(inclusive.stdout)).toHaveLength(24)
    const micro = await here(
      'export',
      'ETHUSDT',
      '--columns',
      'close_time',
      '--to',
      '2024-01-01T01:00:00Z',
      '--time',
      'us',
      '--no-header',
    )
    expect(micro.stdout).toBe('1704070799999999\n')
  })

  it('asks which series is meant when there are several, and takes the default interval', async () => {
    expect((await here('export', 'BTCUSDT', '--columns', 'open_time', '--no-header')).stdout.split('\n')).toHaveLength(
      4201,
    )
    await using other = await tempFolder('several')
    const lake = await Lake.open(other.join('ticklake-data'))
    const { storeSeries } = await import('./lake.ts')
    const day = { from: START, to: START + 24 * HOUR }
    await storeSeries(lake, seriesOf('XUSDT', '1h'), day)
    await storeSeries(lake, seriesOf('XUSDT', '2h'), day)
    const unclear = await runHere(['export', 'XUSDT'], { cwd: other.path })
    expect(unclear.code).toBe(2)
    expect(unclear.stderr).toContain('several series of XUSDT: XUSDT 1h, XUSDT 2h. Choose one with --interval.')
    const env = { DEFAULT_INTERVAL: '2h' }
    expect(
      (await runHere(['export', 'XUSDT', '--no-header'], { cwd: other.path, env })).stdout.split('\n'),
    ).toHaveLength(13)
  })

  it('ends with 3 and says on stderr what is missing, but not for what the exchange never published', async () => {
    const gap = await here('export', 'BTCUSDT', '--market', 'usdm', '--format', 'jsonl')
    expect(gap.code).toBe(3)
    expect(gap.stderr).toContain('missing 2024-01-03 02:00 to 2024-01-03 12:00: unknown')
    expect(jsonLines(gap.stdout)).toHaveLength(950)
    expect((await here('export', 'BTCUSDT', '--market', 'spot')).code).toBe(0)
    const beyond = await here('export', 'ETHUSDT', '--from', '2020-01-01', '--to', '2024-02-01')
    expect(beyond.code).toBe(3)
    expect(beyond.stderr).toBe(
      'warning: not in the lake: 2024-01-11 00:00 to 2024-02-01 00:00; fetch it with ticklake download ETHUSDT --interval 1h\n',
    )
    const outside = await here('export', 'ETHUSDT', '--from', '2025-01-01')
    expect(outside.code).toBe(2)
    expect(outside.stderr).toContain('the range lies outside')
  })

  it('writes Parquet and Arrow files that other readers read, whole or not at all', async () => {
    const truth = await rowsOf('BTCUSDT', '1m')
    const parquet = await here('export', 'BTCUSDT', '--out', 'out/btc.parquet')
    expect(parquet).toMatchObject({ code: 0, stdout: '' })
    expect(parquet.stderr).toMatch(/^wrote 4,200 rows of BTCUSDT 1m to out\/btc\.parquet \(/)
    using duck = await connectDuck()
    const read = await duck.runAndReadAll(
      `SELECT count(*)::INT, sum(close), max(epoch_us(close_time)), typeof(any_value(open_time)) FROM '${folder.join('out', 'btc.parquet')}'`,
    )
    const sum = truth.columns.close!.reduce((total, value) => total + value, 0)
    expect(read.getRows()[0]).toEqual([
      4200,
      sum,
      BigInt(truth.columns.close_time!.at(-1)! * 1000),
      'TIMESTAMP WITH TIME ZONE',
    ])

    expect((await here('export', 'BTCUSDT', '--out', 'out/btc.arrow', '--json')).stdout).toMatch(
      /"format":"arrow".*"rows":4200/,
    )
    const table = tableFromIPC(await readFile(folder.join('out', 'btc.arrow')))
    expect(table.numRows).toBe(4200)
    expect(String(table.schema.fields[0]!.type)).toBe('Timestamp<MICROSECOND, UTC>')
    expect([...(table.getChild('close')!.toArray() as Float64Array)]).toEqual([...truth.columns.close!])
    expect(table.getChild('close_time')!.get(0)).toBe(truth.columns.close_time![0])
    expect((await readdir(folder.join('out'))).sort()).toEqual(['btc.arrow', 'btc.parquet'])
  })

  it('pipes Arrow and Parquet as binary', async () => {
    const run = promisify(execFile)
    const bin = new URL('../../bin/ticklake.js', import.meta.url).pathname
    const pipe = async (...args: string[]) =>
      (
        await run(process.execPath, [bin, 'export', 'ETHUSDT', ...args], {
          cwd: folder.path,
          encoding: 'buffer',
          maxBuffer: 1e8,
        })
      ).stdout
    const table = tableFromIPC(await pipe('--format', 'arrow', '--columns', 'open_time', 'trades', '--time', 'ms'))
    expect(table.numRows).toBe(240)
    expect(table.getChild('open_time')!.get(1)).toBe(BigInt(START + HOUR))
    const file = await pipe('--format', 'parquet')
    expect(file.subarray(0, 4).toString()).toBe('PAR1')
    expect(file.subarray(-4).toString()).toBe('PAR1')
  })

  it('gives valid empty files for a range without rows', async () => {
    const empty = [
      'export',
      'BTCUSDT',
      '--market',
      'usdm',
      '--from',
      '2024-01-03T03:00:00Z',
      '--to',
      '2024-01-03T04:00:00Z',
    ]
    expect((await here(...empty)).stdout.split('\n')).toHaveLength(2)
    await here(...empty, '--out', 'empty.arrow')
    expect(tableFromIPC(await readFile(folder.join('empty.arrow'))).numRows).toBe(0)
    await here(...empty, '--out', 'empty.parquet')
    expect((await stat(folder.join('empty.parquet'))).size).toBeGreaterThan(0)
  })

  it('keeps an existing file when it fails', async () => {
    await writeFile(folder.join('keep.csv'), 'mine')
    const stop = new AbortController()
    stop.abort(new Error('stop'))
    const { code } = await runHere(['export', 'ETHUSDT', '--out', 'keep.csv'], {
      cwd: folder.path,
      signal: stop.signal,
    })
    expect(code).toBe(1)
    expect(await readFile(folder.join('keep.csv'), 'utf8')).toBe('mine')
    expect((await readdir(folder.path)).filter((name) => name.endsWith('.tmp'))).toEqual([])
    const dir = await here('export', 'ETHUSDT', '--out', 'keep.csv/x.csv')
    expect(dir.code).toBe(1)
    expect(dir.stderr).toContain('cannot be written')
  })
})

describe('query', () => {
  const SQL = 'SELECT symbol, count(*) AS n, min(low) AS low, min(open_time) AS t FROM candle GROUP BY ALL ORDER BY n'

  it('prints an aligned table, with the number of rows on stderr', async () => {
    expect(await here('query', SQL)).toEqual({
      code: 0,
      stdout:
        'symbol      n        low  t\n' +
        'ETHUSDT   240  0.0000001  2024-01-01T00:00:00Z\n' +
        'BTCUSDT  5150  0.0000001  2024-01-01T00:00:00Z\n',
      stderr: '2 rows\n',
    })
  })

  it('gives CSV and JSON lines', async () => {
    expect((await here('query', SQL, '--format', 'csv', '--time', 'ms')).stdout).toBe(
      `symbol,n,low,t\nETHUSDT,240,0.0000001,${START}\nBTCUSDT,5150,0.0000001,${START}\n`,
    )
    expect(jsonLines((await here('query', SQL, '--json')).stdout)).toEqual([
      { symbol: 'ETHUSDT', n: 240, low: 1e-7, t: '2024-01-01T00:00:00Z' },
      { symbol: 'BTCUSDT', n: 5150, low: 1e-7, t: '2024-01-01T00:00:00Z' },
    ])
    const odd = await here(
      'query',
      `SELECT 'a,"b' AS text, NULL AS none, [1, 2] AS list, {'k': 'v'} AS struct, true AS yes, 9007199254740993 AS big, 1.50::DECIMAL(9,2) AS d`,
      '--json',
    )
    expect(jsonLines(odd.stdout)).toEqual([
      { text: 'a,"b', none: null, list: [1, 2], struct: { k: 'v' }, yes: true, big: '9007199254740993', d: 1.5 },
    ])
    expect((await here('query', `SELECT 'a,"b' AS t, NULL AS n`, '--format', 'csv')).stdout).toBe('t,n\n"a,""b",\n')
  })

  it('bounds a table and says so', async () => {
    const { stdout, stderr } = await here('query', 'SELECT i FROM range(1000) t(i)')
    expect(stdout.split('\n')).toHaveLength(102)
    expect(stderr).toContain('only the first 100 are shown (--limit all shows the rest)')
    expect((await here('query', 'SELECT i FROM range(1000) t(i)', '--limit', '3', '--format', 'csv')).stdout).toBe(
      'i\n0\n1\n2\n',
    )
    expect((await here('query', 'SELECT i FROM range(1000) t(i)', '--limit', 'all')).stdout.split('\n')).toHaveLength(
      1002,
    )
  })

  it('answers on a lake that does not exist yet', async () => {
    expect((await here('query', 'SELECT count(*) AS n FROM candle', '--data-dir', 'none', '--json')).stdout).toBe(
      '{"n":0}\n',
    )
  })

  it('names what a wrong statement names', async () => {
    const { code, stderr } = await here('query', 'SELECT closse FROM candle')
    expect(code).toBe(2)
    expect(stderr).toContain('closse')
  })
})

describe('the built program', () => {
  it('keeps stdout to JSON lines with --json, for every verb that reads the lake', async () => {
    for (const args of [
      ['list'],
      ['stats'],
      ['coverage'],
      ['export', 'ETHUSDT'],
      ['query', 'SELECT 1 AS one'],
      ['doctor', '--offline'],
    ]) {
      const { stdout, stderr } = await runBin([...args, '--json'], { cwd: folder.path })
      expect(jsonLines(stdout).length).toBeGreaterThan(0)
      expect(stderr).not.toContain('Error')
    }
  })
})
