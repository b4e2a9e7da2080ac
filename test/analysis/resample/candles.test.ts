import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CandleBars, type CandleColumns, CandleResampler, resampleCandles } from '../../../src/analysis/index.ts'
import { ExactSum } from '../../../src/analysis/resample/exact-sum.ts'
import { RunSum, sumFewRows, sumRows } from '../../../src/analysis/resample/run-sum.ts'
import { type Candle, CandleFlag, candle, InvalidRangeError } from '../../../src/model/index.ts'
import { sliceColumns } from './series.ts'

const MINUTE = 60_000
const START = Date.UTC(2024, 2, 9)

/** Candles of `length` ms at some places of the grid, with volumes that floats do not add up well. */
function source(places: readonly number[], length = MINUTE): CandleColumns {
  const at = (of: (place: number, i: number) => number) => Float64Array.from(places, of)
  const columns = {
    open_time: at((place) => START + place * length),
    open: at((place) => 100 + (place % 7) / 10),
    high: at((place) => 101 + (place % 5) / 10),
    low: at((place) => 99 - (place % 3) / 10),
    close: at((place) => 100 + (place % 11) / 10),
    volume: at((place) => (place % 9) / 10),
    close_time: at((place) => START + (place + 1) * length - 1),
    quote_volume: at((place) => (place % 13) * 1.1),
    trades: at((place) => place % 4),
    taker_buy_volume: at((place) => (place % 2) * 0.1),
    // More decimals than any exchange gives.
    taker_buy_quote_volume: at((place) => (place % 30) * 0.123456789123),
    flags: at((place) => (place % 17 === 3 ? CandleFlag.rest : 0)),
  }
  return { length: places.length, columns }
}

const rowOf = ({ columns }: CandleColumns, i: number): Candle =>
  Object.fromEntries(candle.columns.map(({ name, property }) => [property, columns[name]![i]])) as unknown as Candle

/** Bars as rows, to be joined. */
const rows = (bars: CandleBars): Record<string, number>[] =>
  Array.from({ length: bars.length }, (_, i) => ({
    ...Object.fromEntries(Object.entries(bars.columns).map(([name, values]) => [name, values[i]!])),
    rows: bars.rows[i]!,
  }))

const places = fc
  .array(
    fc.integer({ min: 1, max: 40 }).map((n) => (n > 30 ? n : 1)),
    { maxLength: 300 },
  )
  .map((steps) => {
    let place = 0
    return steps.map((step) => {
      place += step
      return place
    })
  })
const options = fc.constantFrom(
  { interval: '7m' },
  { interval: '45m' },
  { interval: '1h', timeZone: 'America/New_York' },
  { interval: '1d', timeZone: 'America/New_York' },
  { interval: '30m', timeZone: 'Europe/Berlin', session: { open: '01:00', close: '03:20' } },
  { interval: 'session', session: { open: '22:00', close: '00:30' } },
)

