import { describe, expect, it } from 'vitest'
import { computeIndicators, IndicatorRunner } from '../../../src/analysis/indicators/index.ts'
import { batchesToTable } from '../../../src/engine/arrow.ts'
import { type Batch, ConfigError, candle } from '../../../src/model/index.ts'

const NAMES = candle.columns.map(({ name }) => name)
const LENGTH = 40

function batch(from = 0, to = LENGTH): Batch {
  const columns = Object.fromEntries(
    NAMES.map((name, k) => [
      name,
      Float64Array.from({ length: to - from }, (_, i) => 100 + k + (((i + from) * 7) % 11)),
    ]),
  )
  columns.open_time = Float64Array.from({ length: to - from }, (_, i) => Date.UTC(2024, 0, 1) + (i + from) * 3_600_000)
  return { length: to - from, columns }
}

const WANTED = ['ema(5) as ema', 'vwap(day) as vwap', 'sma(hlc3, 3) as mid', 'sma(quote_volume, 2) as quote']

describe('data', () => {
  it('may be a batch, columns in either spelling, rows, or an Arrow table of several batches', async () => {
    const whole = batch()
    const expected = computeIndicators(whole, WANTED)
    expect(expected.ema!.at(-1)).toBeGreaterThan(99)
    expect(computeIndicators(whole.columns, WANTED)).toEqual(expected)

    const camel = Object.fromEntries(candle.columns.map(({ name, property }) => [property, [...whole.columns[name]!]]))
    expect(computeIndicators(camel, WANTED)).toEqual(expected)

    const rows = Array.from({ length: LENGTH }, (_, i) =>
      Object.fromEntries(candle.columns.map(({ name, property }) => [property, whole.columns[name]![i]])),
    )
    expect(computeIndicators(rows, WANTED)).toEqual(expected)
    const lines = Array.from({ length: LENGTH }, (_, i) =>
      Object.fromEntries(NAMES.map((name) => [name, whole.columns[name]![i]])),
    )
    expect(computeIndicators(lines, WANTED)).toEqual(expected)
    const runner = new IndicatorRunner(WANTED)
    for (const line of lines) runner.push(line)
    expect([...runner.values]).toEqual(Object.values(expected).map((values) => values.at(-1)))

    const table = await batchesToTable(candle.columns, [batch(0, 13), batch(13, LENGTH)])
    expect(computeIndicators(table, WANTED)).toEqual(expected)
  })

  it('of one series stands for every column; nulls and blanks are NaN', () => {
    const values = [1, 2, 3, 4]
    expect([...computeIndicators(values, 'sma(2)')['sma(2)']!]).toEqual([Number.NaN, 1.5, 2.5, 3.5])
    expect([...computeIndicators(Float32Array.from(values), 'sma(close, 2) as x').x!]).toEqual([
      Number.NaN,
      1.5,
      2.5,
      3.5,
    ])
    const holes = [1, null, 3, 4] as number[]
    expect([...computeIndicators({ close: holes }, 'sma(2) as x').x!]).toEqual([
      Number.NaN,
      Number.NaN,
      Number.NaN,
      3.5,
    ])
  })

  it('that are text are refused: what, where, and what to do', () => {
    const rows = [{ close: 1 }, { close: '2.5' }]
    const told = /"close" of row 1 is the text "2\.5".*convert it first/
    expect(() => computeIndicators(rows, 'sma(2)')).toThrow(ConfigError)
    expect(() => computeIndicators(rows, 'sma(2)')).toThrow(told)
    expect(() => computeIndicators({ close: [1, '2.5'] as number[] }, 'sma(2)')).toThrow(told)

    const runner = new IndicatorRunner('sma(2)')
    runner.live({ openTime: 1, closed: true, close: 1 })
    expect(() => runner.live({ openTime: 2, closed: true, close: '2.5' })).toThrow('"close" is the text "2.5"')
    // The candle may come again as it should be, and nothing of the text is left.
    expect(runner.live({ openTime: 2, closed: true, close: 2 }).values[0]).toBe(1.5)
  })

  it('with nulls in an Arrow column has holes there', async () => {
    const { vectorFromArray, Table, Float64 } = await import('apache-arrow')
    const table = new Table({ close: vectorFromArray([1, 2, null, 4, 5], new Float64()) })
    expect([...computeIndicators(table, 'sma(2) as x').x!]).toEqual([Number.NaN, 1.5, Number.NaN, Number.NaN, 4.5])
  })

  it('of no rows or one give as many values', () => {
    expect(computeIndicators([], 'sma(2) as x').x).toEqual(new Float64Array(0))
    expect(computeIndicators({ close: [5] }, 'sma(1) as x').x).toEqual(Float64Array.of(5))
  })

  it('without a column that is read, or with columns of two lengths, are refused', () => {
    expect(() => computeIndicators({ close: [1] }, 'atr(3)')).toThrow('no column "high"')
    expect(() => computeIndicators({ close: [1], high: [1, 2], low: [1] }, 'atr(3)')).toThrow('differ in length')
  })
})

