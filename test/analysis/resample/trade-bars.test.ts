import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BarRule, type CandleBars, TradeBars, type TradeColumns, tradeBars } from '../../../src/analysis/index.ts'
import { CandleFlag } from '../../../src/model/index.ts'
import { ByteWriter } from '../../../src/sandbox/bytes.ts'
import type { SymbolInfo } from '../../../src/sandbox/market/market.ts'
import { SeededMarket } from '../../../src/sandbox/market/seeded.ts'

const START = Date.UTC(2024, 0, 1)

interface Row {
  readonly time: number
  readonly price: number
  readonly quantity: number
  readonly buyerIsMaker: boolean
}

const columnsOf = (rows: readonly Row[]): TradeColumns => ({
  length: rows.length,
  columns: {
    time: Float64Array.from(rows, (row) => row.time),
    price: Float64Array.from(rows, (row) => row.price),
    quantity: Float64Array.from(rows, (row) => row.quantity),
    buyer_is_maker: Float64Array.from(rows, (row) => (row.buyerIsMaker ? 1 : 0)),
  },
})

const bars = (found: CandleBars): Record<string, number>[] =>
  Array.from({ length: found.length }, (_, i) => ({
    ...Object.fromEntries(Object.entries(found.columns).map(([name, values]) => [name, values[i]!])),
    rows: found.rows[i]!,
  }))

const anyTrades = fc
  .array(
    fc.record({
      step: fc.constantFrom(0, 1, 250, 5_000, 61_000, 400_000),
      price: fc.integer({ min: 990, max: 1010 }),
      quantity: fc.integer({ min: 1, max: 90 }),
      buyerIsMaker: fc.boolean(),
    }),
    { maxLength: 120 },
  )
  .map((list) => {
    let time = START
    return list.map(({ step, price, quantity, buyerIsMaker }): Row => {
      time += step
      return { time, price: price / 10, quantity: quantity / 10, buyerIsMaker }
    })
  })

const rules: BarRule[] = [
  { type: 'time', interval: '1m' },
  { type: 'time', interval: '7m', quiet: 'flat' },
  { type: 'time', interval: '1h', timeZone: 'America/New_York' },
  { type: 'time', interval: '5m', session: { open: '00:03', close: '00:30' } },
  { type: 'tick', size: 7 },
  { type: 'volume', size: 12.5 },
  { type: 'dollar', size: 2000 },
  { type: 'imbalance', threshold: 4 },
  { type: 'imbalance', measure: 'volume', expectedTrades: 6, span: 3 },
  { type: 'imbalance', measure: 'dollar', side: 'tick', expectedTrades: 5, leastTrades: 2, mostTrades: 12 },
]

describe.each(rules.map((rule) => [JSON.stringify(rule), rule] as const))('bars of trades by %s', (_, rule) => {
  it('are the same one trade at a time, in pieces and at once', () => {
    fc.assert(
      fc.property(anyTrades, fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 12 }), (trades, cuts) => {
        const whole = bars(tradeBars(columnsOf(trades), rule))
        const made = new TradeBars(rule)
        const found: Record<string, number>[] = []
        let i = 0
        for (const cut of cuts) {
          if (cut === 0 && i < trades.length) found.push(...bars(made.update(trades[i++]!)))
          else {
            found.push(...bars(made.append(columnsOf(trades.slice(i, i + cut)))))
            i = Math.min(trades.length, i + cut)
          }
          expect(made.partial().length).toBeLessThanOrEqual(1)
        }
        found.push(...bars(made.append(columnsOf(trades.slice(i)))), ...bars(made.partial()))
        expect(found).toEqual(whole)
      }),
      { numRuns: 80 },
    )
  })

  it('do not change when more trades come, but for the one that is not done', () => {
    fc.assert(
      fc.property(anyTrades, fc.nat(120), (trades, cut) => {
        const whole = bars(tradeBars(columnsOf(trades), rule))
        const first = bars(tradeBars(columnsOf(trades.slice(0, cut)), rule, { partial: false }))
        expect(first).toEqual(whole.slice(0, first.length))
      }),
      { numRuns: 80 },
    )
  })

  it('hold every trade once, and only the last one is not done', () => {
    fc.assert(
      fc.property(anyTrades, (trades) => {
        const found = bars(tradeBars(columnsOf(trades), rule))
        if (!('session' in rule)) {
          expect(found.reduce((sum, bar) => sum + bar.rows!, 0)).toBe(trades.length)
          const tenths = trades.reduce((sum, trade) => sum + Math.round(trade.quantity * 10), 0)
          expect(found.reduce((sum, bar) => sum + Math.round(bar.volume! * 10), 0)).toBe(tenths)
        }
        for (const [i, bar] of found.entries()) {
          expect(bar.high).toBeGreaterThanOrEqual(Math.max(bar.open!, bar.close!))
          expect(bar.low).toBeLessThanOrEqual(Math.min(bar.open!, bar.close!))
          expect(bar.taker_buy_volume).toBeLessThanOrEqual(bar.volume!)
          if (i < found.length - 1) expect(bar.flags! & CandleFlag.unfinished).toBe(0)
        }
      }),
      { numRuns: 80 },
    )
  })
})