describe('bars of candles', () => {
  it('begin with the first candle in which something was traded; without any they are flat', () => {
    const prices = [90, 90, 100, 104, 104, 70, 70]
    const at = (of: (price: number, i: number) => number) => Float64Array.from(prices, of)
    const traded = (i: number): boolean => i === 2 || i === 3
    const batch = {
      length: prices.length,
      columns: {
        ...source([0, 1, 2, 3, 4, 5, 6]).columns,
        ...{ open: at((price) => price), close: at((price) => price) },
        ...{ high: at((price, i) => price + (traded(i) ? 1 : 0)), low: at((price, i) => price - (traded(i) ? 1 : 0)) },
        ...{ volume: at((_, i) => (traded(i) ? 2 : 0)), trades: at((_, i) => (traded(i) ? 1 : 0)) },
      },
    }
    const expected = [
      { open: 100, high: 105, low: 99, close: 104, volume: 4, trades: 2, rows: 5 },
      { open: 70, high: 70, low: 70, close: 70, volume: 0, trades: 0, rows: 2 },
    ]
    expect(rows(resampleCandles(batch, { interval: '5m' }))).toMatchObject(expected)
    const resampler = new CandleResampler({ interval: '5m' })
    const done = [0, 1, 2, 3, 4, 5, 6].flatMap((i) => rows(resampler.append(sliceColumns(batch, i, i + 1))))
    expect([...done, ...rows(resampler.partial())]).toMatchObject(expected)
    const first = (columns: Record<string, Float64Array>) =>
      rows(resampleCandles({ length: batch.length, columns }, { interval: '5m' }))[0]
    const { trades: _, ...uncounted } = batch.columns
    expect(first(uncounted)).toMatchObject({ open: 100, low: 99 })
    // Where the volume is not known, every candle says its price.
    const { volume: __, ...unknown } = uncounted
    expect(first(unknown)).toMatchObject({ open: 90, low: 90 })
  })

  it('are the same one candle at a time, in pieces and at once', () => {
    fc.assert(
      fc.property(places, options, fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 20 }), (at, how, cuts) => {
        const candles = source(at)
        const whole = rows(resampleCandles(candles, how))
        const resampler = new CandleResampler(how)
        const found: Record<string, number>[] = []
        let i = 0
        for (const cut of cuts) {
          if (cut === 0 && i < candles.length) found.push(...rows(resampler.update(rowOf(candles, i++))))
          else {
            const end = Math.min(candles.length, i + cut)
            found.push(...rows(resampler.append(sliceColumns(candles, i, end))))
            i = end
          }
          // Looking at the bar that is not done changes nothing.
          expect(resampler.partial().length).toBeLessThanOrEqual(1)
        }
        found.push(...rows(resampler.append(sliceColumns(candles, i, candles.length))), ...rows(resampler.partial()))
        expect(found).toEqual(whole)
      }),
      { numRuns: 200 },
    )
  })

  it('are as many as there are, more than are looked for in one go', () => {
    const at = Array.from({ length: 3000 }, (_, i) => i + Math.floor(i / 500) * 100)
    const candles = source(at)
    const whole = rows(resampleCandles(candles, { interval: '3m' }))
    expect(whole.length).toBe(1002)
    const resampler = new CandleResampler({ interval: '3m' })
    const found = at.flatMap((_, i) => rows(resampler.update(rowOf(candles, i))))
    expect([...found, ...rows(resampler.partial())]).toEqual(whole)
  })

  it('are what their candles say', () => {
    fc.assert(
      fc.property(places, options, (at, how) => {
        const { columns, length } = source(at)
        const bars = resampleCandles({ columns, length }, how)
        let used = 0
        for (let b = 0; b < bars.length; b++) {
          const [from, to] = [bars.columns.open_time![b]!, bars.columns.close_time![b]! + 1]
          const inside = at
            .map((_, i) => i)
            .filter((i) => columns.open_time![i]! >= from && columns.open_time![i]! < to)
          const values = (name: string) => inside.map((i) => columns[name]![i]!)
          used += inside.length
          expect(bars.rows[b]).toBe(inside.length)
          const traded = inside.findIndex((i) => columns.volume![i]! > 0 || columns.trades![i]! > 0)
          const own = (name: string) => values(name).slice(Math.max(0, traded))
          expect(bars.columns.open![b]).toBe(own('open')[0])
          expect(bars.columns.high![b]).toBe(Math.max(...own('high')))
          expect(bars.columns.low![b]).toBe(Math.min(...own('low')))
          expect(bars.columns.close![b]).toBe(values('close').at(-1))
          expect(bars.columns.trades![b]).toBe(values('trades').reduce((sum, value) => sum + value, 0))
          // One decimal each: the sum in tenths is exact.
          const tenths = values('volume').reduce((sum, value) => sum + Math.round(value * 10), 0)
          expect(bars.columns.volume![b]).toBe(tenths / 10)
          const last = columns.close_time![inside.at(-1)!]! + 1
          const done = last === to || b < bars.length - 1 || at.some((_, i) => columns.open_time![i]! >= to)
          expect((bars.columns.flags![b]! & CandleFlag.unfinished) === 0).toBe(done)
          expect((bars.columns.flags![b]! & CandleFlag.rest) !== 0).toBe(values('flags').some((value) => value !== 0))
        }
        if (!('session' in how)) expect(used).toBe(length)
      }),
      { numRuns: 100 },
    )
  })

  it('mark the last one when it is not whole, and leave it out on demand', () => {
    const candles = source([0, 1, 2, 3, 4, 5, 6])
    const bars = resampleCandles(candles, { interval: '3m' })
    expect([...bars.columns.flags!]).toEqual([CandleFlag.rest * 0, CandleFlag.rest, CandleFlag.unfinished])
    expect([...bars.rows]).toEqual([3, 3, 1])
    expect(resampleCandles(candles, { interval: '3m', partial: false }).length).toBe(2)
  })

  it('come out with the candle that ends them, not with the one after', () => {
    const candles = source([0, 1, 2, 3])
    const resampler = new CandleResampler({ interval: '3m' })
    expect(resampler.update(rowOf(candles, 0)).length).toBe(0)
    expect(resampler.update(rowOf(candles, 1)).length).toBe(0)
    expect(resampler.update(rowOf(candles, 2)).length).toBe(1)
    expect(resampler.partial().length).toBe(0)
  })

  it('take candles that are unfinished themselves as such', () => {
    const candles = source([0, 1, 2])
    candles.columns.flags![2] = CandleFlag.unfinished | CandleFlag.stream
    const bars = resampleCandles(candles, { interval: '3m' })
    expect(bars.columns.flags![0]).toBe(CandleFlag.unfinished | CandleFlag.stream)
  })

  it('have the columns that the source has', () => {
    const { columns } = source([0, 1, 2])
    const { open_time, open, high, low, close } = columns as Record<string, Float64Array>
    const few = { length: 3, columns: { open_time, open, high, low, close } as Record<string, Float64Array> }
    expect(() => resampleCandles(few, { interval: '3m' })).toThrow('say how long they are')
    const bars = resampleCandles(few, { interval: '3m', sourceLength: MINUTE })
    expect(Object.keys(bars.columns)).toEqual(['open_time', 'open', 'high', 'low', 'close', 'close_time', 'flags'])
    expect(bars.columns.flags![0]).toBe(0)
    const { close: _, ...without } = few.columns
    expect(() => resampleCandles({ length: 3, columns: without }, { interval: '3m' })).toThrow('no column "close"')
  })

  it('are not made of candles out of order, or of ones that are too long', () => {
    expect(() => resampleCandles(source([1, 0]), { interval: '3m' })).toThrow(InvalidRangeError)
    expect(() => resampleCandles(source([1, 1]), { interval: '3m' })).toThrow('each once')
    expect(() => resampleCandles(source([0, 1], 3_600_000), { interval: '45m' })).toThrow(
      'bars of 45m need smaller candles',
    )
    expect(() => resampleCandles(source([0], 7 * MINUTE), { interval: '5m' })).toThrow('outside its bar')
  })

  it('of nothing are none', () => {
    expect(resampleCandles(source([]), { interval: '1h' }).length).toBe(0)
    expect(new CandleResampler({ interval: '1h' }).partial().length).toBe(0)
  })
})

