import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { jsonLines, type Ran, runHere } from './bin.ts'

const NAMES = ['BTCUSDT', 'ETHUSDT', 'ETHBTC', 'SRMUSDT', 'NANOUSDT', 'XNOUSDT', 'BTCUSD_PERP', 'BTCUSD_230630']
let sandbox: Sandbox
let folder: TempFolder

beforeAll(async () => {
  sandbox = await startSandbox({ now: Date.UTC(2023, 3, 10, 12), symbols: NAMES, tradesPerSecond: 0.02 })
  folder = await tempFolder('symbols')
})

afterAll(async () => {
  await folder[Symbol.asyncDispose]()
  await sandbox.close()
})

function cli(...args: string[]): Promise<Ran> {
  return runHere(['--endpoint', sandbox.endpoint, '--json', ...args], { cwd: folder.path })
}

async function downloaded(...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await cli('download', '--interval', '1d', ...args)
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('error')])
  return jsonLines(stdout)
    .filter((line) => 'symbol' in line)
    .map((line) => `${line.market} ${line.symbol}`)
    .sort()
}

describe('symbols of a download', () => {
  it('are those that a pattern names', async () => {
    expect(await downloaded('*USDT', '--days', '3')).toEqual(['spot BTCUSDT', 'spot ETHUSDT', 'spot XNOUSDT'])
    expect(await downloaded('*/BTC', 'cm:*', '--days', '3')).toEqual([
      'coinm BTCUSD_230630',
      'coinm BTCUSD_PERP',
      'spot ETHBTC',
    ])
    expect(await downloaded('--quote', 'BTC', '--days', '3')).toEqual(['spot ETHBTC'])
    expect(await downloaded('SRMUSDT', '*BTC', '--from', '2022-06-01', '--to', '2022-06-03')).toEqual([
      'spot ETHBTC',
      'spot SRMUSDT',
    ])
  })

  it('are with ALL those too that were delisted since', async () => {
    const range = ['--from', '2022-06-01', '--to', '2022-06-03']
    const now = ['spot BTCUSDT', 'spot ETHBTC', 'spot ETHUSDT', 'spot XNOUSDT']
    expect(await downloaded('ALL', ...range)).toEqual([...now.slice(0, 3), 'spot SRMUSDT', 'spot XNOUSDT'])
    expect(await downloaded('ALL', '--no-delisted', ...range)).toEqual(now)
    expect(await downloaded('S*', '--delisted', ...range)).toEqual(['spot SRMUSDT'])
  })

  it('of COIN-M share the index of their pair', async () => {
    expect(await downloaded('ALL', '--market', 'coinm', '--kind', 'indexCandle', '--days', '2')).toEqual([
      'coinm BTCUSD',
    ])
  })

  it('are refused with what comes near', async () => {
    for (const [args, text] of [
      [['*USTD'], /Unknown symbol "\*USTD" on binance spot\. Did you mean \*USDT\?/],
      [['--quote', 'USTD'], /priced in USTD\. Did you mean USDT\?/],
      [['BTCUSDT', '--quote', 'USDT'], /--quote goes with ALL or a pattern/],
      [['BTCUSDT', '--delisted'], /--delisted goes with ALL or a pattern/],
      [['--update', '--quote', 'USDT'], /leave --quote out/],
      [['BTCUSD', '--market', 'coinm'], /Did you mean BTCUSD_230630, BTCUSD_PERP/],
    ] as const) {
      const { code, stderr } = await cli('download', '--interval', '1d', ...args)
      expect(stderr.replaceAll('\\"', '"')).toMatch(text)
      expect(code).toBeGreaterThan(0)
    }
  })
})

describe('verbs on the lake', () => {
  it('take patterns, and tell a former name', async () => {
    expect(await downloaded('XNOUSDT', '--from', '2022-01-10', '--to', '2022-02-10')).toEqual(['spot XNOUSDT'])
    const coverage = await cli('coverage', 'X*')
    const [series] = jsonLines(coverage.stdout)
    const covered = series!.covered as { symbol?: string }[]
    expect(covered.map(({ symbol }) => symbol)).toEqual(['NANOUSDT', ...covered.slice(1).map(() => undefined)])
    const plain = await runHere(['coverage', 'x*'], { cwd: folder.path })
    expect(plain.stdout).toMatch(/NANOUSDT, its former name: 2022-01-10 00:00 to 2022-01-26 00:00/)
    const listed = jsonLines((await cli('list', '*USD_*')).stdout).map(({ symbol }) => symbol)
    expect(listed).toEqual(['BTCUSD_230630', 'BTCUSD_PERP'])
    expect(await cli('list', 'Q*')).toMatchObject({ code: 2, stderr: expect.stringMatching(/Unknown symbol .*Q\*/) })
  })
})
