import { describe, expect, it } from 'vitest'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { getJson, NOW, sandboxFor } from './help.ts'

const now = Date.parse(NOW)
/** A clock that as good as stands still: whatever is asked, and however slowly, it is about the same instant. */
const still = { speed: 1e-6, tradesPerSecond: 20 }
const KEY = { headers: { 'X-MBX-APIKEY': 'any' } }

type Cells = (string | number | boolean | [string, string][])[]
type Levels = [string, string][]

const truth = (sandbox: Sandbox, query: string): Promise<Cells[]> =>
  getJson<Cells[]>(sandbox, `/sandbox/truth?symbol=BTCUSDT&${query}`)

async function csv(sandbox: Sandbox, query: string): Promise<string[][]> {
  const response = await fetch(`${sandbox.endpoint}/sandbox/truth?symbol=BTCUSDT&format=csv&${query}`)
  expect(response.headers.get('content-type')).toBe('text/csv')
  const lines = (await response.text()).trimEnd().split('\n')
  return lines.map((line) => line.split(','))
}

describe.each(['spot', 'usdm'] as const)('the truth of %s', (market) => {
  const base = market === 'spot' ? '/api/v3' : '/fapi/v1'

  it('about trades is what REST tells, by time and by id, over many pages', async () => {
    const sandbox = await sandboxFor(still)
    type Trade = { id: number; time: number; price: string; qty: string; isBuyerMaker: boolean }
    const trades = await getJson<Trade[]>(sandbox, `${base}/historicalTrades?symbol=BTCUSDT&limit=500`, KEY)
    const [first, last] = [trades[0]!, trades.at(-1)!]
    const byId = await truth(sandbox, `market=${market}&kind=trade&fromId=${first.id}&toId=${last.id}`)
    expect(byId.map(([id, time, ...rest]) => [id, Math.floor(time as number), ...rest])).toEqual(
      trades.map((trade) => [trade.id, trade.time, trade.price, trade.qty, trade.isBuyerMaker]),
    )
    const hour = await truth(sandbox, `market=${market}&kind=trade&from=${now - 3_600_000}`)
    expect(hour.length).toBeGreaterThan(50_000)
    expect(hour.map((row) => row[0])).toEqual(hour.map((_, i) => (hour[0]![0] as number) + i))
    expect(hour[0]![1]).toBeGreaterThanOrEqual(now - 3_600_000)
    expect(hour.slice(-500)).toEqual(byId)
    const [head, ...lines] = await csv(sandbox, `market=${market}&kind=trade&from=${now - 3_600_000}`)
    expect(head).toEqual(['id', 'time', 'price', 'quantity', 'buyer_is_maker'])
    const plain = lines.map(([id, time, price, quantity, maker]) => [
      Number(id),
      Number(time),
      price,
      quantity,
      maker === 'true',
    ])
    expect(plain).toEqual(hour)
  })

  it('about aggregate trades is what REST tells', async () => {
    const sandbox = await sandboxFor(still)
    type Agg = { a: number; T: number; p: string; q: string; f: number; l: number; m: boolean }
    const aggs = await getJson<Agg[]>(sandbox, `${base}/aggTrades?symbol=BTCUSDT&limit=1000`)
    const rows = await truth(sandbox, `market=${market}&kind=aggTrade&fromId=${aggs[0]!.a}`)
    expect(rows.map(([id, time, ...rest]) => [id, Math.floor(time as number), ...rest])).toEqual(
      aggs.map((agg) => [agg.a, agg.T, agg.p, agg.q, agg.f, agg.l, agg.m]),
    )
  })

  it('about the book: updates lead from one book to the next, and quotes are its top', async () => {
    const sandbox = await sandboxFor(still)
    const query = `market=${market}&kind=bookDelta&from=${now - 20_000}&speed=500`
    const updates = await truth(sandbox, query)
    expect(updates.length).toBe(40)
    const at = async (updateId: number): Promise<{ bids: Levels; asks: Levels }> => {
      const [book] = await truth(sandbox, `market=${market}&kind=book&updateId=${updateId}`)
      expect(book![0]).toBe(updateId)
      return { bids: book![2] as Levels, asks: book![3] as Levels }
    }
    const before = await at(updates[0]![2] as number)
    const sides = { bids: new Map(before.bids), asks: new Map(before.asks) }
    for (const [, , , , bids, asks] of updates as [number, number, number, number, Levels, Levels][]) {
      for (const [side, levels] of [
        [sides.bids, bids],
        [sides.asks, asks],
      ] as const) {
        for (const [price, quantity] of levels) {
          if (Number(quantity) === 0) side.delete(price)
          else side.set(price, quantity)
        }
      }
    }
    const after = await at(updates.at(-1)![1] as number)
    const sorted = (side: Map<string, string>, sign: 1 | -1): Levels =>
      [...side].sort((a, b) => sign * (Number(a[0]) - Number(b[0])))
    expect(sorted(sides.bids, -1)).toEqual(after.bids)
    expect(sorted(sides.asks, 1)).toEqual(after.asks)

    const last = updates.at(-1)![1] as number
    const quotes = await truth(sandbox, `market=${market}&kind=quote&from=${now - 20_000}`)
    expect(quotes.find((quote) => quote[0] === last)!.slice(2)).toEqual([...after.bids[0]!, ...after.asks[0]!])
    const some = await truth(
      sandbox,
      `market=${market}&kind=bookDelta&speed=500&fromId=${updates[5]![1]}&toId=${updates[9]![1]}`,
    )
    expect(some).toEqual(updates.slice(5, 10))
    const depth = await getJson<{ lastUpdateId: number; bids: Levels }>(
      sandbox,
      `${base}/depth?symbol=BTCUSDT&limit=20`,
    )
    const [now20] = await truth(sandbox, `market=${market}&kind=book&levels=20&at=${sandbox.now()}`)
    expect([now20![0], now20![2]]).toEqual([depth.lastUpdateId, depth.bids])
    const lines = await csv(sandbox, query)
    expect(lines.length - 1).toBe(
      updates.reduce((sum, row) => sum + (row[4] as Levels).length + (row[5] as Levels).length, 0),
    )
    expect(lines[1]!.slice(0, 4)).toEqual(updates[0]!.slice(0, 4).map(String))
  })
})

