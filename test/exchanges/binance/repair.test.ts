import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { BinanceClient } from '../../../src/exchanges/binance/client.ts'
import type { RecordRequest } from '../../../src/exchanges/stream.ts'
import { ConfigError, InvalidRangeError, ParseError } from '../../../src/model/errors.ts'
import { type LiveRecord, RecordFlag, type RecordId } from '../../../src/model/live/index.ts'
import { sendJson, startTestServer } from '../../helpers/http-server.ts'
import { findRealData, realDataTitle } from '../../helpers/real-data.ts'
import { type RepairServerOptions, STEP, startRepairServer } from './repair-server.ts'

const START = Date.UTC(2026, 6, 18)
const HOUR = 3_600_000
const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

async function start(options: Partial<RepairServerOptions> = {}, apiKey?: string) {
  const server = await startRepairServer({ first: 10_000n, last: 16_001n, start: START, key: 'k', ...options })
  const client = new BinanceClient({ endpoint: server.url, attempts: 1, ...(apiKey === undefined ? {} : { apiKey }) })
  open.push(server, client)
  return { server, repair: client.repair }
}

async function serving(body: (path: string) => unknown) {
  const server = await startTestServer((_request, response, url) => {
    if (url.pathname.endsWith('/time')) sendJson(response, { serverTime: START })
    else sendJson(response, body(url.pathname))
  })
  const client = new BinanceClient({ endpoint: server.url, attempts: 1 })
  open.push(server, client)
  return { server, repair: client.repair }
}

