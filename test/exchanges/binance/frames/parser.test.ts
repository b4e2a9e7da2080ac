import { describe, expect, test } from 'vitest'
import { createBinanceParser, GeneralParser } from '../../../../src/exchanges/binance/frames/index.ts'
import { InvalidRangeError } from '../../../../src/model/errors.ts'
import { RecordFlag } from '../../../../src/model/live/index.ts'
import type { Market } from '../../../../src/model/series.ts'
import { RECEIVED, read, Told } from './collect.ts'
import { frameOf, SAMPLES } from './samples.ts'

const { stream, suspect, inexact } = RecordFlag

function tell(market: Market, frame: string | object): Told {
  const text = typeof frame === 'string' ? frame : JSON.stringify(frame)
  const told = read(createBinanceParser(market), text)
  expect(told).toEqual(read(new GeneralParser(market), text))
  return told
}

function sample(name: string): { stream: string; data: Record<string, unknown> } {
  const found = SAMPLES.find((one) => one.name === name)!
  return { stream: found.stream, data: found.data as Record<string, unknown> }
}

/** The one record of a sample, with some members of its data changed. */
function recordOf(market: Market, name: string, changes: Record<string, unknown> = {}) {
  const { data, ...rest } = sample(name)
  const told = tell(market, { ...rest, data: { ...data, ...changes } })
  expect(told.problems).toEqual([])
  expect(told.records).toHaveLength(1)
  return told.records[0]!
}

function problemOf(market: Market, name: string, changes: Record<string, unknown>): string {
  const { data, ...rest } = sample(name)
  const told = tell(market, { ...rest, data: { ...data, ...changes } })
  expect(told.records).toEqual([])
  expect(told.problems).toHaveLength(1)
  return told.problems[0]!
}

describe('A frame becomes a record', () => {
  test('of a trade, whose id, times and numbers are exact', () => {
    expect(recordOf('spot', 'spot trade')).toEqual({
      kind: 'trade',
      market: 'spot',
      symbol: 'BTCUSDT',
      eventTime: 1784410630175,
      receiveTime: RECEIVED,
      flags: stream,
      id: 6516181178,
      time: 1784410630174,
      price: 64682.62,
      quantity: 0.02435,
      buyerIsMaker: true,
    })
  })

  test('of a candle in progress and a closed one in microseconds', () => {
    expect(recordOf('spot', 'spot kline')).toMatchObject({
      interval: '1m',
      closed: false,
      openTime: 1784410620000,
      closeTime: 1784410679999,
      quoteVolume: 73116.5938837,
      trades: 364,
      flags: stream | 8,
    })
    expect(recordOf('spot', 'spot kline in microseconds')).toMatchObject({
      closed: true,
      eventTime: 1784410630175.528,
      openTime: 1784410620000,
      closeTime: 1784410679999,
      flags: stream,
    })
  })

  test('of a book: a diff, and levels that only the name of the stream tells from a diff', () => {
    expect(recordOf('usdm', 'USD-M diff depth')).toMatchObject({
      kind: 'bookDelta',
      firstUpdateId: 4984028367545,
      lastUpdateId: 4984028370730,
      previousUpdateId: 4984028367494,
      transactionTime: 1784410630170,
      bids: [1000, 569.567],
      asks: [63947.4, 0.109, 63951.1, 0],
    })
    expect(recordOf('spot', 'spot diff depth')).toMatchObject({
      kind: 'bookDelta',
      previousUpdateId: -1,
      transactionTime: Number.NaN,
      asks: [],
    })
    expect(recordOf('usdm', 'USD-M partial depth')).toMatchObject({
      kind: 'bookSnapshot',
      depth: 20,
      time: 1784410630170,
      lastUpdateId: 4984028370730,
    })
    expect(recordOf('spot', 'spot partial depth')).toMatchObject({
      kind: 'bookSnapshot',
      symbol: 'BTCUSDT',
      depth: 5,
      time: RECEIVED,
      eventTime: Number.NaN,
      bids: [0.00001234, 1234567890],
    })
  })

  test('of a quote, with times where the market gives them', () => {
    expect(recordOf('spot', 'spot bookTicker')).toMatchObject({ eventTime: Number.NaN, transactionTime: Number.NaN })
    expect(recordOf('coinm', 'COIN-M bookTicker')).toMatchObject({
      symbol: 'ETHUSD_PERP',
      eventTime: 1784410630175,
      transactionTime: 1784410630173,
      updateId: 1007198631825,
    })
  })

  test('of tickers, mark prices and liquidations, with NaN for what is not given', () => {
    expect(recordOf('spot', 'spot ticker')).toMatchObject({ priceChange: -499.9, bidPrice: 64499.99, trades: 10555182 })
    expect(recordOf('usdm', 'USD-M ticker')).toMatchObject({ weightedAverage: 64500.12, bidPrice: Number.NaN })
    expect(recordOf('spot', 'mini ticker')).toMatchObject({ last: 64500, openTime: Number.NaN, firstTradeId: -1 })
    expect(recordOf('usdm', 'mark price')).toMatchObject({ fundingRate: -0.0001, nextFundingTime: 1784419200000 })
    expect(recordOf('coinm', 'mark price of a delivery contract')).toMatchObject({
      fundingRate: Number.NaN,
      nextFundingTime: Number.NaN,
      indexPrice: Number.NaN,
    })
    expect(recordOf('usdm', 'liquidation')).toMatchObject({ side: 2, averagePrice: 63950.25, filledQuantity: 0.014 })
  })

  test('in the raw form, and several of them in the form of an array', () => {
    const { data } = sample('USD-M trade')
    expect(tell('usdm', data).records).toHaveLength(1)
    const list = [1, 2, 3].map((t) => ({ ...data, t }))
    const combined = tell('usdm', { stream: '!x@arr', data: list })
    expect(combined.records.map((record) => 'id' in record && record.id)).toEqual([1, 2, 3])
    expect(tell('usdm', list).records).toHaveLength(3)
    expect(tell('usdm', []).problems).toEqual([])
  })

  test('without leaving the byte loop, each of the known forms', () => {
    for (const one of SAMPLES) {
      const parser = createBinanceParser(one.market)
      expect(read(parser, frameOf(one)).records).toHaveLength(1)
      expect([one.name, parser.fallbacks]).toEqual([one.name, 0])
    }
  })
})

