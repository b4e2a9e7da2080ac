import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BookState, BookUpdate } from '../../src/sandbox/market/live-market.ts'
import type { SymbolInfo } from '../../src/sandbox/market/market.ts'
import { SeededMarket } from '../../src/sandbox/market/seeded.ts'

const NOW = Date.UTC(2024, 4, 10, 10, 30)
const OUTAGE = { from: NOW - 61_350, to: NOW - 47_120 }
const MARKETS = ['spot', 'usdm'] as const
const market = marketWith(5)

function marketWith(seed: number, tradesPerSecond = 3): SeededMarket {
  const symbols = ['BTCUSDT', 'XRPUSDT', 'ADAUSDT', '币安人生USDT', 'ZZZUSDT', 'LINKUSDT']
  const made = new SeededMarket({ markets: MARKETS, seed, tradesPerSecond, symbols, listedAt: '2023-05-01' })
  made.setOutages([{ ...OUTAGE, symbol: 'ADAUSDT' }])
  return made
}

const infos = fc
  .tuple(fc.constantFrom(...MARKETS), fc.constantFrom('BTCUSDT', 'XRPUSDT', 'ADAUSDT', '币安人生USDT', 'ZZZUSDT'))
  .map(([name, symbol]) => ({ market: name, symbol }))

async function infoOf(of: { market: 'spot' | 'usdm'; symbol: string }, from = market): Promise<SymbolInfo> {
  return (await from.symbol(of.market, of.symbol, NOW))!
}

type Side = Map<number, number>
const sideOf = (levels: readonly number[]): Side => {
  const side: Side = new Map()
  for (let i = 0; i < levels.length; i += 2) side.set(levels[i]!, levels[i + 1]!)
  return side
}

function apply(side: Side, levels: readonly number[]): void {
  for (let i = 0; i < levels.length; i += 2) {
    if (levels[i + 1] === 0) side.delete(levels[i]!)
    else side.set(levels[i]!, levels[i + 1]!)
  }
}

const sorted = (side: Side, sign: 1 | -1): number[] => [...side].sort((a, b) => sign * (a[0] - b[0])).flat()

const instant = fc.integer({ min: NOW - 90_000, max: NOW })
const speed = fc.constantFrom(100, 250, 500, 1000)
const ALL = 100_000

