import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  computeIndicators,
  INDICATORS,
  IndicatorRunner,
  parseIndicator,
} from '../../../src/analysis/indicators/index.ts'

/** Every indicator with short windows, and every option of it. */
const EXPRESSIONS: Record<keyof typeof INDICATORS, string[]> = {
  sma: ['sma(1)', 'sma(4)', 'sma(hlc3, 3)'],
  ema: ['ema(4)', 'ema(3, seed=first)', 'ema(alpha=0.3)', 'ema(alpha=0.3, adjust=true)', 'ema(3) of rsi(4)'],
  wma: ['wma(1)', 'wma(4)'],
  dema: ['dema(3)', 'dema(3, chained)', 'dema(3, first)'],
  tema: ['tema(3)', 'tema(3, chained)', 'tema(3, first)'],
  hma: ['hma(2)', 'hma(9)'],
  kama: ['kama(4, 2, 10)'],
  vwma: ['vwma(4)'],
  vwap: ['vwap', 'vwap(day)', 'vwap(week, timeZone="America/New_York")', 'vwap(anchor="2024-03-10T05:00:00Z")'],
  macd: ['macd(2, 5, 3)', 'macd(2, 5, 3, talib)', 'macd(2, 5, 3, first)'],
  ppo: ['ppo(2, 5, 3)', 'ppo(2, 5, 3, talib)'],
  trix: ['trix(3, 2)', 'trix(3, 2, shared)', 'trix(3, 2, first)'],
  rsi: ['rsi(1)', 'rsi(4)', 'rsi(4, cutler)'],
  stochastic: ['stochastic(4, 3, 2)', 'stochastic(1, 1, 1)'],
  stochRsi: ['stochRsi(4, 3, 2, 2)'],
  williamsR: ['williamsR(4)'],
  cci: ['cci(4)'],
  roc: ['roc(3)'],
  momentum: ['momentum(3)', 'momentum(2) of sma(3)'],
  aroon: ['aroon(4)'],
  adx: ['adx(3)'],
  psar: ['psar'],
  supertrend: ['supertrend(3, 1.5)'],
  ichimoku: ['ichimoku(2, 4, 6, 3)', 'ichimoku(2, 4, 6, 0)'],
  pivots: ['pivots', 'pivots(fibonacci)', 'pivots(camarilla, week)', 'pivots(woodie, timeZone="Asia/Kolkata")'],
  bollinger: ['bollinger(4, 2)'],
  keltner: ['keltner(3, 2, 4)'],
  donchian: ['donchian(4)', 'donchian(4, current)'],
  tr: ['tr', 'tr(first=true)'],
  atr: ['atr(4)', 'atr(4, first=true)'],
  natr: ['natr(4)'],
  obv: ['obv'],
  cmf: ['cmf(4)'],
  mfi: ['mfi(4)'],
  min: ['min(1)', 'min(4)'],
  max: ['max(1)', 'max(4)'],
  std: ['std(4)', 'std(4, 1)'],
  zscore: ['zscore(4)'],
  linreg: ['linreg(2)', 'linreg(5)'],
  correlation: ['correlation(close, volume, 4)'],
}
const CASES = Object.entries(EXPRESSIONS).flatMap(([id, list]) => list.map((text) => [id, text] as const))

type Candles = Record<'open_time' | 'open' | 'high' | 'low' | 'close' | 'volume', Float64Array>
const COLUMNS = ['open_time', 'open', 'high', 'low', 'close', 'volume'] as const
const START = Date.UTC(2024, 2, 10)

/** Candles on a coarse grid of prices, so that ties, flat candles and empty ones are common. */
function candles(steps: readonly number[], size: number): Candles {
  const columns = Object.fromEntries(COLUMNS.map((name) => [name, new Float64Array(steps.length)])) as Candles
  let price = 100
  for (const [i, step] of steps.entries()) {
    const [move, up, down, volume] = [(step % 7) - 3, (step >> 3) % 3, (step >> 5) % 3, (step >> 7) % 4]
    const open = price
    price = Math.max(1, price + move * 0.25 * size)
    columns.open_time[i] = START + i * 7_200_000
    columns.open[i] = open
    columns.close[i] = price
    columns.high[i] = Math.max(open, price) + up * 0.1 * size
    columns.low[i] = Math.max(0.5, Math.min(open, price) - down * 0.1 * size)
    columns.volume[i] = volume * 1.37
  }
  return columns
}

const anyCandles = fc
  .record({
    steps: fc.array(fc.nat(511), { maxLength: 200, size: 'max' }),
    size: fc.constantFrom(1, 0, 0.013),
    holes: fc.array(
      fc.record({ at: fc.nat(199), column: fc.nat(5), value: fc.constantFrom(Number.NaN, Infinity, -Infinity) }),
      { maxLength: 2 },
    ),
  })
  .map(({ steps, size, holes }) => {
    const columns = candles(steps, size)
    for (const { at, column, value } of holes) if (at < steps.length) columns[COLUMNS[column]!][at] = value
    return columns
  })

