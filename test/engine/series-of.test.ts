import { describe, expect, it } from 'vitest'
import { candleSeriesOf, type SeriesRequest, seriesOf } from '../../src/engine/series-of.ts'
import { exchangeOf } from '../../src/exchanges/index.ts'
import { InvalidRangeError, InvalidSymbolError } from '../../src/model/errors.ts'

const binance = exchangeOf('binance')
const of = (request: SeriesRequest) => seriesOf(binance, 'spot', request)

describe('a series', () => {
  it('may be of any kind, under the name that the exchange keeps it by', () => {
    const id = { exchange: 'binance', market: 'usdm', symbol: 'BTCUSDT' }
    expect(of({ symbol: 'BTC/USDT:USDT', interval: '1h' })).toEqual({ ...id, kind: 'candle', interval: '1h' })
    expect(of({ symbol: 'BTCUSDT', market: 'um', kind: 'metrics' })).toEqual({ ...id, kind: 'metrics' })
    expect(of({ symbol: 'BTC/USDT', kind: 'bookDelta' })).toEqual({ ...id, market: 'spot', kind: 'bookDelta' })
    expect(of({ symbol: 'BTCUSD_PERP', kind: 'indexCandle', interval: '1m' }).symbol).toBe('BTCUSD')
    expect(of({ symbol: 'ALL', kind: 'exchangeInfo' })).toEqual({
      ...id,
      market: 'spot',
      kind: 'exchangeInfo',
      symbol: 'ALL',
    })
  })

  it('that can be none is told by what is wrong with it', () => {
    const wish = { symbol: 'BTCUSDT', interval: '1h' }
    const refusals: [SeriesRequest, string][] = [
      [{ symbol: 'BTCUSDT' }, 'interval is missing'],
      [{ ...wish, interval: '7m' }, 'Unknown interval "7m"'],
      [{ ...wish, kind: 'trade' }, 'trade has no intervals'],
      [{ ...wish, kind: 'markCandle' }, 'no markCandle of spot'],
      [{ symbol: 'BTCUSDT', kind: 'metrics' }, 'no metrics of spot'],
      [{ ...wish, market: 'usdm', interval: '1s' }, 'no 1s candles'],
      [{ ...wish, market: 'option' }, 'no market option'],
    ]
    for (const [request, words] of refusals) {
      expect(() => of(request), words).toThrow(InvalidRangeError)
      expect(() => of(request)).toThrow(words)
    }
    expect(() => candleSeriesOf(binance, 'spot', { symbol: 'BTCUSDT', kind: 'trade' })).toThrow(
      'Read it with EventStorage',
    )
  })

  it('without a symbol is a wrong symbol, also for who has no types', () => {
    for (const symbol of [undefined, null, 5, {}] as unknown as string[])
      expect(() => of({ symbol, interval: '1h' })).toThrow(InvalidSymbolError)
  })
})