describe('bars of trades', () => {
  const trade = (seconds: number, price: number, quantity: number, buyerIsMaker = false): Row => ({
    time: START + seconds * 1000,
    price,
    quantity,
    buyerIsMaker,
  })

  it('end with the trade that makes the size full', () => {
    const trades = [1, 2, 3, 4, 5, 6, 7].map((i) => trade(i, 100 + i, 0.1 * i, i % 2 === 0))
    const ticks = tradeBars(columnsOf(trades), { type: 'tick', size: 3 })
    expect([...ticks.columns.trades!]).toEqual([3, 3, 1])
    expect([...ticks.columns.open_time!]).toEqual([1, 4, 7].map((i) => START + i * 1000))
    expect([...ticks.columns.close_time!]).toEqual([3, 6, 7].map((i) => START + i * 1000))
    expect([...ticks.columns.flags!]).toEqual([0, 0, CandleFlag.unfinished])
    // 0.1 + 0.2 + 0.3 is not 0.6 in floats, but it is in the market.
    const volumes = tradeBars(columnsOf(trades), { type: 'volume', size: 0.6 })
    expect([...volumes.rows]).toEqual([3, 2, 1, 1])
    expect([...volumes.columns.volume!]).toEqual([0.6, 0.9, 0.6, 0.7])
    expect([...volumes.columns.taker_buy_volume!]).toEqual([0.4, 0.5, 0, 0.7])
    const dollars = tradeBars(columnsOf(trades), { type: 'dollar', size: 61.4 })
    expect(dollars.columns.quote_volume![0]).toBe(61.4)
    expect(dollars.rows[0]).toBe(3)
  })

  it('count the trades of aggregate trades', () => {
    const columns = {
      ...columnsOf([trade(0, 100, 1), trade(1, 101, 1)]).columns,
      first_trade_id: BigInt64Array.of(2n ** 60n, 2n ** 60n + 3n),
      last_trade_id: BigInt64Array.of(2n ** 60n + 2n, 2n ** 60n + 3n),
    }
    expect([...tradeBars({ length: 2, columns }, { type: 'time', interval: '1m' }).columns.trades!]).toEqual([4])
  })

  it('of time give quiet minutes flat where that is wanted, and say when time has come', () => {
    const trades = columnsOf([trade(10, 100, 1), trade(200, 105, 2)])
    const rule = { type: 'time', interval: '1m' } as const
    expect([...tradeBars(trades, rule).columns.close!]).toEqual([100, 105])
    const flat = tradeBars(trades, { ...rule, quiet: 'flat' })
    expect([...flat.columns.close!]).toEqual([100, 100, 100, 105])
    expect([...flat.columns.volume!]).toEqual([1, 0, 0, 2])
    expect([...flat.rows]).toEqual([1, 0, 0, 1])
    const live = new TradeBars(rule)
    live.append(trades)
    expect(live.advance(START + 239_999).length).toBe(0)
    expect(live.advance(START + 240_000).length).toBe(1)
    expect(live.advance(START + 300_000).length).toBe(0)
    expect(() => live.update(trade(239, 1, 1))).toThrow('must rise by time')
  })

  it.each([
    { price: Number.NaN, quantity: 1 },
    { price: 100, quantity: Number.NaN },
    { price: Number.POSITIVE_INFINITY, quantity: 1 },
  ])('refuse a trade of price $price and quantity $quantity, in a batch as alone, and go on without it', (bad) => {
    const wrong = trade(2, bad.price, bad.quantity)
    const message = `The trade of 2024-01-01T00:00:02Z has price ${bad.price} and quantity ${bad.quantity}`
    for (const rule of rules) {
      expect(() => tradeBars(columnsOf([trade(1, 100, 1), wrong]), rule)).toThrow(message)
      expect(() => tradeBars([trade(1, 100, 1), wrong], rule)).toThrow(message)
    }
    const live = new TradeBars({ type: 'volume', size: 2 })
    live.update(trade(1, 100, 1))
    expect(() => live.update(wrong)).toThrow(message)
    // It is as if it had never been there: its time does not count, and the bar ends at its size.
    expect(bars(live.update(trade(1, 101, 1)))).toMatchObject([{ volume: 2, quote_volume: 201, rows: 2 }])
  })

  it('by imbalance end when one side has the upper hand', () => {
    const sides = 'BBBSBSSSSSBB'
    const trades = [...sides].map((side, i) => trade(i, 100, 1, side === 'S'))
    const found = tradeBars(columnsOf(trades), { type: 'imbalance', threshold: 3 })
    // BBB, then SBSSS (one to four), then SSBB, which is even.
    expect([...found.rows]).toEqual([3, 5, 4])
  })

  it.each<[BarRule, string]>([
    [{ type: 'tick', size: 0 }, 'size is 0'],
    [{ type: 'volume', size: Number.NaN }, 'size is NaN'],
    [{ type: 'imbalance', threshold: -1 }, 'threshold is -1'],
    [{ type: 'ticks' as 'tick', size: 2 }, 'type is "ticks"; use time, tick, volume, dollar, imbalance.'],
    [{ type: 'tick', size: '2' as unknown as number }, 'size is 2; use a number'],
    [{ type: 'imbalance', measure: 'usd' as 'dollar' }, 'measure is "usd"'],
    [{ type: 'imbalance', side: 'maker' as 'taker' }, 'side is "maker"'],
    [{ type: 'time', interval: '1m', quiet: 'full' as 'flat' }, 'quiet is "full"'],
    [{ type: 'imbalance', leastTrades: 9, mostTrades: 3 }, 'leastTrades 9 is more than mostTrades 3'],
    [{ type: 'time', interval: '1x' }, 'Unknown interval'],
    [{ type: 'time', interval: '1m', quiet: 'flat', session: { open: '01:00', close: '02:00' } }, 'choose one'],
  ])('by %j are refused', (rule, message) => {
    expect(() => new TradeBars(rule)).toThrow(message)
  })
})