describe('What a frame holds is not taken for more than it is', () => {
  test('ids above 2^53 stay exact', () => {
    const text = frameOf(SAMPLES[0]!).replace('6516181178', '9007199254740993')
    expect(tell('spot', text).records[0]).toMatchObject({ id: 9007199254740993n })
    const book = frameOf(SAMPLES.find(({ name }) => name === 'spot diff depth')!)
      .replace('97585364523', '90071992547409910')
      .replace('97585364530', '90071992547409917')
    expect(tell('spot', book).records[0]).toMatchObject({
      firstUpdateId: 90071992547409910n,
      lastUpdateId: 90071992547409917n,
    })
  })

  test('decimals that a float64 does not hold are flagged', () => {
    const price = '123456789.123456789'
    expect(recordOf('spot', 'spot trade', { p: price })).toMatchObject({ flags: stream | inexact })
    expect(recordOf('spot', 'spot diff depth', { b: [['1.5', price]] })).toMatchObject({ flags: stream | inexact })
    expect(recordOf('spot', 'spot trade', { p: '1234567.250000000' })).toMatchObject({
      flags: stream,
      price: 1234567.25,
    })
  })

  test('prices that no trade can have are flagged, and trades outside the order book', () => {
    for (const p of ['0.00', '-1', '1e13']) {
      expect(recordOf('spot', 'spot trade', { p })).toMatchObject({ price: Number(p), flags: stream | suspect })
    }
    for (const X of ['INSURANCE_FUND', 'ADL', 'NA']) {
      expect(recordOf('usdm', 'USD-M trade', { X, p: '0', q: '0' })).toMatchObject({
        id: 3535186032,
        flags: stream | suspect,
      })
    }
    expect(recordOf('spot', 'spot bookTicker', { b: '2683.82' })).toMatchObject({ flags: stream | suspect })
    expect(recordOf('spot', 'spot bookTicker', { b: '0.00', B: '0.00' })).toMatchObject({ flags: stream })
  })

  test('rows of the other futures market are left out', () => {
    expect(tell('usdm', { ...sample('USD-M trade'), data: { ...sample('USD-M trade').data, st: 2 } })).toEqual(
      new Told(),
    )
    expect(tell('usdm', sample('COIN-M bookTicker'))).toEqual(new Told())
    expect(tell('coinm', sample('USD-M bookTicker'))).toEqual(new Told())
  })

  test('symbols need not be ASCII, may be escaped, and are one string each', () => {
    const parser = createBinanceParser('spot')
    const frame = frameOf(SAMPLES[0]!).replace('"BTCUSDT"', '"币安人生USDT"')
    const [one, two] = [read(parser, frame).records[0]!, read(parser, frame).records[0]!]
    expect(one.symbol).toBe('币安人生USDT')
    expect(two.symbol).toBe(one.symbol)
    expect(parser.fallbacks).toBe(0)
    expect(tell('spot', frame.replace('币', '\\u5e01')).records[0]).toMatchObject({ symbol: '币安人生USDT' })
    const levels = sample('spot partial depth')
    expect(tell('spot', { ...levels, stream: '币安人生usdt@depth5' }).records[0]).toMatchObject({
      symbol: '币安人生USDT',
    })
  })

  test('candles of another time zone and books of another kind are no candles and books of ours', () => {
    const { data } = sample('spot kline')
    expect(tell('spot', { stream: 'btcusdt@kline_1d@+08:00', data }).unknowns).toEqual(['kline of another time zone'])
    const book = sample('USD-M diff depth').data
    expect(tell('usdm', { stream: 'btcusdt@rpiDepth@500ms', data: book }).unknowns).toEqual(['rpiDepth@500ms'])
  })

  test('events without a kind are named', () => {
    expect(tell('usdm', { stream: 'x', data: { e: 'contractInfo', E: 1, bks: [{ bs: 1 }] } }).unknowns).toEqual([
      'contractInfo',
    ])
  })
})

