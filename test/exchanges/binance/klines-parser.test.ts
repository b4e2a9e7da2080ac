import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type KlinesContext, parseKlines, parseKlinesByJson } from '../../../src/exchanges/binance/klines-parser.ts'
import { CandleFlag } from '../../../src/model/candle.ts'
import { ParseError } from '../../../src/model/errors.ts'

const T0 = 1_577_836_800_000
const MINUTE = 60_000
const context: KlinesContext = { source: 'test', interval: '1m', now: T0 + 100 * MINUTE }
const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

function outcome(parse: typeof parseKlines, bytes: Uint8Array): unknown {
  try {
    return parse(bytes, context)
  } catch (error) {
    if (error instanceof ParseError) return `ParseError ${error.message}`
    throw error
  }
}

/** The byte loop and JSON.parse agree on the rows, or on the error. */
function agree(bytes: Uint8Array): void {
  expect(outcome(parseKlines, bytes)).toStrictEqual(outcome(parseKlinesByJson, bytes))
}

const row = (minute: number, change: Record<number, unknown> = {}): unknown[] => {
  const open = T0 + minute * MINUTE
  const cells: unknown[] = [open, '7195.24', '7196.25', '7183.14', '7186.68', '51.64281200', open + 59_999]
  cells.push('371233.51835535', 493, '19.59823000', '140888.41428273', '0')
  for (const [index, value] of Object.entries(change)) cells[Number(index)] = value
  return cells
}

test('every field of a row lands in its column', () => {
  const batch = parseKlines(encode(JSON.stringify([row(0), row(1)])), context)
  expect(batch.length).toBe(2)
  const first = Object.fromEntries(Object.entries(batch.columns).map(([name, values]) => [name, values[0]]))
  expect(first).toEqual({
    open_time: T0,
    open: 7195.24,
    high: 7196.25,
    low: 7183.14,
    close: 7186.68,
    volume: 51.642812,
    close_time: T0 + 59_999,
    quote_volume: 371233.51835535,
    trades: 493,
    taker_buy_volume: 19.59823,
    taker_buy_quote_volume: 140888.41428273,
    flags: CandleFlag.rest,
  })
})

test('an empty array is an empty batch, with or without blanks', () => {
  for (const text of ['[]', ' [ ] ', '\n[\t]\r\n']) expect(parseKlines(encode(text), context).length).toBe(0)
})

test('more rows than the limit says are read all the same', () => {
  const rows = Array.from({ length: 90 }, (_, minute) => row(minute))
  expect(parseKlines(encode(JSON.stringify(rows)), { ...context, limit: 3 }).length).toBe(90)
})

test('plain rows and others in turn, and more of them than expected, all land in their place', () => {
  const changes: Record<number, unknown>[] = [{}, { 5: '12345678901.12345678' }, {}, {}, { 1: '-1.5' }]
  for (const count of [1, 2, 3, 64, 65, 66, 200]) {
    const rows = Array.from({ length: count }, (_, minute) => row(minute, changes[minute % 5]))
    const text = JSON.stringify(rows)
    agree(encode(text))
    for (const limit of [1, 60, 1000]) {
      const { columns } = parseKlines(encode(text), { ...context, limit })
      expect([...columns.open_time!]).toEqual(rows.map((cells) => cells[0]))
      expect([...columns.volume!]).toEqual(rows.map((cells) => Number(cells[5])))
      expect([...columns.open!]).toEqual(rows.map((cells) => Number(cells[1])))
    }
  }
})

test('a candle that closes at or after the exchange’s clock is unfinished', () => {
  const bytes = encode(JSON.stringify([row(98), row(99), row(100)]))
  const flags = (now: number): number[] => [...parseKlines(bytes, { ...context, now }).columns.flags!]
  expect(flags(T0 + 100 * MINUTE)).toEqual([1, 1, 1 | CandleFlag.unfinished])
  expect(flags(T0 + 100 * MINUTE - 1)).toEqual([1, 1 | CandleFlag.unfinished, 1 | CandleFlag.unfinished])
})

test('a candle cut by an outage is short, and a month of any length is not', () => {
  const cut = parseKlines(encode(JSON.stringify([row(0, { 6: T0 + 40_000 }), row(1)])), context)
  expect([...cut.columns.flags!]).toEqual([CandleFlag.rest | CandleFlag.short, CandleFlag.rest])
  const months = [
    row(0, { 0: Date.UTC(2020, 0), 6: Date.UTC(2020, 1) - 1 }),
    row(0, { 0: Date.UTC(2020, 1), 6: Date.UTC(2020, 2) - 1 }),
    row(0, { 0: Date.UTC(2020, 2), 6: Date.UTC(2020, 3) - 2 }),
  ]
  const now = Date.UTC(2021, 0)
  const batch = parseKlines(encode(JSON.stringify(months)), { ...context, interval: '1M', now })
  expect([...batch.columns.flags!]).toEqual([1, 1, 1 | CandleFlag.short])
})