describe('bars of all trades of a market', () => {
  it.each(['spot', 'usdm'] as const)('are the very candles of the exchange: %s', async (market) => {
    const made = new SeededMarket({ markets: [market], seed: 11, tradesPerSecond: 0.4, symbols: ['XRPUSDT'] })
    const info = (await made.symbol(market, 'XRPUSDT', START))!
    const to = START + 3 * 3_600_000
    const { tickDecimals, stepDecimals }: SymbolInfo = info
    const trades = made.live.trades(info, START * 1000, to * 1000).map((one) => ({
      time: one.time / 1000,
      price: one.price / 10 ** tickDecimals,
      quantity: one.lots / 10 ** stepDecimals,
      buyerIsMaker: one.buyerIsMaker,
    }))
    expect(trades.length).toBeGreaterThan(1000)
    for (const interval of ['1s', '1m', '15m', '1h'] as const) {
      const rows = await made.candles(info, { interval, from: START, to, max: 20_000 }, to)
      const own = Array.from({ length: rows.length }, (_, row) => {
        const writer = new ByteWriter()
        rows.writeJson(writer, row, 'ms')
        return (JSON.parse(Buffer.from(writer.take()).toString()) as (string | number)[]).slice(0, 11).map(Number)
      })
      const found = tradeBars(columnsOf(trades), { type: 'time', interval, quiet: 'flat' })
      const names = [
        'open_time',
        'open',
        'high',
        'low',
        'close',
        'volume',
        'close_time',
        'quote_volume',
        'trades',
        'taker_buy_volume',
        'taker_buy_quote_volume',
      ]
      const ours = Array.from({ length: found.length }, (_, i) => names.map((name) => found.columns[name]![i]))
      const first = own.findIndex((row) => row[0] === ours[0]![0])
      expect(ours.length).toBeGreaterThan(2)
      expect(ours).toEqual(own.slice(first, first + ours.length))
    }
  })
})
