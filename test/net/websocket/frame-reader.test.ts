import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WebSocketProtocolError } from '../../../src/net/websocket/close-code.ts'
import { clientFrame, closePayload, eachMessage } from '../../../src/net/websocket/frame.ts'
import { FramePace } from '../../../src/net/websocket/frame-pace.ts'
import { FrameReader } from '../../../src/net/websocket/frame-reader.ts'

function frame(first: number, payload: Uint8Array): Buffer {
  const { length } = payload
  const header =
    length < 126
      ? Buffer.from([first, length])
      : length < 65_536
        ? Buffer.from([first, 126, length >> 8, length & 255])
        : Buffer.from([
            first,
            127,
            0,
            0,
            0,
            0,
            length >>> 24,
            (length >>> 16) & 255,
            (length >>> 8) & 255,
            length & 255,
          ])
  return Buffer.concat([header, payload])
}

interface Seen {
  readonly events: string[]
  error: string | undefined
}

/** Reads the pieces out of one buffer that is used again and again, as a socket's is. */
function read(pieces: readonly Uint8Array[], maxMessageSize = 1 << 20): Seen {
  const seen: Seen = { events: [], error: undefined }
  const reader = new FrameReader(
    {
      message: (bytes, start, end, isText) =>
        seen.events.push(`${isText ? 'text' : 'binary'} ${Buffer.from(bytes.subarray(start, end)).toString('hex')}`),
      ping: (payload) => seen.events.push(`ping ${payload.toString('hex')}`),
      pong: (payload) => seen.events.push(`pong ${payload.toString('hex')}`),
      close: (code, reason) => seen.events.push(`close ${code} ${reason}`),
    },
    { maxMessageSize },
  )
  const buffer = Buffer.alloc(Math.max(1, ...pieces.map((piece) => piece.length)))
  try {
    for (const piece of pieces) {
      buffer.fill(0xee)
      buffer.set(piece)
      reader.read(buffer, 0, piece.length)
    }
  } catch (error) {
    if (!(error instanceof WebSocketProtocolError)) throw error
    seen.error = error.message
  }
  return seen
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((place, i) => bytes.subarray(place, places[i] ?? bytes.length))
}

const payloads = fc.oneof(
  fc.uint8Array({ maxLength: 10 }),
  fc.uint8Array({ minLength: 120, maxLength: 140 }),
  fc.integer({ min: 65_500, max: 66_000 }).map((length) => new Uint8Array(length).fill(length & 255)),
)
const control = fc.tuple(fc.constantFrom(0x89, 0x8a), fc.uint8Array({ maxLength: 125 }))

/** A message in fragments with control frames between them, and what should be seen of it. */
const messages = fc
  .tuple(fc.constantFrom(1, 2), fc.array(payloads, { minLength: 1, maxLength: 4 }), fc.array(control, { maxLength: 2 }))
  .map(([opcode, parts, controls]) => {
    const bytes: Buffer[] = []
    const events: string[] = []
    parts.forEach((part, i) => {
      bytes.push(frame((i === 0 ? opcode : 0) | (i === parts.length - 1 ? 0x80 : 0), part))
      const between = controls[i]
      if (between && i < parts.length - 1) {
        bytes.push(frame(between[0], between[1]))
        events.push(`${between[0] === 0x89 ? 'ping' : 'pong'} ${Buffer.from(between[1]).toString('hex')}`)
      }
    })
    events.push(`${opcode === 1 ? 'text' : 'binary'} ${Buffer.concat(parts).toString('hex')}`)
    return { bytes: Buffer.concat(bytes), events }
  })

