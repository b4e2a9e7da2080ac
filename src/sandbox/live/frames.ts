/** Events of a stream, payloads one behind the other. Several connections get them in forms of their own. */
export interface EventBatch {
  readonly bytes: Buffer
  /** End of each payload in `bytes`. */
  readonly ends: readonly number[]
  /** Instant on the exchange's clock at which each is sent, rising, epoch ms. */
  readonly times: readonly number[]
  /** Order of events of the same instant across streams, where it is known. */
  readonly orders?: readonly number[]
  /** Frames for combined connections, where they must keep the bytes of a recording. */
  readonly wrapped?: FramedBatch
}

/** Payloads as WebSocket frames, one behind the other. */
export interface FramedBatch {
  readonly bytes: Buffer
  readonly ends: readonly number[]
}

const TEXT = 0x81
const BINARY = 0x82
const NOTHING = Buffer.alloc(0)

function headerLength(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10
}

function writeHeader(into: Buffer, at: number, length: number, opcode: number): number {
  into[at] = opcode
  if (length < 126) {
    into[at + 1] = length
    return at + 2
  }
  if (length < 65_536) {
    into[at + 1] = 126
    into.writeUInt16BE(length, at + 2)
    return at + 4
  }
  into[at + 1] = 127
  into.writeBigUInt64BE(BigInt(length), at + 2)
  return at + 10
}

/** One unmasked, unfragmented frame. */
export function frameOf(payload: Buffer | string, binary = false): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  const frame = Buffer.allocUnsafe(headerLength(bytes.length) + bytes.length)
  bytes.copy(frame, writeHeader(frame, 0, bytes.length, binary ? BINARY : TEXT))
  return frame
}

/** What stands around a payload on a combined connection. */
export function wrapping(stream: string): { before: Buffer; after: Buffer } {
  return { before: Buffer.from(`{"stream":${JSON.stringify(stream)},"data":`), after: Buffer.from('}') }
}

/** Every payload of a batch as a frame, bare or wrapped. */
export function frameBatch(batch: EventBatch, stream: string | undefined): FramedBatch {
  const { before, after } = stream === undefined ? { before: NOTHING, after: NOTHING } : wrapping(stream)
  const around = before.length + after.length
  const count = batch.ends.length
  const bytes = Buffer.allocUnsafe(batch.bytes.length + count * (around + 10))
  const ends: number[] = new Array(count)
  let from = 0
  let at = 0
  for (let i = 0; i < count; i++) {
    const end = batch.ends[i]!
    at = writeHeader(bytes, at, end - from + around, TEXT)
    if (around > 0) at += before.copy(bytes, at)
    at += batch.bytes.copy(bytes, at, from, end)
    if (around > 0) at += after.copy(bytes, at)
    ends[i] = at
    from = end
  }
  return { bytes: bytes.subarray(0, at), ends }
}

/** A batch with its frames, made once for all connections of a form. */
export class PreparedBatch {
  readonly batch: EventBatch
  readonly #stream: string
  #raw: FramedBatch | undefined
  #combined: FramedBatch | undefined

  constructor(batch: EventBatch, stream: string) {
    this.batch = batch
    this.#stream = stream
  }

  frames(combined: boolean): FramedBatch {
    if (!combined) {
      this.#raw ??= frameBatch(this.batch, undefined)
      return this.#raw
    }
    this.#combined ??= this.batch.wrapped ?? frameBatch(this.batch, this.#stream)
    return this.#combined
  }
}

/** Events of a stream that are due: `from` (inclusive) to `to` (exclusive) of a batch. */
export interface Due {
  readonly prepared: PreparedBatch
  readonly from: number
  readonly to: number
}
