import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LiveAggTrade, LiveTrade } from '../../src/sandbox/market/live-market.ts'
import type { SymbolInfo } from '../../src/sandbox/market/market.ts'
import { SeededMarket } from '../../src/sandbox/market/seeded.ts'

const NOW = Date.UTC(2024, 4, 10, 10, 30)
const LISTED = Date.UTC(2024, 4, 10)
const SPAN = 1_800_000
const MARKETS = ['spot', 'usdm'] as const

const markets = fc
  .record({
    market: fc.constantFrom(...MARKETS),
    seed: fc.integer({ min: 0, max: 50 }),
    tradesPerSecond: fc.constantFrom(0.01, 0.3, 3),
    // Short ones too, which fall between the fills of one order.
    outages: fc.array(
      fc.tuple(
        fc.integer({ min: 0, max: SPAN }),
        fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: SPAN / 3 })),
      ),
      { maxLength: 6 },
    ),
  })
  .map(({ market, seed, tradesPerSecond, outages }) => {
    const made = new SeededMarket({ markets: [market], seed, tradesPerSecond, symbols: ['XRPUSDT'], listedAt: LISTED })
    made.setOutages(outages.map(([from, length]) => ({ from: LISTED + from, to: LISTED + from + length })))
    const info: SymbolInfo = {
      ...{ market, symbol: 'XRPUSDT', base: 'XRP', quote: 'USDT', listedAt: LISTED, listed: true },
      ...{ tickDecimals: 4, priceDecimals: 4, stepDecimals: 1 },
    }
    return { live: made.live, info, made, outages: made.symbolMarket(market, 'XRPUSDT')!.outages }
  })

const instant = fc.integer({ min: -1000, max: SPAN * 1000 }).map((us) => LISTED * 1000 + us)

function together(trades: readonly LiveTrade[]): { lots: number; value: number; bought: number } {
  let [lots, value, bought] = [0, 0, 0]
  for (const trade of trades) {
    lots += trade.lots
    value += trade.lots * trade.price
    if (!trade.buyerIsMaker) bought += trade.lots
  }
  return { lots, value, bought }
}

describe('trades of the seeded market', () => {
  it('are the same by time and by id, cut anywhere, around any outage', () => {
    fc.assert(
      fc.property(markets, fc.array(instant, { minLength: 2, maxLength: 8 }), ({ live, info, outages }, cuts) => {
        const times = cuts.sort((a, b) => a - b)
        const pieces = times.slice(1).map((to, i) => live.trades(info, times[i]!, to))
        const all = live.trades(info, times[0]!, times.at(-1)!)
        expect(pieces.flat()).toEqual(all)
        for (const [i, trade] of all.entries()) {
          if (i > 0) expect(trade.id).toBe(all[i - 1]!.id + 1)
          if (i > 0) expect(trade.time).toBeGreaterThanOrEqual(all[i - 1]!.time)
          expect(trade.time >= times[0]! && trade.time < times.at(-1)!).toBe(true)
          expect(outages.some(({ from, to }) => trade.time >= from * 1000 && trade.time < to * 1000)).toBe(false)
        }
        if (all.length === 0) return
        const end = times.at(-1)! / 1000
        expect(live.nextTradeId(info, end)).toBe(all.at(-1)!.id + 1)
        const middle = all[all.length >> 1]!
        expect(live.tradesFrom(info, middle.id, 10, end)).toEqual(all.slice(all.length >> 1).slice(0, 10))
      }),
      { numRuns: 60 },
    )
  })

  it('add up to the candles, exactly', async () => {
    await fc.assert(
      fc.asyncProperty(markets, fc.integer({ min: 0, max: 29 }), async ({ live, info, made }, minute) => {
        const open = LISTED + minute * 60_000
        const { columns } = await made.candles(info, { interval: '1m', from: open, to: open + 1, max: 1 }, NOW)
        const trades = live.trades(info, open * 1000, (open + 60_000) * 1000)
        expect(trades.length).toBe(columns.length === 0 ? 0 : columns.trades[0])
        if (trades.length === 0) return
        const { lots, value, bought } = together(trades)
        expect([columns.volume[0], columns.quote[0], columns.buyVolume[0]]).toEqual([lots, value, bought])
        expect([columns.open[0], columns.close[0]]).toEqual([trades[0]!.price, trades.at(-1)!.price])
        expect(columns.high[0]).toBe(Math.max(...trades.map((trade) => trade.price)))
        expect(columns.low[0]).toBe(Math.min(...trades.map((trade) => trade.price)))
      }),
      { numRuns: 60 },
    )
  })

  it('make the running candle grow to the closed one, whenever it is looked at', async () => {
    const market = new SeededMarket({ markets: ['spot'], seed: 3, tradesPerSecond: 5, symbols: ['BTCUSDT'] })
    const info = (await market.symbol('spot', 'BTCUSDT', NOW))!
    const range = { interval: '1m', from: NOW, to: NOW + 1, max: 1 } as const
    const looks = [0, 7_000, 7_001, 30_000, 12_345, 59_999, 59_999, 60_000, 20_000]
    for (const after of looks) {
      const { columns } = await market.candles(info, range, NOW + after)
      const trades = market.live.trades(info, NOW * 1000, Math.min(NOW + after + 1, NOW + 60_000) * 1000)
      expect([columns.trades[0], columns.volume[0]]).toEqual([trades.length, together(trades).lots])
    }
  })
})

