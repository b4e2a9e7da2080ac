import type { FrameParser, FrameSink } from '../../../../src/exchanges/stream.ts'
import type { LiveRecord } from '../../../../src/model/live/index.ts'

/** What a parser told about frames, in order. */
export class Told implements FrameSink {
  readonly records: LiveRecord[] = []
  readonly replies: { id: number | string | null; result: unknown; error: unknown }[] = []
  readonly shutdowns: number[] = []
  readonly unknowns: string[] = []
  readonly problems: string[] = []

  record(record: LiveRecord): void {
    this.records.push(record)
  }

  reply(id: number | string | null, result: unknown, error: unknown): void {
    this.replies.push({ id, result, error })
  }

  shutdown(time: number): void {
    this.shutdowns.push(time)
  }

  unknown(event: string): void {
    this.unknowns.push(event)
  }

  bad(problem: string): void {
    this.problems.push(problem)
  }
}

const encoder = new TextEncoder()
export const RECEIVED = 1_784_410_630_500.25

/** Reads one frame that lies amid other bytes, as it does in a socket's buffer. */
export function read(parser: FrameParser, frame: string | Uint8Array): Told {
  const bytes = typeof frame === 'string' ? encoder.encode(frame) : frame
  const around = new Uint8Array(bytes.length + 64).fill(0x35)
  around.set(bytes, 17)
  const told = new Told()
  parser.parse(around, 17, 17 + bytes.length, RECEIVED, told)
  return told
}
