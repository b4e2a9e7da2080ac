import { isUtf8 } from 'node:buffer'
import { CloseCode, isSendableCode, WebSocketProtocolError } from './close-code.ts'
import { endOfFrames, MAX_CONTROL_PAYLOAD, MAX_HEADER, Opcode } from './frame.ts'

/** Who is told of what the frames hold. The bytes of a message are used again after the call. */
export interface FrameHandlers {
  /** Before the messages of the frames that lie whole in a chunk: `bytes[start…end)` holds them, headers included. */
  chunk?(bytes: Uint8Array, start: number, end: number): void
  /** A whole message, `bytes[start…end)`. */
  message(bytes: Uint8Array, start: number, end: number, isText: boolean): void
  /** The payload is a copy. */
  ping(payload: Buffer): void
  pong(payload: Buffer): void
  /** The other side wants to close; nothing after it is read. */
  close(code: number, reason: string): void
}

export interface FrameReaderOptions {
  /** Largest message accepted, bytes. */
  readonly maxMessageSize: number
  /** Check text messages to be UTF-8. What reads them usually notices anyway. */
  readonly checkUtf8?: boolean
}

/** First size of the buffer that messages split over chunks are put together in. */
const FIRST_ASSEMBLY = 16 * 1024
/** A bigger buffer is given back when its message has been handed on. */
const KEPT_ASSEMBLY = 1024 * 1024

/**
 * Reads the frames of a server out of the chunks of a socket. A frame that lies whole in a chunk is handed on where it
 * is; only one that is split over chunks, and messages in fragments, are copied together.
 */
export class FrameReader {
  readonly #handlers: FrameHandlers
  readonly #max: number
  readonly #checkUtf8: boolean
  #stopped = false

  /** The frame whose end has not arrived yet. */
  #partial: Buffer = Buffer.allocUnsafe(0)
  #partialLength = 0
  /** The fragments so far of a message in fragments, and its opcode; 0 without one. */
  #message: Buffer = Buffer.allocUnsafe(0)
  #messageLength = 0
  #messageOpcode = 0

  /** Set by `#header`: where the payload begins behind the frame's start, and its length. */
  #headerLength = 0
  #payloadLength = 0

  constructor(handlers: FrameHandlers, options: FrameReaderOptions) {
    this.#handlers = handlers
    this.#max = options.maxMessageSize
    this.#checkUtf8 = options.checkUtf8 ?? false
  }

  /** Nothing is handed on any more, not even the rest of the chunk that is being read. */
  stop(): void {
    this.#stopped = true
    this.#partial = this.#message = Buffer.allocUnsafe(0)
    this.#partialLength = this.#messageLength = 0
  }

