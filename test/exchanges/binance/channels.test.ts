import { describe, expect, it } from 'vitest'
import {
  channelOfStream,
  checkChannel,
  kindsOf,
  routeOf,
  settledChannel,
  streamName,
} from '../../../src/exchanges/binance/channels.ts'
import { binanceLive } from '../../../src/exchanges/binance/live.ts'
import { streamBases, streamUrl } from '../../../src/exchanges/binance/stream-endpoints.ts'
import { type Channel, channelKey, EVERY_SYMBOL } from '../../../src/exchanges/stream.ts'
import { InvalidRangeError } from '../../../src/model/errors.ts'
import { INTERVALS } from '../../../src/model/interval.ts'

const NAMES: [market: Channel['market'], name: string, route: string | undefined, channel: Partial<Channel>][] = [
  ['spot', 'btcusdt@trade', undefined, { kind: 'trade', symbol: 'BTCUSDT' }],
  ['spot', 'btcusdt@aggTrade', undefined, { kind: 'aggTrade' }],
  ['spot', 'btcusdt@kline_1M', undefined, { kind: 'candle', interval: '1M' }],
  ['spot', 'btcusdt@kline_1s', undefined, { kind: 'candle', interval: '1s' }],
  ['spot', 'btcusdt@depth', undefined, { kind: 'bookDelta', speed: 1000 }],
  ['spot', 'btcusdt@depth@100ms', undefined, { kind: 'bookDelta', speed: 100 }],
  ['spot', 'btcusdt@depth10', undefined, { kind: 'bookSnapshot', depth: 10, speed: 1000 }],
  ['spot', 'btcusdt@bookTicker', undefined, { kind: 'quote' }],
  ['spot', 'btcusdt@ticker', undefined, { kind: 'ticker' }],
  ['spot', 'btcusdt@miniTicker', undefined, { kind: 'ticker', mini: true }],
  ['spot', '!miniTicker@arr', undefined, { kind: 'ticker', symbol: EVERY_SYMBOL, mini: true }],
  ['spot', '币安人生usdt@trade', undefined, { kind: 'trade', symbol: '币安人生USDT' }],
  ['usdm', 'btcusdt@trade', 'public', { kind: 'trade' }],
  ['usdm', 'btcusdt@depth', 'public', { kind: 'bookDelta', speed: 250 }],
  ['usdm', 'btcusdt@depth20@500ms', 'public', { kind: 'bookSnapshot', depth: 20, speed: 500 }],
  ['usdm', 'btcusdt@bookTicker', 'public', { kind: 'quote' }],
  ['usdm', '!bookTicker', 'public', { kind: 'quote', symbol: EVERY_SYMBOL }],
  ['usdm', 'btcusdt_260925@aggTrade', 'market', { kind: 'aggTrade', symbol: 'BTCUSDT_260925' }],
  ['usdm', 'btcusdt@kline_1m', 'market', { kind: 'candle', interval: '1m' }],
  ['usdm', 'btcusdt@markPrice', 'market', { kind: 'markPrice', speed: 3000 }],
  ['usdm', 'btcusdt@markPrice@1s', 'market', { kind: 'markPrice', speed: 1000 }],
  ['usdm', '!markPrice@arr@1s', 'market', { kind: 'markPrice', symbol: EVERY_SYMBOL, speed: 1000 }],
  ['usdm', '!ticker@arr', 'market', { kind: 'ticker', symbol: EVERY_SYMBOL }],
  ['usdm', 'btcusdt@forceOrder', 'market', { kind: 'liquidation' }],
  ['usdm', '!forceOrder@arr', 'market', { kind: 'liquidation', symbol: EVERY_SYMBOL }],
]

/** Every combination of fields, most of which no channel has. */
function* everyForm(): Generator<Channel> {
  for (const market of ['spot', 'usdm', 'coinm'] as const)
    for (const kind of kindsOf(market))
      for (const symbol of ['BTCUSDT', EVERY_SYMBOL])
        for (const interval of [undefined, ...INTERVALS])
          for (const depth of [undefined, 5, 10, 20, 50])
            for (const speed of [undefined, 100, 250, 500, 1000, 3000])
              for (const mini of [undefined, true]) {
                const fields = Object.entries({ market, kind, symbol, interval, depth, speed, mini })
                yield Object.fromEntries(fields.filter(([, value]) => value !== undefined)) as unknown as Channel
              }
}