test('a decimal with more digits than a float64 keeps is flagged, one that survives is not', () => {
  const volumes = ['12345678901.12345678', '4503599627370496.0', '0.1000000000000000000000', '123456789012345678']
  const rows = volumes.map((volume, minute) => row(minute, { 5: volume }))
  const batch = parseKlines(encode(JSON.stringify(rows)), context)
  expect([...batch.columns.volume!]).toEqual(volumes.map(Number))
  expect([...batch.columns.flags!].map((flag) => (flag & CandleFlag.inexact) !== 0)).toEqual([true, false, false, true])
})

test('times in microseconds become milliseconds, the close time floored', () => {
  const open = T0 * 1000
  const batch = parseKlines(encode(JSON.stringify([row(0, { 0: open, 6: open + 59_999_999 })])), context)
  expect([batch.columns.open_time![0], batch.columns.close_time![0]]).toEqual([T0, T0 + 59_999])
  expect(batch.columns.flags![0]).toBe(CandleFlag.rest)
})

test.each([
  ['{"code":-1,"msg":"x"}', '$: expected an array of candles'],
  ['[[1,2]]', '$[0]: expected 12 members, got 2'],
  ['[5]', '$[0]: expected an array, got 5 (number)'],
  [JSON.stringify([row(0), row(1, { 4: null })]), '$[1][4]: expected a decimal number as text, got null'],
  [JSON.stringify([row(0, { 4: 7186.68 })]), '$[0][4]: expected a decimal number as text, got 7186.68 (number)'],
  [JSON.stringify([row(0, { 1: 'NaN' })]), '$[0][1]: expected a decimal number as text, got the text "NaN"'],
  [JSON.stringify([row(0, { 8: '493' })]), '$[0][8]: expected a whole number'],
  [JSON.stringify([row(0, { 0: 1.5 })]), '$[0][0]: expected a whole number'],
  [JSON.stringify([row(1), row(1)]), '$[1][0]: open time 1577836860000 does not come after 1577836860000'],
  ['<html>busy</html>', 'the answer is not JSON: "<html>busy</html>"'],
  ['', 'the answer is not JSON: it is empty'],
])('%s is a clear error', (text, message) => {
  expect(() => parseKlines(encode(text), context)).toThrow(message)
  agree(encode(text))
})

const decimalText = fc.oneof(
  fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 20n }), fc.integer({ min: 0, max: 12 })).map(([units, scale]) => {
    const digits = String(units).padStart(scale + 1, '0')
    return scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  }),
  fc.double({ min: 0, max: 1e12, noNaN: true, noDefaultInfinity: true }).map((value) => value.toFixed(8)),
  fc.constantFrom('0', '0.00000000', '-0.5', '00012.50', '1e-7', '12E3', '.5', '5.', '', '9'.repeat(400), '1_0', '+1'),
)
const jsonRow = (open: number) =>
  fc
    .tuple(fc.array(decimalText, { minLength: 9, maxLength: 9 }), fc.nat(1e9), fc.constantFrom(12, 12, 12, 11, 13))
    .map(([d, trades, length]) => {
      const cells = [open, d[0], d[1], d[2], d[3], d[4], open + 59_999, d[5], trades, d[6], d[7], d[8], '0']
      return cells.slice(0, length)
    })
const body = fc
  .array(fc.nat(3), { maxLength: 6 })
  .chain((steps) => fc.tuple(...steps.map((step, index) => jsonRow(T0 + (index * 4 + step) * MINUTE))))
const written = fc
  .tuple(body, fc.constantFrom(undefined, 1, '\t'))
  .map(([rows, space]) => JSON.stringify(rows, null, space))

test('the byte loop gives what JSON.parse gives, for any row', () => {
  fc.assert(
    fc.property(written, (text) => agree(encode(text))),
    { numRuns: 500 },
  )
})

test('a body changed, cut or grown anywhere is either read alike or refused alike', () => {
  const mutation = fc.record({
    at: fc.nat(4000),
    remove: fc.nat(4),
    insert: fc.oneof(
      fc.constantFrom('', '"', ',', '[', ']', '.', '-', ' ', '0', 'e5', '\\u0031', '\u0000', 'null', '"a"', '１', '{}'),
      fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    ),
  })
  fc.assert(
    fc.property(written, fc.array(mutation, { minLength: 1, maxLength: 3 }), (text, mutations) => {
      let changed = text
      for (const { at, remove, insert } of mutations) {
        const place = at % (changed.length + 1)
        changed = changed.slice(0, place) + insert + changed.slice(place + remove)
      }
      agree(encode(changed))
      agree(Buffer.from(changed, 'latin1'))
    }),
    { numRuns: 1000 },
  )
})

test('bytes that are no text at all are refused, never a crash or a hang', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => agree(bytes)))
})
