import { once } from 'node:events'
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { countOpens } from '../../src/model/interval.ts'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts'
import { archiveTree } from '../helpers/archive-tree.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { ended, jsonLines, runBin, runHere, startBin } from './bin.ts'

const tree = await archiveTree()
const NOW = Date.UTC(2024, 2, 10, 12)
const FROM = Date.UTC(2024, 2, 1)
const DAY = 86_400_000

let folder: TempFolder
let sandbox: Sandbox
beforeEach(async () => {
  folder = await tempFolder('e2e')
})
afterEach(async () => {
  await sandbox[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

async function start(options: SandboxOptions = {}): Promise<void> {
  sandbox = await startSandbox({
    now: NOW,
    ...(options.archive === undefined ? { symbols: ['BTCUSDT', 'ETHUSDT'] } : {}),
    ...options,
  })
}

const here = (...args: string[]) => runHere(['--endpoint', sandbox.endpoint, ...args], { cwd: folder.path })

/** What really happened, by the sandbox's word, in the form of an export. */
async function truthOf(symbol: string, interval: string, from: number, to: number, market = 'spot'): Promise<string[]> {
  const query = new URLSearchParams({ market, kind: 'candle', symbol, interval, from: String(from), to: String(to) })
  const answer = await fetch(`${sandbox.endpoint}/sandbox/truth?${query}`)
  expect(answer.status).toBe(200)
  const rows = (await answer.json()) as (string | number)[][]
  // Rows are in the exchange's form: eleven fields that matter, decimals as text.
  return rows.map((row) =>
    row
      .slice(0, 11)
      .map((value) => String(Number(value)))
      .join(','),
  )
}

async function exported(symbol: string, interval: string, ...more: string[]): Promise<string[]> {
  const { stdout } = await here('export', symbol, '--interval', interval, '--no-header', ...more)
  return stdout.trim().split('\n')
}

describe('download', () => {
  it('brings several symbols and intervals to disk, and says so in a table', async () => {
    await start()
    const ran = await here('download', 'BTC/USDT', 'ethusdt', '--interval', '1m,1h', '--from', '2024-03-01')
    expect(ran.stderr).not.toContain('error')
    expect(ran.code).toBe(0)
    const states = ran.stdout
      .split('\n')
      .slice(1, 5)
      .map((line) => line.trim().split(/ {2,}/))
    expect(states.map((cells) => [cells[1], cells[2], cells.at(-1)])).toEqual([
      ['BTCUSDT', '1m', 'complete'],
      ['BTCUSDT', '1h', 'complete'],
      ['ETHUSDT', '1m', 'complete'],
      ['ETHUSDT', '1h', 'complete'],
    ])
    expect(ran.stderr).toContain('downloading 4 series')
    expect(ran.stderr).toContain('The lake is in ticklake-data.')
    const rows = await exported('BTCUSDT', '1m')
    expect(rows).toHaveLength(countOpens({ interval: '1m' }, { from: FROM, to: NOW }))
    expect(rows).toEqual(await truthOf('BTCUSDT', '1m', FROM, NOW))
    expect(await exported('BTCUSDT', '1h')).toEqual(await truthOf('BTCUSDT', '1h', FROM, NOW))
  })

  it('has nothing to fetch the second time, and --update brings what is new', async () => {
    await start()
    await here('download', 'BTCUSDT', '--interval', '1h', '--from', '2024-03-01', '--to', '2024-03-05')
    const [again] = jsonLines(
      (await here('download', 'BTCUSDT', '--interval', '1h', '--from', '2024-03-01', '--to', '2024-03-05', '--json'))
        .stdout,
    )
    expect(again).toMatchObject({
      symbol: 'BTCUSDT',
      interval: '1h',
      rows: 96,
      added: 0,
      files: [],
      bytes: 0,
      complete: true,
    })
    const update = await here('download', '--update', '--json')
    expect(update.code).toBe(0)
    expect(jsonLines(update.stdout)[0]).toMatchObject({ from: FROM + 4 * DAY, to: NOW, added: 5 * 24 + 12 })
    expect(await exported('BTCUSDT', '1h')).toHaveLength(9 * 24 + 12)
  })

  it('takes dates inclusively, days and months backwards, and the market from the symbol', async () => {
    await start()
    const facts = async (...args: string[]) => {
      const [line] = jsonLines((await here('download', ...args, '--json')).stdout)
      return [line!.market, line!.from, line!.to]
    }
    expect(
      await facts('BTCUSDT', '--interval', '1h', '--start-date', '2024-03-01', '--end-date', '2024-03-02'),
    ).toEqual(['spot', FROM, FROM + 2 * DAY])
    expect(await facts('BTC/USDT:USDT', '--interval', '1h', '--days', '2')).toEqual(['usdm', NOW - 2 * DAY, NOW])
    expect(await facts('BTCUSDT', '--market', 'usdm', '--intervals', '1d', '--months', '1')).toEqual([
      'usdm',
      Date.UTC(2024, 1, 10),
      Date.UTC(2024, 2, 10),
    ])
  })

  it('takes a pair to be of the market that is named beside it, and refuses a contradiction', async () => {
    await start()
    const days = ['--interval', '1h', '--days', '1', '--json']
    const [line] = jsonLines((await here('download', 'BTC/USDT', '--market', 'usdm', ...days)).stdout)
    expect(line).toMatchObject({ market: 'usdm', symbol: 'BTCUSDT', complete: true })
    for (const [market, symbol] of [
      ['spot', 'BTC/USDT:USDT'],
      ['usdm', 'spot:BTC/USDT'],
    ] as const) {
      const wrong = await here('download', symbol, '--market', market, '--days', '1')
      expect(wrong.code).toBe(2)
      expect(wrong.stderr).toMatch(/is a symbol of market \w+, but --market is "\w+"\. Leave one of them out\./)
    }
    const { DataSourceManager } = await import('../../src/engine/data-source-manager.ts')
    const data = new DataSourceManager({ dataDir: folder.join('ticklake-data'), endpoint: sandbox.endpoint })
    const range = { interval: '1h', from: NOW - DAY, to: NOW, source: 'lake' } as const
    expect((await data.getData({ market: 'usdm', symbol: 'BTC/USDT', ...range })).numRows).toBe(24)
    expect((await data.getData({ symbol: 'BTC/USDT', ...range })).numRows).toBe(0)
    await expect(data.getData({ market: 'spot', symbol: 'BTC/USDT:USDT', ...range })).rejects.toThrow(
      /written as a symbol of usdm/,
    )
    await data.close()
    await data.close()
  })

  it('leaves out pairs that the exchange does not have, and names them once', async () => {
    await start()
    const { code, stderr, stdout } = await here('download', '--days', '1')
    expect(code).toBe(3)
    expect(stderr).toMatch(/warning: the exchange does not have LTCUSDT, .*DOGEUSDT; they are left out\./)
    expect(stdout.match(/complete$/gm)).toHaveLength(6)
  })

  it.each([
    ['faults.yaml', '# while it starts\n- type: http-error\n  status: 503\n  times: 1\n'],
    ['faults.json', '[{ "type": "http-error", "status": 503 }]'],
  ])('the sandbox starts with the faults of %s', async (name, text) => {
    await start()
    await writeFile(folder.join(name), text)
    // Stopped already: it starts, says where it is, and ends.
    const ran = await runHere(['sandbox', '--faults', name], { cwd: folder.path, signal: AbortSignal.abort() })
    expect(jsonLines(ran.stdout)[0]).toMatchObject({ endpoint: expect.stringContaining('http://127.0.0.1:') })
  })

  it.each([
    ['wrong.yaml', '- type: htp-error\n', 'Did you mean "http-error"?'],
    ['wrong.json', '[{', '--faults is "wrong.json", which is not JSON: '],
    ['broken.yaml', '- [', '--faults is "broken.yaml", which is not YAML: '],
  ])('the sandbox says what is wrong with %s', async (name, text, told) => {
    await start()
    await writeFile(folder.join(name), text)
    const ran = await runHere(['sandbox', '--faults', name], { cwd: folder.path })
    expect({ code: ran.code, stdout: ran.stdout }).toEqual({ code: 2, stdout: '' })
    expect(ran.stderr).toContain(told)
  })

  it('tells once that an exchange can not be reached', async () => {
    await start()
    const args = ['download', 'BTCUSDT', 'ETHUSDT', '--interval', '1m,1h', '--endpoint', 'http://127.0.0.1:1']
    const { code, stderr, stdout } = await runHere(args, { cwd: folder.path })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr.match(/^error: .*refused the connection/gm)).toHaveLength(1)
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(8)
  })

  it('fetches the pairs of pairs.yaml when no symbol is named', async () => {
    await start()
    await writeFile(
      folder.join('pairs.yaml'),
      'intervals: [4h, 1d]\nmonths: 1\npairs:\n  - BTCUSDT\n  - { symbol: ETH/USDT, market: usdm }\n',
    )
    const { code, stdout, stderr } = await here('download', '--json')
    expect(code).toBe(0)
    expect(jsonLines(stdout).map(({ market, symbol, interval, from }) => [market, symbol, interval, from])).toEqual([
      ['spot', 'BTCUSDT', '4h', Date.UTC(2024, 1, 10, 12)],
      ['spot', 'BTCUSDT', '1d', Date.UTC(2024, 1, 10)],
      ['usdm', 'ETHUSDT', '4h', Date.UTC(2024, 1, 10, 12)],
      ['usdm', 'ETHUSDT', '1d', Date.UTC(2024, 1, 10)],
    ])
    expect(stderr).toContain('2 pairs of pairs.yaml, 4h, 1d')
  })

  it('calls an unknown symbol wrong usage and suggests the near ones, before anything is fetched', async () => {
    await start()
    const { code, stdout, stderr } = await here('download', 'BTCUSDT', 'BTCUSTD', '--interval', '1h', '--days', '1')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('BTCUSTD')
    expect(stderr).toMatch(/Did you mean .*BTCUSDT/)
    expect(await readdir(folder.path)).toEqual([])
  })

  it('calls intervals and times that can not be wrong usage, without asking the exchange', async () => {
    await start()
    const before = await (await fetch(`${sandbox.endpoint}/sandbox/usage`)).text()
    for (const [args, hint] of [
      [['--interval', '1min'], 'Did you mean 1m?'],
      [['--market', 'usdm', '--interval', '1s'], 'binance has no 1s candles on usdm; it has 1m,'],
      [['--from', '2024-13-01'], '--from: "2024-13-01" is not a time'],
      [['--from', '2024-02-01', '--to', '2024-01-01'], 'The range is empty'],
    ] as const) {
      const { code, stdout, stderr } = await here('download', 'BTCUSDT', ...args)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toContain(hint)
    }
    expect(await (await fetch(`${sandbox.endpoint}/sandbox/usage`)).text()).toBe(before)
  })

  it.skipIf(tree.skip)(
    'leaves out a series that the exchange has no candles of, and ends with 3; with nothing else, with 2',
    async () => {
      await start({ archive: tree.path!, now: '2023-01-01' })
      const both = await here(
        'download',
        'AVAXUSDT',
        '--interval',
        '15m,1d',
        '--start-date',
        '2022-01-01',
        '--end-date',
        '2022-01-31',
        '--json',
      )
      expect(both.code).toBe(3)
      expect(jsonLines(both.stdout)).toMatchObject([{ symbol: 'AVAXUSDT', interval: '1d', rows: 31, complete: true }])
      expect(both.stderr).toContain('the exchange has no data of AVAXUSDT 15m; it is left out')
      const alone = await here('download', 'AVAXUSDT', '--interval', '15m')
      expect(alone.code).toBe(2)
      expect(alone.stderr).toContain('The exchange has no data of AVAXUSDT 15m.')
    },
  )

  it('refuses a range that has not come yet', async () => {
    await start()
    const { code, stderr } = await here('download', 'BTCUSDT', '--from', '2024-04-01')
    expect(code).toBe(2)
    expect(stderr).toContain("the exchange's clock says 2024-03-10 12:00")
  })

  it('ends with 3 and shows the gap when candles are missing that were published', async () => {
    await start({ faults: [{ type: 'missing-file', day: '2024-03-03' }] })
    const { code, stdout, stderr } = await here(
      'download',
      'BTCUSDT',
      '--interval',
      '1h',
      '--from',
      '2024-03-01',
      '--to',
      '2024-03-06',
      '--source',
      'archive',
    )
    expect(code).toBe(3)
    expect(stdout).toContain('incomplete')
    expect(stdout).toContain('missing  2024-03-03 00:00 to 2024-03-04 00:00, 24 candles')
    expect(stderr).toContain('INCOMPLETE (24 missing)')
    expect((await here('coverage', 'BTCUSDT')).code).toBe(3)
    const healed = await here('download', 'BTCUSDT', '--interval', '1h', '--from', '2024-03-01', '--to', '2024-03-06')
    expect(healed.code).toBe(0)
    expect((await here('coverage', 'BTCUSDT')).code).toBe(0)
  })

  it('ends with 1 and says why when the server never serves', async () => {
    await start({ faults: [{ type: 'http-error', status: 503 }] })
    await writeFile(folder.join('ticklake.config.yaml'), 'download: { retries: 0, timeout: 2s }\n')
    const { code, stderr } = await here('download', 'BTCUSDT', '--interval', '1h', '--days', '1')
    expect(code).toBe(1)
    expect(stderr).toContain('503')
  })

  it('stops cleanly on Ctrl-C, and the next run resumes to the whole truth', async () => {
    await start({ faults: [{ type: 'slow', bytesPerSecond: 20_000, match: { path: '\\.zip$' } }] })
    const args = [
      'download',
      'BTCUSDT',
      '--interval',
      '1m',
      '--from',
      '2024-03-01',
      '--to',
      '2024-03-08',
      '--endpoint',
      sandbox.endpoint,
    ]
    const child = startBin(args, { cwd: folder.path })
    let told = ''
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      told += text
    })
    await expect.poll(() => told, { timeout: 20_000 }).toContain('fetching')
    child.kill('SIGINT')
    const [code] = (await once(child, 'close')) as [number]
    expect(code).toBe(130)
    expect(told).toContain('Stopping')
    expect(told).toMatch(
      /Stopped: 0 of 1 series done, [\d,]+ new rows? stored; .* The same command goes on from here\./,
    )
    await fetch(`${sandbox.endpoint}/sandbox/faults`, { method: 'POST', body: '[]' })
    const resumed = await runBin(args, { cwd: folder.path })
    expect(resumed.code).toBe(0)
    const truth = await truthOf('BTCUSDT', '1m', FROM, FROM + 7 * DAY)
    expect(truth).toHaveLength(7 * 1440)
    expect(await exported('BTCUSDT', '1m')).toEqual(truth)
    expect((await here('verify')).code).toBe(0)
  })

  it('keeps stdout to JSON lines, and logs to stderr and a file', async () => {
    await start({ faults: [{ type: 'http-error', status: 500, times: 2, match: { path: 'klines' } }] })
    const ran = await runBin(
      [
        'download',
        'BTCUSDT',
        '--interval',
        '1h',
        '--days',
        '1',
        '--json',
        '--endpoint',
        sandbox.endpoint,
        '--log-file',
        'run.log',
        '--log-level',
        'debug',
      ],
      { cwd: folder.path },
    )
    expect(ran.code).toBe(0)
    expect(jsonLines(ran.stdout)).toHaveLength(1)
    const log = jsonLines(await readFile(folder.join('run.log'), 'utf8'))
    expect(log.some((line) => line.level === 'debug' && line.attempt === 1)).toBe(true)
    const quiet = await here('download', 'BTCUSDT', '--interval', '1h', '--days', '1', '--quiet')
    expect(quiet.stderr).toBe('')
  })
})

