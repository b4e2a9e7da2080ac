import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { ArrivedFrame } from '../../exchanges/stream.ts'
import { StorageError } from '../../model/errors.ts'

/** Bytes that wait for the disk at most; frames beyond are left out and counted. */
const MAX_WAITING = 64 * 1024 * 1024

/** Writes raw frames to a file, in the form that `ticklake sandbox --capture` plays. */
export interface FrameRecorder extends AsyncDisposable {
  readonly frames: number
  /** Frames left out because the disk was too slow. */
  readonly dropped: number
  frame(frame: ArrivedFrame): void
}

/** @throws StorageError at once when the file can not be made, and from disposal when it could not be written. */
export async function openRecorder(path: string): Promise<FrameRecorder> {
  const input = new PassThrough({ highWaterMark: 1024 * 1024 })
  const file = createWriteStream(path, { flags: 'w' })
  await once(file, 'open').catch((cause: unknown) => {
    throw new StorageError(path, 'the file for raw frames can not be made', { cause })
  })
  const done = path.endsWith('.gz') ? pipeline(input, createGzip({ level: 4 }), file) : pipeline(input, file)
  let failure: unknown
  done.catch((error: unknown) => {
    failure = error
  })
  let frames = 0
  let dropped = 0
  return {
    get frames() {
      return frames
    },
    get dropped() {
      return dropped
    },
    frame({ bytes, start, end, receiveTime }) {
      if (failure !== undefined || input.writableLength > MAX_WAITING) {
        dropped++
        return
      }
      frames++
      const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()
      input.write(`{"t": ${Math.round(receiveTime * 1000)}, "frame": ${JSON.stringify(text)}}\n`)
    },
    async [Symbol.asyncDispose]() {
      input.end()
      await done.catch((cause: unknown) => {
        throw new StorageError(path, 'the raw frames could not be written', { cause })
      })
    },
  }
}