async function idsOf(pages: AsyncGenerator<readonly LiveRecord[]>): Promise<RecordId[][]> {
  const ids: RecordId[][] = []
  for await (const page of pages) ids.push(page.map((record) => ('id' in record ? record.id : -1)))
  return ids
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

const request = (
  market: 'spot' | 'usdm',
  kind: 'trade' | 'aggTrade',
  firstId: RecordId,
  lastId: RecordId,
): RecordRequest => ({ market, symbol: 'BTCUSDT', kind, firstId, lastId })

describe('Records by id', () => {
  test('come in pages, rising, both ends included, flagged as from REST', async () => {
    const { repair, server } = await start()
    const pages = await idsOf(repair.recordPages(request('spot', 'trade', 10_500, 12_750)))
    expect(pages.map((page) => page.length)).toEqual([1000, 1000, 251])
    expect(pages.flat()).toEqual(range(10_500, 12_750))
    expect(server.requests.at(-1)).toContain('fromId=12500&limit=251')
    for await (const [record] of repair.recordPages(request('spot', 'trade', 10_500, 10_500))) {
      expect(record).toEqual({
        kind: 'trade',
        market: 'spot',
        symbol: 'BTCUSDT',
        eventTime: Number.NaN,
        receiveTime: Number.NaN,
        flags: RecordFlag.rest,
        id: 10_500,
        time: START + 500 * STEP,
        price: 500.5,
        quantity: 1.5,
        buyerIsMaker: true,
      })
    }
  })

  test('come newest page first where that is asked for, rising within a page', async () => {
    const { repair } = await start()
    const asked = { ...request('usdm', 'aggTrade', 5_000, 7_100), newestFirst: true }
    const pages = await idsOf(repair.recordPages(asked))
    expect(pages).toEqual([range(6_101, 7_100), range(5_101, 6_100), range(5_000, 5_100)])
  })

  test('that the exchange forgot are left out, and not asked for page after page', async () => {
    const { repair, server } = await start()
    expect((await idsOf(repair.recordPages(request('spot', 'trade', 100, 10_001)))).flat()).toEqual([10_000, 10_001])
    const before = server.requests.length
    const asked = { ...request('spot', 'trade', 100, 10_499), newestFirst: true }
    expect((await idsOf(repair.recordPages(asked))).flat()).toEqual(range(10_000, 10_499))
    expect(server.requests.length - before).toBeLessThanOrEqual(3)
    expect(await idsOf(repair.recordPages(request('spot', 'trade', 20_000, 20_100)))).toEqual([])
  })

  test('beyond a hole of the exchange itself are still found', async () => {
    const { repair } = await start({ withheld: (id) => id >= 12_000n && id < 14_500n })
    for (const newestFirst of [false, true]) {
      const asked = { ...request('spot', 'trade', 10_000, 16_000), newestFirst }
      const ids = (await idsOf(repair.recordPages(asked))).flat().sort((a, b) => Number(a) - Number(b))
      expect(ids).toEqual([...range(10_000, 11_999), ...range(14_500, 16_000)])
    }
  })

  test('above 2^53 are exact', async () => {
    const first = 2n ** 53n - 10n
    const { repair } = await start({ first, last: first + 1_500n })
    const ids = (await idsOf(repair.recordPages(request('spot', 'trade', Number(first), first + 1_400n)))).flat()
    expect(ids.map(BigInt)).toEqual(Array.from({ length: 1_401 }, (_, index) => first + BigInt(index)))
    expect(ids[0]).toBeTypeOf('number')
    expect(ids.at(-1)).toBeTypeOf('bigint')
    const [last] = await repair.lastRecords({ market: 'spot', symbol: 'BTCUSDT', kind: 'trade', limit: 1 })
    expect(last).toMatchObject({ id: first + 1_500n })
  })

  test('of the newest futures trades need no key; older ones do, and the error says which', async () => {
    const { repair, server } = await start()
    expect((await idsOf(repair.recordPages(request('usdm', 'trade', 15_500, 15_700)))).flat()).toEqual(
      range(15_500, 15_700),
    )
    expect(server.requests.filter((path) => path.includes('historicalTrades'))).toEqual([])
    const got: RecordId[] = []
    const failed = (async () => {
      for await (const page of repair.recordPages(request('usdm', 'trade', 14_900, 15_700))) {
        for (const record of page) if ('id' in record) got.push(record.id)
      }
    })()
    await expect(failed).rejects.toThrow(ConfigError)
    await expect(failed).rejects.toThrow(/BTCUSDT: trades from id 14900 to 15001 .* BINANCE_API_KEY/)
    expect(got).toEqual(range(15_002, 15_700))
  })

  test('of futures trades come whole with a key, in either order, trades withheld by the exchange aside', async () => {
    const options = { withheld: (id: bigint) => id % 100n === 0n }
    const { repair } = await start(options, 'k')
    const wanted = range(12_345, 15_800).filter((id) => id % 100 !== 0)
    const rising = await idsOf(repair.recordPages(request('usdm', 'trade', 12_345, 15_800)))
    expect(rising.flat()).toEqual(wanted)
    // A page of these weighs 200 of the 2400 a minute: another client, for this test to wait for nothing.
    const { repair: other } = await start(options, 'k')
    const newest = await idsOf(other.recordPages({ ...request('usdm', 'trade', 12_345, 15_800), newestFirst: true }))
    expect(newest.toReversed().flat()).toEqual(wanted)
    for (const page of newest.slice(1)) expect(page.length).toBeLessThanOrEqual(500)
  })

  test('stop when the signal aborts', async () => {
    const { repair, server } = await start()
    const controller = new AbortController()
    const pages = repair.recordPages({ ...request('spot', 'trade', 10_000, 16_000), signal: controller.signal })
    await pages.next()
    controller.abort()
    await expect(pages.next()).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
    expect(server.requests.filter((path) => path.includes('historicalTrades'))).toHaveLength(1)
  })

  test('make no sense backwards', async () => {
    const { repair } = await start()
    await expect(repair.recordPages(request('spot', 'trade', 5, 4)).next()).rejects.toThrow(InvalidRangeError)
  })
})

describe('Records by time', () => {
  test.each([
    ['spot', 'aggTrade', undefined],
    ['usdm', 'aggTrade', undefined],
    ['spot', 'trade', undefined],
    ['usdm', 'trade', 'k'],
  ] as const)('of %s %s are those of the half-open range', async (market, kind, key) => {
    const { repair } = await start({}, key)
    const [from, to] = [START + 205, START + 30_020]
    const times: number[] = []
    for await (const page of repair.recordsAt({ market, symbol: 'BTCUSDT', kind, from, to })) {
      for (const record of page) if ('time' in record) times.push(record.time)
    }
    const step = kind === 'trade' ? STEP : 2 * STEP
    const first = kind === 'trade' ? START + 210 : START + 220
    expect(times).toEqual(range(0, (START + 30_020 - step - first) / step).map((index) => first + index * step))
  })

  test('are found after hours without any', async () => {
    const { repair, server } = await start({ start: START + 5 * HOUR })
    const asked = {
      market: 'usdm',
      symbol: 'BTCUSDT',
      kind: 'aggTrade',
      from: START,
      to: START + 5 * HOUR + 40,
    } as const
    expect(await idsOf(repair.recordsAt(asked))).toEqual([[5_000, 5_001]])
    expect(server.requests.filter((path) => path.includes('startTime'))).toHaveLength(6)
    expect(await idsOf(repair.recordsAt({ ...asked, to: START + HOUR }))).toEqual([])
    expect(await idsOf(repair.recordsAt({ ...asked, from: START + 9 * HOUR, to: START + 10 * HOUR }))).toEqual([])
  })

  test('of futures trades without a key are the newest ones, and the error says what is missing', async () => {
    const { repair } = await start()
    const asked = { market: 'usdm', symbol: 'BTCUSDT', kind: 'trade', to: START + 60_000 } as const
    expect((await idsOf(repair.recordsAt({ ...asked, from: START + 55_000 }))).flat()).toEqual(range(15_500, 15_999))
    await expect(idsOf(repair.recordsAt({ ...asked, from: START }))).rejects.toThrow(
      /trades from 2026-07-18T00:00:00Z to 2026-07-18T00:00:50.020Z are older/,
    )
  })
})

describe('The other answers', () => {
  test('the newest records say which id is the last one', async () => {
    const { repair } = await start()
    const last = await repair.lastRecords({ market: 'usdm', symbol: 'BTCUSDT', kind: 'aggTrade', limit: 3 })
    expect(last.map((record) => 'id' in record && record.id)).toEqual([7_998, 7_999, 8_000])
  })

  test('a futures snapshot has the next depth that exists, and says so', async () => {
    const { repair, server } = await serving(() => ({
      lastUpdateId: 5,
      E: START + 2,
      T: START + 1,
      bids: [
        ['2', '1'],
        ['1', '1'],
      ],
      asks: [['3', '0.5']],
    }))
    const snapshot = await repair.bookSnapshot({ market: 'usdm', symbol: 'BTCUSDT', depth: 60 })
    expect(server.requests.at(-1)).toContain('limit=100')
    expect(snapshot).toEqual({
      kind: 'bookSnapshot',
      market: 'usdm',
      symbol: 'BTCUSDT',
      eventTime: START + 2,
      receiveTime: Number.NaN,
      flags: RecordFlag.rest,
      lastUpdateId: 5,
      time: START + 1,
      depth: 100,
      bids: [2, 1, 1, 1],
      asks: [3, 0.5],
    })
    expect((await repair.bookSnapshot({ market: 'usdm', symbol: 'BTCUSDT', depth: 5000 })).depth).toBe(1000)
  })

  test('a spot snapshot has our time, and one of a book that never had an update is empty', async () => {
    const { repair } = await serving(() => ({ lastUpdateId: -1, bids: [], asks: [] }))
    const snapshot = await repair.bookSnapshot({ market: 'spot', symbol: 'BTCUSDT', depth: 5000 })
    expect(snapshot).toMatchObject({ lastUpdateId: -1, depth: 5000, bids: [], asks: [] })
    expect(snapshot.time).toBeGreaterThanOrEqual(START)
    expect(snapshot.time).toBeLessThan(START + 60_000)
  })

  test('fundings are those of the half-open range, with NaN for a mark price that is not given', async () => {
    const { repair, server } = await start()
    const asked = { market: 'usdm', symbol: 'BTCUSDT', from: START + 1, to: START + 1_150 * 8 * HOUR } as const
    const fundings = await repair.fundingRates(asked)
    expect(fundings.map(({ fundingTime }) => fundingTime)).toEqual(range(1, 1149).map((n) => START + n * 8 * HOUR))
    expect(fundings[0]).toMatchObject({ fundingRate: -0.0001, markPrice: Number.NaN, flags: RecordFlag.rest })
    expect(server.requests.filter((path) => path.includes('fundingRate'))).toHaveLength(2)
    await expect(repair.fundingRates({ ...asked, market: 'spot' })).rejects.toThrow(InvalidRangeError)
  })

  test('an answer that is not what was asked for is refused, saying where it is wrong', async () => {
    const trade = { id: 5, price: '1', qty: '1', time: START, isBuyerMaker: true }
    const bodies: readonly (readonly [unknown, RegExp])[] = [
      [[trade, trade], /\$\[1\]: id 5 does not come after 5/],
      [[{ ...trade, id: 3 }], /begins at id 3, asked for 4/],
      [[{ ...trade, price: '' }], /\$\[0\]\.price: expected a decimal number/],
      [[5], /\$\[0\]: expected an object/],
      [{}, /\$: expected an array/],
    ]
    for (const [body, message] of bodies) {
      const { repair } = await serving(() => body)
      const failed = repair.recordPages(request('spot', 'trade', 4, 9)).next()
      await expect(failed).rejects.toThrow(ParseError)
      await expect(failed).rejects.toThrow(message)
    }
    const { repair } = await serving(() => ({
      lastUpdateId: 5,
      bids: [
        ['1', '1'],
        ['2', '1'],
      ],
      asks: [],
    }))
    await expect(repair.bookSnapshot({ market: 'spot', symbol: 'BTCUSDT', depth: 5 })).rejects.toThrow(/not in order/)
  })
})

const folder = findRealData()

describe.skipIf(folder === undefined)(realDataTitle('What Binance answered'), () => {
  test('is read: trades, aggregate trades, snapshots and fundings', async () => {
    const file = join(folder!, 'rest', 'gct_binance_public_responses.json.gz')
    const all = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Record<
      string,
      { queryString: string; data: unknown }[]
    >
    let answer: unknown
    const { repair } = await serving(() => answer)
    let seen = 0
    for (const [path, answers] of Object.entries(all)) {
      const market: 'spot' | 'usdm' | undefined = path.startsWith('/api/v3/')
        ? 'spot'
        : path.startsWith('/fapi/v1/')
          ? 'usdm'
          : undefined
      const name = path.split('/').at(-1)!
      if (market === undefined) continue
      for (const { data, queryString } of answers) {
        // Some rows were masked by the recorder (an empty member name).
        if (data === null || JSON.stringify(data).includes('"":')) continue
        answer = data
        const of = { market, symbol: new URLSearchParams(queryString).get('symbol')! }
        if (name === 'aggTrades' || name === 'trades') {
          const kind = name === 'trades' ? 'trade' : 'aggTrade'
          const records = await repair.lastRecords({ ...of, kind, limit: 1000 })
          const rows = data as readonly Record<string, unknown>[]
          expect(records.map((record) => 'id' in record && record.id)).toEqual(rows.map((row) => row.id ?? row.a))
          expect(records.map((record) => 'price' in record && record.price)).toEqual(
            rows.map((row) => Number(row.price ?? row.p)),
          )
          seen++
        } else if (name === 'depth') {
          const snapshot = await repair.bookSnapshot({ ...of, depth: 1000 })
          expect(snapshot.bids).toEqual((data as { bids: string[][] }).bids.flat().map(Number))
          seen++
        } else if (name === 'fundingRate') {
          const fundings = await repair.fundingRates({ ...of, market: 'usdm', from: 0, to: START })
          expect(fundings).toHaveLength((data as unknown[]).length)
          seen++
        }
      }
    }
    expect(seen).toBeGreaterThanOrEqual(10)
  })

  test('is read: the snapshots that belong to the recorded streams', async () => {
    let answer = ''
    const { repair } = await serving(() => answer)
    for (const [file, market, count] of [
      ['binance-spot/cf_20210417_BINANCE.http.0.0.gz', 'spot', 10],
      ['binance-usdm/cf_20210417_BINANCE_FUTURES.http.4.0.gz', 'usdm', 4],
    ] as const) {
      // Each line: URL -> receive time: body
      const lines = gunzipSync(readFileSync(join(folder!, 'ws', file)))
        .toString()
        .trim()
        .split('\n')
      expect(lines).toHaveLength(count)
      for (const line of lines) {
        answer = line.slice(line.indexOf(': {') + 2)
        const body = JSON.parse(answer) as { lastUpdateId: number; T?: number; bids: string[][]; asks: string[][] }
        const snapshot = await repair.bookSnapshot({ market, symbol: 'X', depth: 1000 })
        expect(snapshot.lastUpdateId).toBe(body.lastUpdateId)
        expect(snapshot.bids).toEqual(body.bids.flat().map(Number))
        expect(snapshot.asks).toEqual(body.asks.flat().map(Number))
        expect(snapshot.flags).toBe(RecordFlag.rest)
        if (body.T !== undefined) expect(snapshot.time).toBe(body.T)
      }
    }
  })
})