describe('an exact sum', () => {
  const text = (units: bigint) => `${units / 100_000_000n}.${String(units % 100_000_000n).padStart(8, '0')}`
  /** Rows of any number and size: dust, seconds of a busy market, and more than a run of them can hold. */
  const amounts = fc
    .tuple(fc.integer({ min: 1, max: 300 }), fc.constantFrom(3, 100_000, 10 ** 13, 2 * 10 ** 13, 6 * 10 ** 15))
    .chain(([count, most]) =>
      fc.array(fc.bigInt({ min: 0n, max: BigInt(most) }), { minLength: count, maxLength: count }),
    )

  it('is the float nearest to the sum of the decimals', () => {
    fc.assert(
      fc.property(amounts, (units) => {
        const exact = Number(text(units.reduce((a, b) => a + b, 0n)))
        const sum = new ExactSum()
        for (const value of units) sum.add(Number(text(value)))
        expect(sum.value).toBe(exact)
        const rows = Float64Array.from(units, (value) => Number(text(value)))
        expect(sumRows(rows, 0, rows.length, new ExactSum()).value).toBe(exact)
        const few = sumFewRows(rows, 0, rows.length)
        expect(Number.isNaN(few) ? exact : few).toBe(exact)
      }),
    )
    expect(sumFewRows(Float64Array.of(0.1, 0.2), 0, 2)).toBe(0.3)
  })

  it('has the same bits however rows come, whatever their decimals', () => {
    const values = fc.oneof(
      amounts.map((units) => units.map((value) => Number(text(value)))),
      fc.array(
        fc.oneof(
          fc.integer({ min: 0, max: 10 ** 10 }).map((value) => value / 1e9),
          fc.double({ min: 0, max: 1e7, noNaN: true }),
          fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
          fc.constant(Number.NaN),
        ),
        { minLength: 1, maxLength: 300 },
      ),
      // Nine decimals, whose sums have eight now and then.
      fc.array(
        fc.integer({ min: 0, max: 10 ** 10 }).map((value) => value / 1e9),
        { minLength: 1, maxLength: 300 },
      ),
    )
    fc.assert(
      fc.property(values, fc.array(fc.integer({ min: 1, max: 130 }), { minLength: 1, maxLength: 9 }), (list, cuts) => {
        const rows = Float64Array.from(list)
        const whole = sumRows(rows, 0, rows.length, new ExactSum())
        const pieces = new RunSum()
        for (let row = 0, cut = 0; row < rows.length; cut++) {
          const to = Math.min(rows.length, row + cuts[cut % cuts.length]!)
          pieces.addRows(rows, row, to)
          // Looking at it changes nothing.
          pieces.sum()
          row = to
        }
        expect(pieces.sum().value).toBe(whole.value)
        expect(pieces.sum().isInexact).toBe(whole.isInexact)
        const few = sumFewRows(rows, 0, rows.length)
        expect(Number.isNaN(few) ? whole.value : few).toBe(whole.value)
      }),
    )
  })

  it('of values with more decimals is a plain one', () => {
    const sum = new ExactSum()
    for (const value of [1.23456789012, 2e-10, 3.3333333333]) sum.add(value)
    expect(sum.value).toBe(1.23456789012 + 2e-10 + 3.3333333333)
    const tiny = new ExactSum()
    tiny.add(1e-12)
    expect(tiny.value).toBe(1e-12)
  })

  it('says when it has more digits than a float keeps', () => {
    const sum = new ExactSum()
    sum.add(90_000_000.5)
    expect(sum.isInexact).toBe(false)
    sum.add(900_000_000)
    sum.add(0.00000001)
    expect(sum.isInexact).toBe(true)
  })
})
