import { rename } from 'node:fs/promises'
import { removeIfThere } from '../lake/files.ts'
import { sparePath } from './format.ts'

/** A file that was a segment and may become one again. */
export interface SpareSegment {
  readonly path: string
  readonly bytes: number
}

/**
 * Released segments that are kept to be written over: their pages are in the system's memory and their blocks on the
 * disk, both of which a new file would have to be given first, at several times the cost of writing.
 */
export class SpareSegments {
  readonly #limit: number
  /** From the smallest to the largest. */
  #spares: SpareSegment[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  get bytes(): number {
    return this.#spares.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** The largest one, which is its caller's from now on. */
  take(): SpareSegment | undefined {
    return this.#spares.pop()
  }

  /** Takes a segment's file under another name; where there are enough, the smallest is deleted. */
  async keep(segment: SpareSegment): Promise<void> {
    if (this.#limit === 0) return removeIfThere(segment.path)
    const path = sparePath(segment.path)
    try {
      await rename(segment.path, path)
    } catch {
      // It is not there, or names can't be changed here: what counts is that it is given up.
      return removeIfThere(segment.path)
    }
    this.#spares = [...this.#spares, { path, bytes: segment.bytes }].sort((a, b) => a.bytes - b.bytes)
    if (this.#spares.length > this.#limit) await removeIfThere(this.#spares.shift()!.path)
  }

  /** Deletes all of them. */
  async drop(): Promise<void> {
    for (const { path } of this.#spares.splice(0)) await removeIfThere(path)
  }
}
