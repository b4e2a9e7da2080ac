import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Interruption } from '../../../src/cli/interrupt.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/index.ts'
import { type TempFolder, tempFolder } from '../../helpers/temp.ts'
import { jsonLines, type Ran, runHere } from '../bin.ts'

let sandbox: Sandbox
let folder: TempFolder

beforeAll(async () => {
  sandbox = await startSandbox({ tradesPerSecond: 50, seed: 3 })
  folder = await tempFolder('collect')
})

afterAll(async () => {
  await folder[Symbol.asyncDispose]()
  await sandbox.close()
})

function cli(args: readonly string[], signal?: AbortSignal): Promise<Ran> {
  const endpoint = args.includes('--endpoint') ? [] : ['--endpoint', sandbox.endpoint]
  return runHere([...args, ...endpoint], { cwd: folder.path, ...(signal ? { signal } : {}) })
}

/** Runs a collection and does something to it as soon as all of its streams are live, and stops it when told. */
async function collectUntil(
  args: readonly string[],
  once: (stop: () => void, dataDir: string) => Promise<void>,
): Promise<Ran> {
  const user = new AbortController()
  const dataDir = folder.join(args[args.indexOf('--data-dir') + 1] as string)
  const running = cli(args, user.signal)
  await once(() => user.abort(new Interruption('SIGTERM')), dataDir)
  return running
}

