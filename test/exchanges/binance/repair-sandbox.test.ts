import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { BinanceClient } from '../../../src/exchanges/binance/client.ts'
import { createBinanceParser } from '../../../src/exchanges/binance/frames/index.ts'
import type { LiveRecord } from '../../../src/model/live/index.ts'
import { HOUR } from '../../../src/model/time.ts'
import { startSandbox } from '../../../src/sandbox/index.ts'
import { Told } from './frames/collect.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

const NOW = Date.UTC(2024, 5, 15, 12)

async function start() {
  const sandbox = await startSandbox({ symbols: ['BTCUSDT'], tradesPerSecond: 50, speed: 10, now: NOW })
  const client = new BinanceClient({ endpoint: sandbox.endpoint, apiKey: 'any' })
  open.push(sandbox, client)
  return { sandbox, repair: client.repair }
}

/** The records of a stream until there are so many. */
async function streamed(url: string, market: 'spot' | 'usdm', count: number): Promise<LiveRecord[]> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  const parser = createBinanceParser(market)
  const told = new Told()
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('message', (data: Buffer) => {
      parser.parse(data, 0, data.length, 1.5, told)
      if (told.records.length >= count) resolve()
    })
  })
  socket.terminate()
  expect(told.problems).toEqual([])
  return told.records
}

/** What both ways must tell of a record: all but where it came from and when. */
function facts(record: LiveRecord): object {
  const { eventTime: _sent, receiveTime: _received, flags: _flags, ...rest } = record
  return rest
}

test.each([
  ['spot', 'trade', ''],
  ['spot', 'aggTrade', ''],
  ['usdm', 'trade', '/public'],
  ['usdm', 'aggTrade', '/market'],
] as const)('REST gives again what the stream told: %s %s', async (market, kind, route) => {
  const { sandbox, repair } = await start()
  const ws = sandbox.endpoint.replace('http', 'ws')
  const records = await streamed(`${ws}${route}/ws/btcusdt@${kind}`, market, 200)
  const ids = records.map((record) => (record as { id: number }).id)
  const [firstId, lastId] = [ids[0]!, ids.at(-1)!]
  for (const newestFirst of [false, true]) {
    const pages: (readonly LiveRecord[])[] = []
    for await (const page of repair.recordPages({ market, symbol: 'BTCUSDT', kind, firstId, lastId, newestFirst })) {
      pages.push(page)
    }
    if (newestFirst) pages.reverse()
    expect(pages.flat().map(facts)).toEqual(records.map(facts))
  }
  const [last] = await repair.lastRecords({ market, symbol: 'BTCUSDT', kind, limit: 1 })
  expect((last as { id: number }).id).toBeGreaterThanOrEqual(lastId)

  const times = records.map((record) => (record as { time: number }).time)
  const [from, to] = [times[50]!, times[150]!]
  const found: LiveRecord[] = []
  for await (const page of repair.recordsAt({ market, symbol: 'BTCUSDT', kind, from, to })) found.push(...page)
  expect(found.map(facts)).toEqual(
    records.filter((record) => 'time' in record && record.time >= from && record.time < to).map(facts),
  )
})

test.each(['spot', 'usdm'] as const)('a snapshot bridges the stream that was opened before it: %s', async (market) => {
  const { sandbox, repair } = await start()
  const ws = sandbox.endpoint.replace('http', 'ws')
  const route = market === 'spot' ? '' : '/public'
  const streaming = streamed(`${ws}${route}/ws/btcusdt@depth@100ms`, market, 60)
  await streamed(`${ws}${route}/ws/btcusdt@depth@100ms`, market, 10)
  const snapshot = await repair.bookSnapshot({ market, symbol: 'BTCUSDT', depth: 100 })
  expect(snapshot.bids.length).toBeGreaterThan(0)
  expect(snapshot.bids[0]).toBeLessThan(snapshot.asks[0]!)
  const deltas = (await streaming).flatMap((record) => (record.kind === 'bookDelta' ? [record] : []))
  const bridge = deltas.find(({ lastUpdateId }) => lastUpdateId > snapshot.lastUpdateId)
  expect(bridge).toBeDefined()
  // Ids of futures jump: there, what comes right before the event tells that nothing lies between.
  const before = market === 'spot' ? Number(bridge!.firstUpdateId) - 1 : Number(bridge!.previousUpdateId)
  expect(before).toBeLessThanOrEqual(Number(snapshot.lastUpdateId))
})

test('fundings of the past are those of the contract, eight hours apart', async () => {
  const { repair } = await start()
  const fundings = await repair.fundingRates({ market: 'usdm', symbol: 'BTCUSDT', from: NOW - 10 * 24 * HOUR, to: NOW })
  expect(fundings).toHaveLength(30)
  for (const [index, { fundingTime, fundingRate, markPrice }] of fundings.entries()) {
    expect(Math.round(fundingTime / HOUR)).toBe((NOW - 10 * 24 * HOUR + (index * 8 + 4) * HOUR) / HOUR)
    expect(Math.abs(fundingRate)).toBeLessThan(0.01)
    expect(markPrice).toBeGreaterThan(0)
  }
})

test.each(['spot', 'usdm'] as const)('who asks for much on %s learns what the exchange allows now', async (market) => {
  await using sandbox = await startSandbox({
    symbols: ['BTCUSDT'],
    now: NOW,
    weightLimits: { spot: 60_000, usdm: 24_000 },
  })
  await using client = new BinanceClient({ endpoint: sandbox.endpoint, apiKey: 'any' })
  const pool = market === 'spot' ? 'spot' : 'futures'
  const known = market === 'spot' ? 6000 : 2400
  const snapshot = () => client.repair.bookSnapshot({ market, symbol: 'BTCUSDT', depth: 100 })
  for (let i = 0; i < 4; i++) await snapshot()
  expect(client.getRemainingRequests(1, pool)).toBeLessThan(known)
  expect(Object.keys(sandbox.usage().paths).filter((path) => path.includes('exchangeInfo'))).toEqual([])

  await snapshot()
  await expect.poll(() => client.getRemainingRequests(1, pool), { timeout: 20_000 }).toBeGreaterThan(known * 5)
  for (let i = 0; i < 4; i++) await snapshot()
  const asked = Object.entries(sandbox.usage().paths).filter(([path]) => path.includes('exchangeInfo'))
  expect(asked.map(([, count]) => count)).toEqual([1])
})
