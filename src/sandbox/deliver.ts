import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { FaultSpec } from './faults/spec.ts'

/** A body of known length that can be read in parts. */
export interface Body {
  readonly size: number
  read(start: number, end: number): AsyncIterable<Buffer>
}

/** What becomes of a request: status, headers and a body. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Body
}

export type TransportFault = Extract<FaultSpec, { type: 'slow' | 'stall' | 'cut' }>

export function bodyOf(content: Buffer | string): Body {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  return {
    size: bytes.length,
    async *read(start, end) {
      yield bytes.subarray(start, end)
    },
  }
}

const JSON_TYPE = 'application/json;charset=UTF-8'

export function jsonReply(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return textReply(status, JSON.stringify(value), JSON_TYPE, headers)
}

export function textReply(
  status: number,
  content: Buffer | string,
  type: string,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return { status, headers: { 'Content-Type': type, ...headers }, body: bodyOf(content) }
}

/** A reply with another text. */
export async function rewritten(reply: Reply, rewrite: (body: string) => string): Promise<Reply> {
  const pieces: Buffer[] = []
  for await (const piece of reply.body.read(0, reply.body.size)) pieces.push(piece)
  return { ...reply, body: bodyOf(rewrite(Buffer.concat(pieces).toString())) }
}

/**
 * Sends a reply, as a transport fault would have it. Gives the number of body bytes handed to the network; what is left
 * of a stalled answer stays open until either side closes.
 */
export async function deliver(
  response: ServerResponse,
  reply: Reply,
  withBody: boolean,
  fault: TransportFault | undefined,
  sent: (bytes: number) => void,
): Promise<void> {
  const { size } = reply.body
  response.writeHead(reply.status, { ...reply.headers, 'Content-Length': String(size) })
  if (!withBody) {
    response.end()
    return
  }
  const stop = fault?.type === 'stall' || fault?.type === 'cut' ? (fault.afterBytes ?? Math.floor(size / 2)) : size
  const end = Math.min(size, stop)
  if (fault) response.flushHeaders()
  if (end > 0) {
    for await (const piece of reply.body.read(0, end)) {
      const parts = fault?.type === 'slow' ? paced(piece, fault.bytesPerSecond) : [piece]
      for await (const part of parts) {
        if (!(await write(response, part))) return
        sent(part.length)
      }
    }
  }
  if (fault?.type === 'stall') return
  if (fault?.type === 'cut') {
    response.socket?.destroy()
    return
  }
  response.end()
}

/** Ten pieces a second. */
async function* paced(piece: Buffer, bytesPerSecond: number): AsyncGenerator<Buffer> {
  const step = Math.max(1, Math.round(bytesPerSecond / 10))
  for (let at = 0; at < piece.length; at += step) {
    yield piece.subarray(at, at + step)
    await delay((step / bytesPerSecond) * 1000, undefined, { ref: false })
  }
}

/** Waits until the socket has taken the bytes; false when it is gone. */
export function write(response: ServerResponse, bytes: Buffer): Promise<boolean> {
  return new Promise((done) => {
    if (response.destroyed || response.closed) {
      done(false)
      return
    }
    const closed = (): void => done(false)
    response.once('close', closed)
    response.write(bytes, (error) => {
      response.off('close', closed)
      done(!error)
    })
  })
}
