import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unpackLz4 } from '../../../src/engine/import/lz4.ts'
import { ParseError } from '../../../src/model/errors.ts'

/** `lz4 -9` of "candle candle candle …": a literal, and a match that reaches into itself. */
const FRAME = 'BCJNGGxAGAEAAAAAAADfEQAAAH9jYW5kbGUgBwD5UG5kbGUgAAAAACZUPWs='
const TEXT = 'candle '.repeat(40)

describe('an LZ4 frame', () => {
  it('that the usual program packed is unpacked', () => {
    const bytes = unpackLz4(Buffer.from(FRAME, 'base64'), 'a file')
    expect(Buffer.from(bytes).toString()).toBe(TEXT)
  })

  it('of stored blocks is unpacked, with and without sums and sizes', () => {
    const data = Buffer.from('some bytes')
    const size = Buffer.alloc(4)
    size.writeUInt32LE((0x80000000 | data.length) >>> 0)
    for (const [flags, before, after] of [
      [0x40, 0, 0],
      [0x58, 8, 4],
    ] as const) {
      const head = [0x04, 0x22, 0x4d, 0x18, flags, 0x40, ...Buffer.alloc(before), 0]
      const frame = Buffer.concat([Buffer.from(head), size, data, Buffer.alloc(after), Buffer.alloc(4)])
      expect(Buffer.from(unpackLz4(frame, 'a file')).toString()).toBe('some bytes')
    }
  })

  it('that is damaged anywhere is refused, or gives other bytes, and never anything else', () => {
    const whole = Buffer.from(FRAME, 'base64')
    fc.assert(
      fc.property(
        fc.nat(whole.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.nat(whole.length),
        (at, change, end) => {
          const frame = Buffer.from(whole)
          frame[at]! ^= change
          try {
            unpackLz4(frame.subarray(0, end), 'a file')
          } catch (error) {
            expect(error).toBeInstanceOf(ParseError)
            expect((error as Error).message).toMatch(/^a file: packed bytes can not be unpacked/)
          }
        },
      ),
    )
  })
})
