import fc from 'fast-check'
import { expect, it } from 'vitest'
import { orderOfKeys } from '../../src/store/lake/key-order.ts'

const key = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constant(Number.NaN))
const rows = fc.array(fc.tuple(key, key), { maxLength: 60 })
/** Rows that lack a key come last. */
const rank = (value: number): number => (Number.isNaN(value) ? 9 : value)

it('sorts rows by their keys, and leaves those with the same keys in their order', () => {
  fc.assert(
    fc.property(rows, (list) => {
      const keys = [0, 1].map((column) => Float64Array.from(list, (row) => row[column]!))
      const expected = list
        .map((row, index) => ({ row, index }))
        .sort((a, b) => rank(a.row[0]) - rank(b.row[0]) || rank(a.row[1]) - rank(b.row[1]))
      const places = expected.map(({ index }) => index)
      expect([...orderOfKeys(keys, list.length, false)]).toEqual(places)
      const first = expected.filter(
        ({ row }, at) => at === 0 || row.some((value, column) => !Object.is(value, expected[at - 1]!.row[column])),
      )
      expect([...orderOfKeys(keys, list.length, true)]).toEqual(first.map(({ index }) => index))
    }),
  )
})
