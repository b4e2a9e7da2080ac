import type { Market } from '../../../../src/model/series.ts'

export interface Sample {
  readonly name: string
  readonly market: Market
  readonly stream: string
  readonly data: object
}

const level = (price: string, quantity: string): readonly [string, string] => [price, quantity]
const miniTicker = { o: '64000.10', h: '65000.00', l: '63000.5', c: '64500.00', v: '1234.567', q: '79629572.90' }
const ticker = { ...miniTicker, p: '-499.90', P: '-0.781', w: '64500.12', Q: '0.002' }
const window = { O: 1784324230000, C: 1784410630000, F: 7900000000, L: 7910555181, n: 10555182 }
const kline = {
  t: 1784410620000,
  T: 1784410679999,
  s: 'BTCUSDT',
  i: '1m',
  f: 6516180814,
  L: 6516181177,
  o: '64674.29000000',
  c: '64682.62000000',
  h: '64682.63000000',
  l: '64674.29000000',
  v: '1.13052000',
  n: 364,
  x: false,
  q: '73116.59388370',
  V: '1.04781000',
  Q: '67766.82870620',
  B: '0',
}
const E = 1784410630175

/** A frame of each form that the reference describes and that becomes a record, members in the order of the wire. */
export const SAMPLES: readonly Sample[] = [
  {
    name: 'spot trade',
    market: 'spot',
    stream: 'btcusdt@trade',
    data: {
      e: 'trade',
      E,
      s: 'BTCUSDT',
      t: 6516181178,
      p: '64682.62000000',
      q: '0.02435000',
      T: E - 1,
      m: true,
      M: true,
    },
  },
  {
    name: 'USD-M trade',
    market: 'usdm',
    stream: 'btcusdt@trade',
    data: { e: 'trade', E, T: E - 3, s: 'BTCUSDT', t: 3535186032, p: '28145.10', q: '0.002', X: 'MARKET', m: false },
  },
  {
    name: 'spot aggTrade',
    market: 'spot',
    stream: 'btcusdt@aggTrade',
    data: {
      e: 'aggTrade',
      E,
      s: 'BTCUSDT',
      a: 4017087867,
      p: '64682.62000000',
      q: '0.02435000',
      f: 6516181178,
      l: 6516181179,
      T: E,
      m: true,
      M: true,
    },
  },
  {
    name: 'USD-M aggTrade',
    market: 'usdm',
    stream: 'btcusdt@aggTrade',
    data: {
      e: 'aggTrade',
      E,
      a: 3387056463,
      s: 'BTCUSDT',
      p: '64650.00',
      q: '0.492',
      nq: '0.492',
      f: 7910555181,
      l: 7910555183,
      T: E,
      m: false,
      st: 1,
    },
  },
  { name: 'spot kline', market: 'spot', stream: 'btcusdt@kline_1m', data: { e: 'kline', E, s: 'BTCUSDT', k: kline } },
  {
    name: 'spot kline in microseconds',
    market: 'spot',
    stream: 'btcusdt@kline_1m',
    data: {
      e: 'kline',
      E: E * 1000 + 528,
      s: 'BTCUSDT',
      k: { ...kline, t: 1784410620000000, T: 1784410679999999, x: true },
    },
  },
  {
    name: 'spot diff depth',
    market: 'spot',
    stream: 'btcusdt@depth@100ms',
    data: {
      e: 'depthUpdate',
      E,
      s: 'BTCUSDT',
      U: 97585364523,
      u: 97585364530,
      b: [level('64557.74000000', '0.00000000'), level('58214.36000000', '0.00418000')],
      a: [],
    },
  },
  {
    name: 'spot partial depth',
    market: 'spot',
    stream: 'btcusdt@depth5@100ms',
    data: { lastUpdateId: 97585364530, bids: [level('0.00001234', '1234567890.00')], asks: [level('0.1', '12')] },
  },
  {
    name: 'USD-M diff depth',
    market: 'usdm',
    stream: 'btcusdt@depth@0ms',
    data: {
      e: 'depthUpdate',
      E,
      T: E - 5,
      s: 'BTCUSDT',
      ps: 'BTCUSDT',
      U: 4984028367545,
      u: 4984028370730,
      pu: 4984028367494,
      b: [level('1000.00', '569.567')],
      a: [level('63947.40', '0.109'), level('63951.10', '0.000')],
      st: 1,
    },
  },
  {
    name: 'USD-M partial depth',
    market: 'usdm',
    stream: 'btcusdt@depth20@100ms',
    data: {
      e: 'depthUpdate',
      E,
      T: E - 5,
      s: 'BTCUSDT',
      U: 4984028367545,
      u: 4984028370730,
      pu: 4984028367494,
      b: [level('63947.30', '1.5')],
      a: [level('63947.40', '0.109')],
    },
  },
  {
    name: 'spot bookTicker',
    market: 'spot',
    stream: 'btcusdt@bookTicker',
    data: { u: 35346513501, s: 'BTCUSDT', b: '2683.80000000', B: '3.02920000', a: '2683.81000000', A: '31.43950000' },
  },
  {
    name: 'USD-M bookTicker',
    market: 'usdm',
    stream: 'btcusdt@bookTicker',
    data: {
      e: 'bookTicker',
      u: 2710246762461,
      s: 'BTCUSDT',
      b: '28145.10',
      B: '3.868',
      a: '28145.20',
      A: '6.887',
      T: E - 2,
      E,
    },
  },
  {
    name: 'COIN-M bookTicker',
    market: 'coinm',
    stream: 'ethusd_perp@bookTicker',
    data: {
      u: 1007198631825,
      e: 'bookTicker',
      s: 'ETHUSD_PERP',
      ps: 'ETHUSD',
      b: '2682.17',
      B: '159',
      a: '2682.18',
      A: '3794',
      T: E - 2,
      E,
    },
  },
  {
    name: 'spot ticker',
    market: 'spot',
    stream: 'btcusdt@ticker',
    data: {
      e: '24hrTicker',
      E,
      s: 'BTCUSDT',
      ...ticker,
      x: '64999.99',
      b: '64499.99',
      B: '1.5',
      a: '64500.00',
      A: '0.25',
      ...window,
    },
  },
  {
    name: 'USD-M ticker',
    market: 'usdm',
    stream: 'btcusdt@ticker',
    data: { e: '24hrTicker', E, s: 'BTCUSDT', ...ticker, ...window, ps: 'BTCUSDT', st: 1 },
  },
  {
    name: 'mini ticker',
    market: 'spot',
    stream: 'btcusdt@miniTicker',
    data: { e: '24hrMiniTicker', E, s: 'BTCUSDT', ...miniTicker },
  },
  {
    name: 'mark price',
    market: 'usdm',
    stream: 'btcusdt@markPrice@1s',
    data: {
      e: 'markPriceUpdate',
      E,
      s: 'BTCUSDT',
      p: '64650.12345678',
      ap: '64650.1',
      P: '64650.5',
      i: '64651.0',
      r: '-0.00010000',
      T: 1784419200000,
      st: 1,
    },
  },
  {
    name: 'mark price of a delivery contract',
    market: 'coinm',
    stream: 'btcusd_260925@markPrice',
    data: { e: 'markPriceUpdate', E, s: 'BTCUSD_260925', p: '64650.1', P: '64650.5', r: '', T: 0 },
  },
  {
    name: 'liquidation',
    market: 'usdm',
    stream: 'btcusdt@forceOrder',
    data: {
      e: 'forceOrder',
      E,
      o: {
        s: 'BTCUSDT',
        S: 'SELL',
        o: 'LIMIT',
        f: 'IOC',
        q: '0.014',
        p: '63910.5',
        ap: '63950.25',
        X: 'FILLED',
        l: '0.004',
        z: '0.014',
        T: E - 4,
      },
      ps: 'BTCUSDT',
      st: 1,
    },
  },
]

/** The frame as the wire has it. */
export function frameOf({ stream, data }: Sample): string {
  return JSON.stringify({ stream, data })
}
