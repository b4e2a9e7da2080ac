import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidRangeError, InvalidSymbolError } from '../../src/model/errors.ts'
import { isSymbolPattern, nearPatterns, parseSymbolPattern } from '../../src/model/symbol-pattern.ts'

const SYMBOLS = ['BTCUSDT', 'BTCUSDC', 'ETHBTC', '1000PEPEUSDT', '币安人生USDT', 'BTCUSD_PERP', 'BTCUSD_261225']
const matched = (text: string): string[] => SYMBOLS.filter((symbol) => parseSymbolPattern(text).matches(symbol))

describe('a pattern of symbols', () => {
  it('is told from a symbol', () => {
    for (const text of ['*USDT', 'BTC*', 'B?C*', 'all', 'ALL', 'um:ALL', '*', '*/USDT']) {
      expect(isSymbolPattern(text), text).toBe(true)
    }
    for (const text of ['BTCUSDT', 'BTC/USDT:USDT', 'ALLUSDT', 'um:BTCUSDT', 'BTCUSD_PERP', '']) {
      expect(isSymbolPattern(text), text).toBe(false)
    }
  })

  it('matches whole names, in any case', () => {
    expect(matched('*USDT')).toEqual(['BTCUSDT', '1000PEPEUSDT', '币安人生USDT'])
    expect(matched('btc*')).toEqual(['BTCUSDT', 'BTCUSDC', 'BTCUSD_PERP', 'BTCUSD_261225'])
    expect(matched('BTCUSD?')).toEqual(['BTCUSDT', 'BTCUSDC'])
    expect(matched('ETH?TC')).toEqual(['ETHBTC'])
    expect(matched('*_PERP')).toEqual(['BTCUSD_PERP'])
    expect(matched('USDT')).toEqual([])
    expect(matched('ALL')).toEqual(SYMBOLS)
    expect(matched('*')).toEqual(SYMBOLS)
  })

  it('may be a pair, whose contracts say more', () => {
    expect(matched('*/USDT')).toEqual(['BTCUSDT', '1000PEPEUSDT', '币安人生USDT'])
    expect(matched('BTC/*')).toEqual(['BTCUSDT', 'BTCUSDC', 'BTCUSD_PERP', 'BTCUSD_261225'])
    expect(matched('*/USD')).toEqual(['BTCUSD_PERP', 'BTCUSD_261225'])
  })

  it('may name its market', () => {
    expect(parseSymbolPattern('um:*USDT')).toMatchObject({ market: 'usdm', isAll: false, ending: 'USDT' })
    expect(parseSymbolPattern('coinm:ALL')).toMatchObject({ market: 'coinm', isAll: true })
    expect(parseSymbolPattern('BTC*')).not.toHaveProperty('market')
    expect(() => parseSymbolPattern('mars:*')).toThrow(InvalidRangeError)
  })

  it('is refused where it can be none', () => {
    for (const text of ['* USDT', 'BTC/USD:*', '*(', 'a/b/*']) {
      expect(() => parseSymbolPattern(text), text).toThrow(InvalidSymbolError)
    }
  })

  it('has near ones', () => {
    expect(nearPatterns(parseSymbolPattern('*USTD'), SYMBOLS)).toEqual(['*USDC', '*USDT'])
    expect(nearPatterns(parseSymbolPattern('BTT*'), SYMBOLS)[0]).toBe('BTC*')
    expect(nearPatterns(parseSymbolPattern('E?HBTX'), SYMBOLS)).toEqual(['ETHBTC'])
  })

  it('never throws anything but a clear error, and matches what it was made of', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), fc.constantFrom(...SYMBOLS), (text, symbol) => {
        try {
          parseSymbolPattern(text).matches(symbol)
        } catch (error) {
          expect(error instanceof InvalidSymbolError || error instanceof InvalidRangeError).toBe(true)
        }
      }),
    )
    fc.assert(
      fc.property(fc.constantFrom(...SYMBOLS), fc.nat(20), fc.nat(20), (symbol, a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)]
        const pattern = `${symbol.slice(0, from)}*${symbol.slice(to)}`
        expect(parseSymbolPattern(pattern).matches(symbol)).toBe(true)
      }),
    )
  })
})