describe('A frame that is no data', () => {
  test('is the answer to a request', () => {
    expect(tell('spot', '{"result":null,"id":1}').replies).toEqual([{ id: 1, result: null, error: undefined }])
    expect(tell('spot', '{"result":["btcusdt@aggTrade"],"id":"a1"}').replies).toEqual([
      { id: 'a1', result: ['btcusdt@aggTrade'], error: undefined },
    ])
    const error = { code: 2, message: 'Invalid request' }
    expect(tell('spot', '{"code":2,"msg":"Invalid request","id":7}').replies).toEqual([
      { id: 7, result: undefined, error },
    ])
    expect(tell('usdm', '{"error":{"code":2,"msg":"Invalid request"},"id":7}').replies).toEqual([
      { id: 7, result: undefined, error },
    ])
    expect(tell('spot', '{"error":{"code":2,"msg":"Invalid request"}}').replies[0]).toMatchObject({ id: null })
  })

  test('announces a shutdown', () => {
    const told = tell('spot', '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1784410630175}}')
    expect(told.shutdowns).toEqual([1784410630175])
    expect(tell('spot', '{"e":"serverShutdown","E":1784410630175}').shutdowns).toEqual([1784410630175])
  })

  test('is bad, and the problem says where and what', () => {
    expect(problemOf('spot', 'spot trade', { p: 'abc' })).toBe(
      'btcusdt@trade: $.data.p: expected a decimal number, got the text "abc"',
    )
    expect(problemOf('spot', 'spot trade', { t: -5 })).toContain('$.data.t: expected an id (a whole number), got -5')
    expect(problemOf('spot', 'spot trade', { T: 5 })).toContain('$.data.T: expected a time of this age, got 5')
    expect(problemOf('spot', 'spot trade', { m: undefined })).toContain('$.data.m: expected true or false, got nothing')
    expect(problemOf('spot', 'spot diff depth', { u: 1 })).toContain('$.data.u: 1 is before the first update')
    expect(problemOf('spot', 'spot diff depth', { b: [['-1', '2']] })).toContain(
      '$.data.b[0][0]: expected a price above 0',
    )
    const kline = sample('spot kline').data.k as object
    expect(problemOf('spot', 'spot kline', { k: { ...kline, i: '2m' } })).toContain('$.data.k.i: "2m" is no interval')
    expect(tell('spot', { lastUpdateId: 1, bids: [], asks: [] }).problems[0]).toContain('without a stream name')
    expect(tell('spot', '{"foo":1}').problems[0]).toContain('neither an event nor a reply')
    expect(tell('spot', '').problems).toEqual(['the frame is not JSON: it is empty'])
    expect(tell('spot', '<html>').problems).toEqual(['the frame is not JSON: "<html>"'])
  })

  test('is bad in part: the other rows of an array are kept', () => {
    const { data } = sample('mark price')
    const told = tell('usdm', { stream: '!markPrice@arr', data: [data, { ...data, p: '' }, 5, data] })
    expect(told.records).toHaveLength(2)
    expect(told.problems.map((problem) => problem.slice(0, 30))).toEqual([
      '!markPrice@arr: $.data[1].p: e',
      '!markPrice@arr: $.data[3]: exp'.replace('3', '2'),
    ])
  })
})

test('A parser exists for spot and both futures, and for no other market', () => {
  for (const market of ['spot', 'usdm', 'coinm'] as const) expect(createBinanceParser(market).fallbacks).toBe(0)
  expect(() => createBinanceParser('option')).toThrow(InvalidRangeError)
})

test('Symbols without number do not fill the memory: names seen once are forgotten', () => {
  const parser = createBinanceParser('spot')
  for (let n = 0; n < 20_000; n++) {
    const told = new Told()
    const frame = Buffer.from(`{"u":1,"s":"S${n}","b":"1","B":"1","a":"2","A":"1"}`)
    parser.parse(frame, 0, frame.length, RECEIVED, told)
    expect(told.records[0]!.symbol).toBe(`S${n}`)
  }
  expect(parser.fallbacks).toBe(0)
})
