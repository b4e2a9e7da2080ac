import type { ArrivedChunk, ArrivedFrame } from '../../exchanges/stream.ts'
import type { Spool } from '../../store/spool/index.ts'
import type { Backpressure } from './backpressure.ts'
import type { Flusher } from './flusher.ts'

export interface FrameSpoolOptions {
  readonly spool: Spool
  readonly flusher: Pick<Flusher, 'isBlocked'>
  readonly pressure: Pick<Backpressure, 'look'>
}

/**
 * The way of frames into the spool. All frames that one read of a socket brought go there at once, with the first of them
 * that is worth storing: their bytes are copied in one piece, and cost what one entry costs.
 */
export class FrameSpool {
  readonly #spool: Spool
  readonly #flusher: Pick<Flusher, 'isBlocked'>
  readonly #pressure: Pick<Backpressure, 'look'>
  /** The newest chunk that was seen, and the sequence that its frames share; -1 when each has to go by itself. */
  #chunk: ArrivedChunk | undefined
  #sequence = -1

  constructor({ spool, flusher, pressure }: FrameSpoolOptions) {
    this.#spool = spool
    this.#flusher = flusher
    this.#pressure = pressure
  }

  /**
   * Puts a frame into the spool. Gives its sequence, or -1 when there is no memory for it, here or on the way to the
   * lake: then it must count as never received.
   */
  take(frame: ArrivedFrame): number {
    const held = this.held(frame)
    if (held >= 0) return held
    const sequence = this.#flusher.isBlocked ? -1 : this.#append(frame, frame.chunk)
    this.#pressure.look()
    return sequence
  }

  /** What `take` gives for a frame that is in the spool already, with others of its read; -1 for any other. */
  held({ chunk }: ArrivedFrame): number {
    return chunk !== undefined && chunk === this.#chunk && !this.#flusher.isBlocked ? this.#sequence : -1
  }

  #append(frame: ArrivedFrame, chunk: ArrivedChunk | undefined): number {
    const { market, receiveTime, bytes } = frame
    if (chunk !== undefined && chunk !== this.#chunk) {
      this.#chunk = chunk
      // Where there is no memory for all of them, there may be some for a few.
      this.#sequence = this.#spool.fits(chunk.end - chunk.start)
        ? this.#spool.append('frames', market, receiveTime, bytes, chunk.start, chunk.end)
        : -1
      if (this.#sequence >= 0) return this.#sequence
    }
    return this.#spool.append('frame', market, receiveTime, bytes, frame.start, frame.end)
  }
}