describe('verify', () => {
  it('finds damage, ends with 1, and repairs it', async () => {
    await start()
    await here('download', 'BTCUSDT', '--interval', '1h', '--from', '2024-03-01')
    const sound = await here('verify')
    expect(sound.code).toBe(0)
    expect(sound.stdout.split('\n')[1]).toMatch(/ok$/)
    const before = await exported('BTCUSDT', '1h')
    const series = folder.join('ticklake-data', 'binance-spot', 'candle', 'BTCUSDT', '1h')
    const file = (await readdir(series)).find((name) => name.endsWith('.parquet'))!
    await truncate(join(series, file), 500)
    const broken = await here('verify')
    expect(broken.code).toBe(1)
    expect(broken.stdout).toContain('wrong')
    expect(broken.stdout).toContain(file)
    expect(broken.stderr).toContain('ticklake verify --repair')
    const repaired = await here('verify', '--repair')
    expect(repaired.code).toBe(0)
    expect(repaired.stdout).toContain('repaired')
    expect((await here('verify', '--archive', '--json')).code).toBe(0)
    expect(await exported('BTCUSDT', '1h')).toEqual(before)
  })
})

describe('doctor and sandbox', () => {
  it('doctor measures the exchange and its clock', async () => {
    await start()
    const { code, stdout } = await here('doctor')
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /ok {4}REST spot: http:\/\/127\.0\.0\.1:\d+ answers in .*, [\d,]+ of weight left this minute/,
    )
    expect(stdout).toMatch(/warn {2}clock spot: this machine is .* ahead of the exchange/)
    expect(stdout).toMatch(/ok {4}archive: /)
  })

  it('the verb sandbox prints one JSON line when ready, serves, and ends with 0 on SIGTERM', async () => {
    await start()
    await writeFile(folder.join('faults.json'), '[{"type":"rate-limit","times":1}]')
    const child = startBin(
      [
        'sandbox',
        '--port',
        '0',
        '--market',
        'spot',
        '--now',
        '2024-03-10T12:00:00Z',
        '--symbols',
        'btcusdt',
        '--seed',
        '7',
        '--faults',
        'faults.json',
      ],
      { cwd: folder.path },
    )
    const result = ended(child)
    const [first] = (await once(child.stdout!, 'data')) as [string]
    const ready = JSON.parse(first) as Record<string, string>
    expect(Object.keys(ready)).toEqual(['endpoint', 'rest', 'ws', 'archive'])
    expect((await fetch(`${ready.endpoint}/api/v3/ping`)).status).toBe(429)
    expect((await fetch(`${ready.endpoint}/api/v3/ping`)).status).toBe(200)
    child.kill('SIGTERM')
    const { code, stdout } = await result
    expect(code).toBe(0)
    expect(jsonLines(stdout)).toHaveLength(1)
  })

  it('the verb sandbox names a fault that can not be', async () => {
    await start()
    await writeFile(folder.join('faults.json'), '[{"type":"rate-limt"}]')
    const { code, stderr } = await here('sandbox', '--faults', 'faults.json')
    expect(code).toBe(2)
    expect(stderr).toContain('rate-limt')
    await writeFile(folder.join('faults.json'), '[')
    expect((await here('sandbox', '--faults', 'faults.json')).stderr).toContain('which is not JSON')
    expect((await here('sandbox', '--faults', 'nowhere.json')).stderr).toContain('cannot be read')
  })
})
