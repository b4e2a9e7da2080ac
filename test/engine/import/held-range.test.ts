import { describe, expect, test } from 'vitest'
import { heldRange } from '../../../src/engine/import/held-range.ts'

describe('what a file holds all of', () => {
  const period = { from: 1000, to: 2000 }
  const seen = { from: 1100, to: 1300 }

  test.each([
    ['its period, once that is over', period, seen, 2000, period],
    ['its period, also without a row', period, undefined, 2000, period],
    ['of a period that goes on, what lies up to its last row', period, seen, 1999, { from: 1000, to: 1300 }],
    ['no more than its period', period, { from: 900, to: 2100 }, 1500, period],
    ['nothing of a period that goes on, without a row', period, undefined, 1500, undefined],
    ['nothing of a period that goes on, with rows before it alone', period, { from: 1, to: 900 }, 1500, undefined],
    ['what its rows span, where no name tells a period', undefined, seen, 1200, seen],
    ['nothing, where neither tells', undefined, undefined, 1200, undefined],
  ])('is %s', (_, of, rows, now, held) => {
    expect(heldRange(of, rows, now)).toEqual(held)
  })
})
