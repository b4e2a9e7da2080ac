import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { applyTransforms, parseTransforms } from '../../src/analysis/index.ts'
import { HOUR, MINUTE } from '../../src/model/time.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { eventSeries, storeEvents, tradesFrom } from '../helpers/events.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'
import { ended, jsonLines, runHere, startBin } from './bin.ts'
import { makeLake, START } from './lake.ts'

let folder: TempFolder
beforeAll(async () => {
  folder = await tempFolder('replay')
  await makeLake(folder.join('ticklake-data'))
  // One trade each 100 ms, from 100 ms after the start on.
  const lake = await Lake.open(folder.join('ticklake-data'))
  await storeEvents(lake, eventSeries('trade'), tradesFrom(1, 3000, START))
})
afterAll(() => folder[Symbol.asyncDispose]())

const here = (...args: string[]) => runHere(['replay', ...args], { cwd: folder.path })
const iso = (time: number) => new Date(time).toISOString()

describe('replay', () => {
  it('tells records of several kinds in order, as JSON lines', async () => {
    const range = ['--from', iso(START), '--to', iso(START + 3 * MINUTE)]
    const ran = await here('BTCUSDT', '--kinds', 'trade,candle', '--interval', '1m', ...range, '--json', '--quiet')
    expect([ran.code, ran.stderr]).toEqual([0, ''])
    const lines = jsonLines(ran.stdout)
    const trades = lines.filter(({ kind }) => kind === 'trade')
    const candles = lines.filter(({ kind }) => kind === 'candle')
    expect([trades.length, candles.length]).toEqual([1799, 3])
    expect(trades.map(({ id }) => id)).toEqual(trades.map((_, index) => index + 1))
    expect(candles.map(({ knownAt, openTime }) => [knownAt, openTime])).toEqual(
      [1, 2, 3].map((minute) => [START + minute * MINUTE, START + (minute - 1) * MINUTE]),
    )
    const known = lines.map(({ knownAt }) => knownAt as number)
    expect(known).toEqual(known.toSorted((a, b) => a - b))
    expect(lines[0]).toEqual({
      ...{ knownAt: START + 100.25, kind: 'trade', market: 'spot', symbol: 'BTCUSDT', id: 1, time: START + 100.25 },
      ...{ price: 42000.1, quantity: 0.00037, buyerIsMaker: false, flags: 2 },
      ...{ eventTime: START + 101, receiveTime: START + 102.125 },
    })
  })

  it('has lines for people, and a limit', async () => {
    const ran = await here('BTC/USDT', '--kind', 'trade', '--limit', '2')
    expect(ran.stdout.split('\n')).toEqual([
      '2024-01-01T00:00:00.100250Z  trade  spot BTCUSDT  id 1  price 42000.1  quantity 0.00037  buyer_is_maker false',
      '2024-01-01T00:00:00.200250Z  trade  spot BTCUSDT  id 2  price 42000.2  quantity 0.00074  buyer_is_maker false',
      '',
    ])
    expect([ran.code, ran.stderr]).toEqual([0, 'replayed 2 records of 1 series\n'])
    const candle = await here('ETHUSDT', '--interval', '1h', '--limit', '1')
    expect(candle.stdout).toMatch(
      /^2024-01-01T01:00:00Z {2}candle 1h {2}spot ETHUSDT {2}open 100 {2}high 101 {2}low 0\.0000001 /,
    )
    expect((await here('ETHUSDT', '--interval', '1h', '--limit', '0')).stdout).toBe('')
  })

  it('adds the columns of a file, and drops what its conditions drop', async () => {
    const text = 'step = price - prev(price)\nwhere step < 0'
    await writeFile(folder.join('steps.txt'), text)
    const ran = await here('BTCUSDT', '--kind', 'trade', '--transform', 'steps.txt', '--json', '--quiet')
    const trades = tradesFrom(1, 3000, START)
    const input = { id: trades.map(({ id }) => Number(id)), price: trades.map(({ price }) => price) }
    const { columns } = applyTransforms(input, parseTransforms(text))
    const rows = jsonLines(ran.stdout).map(({ id, row }) => [id, (row as Record<string, number>).step])
    expect(rows).toEqual(Array.from(columns.id!, (id, index) => [id, columns.step![index]]))
    expect(rows.length).toBeGreaterThan(20)
    const shown = await here('BTCUSDT', '--kind', 'trade', '--transform', 'steps.txt', '--limit', '1')
    expect(shown.stdout).toMatch(/^\S+ {2}trade {2}spot BTCUSDT {2}id 97 .* step -9\.5\d*\n$/)
  })

  it('tells holes on stderr, and ends with 3', async () => {
    const range = ['--from', iso(START + 48 * HOUR), '--to', iso(START + 62 * HOUR)]
    const ran = await here('BTC/USDT:USDT', '--interval', '1h', ...range, '--json')
    expect(ran.code).toBe(3)
    expect(ran.stderr).toContain(
      'missing in binance-usdm/candle/BTCUSDT/1h: 2024-01-03 02:00 to 2024-01-03 12:00, unknown, a note',
    )
    expect(jsonLines(ran.stdout).length).toBe(4)
    // What the exchange never published is none.
    const outage = ['--from', iso(START + 29 * HOUR), '--to', iso(START + 33 * HOUR)]
    const whole = await here('BTCUSDT', '--interval', '1m', ...outage, '--json')
    expect([whole.code, whole.stderr]).toEqual([0, 'replayed 120 records of 1 series\n'])
  })

  it('finds the market that the lake has, and what a pattern means', async () => {
    const lake = await Lake.open(folder.join('ticklake-data'))
    expect((await lake.list()).length).toBe(4)
    const [line] = jsonLines((await here('*USDT', '--interval', '1h', '--limit', '1', '--json')).stdout)
    expect(line).toMatchObject({ market: 'spot', symbol: 'ETHUSDT' })
    await storeEvents(lake, { ...eventSeries('trade', 'SOLUSDT'), market: 'usdm' }, [
      { ...tradesFrom(1, 1, START)[0]!, symbol: 'SOLUSDT', market: 'usdm' },
    ])
    const [only] = jsonLines((await here('SOLUSDT', '--kind', 'trade', '--json')).stdout)
    expect(only).toMatchObject({ market: 'usdm', symbol: 'SOLUSDT', id: 1 })
  })

  it.each([
    [[], "missing required argument 'symbols'"],
    [['BTCUSDT', '--kind', 'kline'], 'Did you mean candle?'],
    [['BTCUSDT', '--kinds', 'moon'], '"moon" is no kind of data; there are candle, trade'],
    [['BTCUSDT', '--interval', '4H'], 'Did you mean 4h?'],
    [['BTCUSDT', '--speed', '0'], '--speed is "0"; allowed: a number above 0'],
    [['BTCUSDT', '--speed', 'fast'], '--speed is "fast"'],
    [['BTCUSDT', '--limit', 'few'], '--limit is "few"'],
    [['BTCUSDT', '--from', 'noon'], '--from: "noon" is not a time'],
    [['BTCUSDT', '--kind', 'trade', '--transform', 'nowhere.txt'], 'cannot be read'],
    [
      ['BTCUSDT', '--kinds', 'trade', 'candle', '--transform', 'close.txt'],
      'close.txt reads "close" of trade; there are id',
    ],
    [
      ['BTCUSDT', '--interval', '5m'],
      'The lake has no 5m candles of BTCUSDT (spot). Fetch it: ticklake download BTCUSDT',
    ],
    [['BTCUSDT', '--kind', 'depth'], 'ticklake collect BTCUSDT --kinds bookDelta'],
    [['LUNA*', '--interval', '1m'], 'LUNA*'],
    [['*USDT', '--interval', '3m'], 'The lake has no candle of *USDT'],
  ])('%j is wrong usage', async (args, message) => {
    await writeFile(folder.join('close.txt'), 'up = close > prev(close)')
    const ran = await here(...args)
    expect([ran.code, ran.stdout]).toEqual([2, ''])
    expect(ran.stderr.replace(/\s+/g, ' ')).toContain(message)
  })

  it('stops at Ctrl-C, having told what was due', async () => {
    const args = ['replay', 'BTCUSDT', '--interval', '1m', '--speed', '1', '--json']
    const child = startBin(args, { cwd: folder.path })
    const end = ended(child)
    // The first candle is due at once, the second a minute later.
    await once(child.stdout!, 'data')
    child.kill('SIGINT')
    const { code, stdout, stderr } = await end
    expect([code, stderr]).toEqual([130, ''])
    expect(jsonLines(stdout)).toMatchObject([{ kind: 'candle', openTime: START }])
  })

  it('keeps the time that it is told to keep', async () => {
    // At a million times real time an hour is some milliseconds, and all of it is told.
    const range = ['--to', iso(START + HOUR)]
    const ran = await here('BTCUSDT', '--interval', '1m', ...range, '--speed', '1000000', '--json', '--quiet')
    expect([ran.code, jsonLines(ran.stdout).length]).toEqual([0, 60])
    expect(jsonLines(ran.stdout).map(({ closeTime }) => Math.floor(closeTime as number))).toEqual(
      Array.from({ length: 60 }, (_, minute) => START + (minute + 1) * MINUTE - 1),
    )
  })
})
