import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BadRow, CandleCsvParser, type CandleRows } from '../../src/archive/candle-csv.ts'
import { makeBatch, toCsv } from '../helpers/candles.ts'

interface Parsed {
  readonly rows: number[][]
  readonly bad: BadRow[]
  readonly parser: CandleCsvParser
}

function parse(text: string | Uint8Array, cuts: readonly number[] = [], blockRows = 64): Parsed {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text
  const rows: number[][] = []
  const bad: BadRow[] = []
  const parser = new CandleCsvParser({
    blockRows,
    onRows: (block: CandleRows) => {
      for (let i = 0; i < block.length; i++) rows.push(block.fields.map((values) => values[i]!))
    },
    onBadRow: (row) => bad.push(row),
  })
  let from = 0
  for (const cut of [...cuts, bytes.length].sort((a, b) => a - b)) {
    if (cut > bytes.length || cut < from) continue
    parser.push(bytes.subarray(from, cut))
    from = cut
  }
  parser.finish()
  return { rows, bad, parser }
}

const ROW =
  '1704067200000,42283.58000000,42298.62000000,42261.02000000,42298.61000000,35.92724000,1704067259999,1519032.69752280,1327,23.18766000,980394.05588430,0'
const VALUES = [
  1704067200000, 42283.58, 42298.62, 42261.02, 42298.61, 35.92724, 1704067259999, 1519032.6975228, 1327, 23.18766,
  980394.0558843,
]

describe('the candle CSV parser', () => {
  it('reads a row as Number() would read its fields', () => {
    expect(parse(`${ROW}\n`).rows).toEqual([VALUES])
  })

  it('reads the last row without a newline, Windows line ends and blank lines', () => {
    expect(parse(ROW).rows).toEqual([VALUES])
    expect(parse(`${ROW}\r\n\r\n\n${ROW}\r\n`).rows).toEqual([VALUES, VALUES])
  })

  it('finds a header by its first byte and follows its column names when their order differs', () => {
    const plain = parse(
      `open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n${ROW}\n`,
    )
    expect(plain.rows).toEqual([VALUES])
    expect(plain.parser.hasHeader).toBe(true)
    const turned = parse(
      'close,open_time,open,high,low,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,extra\n5,1704067200000,2,6,1,7,1704067259999,8,9,10,11,x\n',
    )
    expect(turned.rows).toEqual([[1704067200000, 2, 6, 1, 5, 7, 1704067259999, 8, 9, 10, 11]])
    expect(turned.bad).toEqual([])
  })

  it('reports a first line that is neither a row nor a header', () => {
    const { rows, bad } = parse(`<html>not found</html>\n${ROW}\n`)
    expect(rows).toEqual([VALUES])
    expect(bad[0]?.reason).toMatch(/neither a row nor a header/)
  })

  it('takes microseconds for what they are and floors them to milliseconds', () => {
    const { rows, parser } = parse('1735689600000000,1,2,1,2,3,1735693199999999,4,5,6,7,0\n')
    expect(rows[0]?.[0]).toBe(1735689600000)
    expect(rows[0]?.[6]).toBe(1735693199999)
    expect(parser.timeUnit).toBe('us')
  })

  it('reads eleven fields too: the twelfth carries nothing', () => {
    expect(parse('1704067200000,1,2,1,2,3,1704067259999,4,5,6,7\n').rows).toHaveLength(1)
    expect(parse('1704067200000,1,2,1,2,3,1704067259999,4,5,6,7,anything\n').rows).toHaveLength(1)
  })

  it.each([
    ['cut short', '1704067200000,1,2,1', /only 4 of 12 fields/],
    ['too many fields', `${ROW},1`, /more than 12 fields/],
    ['NaN', ROW.replace('42283.58000000', 'NaN'), /field 2 \("NaN"\) is not a number/],
    ['empty field', ROW.replace('42283.58000000', ''), /field 2 \(""\) is not a number/],
    ['two points', ROW.replace('42283.58000000', '4.2.3'), /field 2/],
    ['infinite', ROW.replace('42283.58000000', '1e999'), /field 2/],
    ['no time', ROW.replace('1704067200000', '17040672'), /open time 17040672 is no time/],
    ['close before open', ROW.replace('1704067259999', '1704067199999'), /close time/],
    ['half a trade', ROW.replace('1327', '1.5'), /trade count/],
  ])('reports a row that is %s and goes on with the next', (_, row, reason) => {
    const { rows, bad } = parse(`${row}\n${ROW}\n`)
    expect(rows).toEqual([VALUES])
    expect(bad).toHaveLength(1)
    expect(bad[0]?.reason).toMatch(reason)
    expect(bad[0]?.line).toBe(1)
  })

  it('drops a line without an end instead of keeping it in memory', () => {
    const { rows, bad } = parse(
      `${'9'.repeat(100_000)}\n${ROW}\n`,
      Array.from({ length: 100 }, (_, i) => i * 1000),
    )
    expect(rows).toEqual([VALUES])
    expect(bad[0]?.reason).toMatch(/longer than/)
  })

  it('counts values with more digits than a float64 keeps', () => {
    const { rows, parser } = parse(ROW.replace('1519032.69752280', '17105727013.52864731'))
    expect(rows[0]?.[7]).toBe(Number('17105727013.52864731'))
    expect(parser.inexactValues).toBe(1)
    expect(parse(ROW).parser.inexactValues).toBe(0)
  })

  it('gives the same rows wherever the bytes are cut', () => {
    const text = toCsv(makeBatch('1m', Date.UTC(2024, 0, 1), 150), { header: true })
    const whole = parse(text).rows
    expect(whole).toHaveLength(150)
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 40 }), (cuts) => {
        expect(parse(text, cuts).rows).toEqual(whole)
      }),
      { numRuns: 60 },
    )
  })

  it('reads every decimal exactly as Number() does', () => {
    const decimal = fc.tuple(fc.bigInt(0n, 10n ** 19n), fc.nat(18)).map(([units, scale]) => {
      const digits = String(units).padStart(scale + 1, '0')
      return scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
    })
    fc.assert(
      fc.property(fc.array(decimal, { minLength: 8, maxLength: 8 }), (values) => {
        const [o, h, l, c, v, q, tb, tq] = values
        const { rows } = parse(`1704067200000,${o},${h},${l},${c},${v},1704067259999,${q},1,${tb},${tq},0\n`)
        expect(rows[0]).toEqual([
          1704067200000,
          ...[o, h, l, c, v].map(Number),
          1704067259999,
          Number(q),
          1,
          Number(tb),
          Number(tq),
        ])
      }),
      { numRuns: 500 },
    )
  })

  it('never throws or hangs on damaged bytes, and each row is read or reported', () => {
    const text = Buffer.from(toCsv(makeBatch('1m', Date.UTC(2024, 0, 1), 30)))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(text.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }), (edits) => {
        const damaged = Buffer.from(text)
        for (const [at, byte] of edits) damaged[at] = byte
        const lines = damaged
          .toString('latin1')
          .split('\n')
          .filter((line) => line !== '' && line !== '\r').length
        const { rows, bad, parser } = parse(damaged)
        expect(rows.length + bad.length + (parser.hasHeader ? 1 : 0)).toBe(lines)
        for (const row of rows) for (const value of row) expect(Number.isFinite(value)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})
