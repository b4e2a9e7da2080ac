import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exchangeInfo, instrumentOf } from '../../src/exchanges/binance/instruments.ts'
import { parseJson } from '../../src/exchanges/binance/schema.ts'
import { InvalidSymbolError } from '../../src/model/errors.ts'
import type { Instrument } from '../../src/model/instrument.ts'
import type { Market } from '../../src/model/series.ts'
import { nearestTexts, offlineNative, parseSymbol, SymbolCatalogue, unifiedSymbol } from '../../src/model/symbol.ts'
import { findRealData, realDataTitle } from '../helpers/real-data.ts'

const made = (
  market: Market,
  symbol: string,
  base: string,
  quote: string,
  more: Partial<Instrument> = {},
): Instrument => ({
  exchange: 'binance',
  market,
  symbol,
  base,
  quote,
  status: 'TRADING',
  active: true,
  filters: [],
  ...more,
})
const perpetual = { contract: 'perpetual' } as const
const catalogue = new SymbolCatalogue([
  made('spot', 'BTCUSDT', 'BTC', 'USDT'),
  made('spot', 'ETHUSDT', 'ETH', 'USDT'),
  made('spot', 'USDTTRY', 'USDT', 'TRY'),
  made('spot', 'BTCSTUSDT', 'BTCST', 'USDT'),
  made('spot', '1000SATSFDUSD', '1000SATS', 'FDUSD'),
  made('spot', '币安人生USDT', '币安人生', 'USDT'),
  made('usdm', 'BTCUSDT', 'BTC', 'USDT', { ...perpetual, settle: 'USDT' }),
  made('usdm', '1000PEPEUSDT', '1000PEPE', 'USDT', { ...perpetual, settle: 'USDT' }),
  made('usdm', 'BTCUSDT_261225', 'BTC', 'USDT', {
    contract: 'delivery',
    settle: 'USDT',
    expiresAt: Date.UTC(2026, 11, 25, 8),
  }),
  made('coinm', 'BTCUSD_PERP', 'BTC', 'USD', { ...perpetual, settle: 'BTC' }),
  made('coinm', 'BTCUSD_261225', 'BTC', 'USD', { contract: 'delivery', settle: 'BTC' }),
  made('option', 'BTC-261225-86000-C', 'BTC', 'USDT', {
    contract: 'option',
    settle: 'USDT',
    strike: '86000.0',
    right: 'call',
  }),
])

/** Every spelling of reference/normalised-symbols.md, with what it means. */
const SPELLINGS: [text: string, market: Market, symbol: string][] = [
  ['BTC/USDT', 'spot', 'BTCUSDT'],
  ['btc/usdt', 'spot', 'BTCUSDT'],
  ['BTC/USDT:USDT', 'usdm', 'BTCUSDT'],
  ['BTC/USD:BTC', 'coinm', 'BTCUSD_PERP'],
  ['BTC/USDT:USDT-261225', 'usdm', 'BTCUSDT_261225'],
  ['BTC/USD:BTC-261225', 'coinm', 'BTCUSD_261225'],
  ['BTC/USDT:USDT-261225-86000-C', 'option', 'BTC-261225-86000-C'],
  ['BTCUSDT', 'spot', 'BTCUSDT'],
  ['  btcusdt ', 'spot', 'BTCUSDT'],
  ['BTCUSD_PERP', 'coinm', 'BTCUSD_PERP'],
  ['BTCUSD_261225', 'coinm', 'BTCUSD_261225'],
  ['BTCUSDT_261225', 'usdm', 'BTCUSDT_261225'],
  ['BTC-261225-86000-C', 'option', 'BTC-261225-86000-C'],
  ['binance:um:BTCUSDT', 'usdm', 'BTCUSDT'],
  ['um:BTCUSDT', 'usdm', 'BTCUSDT'],
  ['cm:BTCUSD_PERP', 'coinm', 'BTCUSD_PERP'],
  ['btcusdt@depth', 'spot', 'BTCUSDT'],
  ['btcusdt@kline_1m', 'spot', 'BTCUSDT'],
  ['BTC-USDT', 'spot', 'BTCUSDT'],
  ['BTC-USDT-SWAP', 'usdm', 'BTCUSDT'],
  ['BTC-USD-SWAP', 'coinm', 'BTCUSD_PERP'],
  ['BINANCE:BTCUSDT', 'spot', 'BTCUSDT'],
  ['BINANCE:BTCUSDT.P', 'usdm', 'BTCUSDT'],
  ['BINANCE:BTCUSD.PERP', 'coinm', 'BTCUSD_PERP'],
  ['1000PEPE/USDT:USDT', 'usdm', '1000PEPEUSDT'],
  ['USDTTRY', 'spot', 'USDTTRY'],
  ['1000SATS/FDUSD', 'spot', '1000SATSFDUSD'],
  ['币安人生USDT', 'spot', '币安人生USDT'],
  ['币安人生/usdt', 'spot', '币安人生USDT'],
]

test.each(SPELLINGS)('%s is %s %s', (text, market, symbol) => {
  expect(catalogue.resolve(text)).toMatchObject({ market, symbol })
  expect(offlineNative(parseSymbol(text))).toEqual({ market, symbol })
})

test('a market settles what a concatenation leaves open', () => {
  expect(catalogue.resolve('BTCUSDT', 'usdm').market).toBe('usdm')
  expect(catalogue.resolve('BTC-USDT', 'usdm')).toMatchObject({ market: 'usdm', symbol: 'BTCUSDT' })
  expect(parseSymbol('BTCUSDT', { market: 'usdm' })).toMatchObject({ market: 'usdm', symbol: 'BTCUSDT' })
})

