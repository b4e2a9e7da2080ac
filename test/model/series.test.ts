import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidRangeError } from '../../src/model/errors.ts'
import { INTERVALS } from '../../src/model/interval.ts'
import { MARKETS, parseMarket, type SeriesId, seriesKey } from '../../src/model/series.ts'

const bitcoin: SeriesId = { exchange: 'binance', market: 'spot', kind: 'candle', symbol: 'BTCUSDT', interval: '1m' }

describe('series keys', () => {
  it('read as the folder of a lake', () => {
    expect(seriesKey(bitcoin)).toBe('binance-spot/candle/BTCUSDT/1m')
    expect(seriesKey({ ...bitcoin, market: 'usdm', interval: '1M' })).toBe('binance-usdm/candle/BTCUSDT/1mo')
    expect(seriesKey({ ...bitcoin, symbol: '币安人生USDT' })).toBe('binance-spot/candle/币安人生USDT/1m')
    const { interval: _, ...withoutInterval } = bitcoin
    expect(seriesKey({ ...withoutInterval, kind: 'trade' })).toBe('binance-spot/trade/BTCUSDT')
  })

  it('differ for intervals even where a file system ignores case', () => {
    const keys = INTERVALS.map((interval) => seriesKey({ ...bitcoin, interval }).toLowerCase())
    expect(new Set(keys).size).toBe(INTERVALS.length)
  })

  it('differ whenever the series differ', () => {
    const symbols = fc.stringMatching(/^[A-Z0-9_\-币安]{1,6}$/)
    const series: fc.Arbitrary<SeriesId> = fc.record({
      exchange: fc.constantFrom('binance', 'okx'),
      market: fc.constantFrom(...MARKETS),
      kind: fc.constantFrom('candle', 'trade'),
      symbol: symbols,
      interval: fc.constantFrom(...INTERVALS),
    })
    fc.assert(
      fc.property(series, series, (a, b) => {
        expect(seriesKey(a) === seriesKey(b)).toBe(JSON.stringify(a) === JSON.stringify(b))
      }),
    )
  })
})

describe('markets', () => {
  it.each([
    ['spot', 'spot'],
    ['usdm', 'usdm'],
    ['um', 'usdm'],
    ['futures/um', 'usdm'],
    ['CM', 'coinm'],
    [' USDM ', 'usdm'],
    ['options', 'option'],
  ])('%j is %s', (text, market) => {
    expect(parseMarket(text)).toBe(market)
  })

  it('are all read by their own name', () => {
    expect(MARKETS.map(parseMarket)).toEqual([...MARKETS])
  })

  it.each(['', 'futures', 'margin', 'constructor', '__proto__'])('refuse %j with the list of markets', (text) => {
    expect(() => parseMarket(text)).toThrow(InvalidRangeError)
    expect(() => parseMarket(text)).toThrow(`Unknown market "${text}". Use one of spot, usdm, coinm.`)
  })
})