describe('ticklake collect', () => {
  it('stores what happens, proves it, and ends with 0', async () => {
    const ran = await cli(
      ['collect', 'btc/usdt', 'BTC/USDT:USDT', '--kinds', 'trade,depth,candle,markPrice', '--interval', '1s'].concat([
        '--duration',
        '3s',
        '--data-dir',
        'whole',
        '--report',
        'whole.json',
      ]),
    )
    expect(ran.stderr).toContain('Collecting 6 streams to whole; Ctrl-C ends it.')
    expect(ran.stderr).toContain('BTCUSDT book: syncing → synced')
    expect(ran.stdout).toMatch(/^spot +BTCUSDT +trade +\d+ +\d+ +[\d,]+ +0 +0 +0 +0/m)
    expect(ran.stdout).toMatch(/^usdm +BTCUSDT +markPrice +\d{4}-\d\d-\d\d/m)
    expect(ran.stdout).toMatch(/Complete: nothing is missing\.\n$/)
    expect(ran.code).toBe(0)

    const [name] = await readdir(folder.join('whole', '.reports'))
    const report = JSON.parse(await readFile(folder.join('whole', '.reports', name as string), 'utf8'))
    expect(report).toMatchObject({ format: 1, complete: true, counters: { lost: 0 } })
    expect(JSON.parse(await readFile(folder.join('whole.json'), 'utf8'))).toEqual(report)

    const proof = await cli(['prove', '--data-dir', 'whole', '--json'])
    const proofs = jsonLines(proof.stdout)
    expect(proofs.map(({ market, kind }) => `${market} ${kind}`)).toEqual(
      expect.arrayContaining(['spot trade', 'spot bookDelta', 'spot candle', 'usdm markPrice', 'usdm fundingRate']),
    )
    for (const one of proofs) expect(one).toMatchObject({ ok: true, missing: 0, lost: 0, problems: [] })
    expect(proofs.find(({ kind }) => kind === 'bookSnapshot')?.books).toBeGreaterThan(1)
    expect(proof.code).toBe(0)
    const coverage = await cli(['coverage', '--data-dir', 'whole'])
    expect(coverage.code).toBe(0)
  })

  it('fills what a cut tore, and tells of it', async () => {
    await using other = await startSandbox({ tradesPerSecond: 100, seed: 4 })
    const ran = await collectUntil(
      ['collect', 'BTCUSDT', '--kinds', 'trade,depth', '--data-dir', 'cut', '--endpoint', other.endpoint],
      async (stop, dataDir) => {
        const { connectControl } = await import('../../../src/engine/live/control.ts')
        const client = await until(() => connectControl(dataDir).catch(() => undefined))
        await using _client = client
        await until(async () => {
          const { channels, books } = await client.status()
          return channels.every(({ state }) => state === 'live') && books[0]?.state === 'synced'
        })
        other.addFaults([{ type: 'disconnect', refuseMs: 300, times: 1 }])
        const filled = async (): Promise<boolean> => {
          const { series, books } = await client.status()
          const trades = series.find(({ kind }) => kind === 'trade')
          return (
            (trades?.filled ?? 0) > 0 &&
            trades?.missing === 0 &&
            (books[0]?.staleMs ?? 0) > 0 &&
            books[0]?.state === 'synced'
          )
        }
        await until(filled)
        stop()
      },
    )
    expect(ran.stderr).toMatch(/spot: connection 1 was lost \(.*\); 2 streams down/)
    expect(ran.stderr).toMatch(/BTCUSDT trade: (\d+ records? missing .*; asking REST|.* filled after)/)
    expect(ran.stderr).toMatch(/BTCUSDT trade: .*(\d+) of \1 filled after/)
    expect(ran.stderr).toContain('BTCUSDT book: synced → stale')
    expect(ran.stderr).toContain('BTCUSDT book: stale → synced')
    expect(ran.stderr).toContain('Stopping: everything is put on disk.')
    // Updates of a book can't be had again: the run is not complete, and says so.
    expect(ran.stdout).toContain('Not complete: 1 gap that nothing can fill')
    expect(ran.code).toBe(3)
    const proof = await cli(['prove', '--data-dir', 'cut', '--endpoint', other.endpoint])
    expect(proof.stdout).toMatch(/Nothing is wrong; \d+ records are lost, and on record as gaps\./)
    expect(proof.code).toBe(3)
    const trades = await cli(['prove', '--kinds', 'trade', '--data-dir', 'cut', '--endpoint', other.endpoint])
    expect(trades.stdout).toContain('Nothing is missing and nothing is wrong.')
    expect(trades.code).toBe(0)
    const coverage = await cli(['coverage', '--data-dir', 'cut'])
    expect(coverage.stdout).toMatch(/^spot +BTCUSDT +bookDelta .* \d+\.\d\d % +\? /m)
    expect(coverage.stdout).toMatch(/gap {2}.*own-outage/)
    expect(coverage.code).toBe(3)
  })

  it('speaks JSON lines', async () => {
    const ran = await cli(
      ['collect', 'BTCUSDT', '--kinds', 'trade', '--duration', '1500ms', '--data-dir', 'json', '--json'].concat(
        '--quiet',
      ),
    )
    const quiet = jsonLines(ran.stdout)
    expect(quiet.map(({ type }) => type)).toEqual(['report'])
    expect(ran.stderr).toBe('')
    const told = await cli([
      'collect',
      'BTCUSDT',
      '--kinds',
      'trade',
      '--duration',
      '1500ms',
      '--data-dir',
      'json',
      '--json',
    ])
    const lines = jsonLines(told.stdout)
    expect(lines.at(-1)).toMatchObject({ type: 'report', format: 1, complete: true, silent: [] })
    expect(lines.slice(0, -1).map(({ event }) => event)).toEqual(expect.arrayContaining(['open', 'live', 'all-live']))
    expect(told.code).toBe(0)
    // What was missed between the two runs is there too.
    const proof = await cli(['prove', '--data-dir', 'json', '--json'])
    expect(jsonLines(proof.stdout)[0]).toMatchObject({ kind: 'trade', ok: true, missing: 0, lost: 0 })
  })

  it('stores nothing with --no-store, and records frames', async () => {
    const ran = await cli(
      ['collect', 'BTCUSDT', '--kinds', 'trade', '--duration', '1s', '--no-store', '--data-dir', 'none'].concat([
        '--record',
        'frames.ndjson.gz',
        '--report',
        'none.json',
      ]),
    )
    expect(ran.code).toBe(0)
    expect(existsSync(folder.join('none'))).toBe(false)
    expect(JSON.parse(await readFile(folder.join('none.json'), 'utf8'))).toMatchObject({ complete: true })
    const frames = jsonLines(gunzipSync(await readFile(folder.join('frames.ndjson.gz'))).toString())
    expect(frames.length).toBeGreaterThan(10)
    expect(frames.every(({ t, frame }) => typeof t === 'number' && typeof frame === 'string')).toBe(true)
  })

  it('says which options have no effect', async () => {
    const args = ['collect', 'BTCUSDT', '--kinds', 'trade', '--interval', '1s', '--depth', '50', '--duration', '1s']
    const ran = await cli([...args, '--no-store'])
    expect(ran.stderr).toContain('intervals are of candles, and none are collected')
    expect(ran.stderr).toContain('--depth is of order books, and none are collected')
    expect(ran.code).toBe(0)
  })

  it('collects the pairs of the config when no symbol is named', async () => {
    await using other = await tempFolder('collect-pairs')
    await writeFile(other.join('pairs.yaml'), 'pairs: [BTCUSDT, ETH/USDT, GONEUSDT]\n')
    await writeFile(
      other.join('ticklake.config.yaml'),
      `exchange: { endpoint: "${sandbox.endpoint}" }\ncollect: { kinds: [quote, candle], intervals: [1s] }\n`,
    )
    const ran = await runHere(['collect', '--duration', '1500ms'], { cwd: other.path })
    expect(ran.stderr).toContain('2 pairs of pairs.yaml')
    expect(ran.stderr).toContain('the exchange does not trade GONEUSDT; left out.')
    expect(ran.stdout).toMatch(/^spot +ETHUSDT +candle 1s /m)
    expect(ran.stdout).toMatch(/^spot +BTCUSDT +quote /m)
    expect(ran.code).toBe(0)
  })

  it.each([
    [['BTCUSDT', '--kinds', 'trade,depht'], /--kinds is "trade,depht"; allowed: .* Did you mean depth\?/],
    [['BTCUSDT', '--kinds', 'klines'], /Did you mean candle\?/],
    [['BTCUSDT', '--kinds', 'bookTicker'], /Did you mean quote\?/],
    [
      ['BTCUSDT', '--kinds', 'depth,bookSnapshot'],
      /spot BTCUSDT: both bookDelta \(depth\) and bookSnapshot are wanted/,
    ],
    [['BTCUSTD'], /Unknown symbol "BTCUSTD" on binance spot\. Did you mean BTCUSDT\?/],
    [['BTCUSDT', '--kinds', 'trade,markPrice'], /binance spot has no markPrice; usdm and coinm have\. Write/],
    [
      ['BTCUSDT', '--kinds', 'bookSnapshot', '--depth', '7'],
      /bookSnapshot comes with 5, 10, 20 levels per side; --depth says 7\./,
    ],
    [['BTC/USDT:USDT', '--kinds', 'candle', '--interval', '1s'], /there is no interval 1s/],
    [['BTCUSDT', '--interval', '61m'], /--interval is "61m"/],
    [['BTCUSDT', '--duration', 'soon'], /--duration is "soon"; allowed: a time such as/],
    [['BTCUSDT', '--depth', '3'], /--depth is "3"; allowed: a whole number from 5 to 5000/],
    [['*', '--kinds', 'trade'], /there is no stream of all symbols/],
    [['BTCUSDT', '--kinds', 'fundingRate'], /binance spot has no fundingRate; usdm and coinm have/],
    [['*', 'BTCUSDT', '--kinds', 'ticker'], /spot ticker: "\*" brings the small ticker of BTCUSDT already/],
    [['*', '--market', 'usdm', '--kinds', 'fundingRate'], /there is no stream of all symbols.*fundingRate/],
  ])('refuses %j before anything starts', async (args, message) => {
    const ran = await cli(['collect', ...args, '--data-dir', 'refused'])
    expect(ran.stderr).toMatch(message)
    expect(ran.code).toBe(2)
    expect(existsSync(folder.join('refused'))).toBe(false)
  })

  it.each(['spot', 'usdm'])('collects the ticker of every symbol of %s, and its values pass verify', async (market) => {
    const args = ['--market', market, '--kinds', market === 'spot' ? 'ticker' : 'ticker,quote,liquidation']
    const dataDir = `every-${market}`
    const ran = await collectUntil(['collect', '*', ...args, '--data-dir', dataDir, '--json'], async (stop) => {
      const status = ['monitor', '--once', '--json', '--data-dir', dataDir]
      for (let seen = 0; seen < 3; await sleep(100)) {
        const { code, stdout } = await cli(status)
        if (code !== 0) continue
        const { series } = jsonLines(stdout)[0] as { series: readonly { kind: string }[] }
        seen = series.filter(({ kind }) => kind === 'ticker').length
      }
      stop()
    })
    expect([ran.code, ran.stderr]).toEqual([0, expect.any(String)])
    const verified = await cli(['verify', '--data-dir', dataDir])
    expect(verified.stdout).not.toMatch(/problem|wrong/)
    expect(verified.stdout).toMatch(/ETHUSDT +ticker .* ok/)
    expect(verified.code).toBe(0)
  })

  it('records books of both markets so that they can be played again', async () => {
    const kinds = ['BTCUSDT', 'BTC/USDT:USDT', '--kinds', 'depth,quote']
    await cli(['collect', ...kinds, '--duration', '3s', '--record', 'both.ndjson.gz', '--data-dir', 'recorded'])
    // Another market: what is right can only come of the recording.
    await using player = await startSandbox({ seed: 77, capture: [folder.join('both.ndjson.gz')], speed: 2 })
    const played = ['--endpoint', player.endpoint, '--duration', '4s', '--data-dir', 'played', '--json']
    const ran = await cli(['collect', ...kinds, ...played])
    const books = jsonLines(ran.stdout).filter(({ event }) => event === 'book')
    expect(books.map(({ market, to }) => `${market} ${to}`).toSorted()).toEqual(['spot synced', 'usdm synced'])
    const levels = async (dataDir: string, market: string): Promise<string> => {
      const ran = await cli(['export', 'BTCUSDT', '--market', market, '--kind', 'bookDelta', '--data-dir', dataDir])
      return ran.stdout.replaceAll(/,[\d.]*$/gm, '')
    }
    for (const market of ['spot', 'usdm']) {
      const before = await levels('recorded', market)
      expect(before.split('\n').length).toBeGreaterThan(100)
      expect(await levels('played', market)).toBe(before)
    }
  })

  it('says that the file for raw frames can not be made, before it connects', async () => {
    const ran = await cli(['collect', 'BTCUSDT', '--record', 'no-folder/frames.gz', '--data-dir', 'unrecorded'])
    expect(ran.stderr).toMatch(/no-folder.frames\.gz: the file for raw frames can not be made: no such file or folder/)
    expect(ran.stderr).not.toMatch(/is open|should not happen/)
    expect(ran.code).toBe(1)
  })

  it('records over nothing that is there already', async () => {
    const run = (file: string): Promise<Ran> =>
      cli(['collect', 'BTCUSDT', '--kinds', 'trade', '--duration', '1s', '--no-store', '--record', file])
    await writeFile(folder.join('kept.ndjson'), 'an hour of frames')
    const refused = await run('kept.ndjson')
    expect(refused.stderr).toMatch(
      /kept\.ndjson is there already, and a recording replaces none: name another file, or remove it/,
    )
    expect(refused.stderr).not.toContain('Collecting')
    expect(refused.code).toBe(2)
    expect(await readFile(folder.join('kept.ndjson'), 'utf8')).toBe('an hour of frames')
    // An empty one, as mktemp makes it, has nothing to lose.
    await writeFile(folder.join('empty.ndjson'), '')
    const taken = await run('empty.ndjson')
    expect(taken.stderr).toContain('Collecting')
    expect(taken.code).not.toBe(2)
  })

  it('says that an exchange can not be reached, and ends with 1', async () => {
    await writeFile(folder.join('few.yaml'), 'download: { retries: 0 }\n')
    const ran = await cli([
      'collect',
      'BTCUSDT',
      '--data-dir',
      'dead',
      '--config',
      'few.yaml',
      '--endpoint',
      'http://127.0.0.1:9',
    ])
    expect(ran.stderr).toContain('127.0.0.1:9')
    expect(ran.code).toBe(1)
  })
})