describe('aggregate trades of the seeded market', () => {
  it('hold every trade once, in orders of one side, one price and one moment', () => {
    fc.assert(
      fc.property(markets, instant, instant, ({ live, info }, a, b) => {
        const [from, to] = a < b ? [a, b] : [b, a]
        const aggs = live.aggTrades(info, from, to)
        if (aggs.length === 0) return
        const trades = live.tradesFrom(info, aggs[0]!.firstId, aggs.at(-1)!.lastId - aggs[0]!.firstId + 1, NOW)
        for (const [i, agg] of aggs.entries()) {
          if (i > 0) expect([agg.id, agg.firstId]).toEqual([aggs[i - 1]!.id + 1, aggs[i - 1]!.lastId + 1])
          const own = trades.slice(agg.firstId - trades[0]!.id, agg.lastId - trades[0]!.id + 1)
          expect(together(own)).toEqual(together([agg]))
          expect(own.every((one) => one.price === agg.price && one.buyerIsMaker === agg.buyerIsMaker)).toBe(true)
          expect(agg.time).toBe(own.at(-1)!.time)
          expect(agg.time - own[0]!.time).toBeLessThan(info.market === 'spot' ? 1 : 100_000)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('are the same at every look: cut anywhere, by time or by id, none changes after it was shown', () => {
    fc.assert(
      fc.property(markets, fc.array(instant, { minLength: 2, maxLength: 12 }), ({ live, info }, cuts) => {
        const times = cuts.sort((a, b) => a - b)
        const whole = live.aggTrades(info, times[0]!, times.at(-1)!)
        const pieces: LiveAggTrade[] = times.slice(1).flatMap((to, i) => live.aggTrades(info, times[i]!, to))
        expect(pieces).toEqual(whole)
        for (const time of times) {
          const next = live.nextAggTradeId(info, time / 1000)
          expect(live.aggTradesFrom(info, next, 1, time / 1000)).toEqual([])
          const shown = whole.filter((agg) => agg.id < next)
          if (shown.length > 0) expect(live.aggTradesFrom(info, shown[0]!.id, shown.length, time / 1000)).toEqual(shown)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('count from 1 without a hole, found at any id', () => {
    fc.assert(
      fc.property(markets, fc.integer({ min: 1, max: 60_000 }), ({ live, info }, wanted) => {
        const next = live.nextAggTradeId(info, NOW)
        if (next === 1) return
        const id = 1 + (wanted % (next - 1))
        const [agg, after] = live.aggTradesFrom(info, id, 2, NOW)
        expect(agg!.id).toBe(id)
        if (after) expect([after.id, after.firstId]).toEqual([id + 1, agg!.lastId + 1])
        expect(live.aggTradesFrom(info, 1, 1, NOW)[0]!.firstId).toBe(1)
      }),
      { numRuns: 60 },
    )
  })

  it('have several trades now and then, as busy as a symbol may be', async () => {
    const market = new SeededMarket({ markets: ['usdm'], seed: 3, tradesPerSecond: 10_000, symbols: ['BTCUSDT'] })
    const info = (await market.symbol('usdm', 'BTCUSDT', NOW))!
    const second = market.live.trades(info, NOW * 1000, (NOW + 1000) * 1000)
    expect(second.length).toBeGreaterThan(5_000)
    const aggs = market.live.aggTrades(info, NOW * 1000, (NOW + 1000) * 1000)
    expect(new Set(aggs.map((agg) => agg.lastId - agg.firstId + 1))).toEqual(new Set([1, 2, 3, 4]))
    const { columns } = await market.candles(info, { interval: '1s', from: NOW, to: NOW + 1, max: 1 }, NOW + 5000)
    expect([columns.trades[0], columns.volume[0]]).toEqual([second.length, together(second).lots])
  })
})