describe('the channels of Binance', () => {
  for (const [market, name, route, channel] of NAMES) {
    it(`know ${market} ${name}`, () => {
      const found = channelOfStream(name, market)
      expect(found).toMatchObject({ market, ...channel })
      expect(streamName(found)).toBe(name)
      expect(routeOf(found)).toBe(route)
    })
  }

  it('take the fastest form where the speed is left out', () => {
    expect(streamName({ market: 'spot', kind: 'bookDelta', symbol: 'BTCUSDT' })).toBe('btcusdt@depth@100ms')
    expect(streamName({ market: 'usdm', kind: 'markPrice', symbol: 'BTCUSDT' })).toBe('btcusdt@markPrice@1s')
    expect(streamName({ market: 'usdm', kind: 'markPrice', symbol: EVERY_SYMBOL })).toBe('!markPrice@arr@1s')
  })

  it('have one name each, and each name leads back to its channel', () => {
    const names = new Map<string, string>()
    for (const channel of everyForm()) {
      let name: string
      try {
        name = streamName(channel)
      } catch (error) {
        if (!(error instanceof InvalidRangeError)) throw error
        continue
      }
      const settled = settledChannel(channel)
      expect(channelOfStream(name, settled.market)).toEqual(settled)
      const key = `${settled.market} ${name}`
      expect(names.get(key) ?? channelKey(settled)).toBe(channelKey(settled))
      names.set(key, channelKey(settled))
    }
    expect(names.size).toBeGreaterThan(60)
  })

  const wrong: [Channel, RegExp][] = [
    [{ market: 'option', kind: 'trade', symbol: 'X' }, /no live channels. Use spot, usdm/],
    [{ market: 'spot', kind: 'liquidation', symbol: 'BTCUSDT' }, /binance spot has candle, trade/],
    [{ market: 'spot', kind: 'candle', symbol: 'BTCUSDT' }, /needs an interval. Use one of 1s/],
    [{ market: 'usdm', kind: 'candle', symbol: 'BTCUSDT', interval: '1s' }, /no interval 1s. Use one of 1m/],
    [{ market: 'spot', kind: 'bookSnapshot', symbol: 'BTCUSDT' }, /depth is missing. Use 5, 10, 20/],
    [{ market: 'spot', kind: 'bookSnapshot', symbol: 'BTCUSDT', depth: 50 }, /depth is 50. Use 5, 10, 20/],
    [{ market: 'spot', kind: 'bookDelta', symbol: 'BTCUSDT', speed: 250 }, /no speed of 250 ms. Use one of 100, 1000/],
    [{ market: 'spot', kind: 'trade', symbol: 'BTCUSDT', depth: 5 }, /has no depth/],
    [{ market: 'spot', kind: 'trade', symbol: 'BTCUSDT', interval: '1m' }, /has no interval/],
    [{ market: 'spot', kind: 'quote', symbol: 'BTCUSDT', mini: true }, /has no mini form/],
    [{ market: 'spot', kind: 'trade', symbol: 'BTC/USDT' }, /can not be a symbol/],
    [{ market: 'spot', kind: 'ticker', symbol: EVERY_SYMBOL }, /has only !miniTicker@arr/],
    [{ market: 'spot', kind: 'trade', symbol: EVERY_SYMBOL }, /no stream of all symbols/],
  ]
  for (const [channel, message] of wrong) {
    it(`refuse ${channelKey(channel)}`, () => {
      expect(() => checkChannel(channel)).toThrow(InvalidRangeError)
      expect(() => checkChannel(channel)).toThrow(message)
    })
  }

  it('refuse names that ticklake has no kind for, and say which there are', () => {
    for (const name of [
      'btcusdt@avgPrice',
      'btcusdt',
      '@trade',
      '!ticker@arr',
      'btcusdt@depth@250ms',
      'x@constructor',
    ]) {
      expect(() => channelOfStream(name, 'spot')).toThrow(/There are btcusdt@trade/)
    }
  })

  it('have a pace, except where silence means nothing', () => {
    expect(binanceLive.pace({ market: 'spot', kind: 'candle', symbol: 'BTCUSDT', interval: '1m' })).toBe(2000)
    expect(binanceLive.pace({ market: 'usdm', kind: 'markPrice', symbol: 'BTCUSDT', speed: 3000 })).toBe(3000)
    expect(binanceLive.pace({ market: 'usdm', kind: 'liquidation', symbol: 'BTCUSDT' })).toBeUndefined()
    for (const market of ['spot', 'usdm'] as const) expect(binanceLive.kinds(market)).toContain('bookDelta')
  })
})

describe('the stream endpoints of Binance', () => {
  it('follow the options', () => {
    expect(streamBases('spot')[0]).toBe('wss://stream.binance.com:9443')
    expect(streamBases('usdm', { testnet: true })).toEqual(['wss://demo-fstream.binance.com'])
    expect(streamBases('usdm', { endpoint: 'http://127.0.0.1:9/', wsUrl: 'ws://x' })).toEqual(['ws://127.0.0.1:9'])
    expect(streamBases('spot', { wsUrl: 'wss://proxy/base/' })).toEqual(['wss://proxy/base'])
    expect(streamBases('spot', { endpoint: 'https://h' })).toEqual(['wss://h'])
    for (const endpoint of ['h:1', 'ftp://h', 'ws://h/?a=1'])
      expect(() => streamBases('spot', { endpoint })).toThrow(/endpoint/)
  })

  it('make combined URLs with routes', () => {
    expect(streamUrl('wss://a', undefined)).toBe('wss://a/stream')
    expect(streamUrl('wss://a', 'market')).toBe('wss://a/market/stream')
  })
})