describe('a frame reader', () => {
  it('sees the same messages however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(messages, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat({ max: 300_000 }), { maxLength: 12 }),
        (list, cuts) => {
          const bytes = Buffer.concat([...list.map((message) => message.bytes), frame(0x88, closePayload(1000, 'end'))])
          expect(read(cut(bytes, cuts))).toEqual({
            events: [...list.flatMap((message) => message.events), 'close 1000 end'],
            error: undefined,
          })
        },
      ),
      { numRuns: 150 },
    )
  })

  it('tells of each chunk before its messages: those in its memory are the ones that lie whole in it', () => {
    fc.assert(
      fc.property(
        fc.array(messages, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat({ max: 300_000 }), { maxLength: 12 }),
        (list, cuts) => {
          const pieces = cut(Buffer.concat(list.map((message) => message.bytes)), cuts)
          const buffer = Buffer.alloc(Math.max(...pieces.map((piece) => piece.length)))
          const handed: string[] = []
          const told: string[] = []
          const text = (bytes: Uint8Array, start: number, end: number): string =>
            Buffer.from(bytes.subarray(start, end)).toString('hex')
          const reader = new FrameReader(
            {
              chunk: (bytes, start, end) => {
                expect(bytes).toBe(buffer)
                expect(end).toBeGreaterThan(start)
                eachMessage(bytes, start, end, (from, to) => told.push(text(bytes, from, to)))
              },
              message: (bytes, start, end) => {
                if (bytes !== buffer) return
                handed.push(text(bytes, start, end))
                expect(told.slice(0, handed.length)).toEqual(handed)
              },
              ping: () => {},
              pong: () => {},
              close: () => {},
            },
            { maxMessageSize: 1 << 20 },
          )
          for (const piece of pieces) {
            buffer.set(piece)
            reader.read(buffer, 0, piece.length)
          }
          expect(told).toEqual(handed)
        },
      ),
      { numRuns: 100 },
    )
  })

  it('sees the same messages byte by byte', () => {
    const bytes = Buffer.concat([
      frame(0x81, Buffer.from('one')),
      frame(0x81, Buffer.alloc(200, 'b')),
      frame(0x02, Buffer.from('two')),
      frame(0x89, Buffer.from('ping')),
      frame(0x80, Buffer.alloc(70_000, 'c')),
    ])
    expect(read([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(read([bytes]))
    expect(read([bytes]).events).toHaveLength(4)
  })

  it('takes any bytes without an error of another kind, and says the same however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(0x81, 0x01, 0x80, 0x88, 0x89, 0x82, 0, 2, 126, 127), fc.nat({ max: 255 })), {
          maxLength: 60,
        }),
        fc.array(fc.nat({ max: 60 }), { maxLength: 8 }),
        (bytes, cuts) => {
          const whole = Buffer.from(bytes)
          expect(read(cut(whole, cuts), 500)).toEqual(read([whole], 500))
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('refuses a message over the limit before its payload arrives, also in fragments', () => {
    expect(read([frame(0x81, Buffer.alloc(1001)).subarray(0, 4)], 1000).error).toMatch(/1001 bytes/)
    const fragments = [frame(0x01, Buffer.alloc(600)), frame(0x80, Buffer.alloc(401)).subarray(0, 4)]
    expect(read(fragments, 1000).error).toMatch(/1001 bytes/)
    expect(read([frame(0x01, Buffer.alloc(600)), frame(0x80, Buffer.alloc(400))], 1000).events).toHaveLength(1)
  })

  it('reads nothing after a close', () => {
    const bytes = Buffer.concat([frame(0x88, closePayload(1001, 'bye')), frame(0x81, Buffer.from('late'))])
    expect(read([bytes]).events).toEqual(['close 1001 bye'])
  })
})

describe('a frame of the client', () => {
  it('is masked, and unmasked it is the payload', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70_000 }), (length) => {
        const payload = Buffer.alloc(length, 'payload')
        const bytes = clientFrame(1, payload)
        const size = bytes[1]! & 0x7f
        const header = size < 126 ? 2 : size === 126 ? 4 : 10
        expect(bytes[1]! & 0x80).toBe(0x80)
        const mask = bytes.subarray(header, header + 4)
        const unmasked = bytes.subarray(header + 4).map((byte, i) => byte ^ mask[i & 3]!)
        expect(Buffer.compare(unmasked, payload)).toBe(0)
        const told = size < 126 ? size : size === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
        expect(told).toBe(length)
      }),
      { numRuns: 60 },
    )
  })

  it('cuts a close reason between characters to what fits', () => {
    const payload = closePayload(1002, `${'x'.repeat(122)}€`)
    expect(payload.length).toBe(124)
    expect(payload.subarray(2).toString()).toBe('x'.repeat(122))
  })
})

describe('a frame pace', () => {
  it('never lets more frames through than allowed within any window', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 2000 }),
        fc.array(fc.nat({ max: 500 }), { maxLength: 200 }),
        (frames, perMs, pauses) => {
          const pace = new FramePace(frames, perMs)
          const sent: number[] = []
          let now = 0
          for (const pause of pauses) {
            now += pause
            const wait = pace.wait(now)
            expect(wait).toBeGreaterThanOrEqual(0)
            now += wait
            expect(pace.wait(now)).toBe(0)
            pace.sent(now)
            sent.push(now)
          }
          for (let i = frames; i < sent.length; i++) expect(sent[i]! - sent[i - frames]!).toBeGreaterThanOrEqual(perMs)
        },
      ),
    )
  })
})
