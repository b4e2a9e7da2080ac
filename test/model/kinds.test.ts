import { describe, expect, it } from 'vitest'
import { CandleFlag, candle } from '../../src/model/candle.ts'
import { InvalidRangeError } from '../../src/model/errors.ts'
import { KINDS, kindOf, selectColumns } from '../../src/model/kinds.ts'

describe.each(Object.entries(KINDS))('the kind %s', (id, kind) => {
  it('is registered under its own id', () => {
    expect(kind.id).toBe(id)
    expect(kindOf(id)).toBe(kind)
  })

  it('has columns with names of their own, and a unit and a meaning each', () => {
    const names = kind.columns.flatMap(({ name, property }) => (name === property ? [name] : [name, property]))
    expect(new Set(names).size).toBe(names.length)
    for (const column of kind.columns) {
      expect(column.name).toMatch(/^[a-z]+(_[a-z]+)*$/)
      expect(column.property).toBe(column.name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()))
      expect(column.unit).not.toBe('')
      expect(column.meaning).not.toBe('')
    }
  })

  it('is ordered and told apart by columns that it has', () => {
    const names = kind.columns.map(({ name }) => name)
    expect(names).toContain(kind.sortKey)
    expect(names).toContain(kind.identity)
    expect(kind.hasInterval).toBe(kind.continuity.rule === 'interval')
  })
})

describe('candle columns', () => {
  it('come in the order that files, tables and SQL show', () => {
    expect(selectColumns(candle).map(({ name }) => name)).toEqual([
      'open_time',
      'open',
      'high',
      'low',
      'close',
      'volume',
      'close_time',
      'quote_volume',
      'trades',
      'taker_buy_volume',
      'taker_buy_quote_volume',
    ])
    expect(candle.columns.map(({ name }) => name)).toContain('flags')
  })

  it('are picked by name or property, in the order asked for', () => {
    expect(selectColumns(candle, ['close', 'openTime', 'flags']).map(({ name }) => name)).toEqual([
      'close',
      'open_time',
      'flags',
    ])
    expect(selectColumns(candle, [])).toEqual(selectColumns(candle))
  })

  it('that do not exist are refused with the list of those that do', () => {
    expect(() => selectColumns(candle, ['close', 'vwap'])).toThrow(InvalidRangeError)
    expect(() => selectColumns(candle, ['vwap'])).toThrow(/Unknown column "vwap" of candle\. Use open_time, .*flags\./)
  })

  it('have flags of one bit each that fit an INTEGER', () => {
    const bits = Object.values(CandleFlag)
    expect(bits.every((bit) => bit > 0 && (bit & (bit - 1)) === 0 && bit < 2 ** 31)).toBe(true)
    expect(new Set(bits).size).toBe(bits.length)
  })
})

it.each(['kline', '', 'constructor', '__proto__', 'Candle'])(
  'refuses the unknown kind %j with the list of kinds',
  (id) => {
    expect(() => kindOf(id)).toThrow(InvalidRangeError)
    expect(() => kindOf(id)).toThrow(`Unknown kind "${id}". Use one of ${Object.keys(KINDS).join(', ')}.`)
  },
)