const slice = (columns: Candles, from: number, to: number): Candles =>
  Object.fromEntries(COLUMNS.map((name) => [name, columns[name].subarray(from, to)])) as Candles
const row = (columns: Candles, i: number): Record<string, number> => ({
  openTime: columns.open_time[i]!,
  open: columns.open[i]!,
  high: columns.high[i]!,
  low: columns.low[i]!,
  close: columns.close[i]!,
  volume: columns.volume[i]!,
})
const bits = (values: ArrayLike<number>): unknown[] =>
  Array.from(values, (value) => (Object.is(value, -0) ? '-0' : value))
const RUNS = { numRuns: 40 }

it('every indicator has its cases, and every case is of its indicator', () => {
  expect(Object.keys(EXPRESSIONS).sort()).toEqual(Object.keys(INDICATORS).sort())
  for (const [id, text] of CASES) expect(parseIndicator(text).definition.id).toBe(id)
})

describe.each(CASES)('%s: %s', (_, text) => {
  it('gives the same bits a candle at a time, in pieces and at once', () => {
    fc.assert(
      fc.property(anyCandles, fc.array(fc.integer({ min: 0, max: 9 })), (columns, sizes) => {
        const whole = computeIndicators(columns, text)
        const length = columns.close.length
        const single = new IndicatorRunner(text)
        const pieces = new IndicatorRunner(text)
        const names = Object.keys(whole)
        const [one, some] = [names.map(() => [] as number[]), names.map(() => [] as number[])]
        for (let i = 0; i < length; i++) {
          single.update(row(columns, i))
          for (const [k, value] of single.values.entries()) one[k]!.push(value)
        }
        for (let i = 0, turn = 0; i < length; turn++) {
          const size = sizes[turn % (sizes.length || 1)] ?? 0
          if (size === 0) {
            pieces.update(row(columns, i++))
            for (const [k, value] of pieces.values.entries()) some[k]!.push(value)
          } else {
            const found = pieces.append(slice(columns, i, i + size))
            for (const [k, name] of names.entries()) some[k]!.push(...found[name]!)
            i = Math.min(length, i + size)
          }
        }
        for (const [k, name] of names.entries()) {
          expect(bits(one[k]!)).toEqual(bits(whole[name]!))
          expect(bits(some[k]!)).toEqual(bits(whole[name]!))
        }
      }),
      RUNS,
    )
  })

  it('does not change a value when more candles come', () => {
    fc.assert(
      fc.property(anyCandles, fc.nat(200), (columns, cut) => {
        const whole = computeIndicators(columns, text)
        const first = computeIndicators(slice(columns, 0, cut), text)
        for (const [name, values] of Object.entries(first)) {
          expect(bits(values)).toEqual(bits(whole[name]!.subarray(0, values.length)))
        }
      }),
      RUNS,
    )
  })

  it('begins anew after a hole, is NaN until warm, and never infinite', () => {
    const runner = new IndicatorRunner(text)
    fc.assert(
      fc.property(anyCandles, (columns) => {
        const whole = computeIndicators(columns, text)
        const read = runner.columns.map((name) => columns[name as keyof Candles])
        const length = columns.close.length
        let start = length
        while (start > 0 && read.every((values) => Number.isFinite(values[start - 1]))) start--
        const after = computeIndicators(slice(columns, start, length), text)
        for (const [k, { name, warmUp }] of runner.results.entries()) {
          const values = whole[name]!
          expect(values.length).toBe(length)
          expect(bits(values.subarray(start))).toEqual(bits(after[name]!))
          if (start > 0) expect(values[start - 1]).toBeNaN()
          expect(after[name]!.subarray(0, warmUp).every(Number.isNaN), `${k}: ${name} before row ${warmUp}`).toBe(true)
          expect(values.every((value) => value !== Infinity && value !== -Infinity)).toBe(true)
        }
      }),
      RUNS,
    )
  })

  it('shows a provisional value as if the candle were closed, and forgets it', () => {
    fc.assert(
      fc.property(anyCandles, fc.nat(511), (columns, step) => {
        const [a, b] = [new IndicatorRunner(text), new IndicatorRunner(text)]
        const other = candles([step], 1)
        for (let i = 0; i < columns.close.length; i++) {
          a.provisional(row(other, 0))
          const shown = bits(a.provisional(row(columns, i)))
          a.update(row(columns, i))
          b.update(row(columns, i))
          expect(shown).toEqual(bits(b.values))
          expect(bits(a.values)).toEqual(bits(b.values))
        }
      }),
      { numRuns: 15 },
    )
  })
})

/** Values that depend on what the market does, and not only on how many candles came. */
const BY_MARKET = ['psar', 'pivots', 'vwap']

