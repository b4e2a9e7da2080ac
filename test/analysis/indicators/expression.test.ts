import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { computeIndicators, indicator, parseIndicator, seriesText } from '../../../src/analysis/indicators/index.ts'
import { ConfigError, TicklakeError } from '../../../src/model/errors.ts'

describe('an expression', () => {
  it.each([
    ['ema', 'ema(20)'],
    ['ema(20)', 'ema(20)'],
    [' ema ( 20 ) ', 'ema(20)'],
    ['sma(close, 50)', 'sma(50)'],
    ['sma(50, hlc3)', 'sma(hlc3, 50)'],
    ['sma(period=50, source)', undefined],
    ['ema(20) of rsi(14)', 'ema(rsi(14), 20)'],
    ['ema(rsi(14), 20)', 'ema(rsi(14), 20)'],
    ['ema(5) of sma(3) of hl2', 'ema(sma(hl2, 3), 5)'],
    ['bollinger(20, 2).upper', 'bollinger(20, 2).upper'],
    ['bb(20, 2.5)', 'bollinger(20, 2.5)'],
    ['rsi(14, cutler)', 'rsi(14, smoothing=cutler)'],
    ['rsi(smoothing=cutler)', 'rsi(14, smoothing=cutler)'],
    ['sma(macd(12, 26, 9).histogram, 5)', 'sma(macd(12, 26, 9).histogram, 5)'],
    ['vwap(day, timeZone="Europe/Berlin")', 'vwap(session=day, timeZone="Europe/Berlin")'],
    ["vwap(anchor='2024-01-01')", 'vwap(anchor="2024-01-01T00:00:00Z")'],
    ['ema(alpha=0.1)', 'ema(20, 0.1)'],
    ['sma("my column", 3)', 'sma("my column", 3)'],
    ['correlation(close, ema(9), 30)', 'correlation(close, ema(9), 30)'],
    ['stochRSI', 'stochRsi(14, 14, 3, 1)'],
    ['sma(takerBuyVolume, 3)', 'sma(taker_buy_volume, 3)'],
  ])('%s reads as %s', (text, expected) => {
    if (expected === undefined) expect(() => parseIndicator(text)).toThrow(ConfigError)
    else {
      const series = parseIndicator(text)
      expect(seriesText(series)).toBe(expected)
      expect(seriesText(parseIndicator(expected))).toBe(expected)
    }
  })

  it.each([
    ['emma(20)', 'Unknown indicator "emma". Did you mean ema?'],
    ['bolinger', 'Unknown indicator or column "bolinger". Did you mean bollinger?'],
    ['sma(closs, 20)', 'Unknown indicator or column "closs". Did you mean close?'],
    [
      'bollinger(20, 2).uper',
      'bollinger has no output "uper"; it has middle, upper, lower, percentB, bandwidth. Did you mean upper?',
    ],
    ['ema(perod=20)', 'ema has no parameter "perod"; it takes period, alpha, adjust, seed. Did you mean period?'],
    ['rsi(14, smoothing=cutlr)', 'rsi: smoothing is "cutlr"; allowed: wilder, cutler. Did you mean cutler?'],
    ['sma(0)', 'sma: period is 0; allowed: a whole number from 1 to 1000000.'],
    ['sma(2.5)', 'sma: period is 2.5; allowed'],
    ['sma(20, 30)', 'sma takes at most 1 (period); "sma(20, 30)" gives more.'],
    ['macd(26, 12)', 'macd: fast is 26 and slow is 12; fast must be the smaller one.'],
    ['ema(20', 'expected "," or ")", but it ends (character 7)'],
    ['ema(20) rsi(14)', 'expected the end, but there is "rsi" (character 9)'],
    ['ema(20)!', '"!" makes no sense at character 8'],
    ['', 'expected the name of an indicator, but it ends'],
    ['close', '"close" is a column, not an indicator; try sma(close, 20).'],
    ['atr(14) of rsi(14)', "atr reads candles; it can't be taken of rsi(14)."],
    ['atr(close, 14)', 'atr reads high, low, close of candles; it takes no source.'],
    ['correlation(20)', 'correlation needs two series'],
    ['vwap(timeZone="Mars/Base", session=day)', 'Unknown time zone "Mars/Base"'],
    ['vwap(anchor=soon)', '"soon" is not a time'],
    ['ema(9, period=3)', 'expected each parameter once, but there is "period"'],
    ['ema(period=3, 9)', 'expected period once, but there is "9"'],
  ])('%s is refused: %s', (text, message) => {
    expect(() => parseIndicator(text)).toThrow(message)
    expect(() => parseIndicator(text)).toThrow(TicklakeError)
  })

  it('made of any text is either read or refused with an error that says why', () => {
    const piece = fc.constantFrom(
      'ema',
      'sma',
      '(',
      ')',
      ',',
      '20',
      '.',
      'of',
      'rsi',
      '=',
      'period',
      '"x"',
      ' ',
      'close',
      '-1',
      '1e3',
      'as',
      'upper',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            const series = parseIndicator(text)
            expect(seriesText(parseIndicator(seriesText(series)))).toBe(seriesText(series))
          } catch (error) {
            expect(error).toBeInstanceOf(TicklakeError)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('names its result by its own text, or as it is told', () => {
    const close = [1, 2, 3]
    const names = Object.keys(
      computeIndicators({ close }, ['sma( close,2 )', 'ema(2) as fast', 'bollinger(2, 2) as b']),
    )
    expect(names).toEqual(['sma( close,2 )', 'fast', 'b.middle', 'b.upper', 'b.lower', 'b.percentB', 'b.bandwidth'])
    expect(() => computeIndicators({ close }, ['ema(2)', 'ema(2)'])).toThrow('"ema(2)" is asked for twice')
  })

  it('is the same as one made in code', () => {
    const made = indicator('ema', { period: 20 }, { source: indicator('rsi', { period: 14 }), output: 'value' })
    expect(seriesText(made)).toBe('ema(rsi(14), 20).value')
    expect(seriesText(indicator('sma', {}, { source: 'rsi(3)' }))).toBe('sma(rsi(3), 20)')
    expect(seriesText(indicator('sma', {}, { source: 'volume' }))).toBe('sma(volume, 20)')
  })
})