test('a concatenation is not split by guessing', () => {
  expect(parseSymbol('BTCSTUSDT')).toEqual({ text: 'BTCSTUSDT', symbol: 'BTCSTUSDT' })
})

test('an option strike is compared without its trailing zeros', () => {
  expect(parseSymbol('BTC-261225-86000.50-P')).toMatchObject({ strike: '86000.5', right: 'put', expiry: '261225' })
  expect(unifiedSymbol(catalogue.resolve('BTC-261225-86000-C'))).toBe('BTC/USDT:USDT-261225-86000-C')
})

test('an unknown symbol names the nearest ones of its market', () => {
  const error = (() => {
    try {
      return catalogue.resolve('BTCUSTD')
    } catch (caught) {
      return caught
    }
  })()
  expect(error).toBeInstanceOf(InvalidSymbolError)
  expect((error as InvalidSymbolError).suggestions[0]).toBe('BTCUSDT')
  expect(() => catalogue.resolve('DOGECOINEURO')).toThrow(/^Unknown symbol "DOGECOINEURO" on spot\.$/)
})

test('text that is no symbol in any spelling is refused', () => {
  for (const text of [
    '',
    'BTC USDT',
    'BTC/',
    '/USDT',
    'BTC/USDT/EUR',
    'BTC/USDT:USDT-26',
    '../etc/passwd',
    'a?b=c',
    '@depth',
  ]) {
    expect(() => parseSymbol(text), text).toThrow(InvalidSymbolError)
  }
})

test('a prefix that contradicts the spelling is refused', () => {
  expect(() => parseSymbol('um:BTC/USD:BTC')).toThrow(/names a coinm symbol/)
})

test('any text is either parsed or refused with InvalidSymbolError', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ maxLength: 30 }), fc.string({ unit: fc.constantFrom(...'BTCusd/:-_@.260 PERSWA币') })),
      (text) => {
        try {
          offlineNative(parseSymbol(text))
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidSymbolError)
        }
      },
    ),
    { numRuns: 2000 },
  )
})

test('the contracts of a pair are near, also to its name with USDT', () => {
  const contracts = ['BTCUSD_PERP', 'ETHUSD_PERP', 'BTCUSD_261225']
  expect(nearestTexts('BTCUSD', contracts)).toEqual(['BTCUSD_261225', 'BTCUSD_PERP'])
  expect(nearestTexts('btcusdt', contracts)).toEqual(['BTCUSD_261225', 'BTCUSD_PERP'])
  expect(nearestTexts('XYZUSDT', contracts)).toEqual([])
})

test('the nearest texts agree with the plain definition of edit distance', () => {
  const slow = (a: string, b: string): number => {
    if (a === '' || b === '') return a.length + b.length
    if (a[0] === b[0]) return slow(a.slice(1), b.slice(1))
    return 1 + Math.min(slow(a.slice(1), b), slow(a, b.slice(1)), slow(a.slice(1), b.slice(1)))
  }
  const short = fc.string({ unit: fc.constantFrom('A', 'B', 'C'), maxLength: 6 })
  fc.assert(
    fc.property(short, short, (text, candidate) => {
      const bound = Math.max(2, Math.floor(text.length / 3))
      expect(nearestTexts(text, [candidate])).toEqual(slow(text, candidate) <= bound ? [candidate] : [])
    }),
  )
})

describe('recorded exchangeInfo', () => {
  const folder = findRealData()
  const files: [file: string, market: Market, rows: number][] = [
    ['rest/binance-spot/exchangeInfo_cf_20210417_BINANCE.0.gz', 'spot', 1_405],
    ['rest/binance-usdm/exchangeInfo_cf_20210417_BINANCE_FUTURES.0.gz', 'usdm', 80],
    ['rest/binance-coinm/exchangeInfo_cf_20210722_BINANCE_DELIVERY.0.gz', 'coinm', 10],
    ['rest/binance-spot/ps_20260718_spot_exchange_info.json', 'spot', 1],
    ['rest/binance-usdm/ps_20260718_perp_exchange_info.json', 'usdm', 1],
  ]
  test.skipIf(!folder).each(files)(
    realDataTitle('every row of %s goes to its unified symbol and back'),
    (file, market, least) => {
      const raw = readFileSync(join(folder!, file))
      const text = (file.endsWith('.gz') ? gunzipSync(raw) : raw).toString()
      const json = file.endsWith('.gz') ? text.split('\n')[0]!.replace(/^\S+ -> [\d.]+: /, '') : text
      const info = parseJson(Buffer.from(json), exchangeInfo, file)
      const instruments = info.symbols.map((row) => instrumentOf(row, market))
      expect(instruments.length).toBeGreaterThanOrEqual(least)
      const all = new SymbolCatalogue(instruments)
      const unified = new Map<string, string>()
      for (const instrument of instruments) {
        const name = unifiedSymbol(instrument)
        expect(unified.get(name), `${name} of ${instrument.symbol}`).toBeUndefined()
        unified.set(name, instrument.symbol)
        expect(all.resolve(name).symbol).toBe(instrument.symbol)
        expect(all.resolve(instrument.symbol, market).symbol).toBe(instrument.symbol)
        expect(offlineNative(parseSymbol(name))).toEqual({ market, symbol: instrument.symbol })
        expect(instrument.tickSize, instrument.symbol).toMatch(/^\d+(\.\d+)?$/)
        expect(instrument.stepSize, instrument.symbol).toMatch(/^\d+(\.\d+)?$/)
      }
    },
  )
})