describe('ticklake collect, when nothing comes', () => {
  it('is not complete though nothing is known to be missing', async () => {
    await using other = await startSandbox({ seed: 9, faults: [{ type: 'refuse-upgrade' }] })
    const args = ['collect', 'BTCUSDT', '--kinds', 'trade', '--duration', '2s', '--data-dir', 'silent']
    const ran = await cli([...args, '--endpoint', other.endpoint])
    expect(ran.stderr).toMatch(/spot: connecting again in/)
    expect(ran.stdout).toContain('nothing ever arrived of spot/trade/BTCUSDT')
    expect(ran.stdout).not.toContain('Complete')
    expect(ran.code).toBe(3)
  })

  it('fails when a connection is lost and must not be made again', async () => {
    await using other = await startSandbox({ seed: 9, tradesPerSecond: 50 })
    await writeFile(folder.join('once.yaml'), 'websocket: { autoReconnect: false }\n')
    other.addFaults([{ type: 'disconnect', after: 10, times: 1 }])
    const args = ['collect', 'BTCUSDT', '--kinds', 'trade', '--data-dir', 'once', '--config', 'once.yaml']
    const ran = await cli([...args, '--endpoint', other.endpoint])
    expect(ran.stderr).toContain('every connection is lost, and websocket.autoReconnect is off.')
    expect(ran.stdout).toContain('Not complete: 1 series brought nothing since they were interrupted')
    expect(ran.code).toBe(1)
  })

  it('does not call complete what ends while the exchange is away', async () => {
    await using other = await startSandbox({ seed: 9, tradesPerSecond: 50 })
    const args = ['collect', 'BTCUSDT', '--kinds', 'trade', '--data-dir', 'away', '--endpoint', other.endpoint]
    const ran = await collectUntil(args, async (stop, dataDir) => {
      const { connectControl } = await import('../../../src/engine/live/control.ts')
      const client = await until(() => connectControl(dataDir).catch(() => undefined))
      await using _client = client
      const state = async () => (await client.status()).channels[0]?.state
      await until(async () => (await state()) === 'live')
      other.addFaults([{ type: 'disconnect' }, { type: 'refuse-upgrade' }])
      await until(async () => (await state()) === 'down')
      stop()
    })
    expect(ran.stdout).toContain('Not complete: 1 series brought nothing since they were interrupted')
    expect(ran.code).toBe(3)
    other.clearFaults()
    const again = await cli([...args, '--duration', '2s'])
    expect(again.stdout).toContain('Complete: nothing is missing.')
    expect(again.code).toBe(0)
    expect((await cli(['prove', '--data-dir', 'away', '--endpoint', other.endpoint])).code).toBe(0)
  })

  it('ends at once when the user stops it before anything came', async () => {
    await using other = await startSandbox({ seed: 9, faults: [{ type: 'refuse-upgrade' }] })
    const user = new AbortController()
    const args = ['collect', 'BTCUSDT', '--data-dir', 'stopped', '--endpoint', other.endpoint]
    setTimeout(() => user.abort(new Interruption('SIGINT')), 700)
    const ran = await cli(args, user.signal)
    expect(ran.stderr).toContain('Stopping: everything is put on disk.')
    expect(ran.code).toBe(0)
  })
})

