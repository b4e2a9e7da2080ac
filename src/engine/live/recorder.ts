import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { ArrivedFrame, RawAnswer, RepairClient } from '../../exchanges/stream.ts'
import { ConfigError } from '../../model/errors.ts'
import type { Market } from '../../model/series.ts'
import { receiveTime } from '../../net/websocket/receive-clock.ts'
import { storageError } from '../../store/lake/errors.ts'

/** Bytes that wait for the disk at most; frames beyond are left out and counted. */
const MAX_WAITING = 64 * 1024 * 1024

/** Writes raw frames and the books that REST gave to a file, in the form that `ticklake sandbox --capture` plays. */
export interface FrameRecorder extends AsyncDisposable {
  readonly frames: number
  /** Frames left out because the disk was too slow. */
  readonly dropped: number
  frame(frame: ArrivedFrame): void
  answer(market: Market, answer: RawAnswer): void
}

/**
 * @throws ConfigError for a file that holds something already: a recording can't be made again; StorageError at once when
 * the file can not be made, and from disposal when it could not be written.
 */
export async function openRecorder(path: string): Promise<FrameRecorder> {
  const input = new PassThrough({ highWaterMark: 1024 * 1024 })
  const there = await stat(path).catch(() => undefined)
  // A pipe, or the empty file of mktemp, has nothing to lose.
  const isFree = there !== undefined && (!there.isFile() || there.size === 0)
  const file = createWriteStream(path, { flags: isFree ? 'w' : 'wx' })
  await once(file, 'open').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EEXIST') {
      throw new ConfigError(`${path} is there already, and a recording replaces none: name another file, or remove it.`)
    }
    throw storageError(path, 'the file for raw frames can not be made', cause)
  })
  const done = path.endsWith('.gz') ? pipeline(input, createGzip({ level: 4 }), file) : pipeline(input, file)
  let failure: unknown
  done.catch((error: unknown) => {
    failure = error
  })
  let frames = 0
  let dropped = 0
  const write = (line: () => string): boolean => {
    if (failure !== undefined || input.writableLength > MAX_WAITING) {
      dropped++
      return false
    }
    input.write(`${line()}\n`)
    return true
  }
  return {
    get frames() {
      return frames
    },
    get dropped() {
      return dropped
    },
    frame({ market, bytes, start, end, receiveTime }) {
      const text = (): string => JSON.stringify(textOf(bytes, start, end))
      if (write(() => `{"t": ${Math.round(receiveTime * 1000)}, "market": "${market}", "frame": ${text()}}`)) frames++
    },
    answer(market, { path, status, body }) {
      const answer = { market, rest: path, status, body: textOf(body, 0, body.length) }
      write(() => JSON.stringify({ t: Math.round(receiveTime() * 1000), ...answer }))
    },
    async [Symbol.asyncDispose]() {
      input.end()
      await done.catch((cause: unknown) => {
        throw storageError(path, 'the raw frames could not be written', cause)
      })
    },
  }
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()
}

/** The same client, whose book snapshots are recorded. */
export function recordingRepair(repair: RepairClient, recorder: FrameRecorder): RepairClient {
  const bookSnapshot: RepairClient['bookSnapshot'] = (request) =>
    repair.bookSnapshot({ ...request, onAnswer: (answer) => recorder.answer(request.market, answer) })
  return new Proxy(repair, {
    get(target, name) {
      if (name === 'bookSnapshot') return bookSnapshot
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