describe('a runner', () => {
  it('computes what several expressions share once, and only what is asked for', () => {
    const runner = new IndicatorRunner(['bollinger(3).upper', 'bollinger(3).lower', 'ema(3) of rsi(2)'])
    expect(runner.results).toEqual([
      { name: 'bollinger(3).upper', warmUp: 2 },
      { name: 'bollinger(3).lower', warmUp: 2 },
      { name: 'ema(3) of rsi(2)', warmUp: 4 },
    ])
    expect(runner.columns).toEqual(['close'])
  })

  it('takes closed candles of a live feed in, shows open ones, and ignores what it has seen', () => {
    const runner = new IndicatorRunner(['sma(2)'])
    const at = (openTime: number, close: number, closed: boolean) => ({ openTime, close, closed })
    const seen: [number, boolean][] = []
    for (const item of [
      at(0, 10, false),
      at(0, 12, true),
      at(1, 20, false),
      at(1, 22, false),
      at(1, 24, true),
      at(1, 24, true),
      at(0, 12, true),
      at(2, 30, false),
    ]) {
      const { values, provisional } = runner.live(item)
      seen.push([values[0]!, provisional])
    }
    expect(seen).toEqual([
      [Number.NaN, true],
      [Number.NaN, false],
      [16, true],
      [17, true],
      [18, false],
      [18, false],
      [18, false],
      [27, true],
    ])
    expect(runner.values[0]).toBe(18)
    runner.reset()
    expect(runner.live(at(0, 10, true)).values[0]).toBeNaN()
  })

  it('carries on from history to the live feed', () => {
    const whole = batch()
    const expected = computeIndicators(whole, 'ema(5)')['ema(5)']!
    const runner = new IndicatorRunner('ema(5)')
    runner.append(batch(0, 30))
    for (let i = 30; i < LENGTH; i++) {
      expect(runner.update({ openTime: whole.columns.open_time![i]!, close: whole.columns.close![i]! })).toBe(
        expected[i],
      )
    }
  })

  it('looks ahead only where it is asked to, and only in a whole batch', () => {
    const text = 'ichimoku(2, 3, 4, 3, lookAhead=true)'
    const close = [...batch().columns.close!]
    const data = { high: close, low: close, close }
    const found = computeIndicators(data, text)
    expect([...found[`${text}.chikou`]!]).toEqual([...close.slice(3), Number.NaN, Number.NaN, Number.NaN])
    expect(Object.keys(computeIndicators(data, 'ichimoku as i'))).toEqual([
      'i.tenkan',
      'i.kijun',
      'i.senkouA',
      'i.senkouB',
    ])
    expect(() => new IndicatorRunner(text).update(1)).toThrow(ConfigError)
    expect(() => new IndicatorRunner(text).append(data)).toThrow('looks ahead')
    expect(() => computeIndicators(data, `sma(${text}.chikou, 3)`)).toThrow("can't be the source")
    // A batch shorter than the displacement has no future at all.
    expect(computeIndicators({ high: [1], low: [1], close: [1] }, text)[`${text}.chikou`]).toEqual(
      Float64Array.of(Number.NaN),
    )
  })
})