describe('ticklake prove', () => {
  it('finds what never happened', async () => {
    await using other = await startSandbox({ tradesPerSecond: 50, seed: 5 })
    const kept = await cli(['collect', 'BTCUSDT', '--kinds', 'trade', '--duration', '1s', '--data-dir', 'wrong'])
    expect(kept.code).toBe(0)
    const ran = await cli(['prove', '--data-dir', 'wrong', '--endpoint', other.endpoint])
    expect(ran.code).toBe(1)
    expect(ran.stdout).toMatch(/wrong {2}BTCUSDT trade: \d+ (never happened|is )/)
    expect(ran.stdout).toContain('The lake is not what happened.')
  })

  it('needs a sandbox', async () => {
    const kept = await cli([
      'collect',
      'BTCUSDT',
      '--kinds',
      'trade',
      '--duration',
      '1s',
      '--data-dir',
      'asked',
      '--quiet',
    ])
    expect(kept.code).toBe(0)
    const server = createServer((_, response) => response.end('{"serverTime":1}'))
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()))
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}`
    const wrong = await cli(['prove', '--data-dir', 'asked', '--endpoint', url])
    server.close()
    expect(wrong.stderr).toContain(`${url} is no sandbox: only a sandbox can tell what really happened.`)
    expect(wrong.code).toBe(2)
    const none = await runHere(['prove', '--data-dir', 'asked'], { cwd: folder.path })
    expect(none.stderr).toContain('prove needs --endpoint')
    expect(none.code).toBe(2)
  })
})

/** Asks again and again until something is true; the test's own time limit ends it. */
async function until<T>(ask: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    await new Promise((done) => setTimeout(done, 20))
  }
}
