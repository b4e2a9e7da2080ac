import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digitsBefore, fewDigits, fourDigits, strangers, ZEROS } from '../../src/model/digits.ts'

function wordOf(bytes: readonly number[]): number {
  return new DataView(Uint8Array.from(bytes).buffer).getInt32(0, true) ^ ZEROS
}

describe('digits, four at a time', () => {
  it('reads every number of four digits', () => {
    for (let number = 0; number < 10_000; number++) {
      const word = wordOf([...Buffer.from(String(number).padStart(4, '0'))])
      expect(strangers(word)).toBe(0)
      expect(fourDigits(word)).toBe(number)
    }
  })

  it('finds the first byte that is no digit, whatever the four bytes are', () => {
    const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 48, max: 57 }))
    fc.assert(
      fc.property(fc.tuple(byte, byte, byte, byte), (bytes) => {
        const first = bytes.findIndex((value) => value < 48 || value > 57)
        const word = wordOf(bytes)
        const marks = strangers(word)
        expect(marks === 0).toBe(first < 0)
        if (first < 0) return
        expect(digitsBefore(marks)).toBe(first)
        expect(fewDigits(word, first)).toBe(Number(String.fromCharCode(...bytes.slice(0, first))))
      }),
      { numRuns: 5_000 },
    )
  })
})