it.each(CASES.filter(([id]) => !BY_MARKET.includes(id)))('%s: %s has a value right after its warm-up', (_, text) => {
  const random = candles(
    Array.from({ length: 80 }, (_, i) => (i * 2654435761) % 509),
    1,
  )
  random.volume.fill(3)
  for (let i = 0; i < 80; i++) random.volume[i]! += Math.sin(i)
  const runner = new IndicatorRunner(text)
  const found = computeIndicators(random, text)
  for (const { name, warmUp } of runner.results) {
    expect(
      found[name]!.findIndex((value) => !Number.isNaN(value)),
      name,
    ).toBe(warmUp)
  }
})

it.each(CASES)('%s: %s has no value of nothing, and only finite ones of a candle that never changes', (_, text) => {
  const empty = computeIndicators(candles([], 1), text)
  for (const values of Object.values(empty)) expect(values).toEqual(new Float64Array(0))
  const { results } = new IndicatorRunner(text)
  // Step 3 moves nothing: a candle without range, without volume (3) or with some (131).
  for (const step of [3, 131]) {
    for (const length of [1, 2, 60]) {
      const found = computeIndicators(candles(new Array(length).fill(step), 1), text)
      for (const { name, warmUp } of results) {
        const values = found[name]!
        expect(values.length).toBe(length)
        expect(values.subarray(0, warmUp).every(Number.isNaN), name).toBe(true)
        expect(
          values.every((value) => Number.isNaN(value) || Number.isFinite(value)),
          name,
        ).toBe(true)
      }
    }
  }
})

describe('scale and shift', () => {
  const prices = (): Candles =>
    candles(
      Array.from({ length: 200 }, (_, i) => (i * 2654435761) % 509),
      1,
    )
  const scaled = (columns: Candles, by: number, add: number): Candles => ({
    ...columns,
    ...Object.fromEntries(
      (['open', 'high', 'low', 'close'] as const).map((name) => [name, columns[name].map((value) => value * by + add)]),
    ),
  })
  const close = (a: Float64Array, b: Float64Array): void => {
    for (let i = 0; i < a.length; i++) {
      if (Number.isNaN(b[i]!)) expect(a[i]).toBeNaN()
      else expect(Math.abs(a[i]! - b[i]!)).toBeLessThan(1e-8 * Math.max(1, Math.abs(b[i]!)))
    }
  }

  it.each([
    'sma(5)',
    'ema(5)',
    'wma(5)',
    'hma(9)',
    'kama(5)',
    'bollinger(5).upper',
    'keltner(5).lower',
    'max(5)',
    'linreg(5).value',
    'dema(5)',
    'supertrend(5).value',
    'psar.value',
    'ichimoku(3, 5, 9, 4).senkouA',
  ])('%s of prices twice as high and 50 more is twice as high and 50 more', (text) => {
    const a = computeIndicators(prices(), text)[text]!
    const b = computeIndicators(scaled(prices(), 2, 50), text)[text]!
    close(
      b,
      a.map((value) => value * 2 + 50),
    )
  })

  it.each([
    'rsi(5)',
    'rsi(5, cutler)',
    'stochastic(5).k',
    'stochRsi(5, 5).d',
    'williamsR(5)',
    'cci(5)',
    'zscore(5)',
    'adx(5).adx',
    'aroon(5).oscillator',
    'bollinger(5).percentB',
    'correlation(close, volume, 5)',
    'linreg(5).r2',
    'cmf(5)',
  ])('%s does not depend on scale or shift', (text) => {
    close(computeIndicators(scaled(prices(), 4, 64), text)[text]!, computeIndicators(prices(), text)[text]!)
  })
})

describe('constant series', () => {
  const flat = { high: 7.1, low: 7.1, close: 7.1, open: 7.1, volume: 2 }
  const columns = Object.fromEntries(
    Object.entries(flat).map(([name, value]) => [name, new Float64Array(50).fill(value)]),
  )

  it.each([
    ['rsi(5)', 100],
    ['mfi(5)', 100],
    ['std(5)', 0],
    ['atr(5)', 0],
    ['momentum(5)', 0],
    ['obv', 0],
    ['bollinger(5).bandwidth', 0],
    ['linreg(5).slope', 0],
    ['adx(5).adx', 0],
    ['cmf(5)', 0],
  ])('%s is %d', (text, value) => {
    expect(computeIndicators(columns, text)[text]!.at(-1)).toBe(value)
  })

  it.each([
    'stochastic(5).k',
    'williamsR(5)',
    'cci(5)',
    'zscore(5)',
    'bollinger(5).percentB',
    'stochRsi(5).k',
    'correlation(close, high, 5)',
    'linreg(5).r2',
  ])('%s is not defined there, and says so', (text) => {
    expect(computeIndicators(columns, text)[text]!.every(Number.isNaN)).toBe(true)
  })
})