  /** Reads a chunk, `bytes[start…end)`. @throws WebSocketProtocolError, after which nothing more may be read. */
  read(bytes: Uint8Array, start: number, end: number): void {
    let at = start
    if (this.#partialLength > 0) {
      at = this.#complete(bytes, at, end)
      if (at < 0) return
    }
    if (this.#handlers.chunk !== undefined && !this.#stopped) {
      const whole = endOfFrames(bytes, at, end)
      if (whole > at) this.#handlers.chunk(bytes, at, whole)
    }
    while (at < end && !this.#stopped) {
      if (!this.#header(bytes, at, end)) break
      const from = at + this.#headerLength
      const to = from + this.#payloadLength
      if (to > end) break
      this.#frame(bytes, at, from, to)
      at = to
    }
    if (at < end && !this.#stopped) this.#keep(bytes, at, end)
  }

  /**
   * Reads a frame's header. False while it is incomplete. Lengths are checked here, before any payload is waited for.
   */
  #header(bytes: Uint8Array, at: number, end: number): boolean {
    if (end - at < 2) return false
    const second = bytes[at + 1]!
    if (second >= 0x80) throw protocolError('a frame of the server is masked')
    if (second < 126) {
      this.#headerLength = 2
      this.#payloadLength = second
    } else if (second === 126) {
      if (end - at < 4) return false
      this.#headerLength = 4
      this.#payloadLength = (bytes[at + 2]! << 8) | bytes[at + 3]!
    } else {
      if (end - at < MAX_HEADER) return false
      this.#headerLength = MAX_HEADER
      let length = 0
      for (let i = 2; i < MAX_HEADER; i++) length = length * 256 + bytes[at + i]!
      this.#payloadLength = length
    }
    const first = bytes[at]!
    if ((first & 0x70) !== 0) throw protocolError('a frame uses an extension that was not agreed on')
    const opcode = first & 0x0f
    if (opcode >= 8) {
      if (opcode > Opcode.pong) throw protocolError(`unknown control frame ${opcode}`)
      if (first < 0x80) throw protocolError('a control frame is fragmented')
      if (this.#payloadLength > MAX_CONTROL_PAYLOAD) throw protocolError('a control frame is longer than 125 bytes')
    } else {
      if (opcode > Opcode.binary) throw protocolError(`unknown frame ${opcode}`)
      if ((opcode === Opcode.continuation) !== (this.#messageOpcode !== 0)) {
        throw protocolError(opcode === 0 ? 'a fragment continues no message' : 'a message begins inside another one')
      }
      const total = this.#messageLength + this.#payloadLength
      if (total > this.#max) {
        throw new WebSocketProtocolError(
          CloseCode.messageTooBig,
          `a message of ${total} bytes is larger than the ${this.#max} that are accepted (maxMessageSize)`,
        )
      }
    }
    return true
  }

  /** Hands on one whole frame whose header was just read. */
  #frame(bytes: Uint8Array, at: number, from: number, to: number): void {
    const first = bytes[at]!
    const opcode = first & 0x0f
    const isLast = first >= 0x80
    if (opcode >= 8) this.#control(opcode, Buffer.from(bytes.subarray(from, to)))
    else if (isLast && opcode !== 0) this.#deliver(bytes, from, to, opcode)
    else this.#fragment(bytes, from, to, opcode, isLast)
  }

  #fragment(bytes: Uint8Array, from: number, to: number, opcode: number, isLast: boolean): void {
    if (opcode !== 0) this.#messageOpcode = opcode
    this.#message = appended(this.#message, this.#messageLength, bytes, from, to, this.#max)
    this.#messageLength += to - from
    if (!isLast) return
    const message = this.#message
    const length = this.#messageLength
    const type = this.#messageOpcode
    this.#messageLength = this.#messageOpcode = 0
    if (message.length > KEPT_ASSEMBLY) this.#message = Buffer.allocUnsafe(0)
    this.#deliver(message, 0, length, type)
  }

  #deliver(bytes: Uint8Array, from: number, to: number, opcode: number): void {
    const isText = opcode === Opcode.text
    if (isText && this.#checkUtf8 && !isUtf8(bytes.subarray(from, to))) {
      throw new WebSocketProtocolError(CloseCode.invalidPayload, 'a text message is not UTF-8')
    }
    this.#handlers.message(bytes, from, to, isText)
  }

  #control(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.ping) this.#handlers.ping(payload)
    else if (opcode === Opcode.pong) this.#handlers.pong(payload)
    else this.#close(payload)
  }

  #close(payload: Buffer): void {
    if (payload.length === 1) throw protocolError('a close frame holds half a code')
    const code = payload.length === 0 ? CloseCode.noStatus : payload.readUInt16BE(0)
    if (payload.length > 0 && !isSendableCode(code)) throw protocolError(`a close frame holds the code ${code}`)
    const reason = payload.subarray(2)
    if (!isUtf8(reason)) {
      throw new WebSocketProtocolError(CloseCode.invalidPayload, 'the reason of a close frame is not UTF-8')
    }
    this.stop()
    this.#handlers.close(code, reason.toString('utf8'))
  }

  /** Keeps the beginning of a frame until its end arrives. */
  #keep(bytes: Uint8Array, from: number, to: number): void {
    this.#partial = appended(this.#partial, this.#partialLength, bytes, from, to, this.#max + MAX_HEADER)
    this.#partialLength += to - from
  }

  /** Adds what is missing to the frame that has begun; says where the next one begins, -1 when the end is still out. */
  #complete(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    while (!this.#header(this.#partial, 0, this.#partialLength)) {
      if (at === end) return -1
      this.#keep(bytes, at, ++at)
    }
    const missing = this.#headerLength + this.#payloadLength - this.#partialLength
    const to = Math.min(end, at + missing)
    if (to > at) this.#keep(bytes, at, to)
    if (to - at < missing) return -1
    const frame = this.#partial
    const length = this.#partialLength
    this.#partialLength = 0
    if (frame.length > KEPT_ASSEMBLY) this.#partial = Buffer.allocUnsafe(0)
    this.#frame(frame, 0, this.#headerLength, length)
    return to
  }
}

/** The buffer with the bytes behind its first `length`; grown by doubling, so that a header alone claims no memory. */
function appended(buffer: Buffer, length: number, bytes: Uint8Array, from: number, to: number, max: number): Buffer {
  const needed = length + to - from
  let target = buffer
  if (needed > buffer.length) {
    target = Buffer.allocUnsafe(Math.max(needed, Math.min(Math.max(buffer.length * 2, FIRST_ASSEMBLY), max)))
    buffer.copy(target, 0, 0, length)
  }
  target.set(bytes.subarray(from, to), length)
  return target
}

function protocolError(message: string): WebSocketProtocolError {
  return new WebSocketProtocolError(CloseCode.protocolError, message)
}