describe('the truth of futures', () => {
  it('about mark prices, funding and liquidations is what REST and the trades tell', async () => {
    const sandbox = await sandboxFor(still)
    const marks = await truth(sandbox, `market=usdm&kind=markPrice&from=${now - 9_500}`)
    expect(marks.map((row) => row[0])).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1].map((second) => now - second * 1000))
    const premium = await getJson<Record<string, unknown>>(sandbox, '/fapi/v1/premiumIndex?symbol=BTCUSDT')
    expect([premium.nextFundingTime]).toEqual([marks[0]![5]])
    expect(Math.abs(Number(premium.markPrice) / Number(marks.at(-1)![1]) - 1)).toBeLessThan(0.001)

    const paid = await truth(sandbox, `market=usdm&kind=fundingRate&from=${now - 40 * 86_400_000}`)
    const rest = await getJson<{ fundingTime: number; fundingRate: string; markPrice: string }[]>(
      sandbox,
      `/fapi/v1/fundingRate?symbol=BTCUSDT&limit=1000&startTime=${now - 40 * 86_400_000}`,
    )
    expect(paid).toEqual(rest.map((row) => [row.fundingTime, row.fundingRate, row.markPrice]))
    expect(paid.length).toBe(120)

    const liquidated = await truth(sandbox, `market=usdm&kind=liquidation&from=${now - 3_600_000}`)
    expect(liquidated.length).toBeGreaterThan(50)
    const seconds = liquidated.map((row) => Math.floor((row[0] as number) / 1000))
    expect(new Set(seconds).size).toBe(seconds.length)
    const [time, side, , average, quantity] = liquidated.at(-1)!
    const around = await truth(sandbox, `market=usdm&kind=trade&from=${time}&to=${(time as number) + 1}`)
    expect(around.map((row) => row.slice(2))).toContainEqual([average, quantity, side === 'SELL'])
  })

  it('ends with now: nothing is told that has not happened', async () => {
    const sandbox = await sandboxFor(still)
    for (const kind of ['trade', 'aggTrade', 'bookDelta', 'quote', 'markPrice', 'fundingRate', 'liquidation']) {
      const future = await truth(sandbox, `market=usdm&kind=${kind}&from=${now + 1000}&to=${now + 60_000}`)
      expect(future).toEqual([])
    }
    const rows = await truth(sandbox, `market=usdm&kind=trade&from=${now - 1000}&to=${now + 60_000}`)
    expect(rows.at(-1)![1]).toBeLessThanOrEqual(sandbox.now())
  })
})