describe('the book of the seeded market', () => {
  it('is the sum of an earlier one and the updates since, at any two instants and any speed', async () => {
    await fc.assert(
      fc.asyncProperty(infos, instant, instant, speed, async (of, a, b, ms) => {
        const info = await infoOf(of)
        const [from, to] = [Math.min(a, b), Math.max(a, b)].map((time) => Math.floor(time / ms) * ms) as [
          number,
          number,
        ]
        const first = market.live.book(info, from, ALL)
        const bids = sideOf(first.bids)
        const asks = sideOf(first.asks)
        let last = first.updateId
        for (const update of market.live.bookUpdates(info, from, to, ms)) {
          expect(update.previousId).toBe(last)
          expect(update.firstId).toBeGreaterThan(last)
          expect(update.lastId).toBeGreaterThanOrEqual(update.firstId)
          if (info.market === 'spot') expect(update.firstId).toBe(last + 1)
          expect(update.bids.length + update.asks.length).toBeGreaterThan(0)
          last = update.lastId
          apply(bids, update.bids)
          apply(asks, update.asks)
        }
        const later = market.live.book(info, to, ALL)
        expect(last).toBe(later.updateId)
        expect(sorted(bids, -1)).toEqual(later.bids)
        expect(sorted(asks, 1)).toEqual(later.asks)
      }),
      { numRuns: 150 },
    )
  })

  it('has levels in order, none twice, never crossed, and the last trade between its best prices', async () => {
    await fc.assert(
      fc.asyncProperty(infos, instant, async (of, time) => {
        const info = await infoOf(of)
        const { bids, asks, time: made } = market.live.book(info, time, ALL)
        for (const [levels, sign] of [
          [bids, -1],
          [asks, 1],
        ] as const) {
          expect(levels.some((value, i) => i > 1 && i % 2 === 0 && sign * (value - levels[i - 2]!) <= 0)).toBe(false)
          expect(levels.every((value) => Number.isInteger(value) && value > 0)).toBe(true)
        }
        expect(bids[0]).toBeLessThan(asks[0]!)
        expect(made).toBeLessThanOrEqual(time)
        const slot = Math.floor(time / 100) * 100
        const inOutage = of.symbol === 'ADAUSDT' && slot > OUTAGE.from && slot < OUTAGE.to
        if (inOutage) return
        const next = market.live.nextTradeId(info, slot)
        const last = market.live.tradesFrom(info, next - 1, 1, slot)[0]!
        expect(last.price).toBe(last.buyerIsMaker ? bids[0] : asks[0])
      }),
      { numRuns: 40 },
    )
  })

  it('is deep: 5000 levels a side on spot, more than REST shows on futures', async () => {
    const spot = market.live.book(await infoOf({ market: 'spot', symbol: 'BTCUSDT' }), NOW, 5000)
    expect([spot.bids.length, spot.asks.length]).toEqual([10_000, 10_000])
    const usdm = market.live.book(await infoOf({ market: 'usdm', symbol: 'BTCUSDT' }), NOW, ALL)
    expect(usdm.bids.length).toBeGreaterThan(2200)
    expect(market.live.book(await infoOf({ market: 'spot', symbol: 'BTCUSDT' }), NOW, 7).bids).toEqual(
      spot.bids.slice(0, 14),
    )
  })

  it('has at its top what the quotes tell, update by update', async () => {
    await fc.assert(
      fc.asyncProperty(infos, instant, fc.integer({ min: 1, max: 5000 }), async (of, from, span) => {
        const info = await infoOf(of)
        const quotes = market.live.quotes(info, from, from + span)
        const updates = market.live.bookUpdates(info, from, from + span, 100)
        expect(quotes.map((quote) => quote.updateId)).toEqual(updates.map((update) => update.lastId))
        for (const quote of quotes) {
          const book = market.live.book(info, market.live.updateTime(info, quote.updateId), 1)
          expect(book).toEqual({
            updateId: quote.updateId,
            time: quote.time,
            bids: [quote.bid, quote.bidLots],
            asks: [quote.ask, quote.askLots],
          })
        }
      }),
      { numRuns: 60 },
    )
  })

  it('is found by any update id, also one between two updates', async () => {
    const info = await infoOf({ market: 'usdm', symbol: 'XRPUSDT' })
    const { live } = market
    const updates = live.bookUpdates(info, NOW - 5000, NOW, 100)
    for (const [i, update] of updates.entries()) {
      expect(live.book(info, live.updateTime(info, update.lastId), 5)).toEqual(live.book(info, update.time, 5))
      const before = live.book(info, live.updateTime(info, update.lastId - 1), 5)
      expect(before.updateId).toBe(i === 0 ? update.previousId : updates[i - 1]!.lastId)
    }
  })

  it('stands still during an outage and goes on with one update', async () => {
    const info = await infoOf({ market: 'spot', symbol: 'ADAUSDT' })
    const { live } = market
    expect(live.bookUpdates(info, OUTAGE.from, OUTAGE.to - 1, 100)).toEqual([])
    expect(live.quotes(info, OUTAGE.from, OUTAGE.to - 1)).toEqual([])
    const before: BookState = live.book(info, OUTAGE.from, 10)
    expect(live.book(info, OUTAGE.to - 1, 10)).toEqual(before)
    const [first] = live.bookUpdates(info, OUTAGE.to - 1, OUTAGE.to + 1000, 100)
    expect(first).toMatchObject({ previousId: before.updateId, time: Math.ceil(OUTAGE.to / 100) * 100 })
  })

  it('is the same at every look, in any order, and another under another seed', async () => {
    const other = marketWith(5)
    const info = await infoOf({ market: 'spot', symbol: 'BTCUSDT' })
    const same = await infoOf({ market: 'spot', symbol: 'BTCUSDT' }, other)
    const look = (of: SeededMarket, at: SymbolInfo, from: number): BookUpdate[] =>
      of.live.bookUpdates(at, from, from + 3000, 100)
    const starts = [5, 2, 4, 1, 3].map((n) => NOW - n * 3000)
    const shuffled = new Map(starts.map((from) => [from, look(other, same, from)]))
    for (const from of [...starts].sort()) expect(look(market, info, from)).toEqual(shuffled.get(from))
    expect(marketWith(6).live.book(info, NOW, 5)).not.toEqual(market.live.book(info, NOW, 5))
  })

  it('has quiet slots where a symbol is quiet, and changes in most where it is busy', async () => {
    const count = async (symbol: string): Promise<number> =>
      market.live.bookUpdates(await infoOf({ market: 'usdm', symbol }), NOW - 40_000, NOW, 100).length
    expect(await count('BTCUSDT')).toBe(400)
    const quiet = await count('币安人生USDT')
    expect(quiet).toBeGreaterThan(40)
    expect(quiet).toBeLessThan(300)
  })
})
