import { randomFillSync } from 'node:crypto'

/** Frame types of RFC 6455. */
export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** Largest payload of a control frame. */
export const MAX_CONTROL_PAYLOAD = 125

/** Longest header of a frame without a mask. */
export const MAX_HEADER = 10

const KEYS = 1024
const keys = Buffer.alloc(KEYS * 4)
let nextKey = KEYS

/**
 * Where the frames of a server that lie whole in `bytes[start…end)` come to their end; `start` when not even one does.
 * Their contents are not checked.
 */
export function endOfFrames(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  for (;;) {
    const length = frameLength(bytes, at, end)
    if (length < 0 || at + length > end) return at
    at += length
  }
}

/** Hands on the payload of each frame in `bytes[start…end)` that is a whole message of its own. */
export function eachMessage(
  bytes: Uint8Array,
  start: number,
  end: number,
  message: (from: number, to: number) => void,
): void {
  for (let at = start; ; ) {
    const length = frameLength(bytes, at, end)
    if (length < 0 || at + length > end) return
    const isWhole = bytes[at] === (0x80 | Opcode.text) || bytes[at] === (0x80 | Opcode.binary)
    if (isWhole) message(at + headerLength(bytes[at + 1]!), at + length)
    at += length
  }
}

function headerLength(second: number): number {
  return second < 126 ? 2 : second === 126 ? 4 : MAX_HEADER
}

/** Length of the frame at `at`, header included; -1 while its header is incomplete, or that of no server. */
function frameLength(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 2) return -1
  const second = bytes[at + 1]!
  if (second < 126) return 2 + second
  if (second === 126) return end - at < 4 ? -1 : 4 + ((bytes[at + 2]! << 8) | bytes[at + 3]!)
  if (second > 127 || end - at < MAX_HEADER) return -1
  let length = 0
  for (let i = 2; i < MAX_HEADER; i++) length = length * 256 + bytes[at + i]!
  return MAX_HEADER + length
}

/** A whole frame, masked as a client must mask it. The payload itself is not touched. */
export function clientFrame(opcode: number, payload: Uint8Array): Buffer {
  const length = payload.length
  const header = length < 126 ? 6 : length < 65_536 ? 8 : 14
  const frame = Buffer.allocUnsafe(header + length)
  frame[0] = 0x80 | opcode
  if (length < 126) frame[1] = 0x80 | length
  else if (length < 65_536) {
    frame[1] = 0x80 | 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 0x80 | 127
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2)
    frame.writeUInt32BE(length % 2 ** 32, 6)
  }
  if (nextKey === KEYS) {
    // The system's source of chance is asked for many keys at a time, because each call is dear.
    randomFillSync(keys)
    nextKey = 0
  }
  const key = nextKey++ * 4
  const mask = header - 4
  keys.copy(frame, mask, key, key + 4)
  for (let i = 0; i < length; i++) frame[header + i] = payload[i]! ^ frame[mask + (i & 3)]!
  return frame
}

/** Payload of a close frame: the code and a reason that is cut to what a control frame can hold. */
export function closePayload(code: number, reason: string): Buffer {
  let text = Buffer.from(reason, 'utf8')
  if (text.length > MAX_CONTROL_PAYLOAD - 2) {
    let end = MAX_CONTROL_PAYLOAD - 2
    // Not in the middle of a character.
    while (end > 0 && (text[end]! & 0xc0) === 0x80) end--
    text = text.subarray(0, end)
  }
  const payload = Buffer.allocUnsafe(2 + text.length)
  payload.writeUInt16BE(code, 0)
  text.copy(payload, 2)
  return payload
}
