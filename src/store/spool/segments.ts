import { stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { listFolder, removeIfThere, syncFile, syncFolder } from '../lake/files.ts'
import { blockEntries, blockSpan, isSegmentName, isSpareName, type SpoolEntry, segmentFirst } from './format.ts'
import type { SpoolDamage } from './options.ts'
import { readSegment, readSegmentHeader } from './segment-reader.ts'
import { type SpareSegment, SpareSegments } from './spare-segments.ts'

/** A segment that is complete. */
export interface Segment {
  readonly path: string
  readonly bytes: number
  /** No entry in it has a higher sequence. */
  readonly last: number
}

/** The complete segments of a spool, in order, and the spare ones. */
export class SegmentShelf {
  readonly folder: string
  /** The spool's id, as far as a segment tells it. */
  readonly id: string | undefined
  /** Highest sequence that any entry has had. */
  readonly last: number
  #segments: Segment[]
  readonly #spares: SpareSegments
  /** Replays that are going on: whoever reads a segment that is released meanwhile must not see it written over. */
  #readers = 0
  /** The files are changed by one step after the other. */
  #turn: Promise<void> = Promise.resolve()

  constructor(
    folder: string,
    found: { readonly id: string | undefined; readonly last: number; readonly segments: readonly Segment[] },
    spareSegments: number,
  ) {
    this.folder = folder
    this.id = found.id
    this.last = found.last
    this.#segments = [...found.segments]
    this.#spares = new SpareSegments(spareSegments)
  }

  get segments(): readonly Segment[] {
    return this.#segments
  }

  /** Size of all files, bytes. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, this.#spares.bytes)
  }

  add(segment: { readonly path: string; readonly length: number; readonly last: number }): void {
    this.#segments.push({ path: segment.path, bytes: segment.length, last: segment.last })
  }

  /** What a segment really ends with, now that it was read. */
  setLast(path: string, last: number): void {
    this.#segments = this.#segments.map((segment) => (segment.path === path ? { ...segment, last } : segment))
  }

  /** The segments as they are now, none of which is written over until the work with them is done. */
  async *reading<T>(work: (segments: readonly Segment[]) => AsyncGenerator<T, void, void>) {
    this.#readers++
    try {
      yield* work([...this.#segments])
    } finally {
      this.#readers--
    }
  }

  /**
   * Gives up the segments whose entries all lie at or below a sequence: some may become spare ones if `mayKeep`, the
   * others are deleted.
   */
  release(sequence: number, mayKeep: boolean): Promise<void> {
    return this.#inTurn(async () => {
      const gone = this.#segments.filter((segment) => segment.last <= sequence)
      if (gone.length === 0) return
      for (const segment of gone) {
        if (mayKeep && this.#readers === 0) await this.#spares.keep(segment)
        else await removeIfThere(segment.path)
        this.#segments = this.#segments.filter((one) => one !== segment)
      }
      await syncFolder(this.folder)
    })
  }

  /** A file for a new segment to be written over. */
  takeSpare(): SpareSegment | undefined {
    return this.#spares.take()
  }

  /** Deletes the spare ones. */
  dropSpares(): Promise<void> {
    return this.#inTurn(() => this.#spares.drop())
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }
}

/** Finds what earlier runs left, and cuts off what is behind the last whole block of the newest segment. */
export async function findSegments(
  folder: string,
  spareSegments: number,
  onDamage: (damage: SpoolDamage) => void,
  signal?: AbortSignal,
): Promise<SegmentShelf> {
  const found = await listFolder(folder)
  for (const name of found.filter(isSpareName)) await removeIfThere(join(folder, name))
  const names = found.filter(isSegmentName).sort()
  const firsts = names.map(segmentFirst)
  let id: string | undefined
  let last = 0
  const segments: Segment[] = []
  for (const [index, name] of names.entries()) {
    const path = join(folder, name)
    id = (await readSegmentHeader(path))?.id ?? id
    const isNewest = index === names.length - 1
    // Until it was read, all that is known of an older segment is where the next one begins.
    last = isNewest ? Math.max(firsts[index]! - 1, await cutTail(path, onDamage, signal)) : firsts[index + 1]! - 1
    segments.push({ path, bytes: (await stat(path)).size, last })
  }
  return new SegmentShelf(folder, { id, last, segments }, spareSegments)
}

/** Sequence of the last whole entry of a segment, -1 without any; what is behind it is cut off. */
async function cutTail(path: string, onDamage: (damage: SpoolDamage) => void, signal?: AbortSignal): Promise<number> {
  let last = -1
  for await (const piece of readSegment(path, signal)) {
    if (piece.type === 'block') {
      const { first, count } = blockSpan(piece.bytes, piece.at)
      last = Math.max(last, first + count - 1)
    } else if (piece.type === 'rest' || piece.isTail) {
      if (piece.type === 'damage') onDamage({ path, offset: piece.offset, length: piece.length, isTail: true })
      await truncate(path, piece.offset)
      await syncFile(path)
    }
  }
  return last
}

/** The entries of all segments in order, each once. */
export function replaySegments(
  shelf: SegmentShelf,
  onDamage: (damage: SpoolDamage) => void,
  signal?: AbortSignal,
): AsyncGenerator<SpoolEntry, void, void> {
  return shelf.reading((segments) => entriesOf(segments, shelf, onDamage, signal))
}

async function* entriesOf(
  segments: readonly Segment[],
  shelf: SegmentShelf,
  onDamage: (damage: SpoolDamage) => void,
  signal?: AbortSignal,
): AsyncGenerator<SpoolEntry, void, void> {
  let seen = 0
  for (const { path } of segments) {
    let lastHere = 0
    let damage: { offset: number; length: number } | undefined
    for await (const piece of readSegment(path, signal)) {
      // The disk failed before it was cut off.
      if (piece.type === 'rest') break
      if (piece.type === 'damage') {
        // An older segment can end in the middle of a write as well: the disk failed, and a new one was begun.
        if (piece.isTail) onDamage({ path, offset: piece.offset, length: piece.length, isTail: true })
        else damage = { offset: piece.offset, length: piece.length }
        continue
      }
      const { first, count } = blockSpan(piece.bytes, piece.at)
      if (damage) {
        const lost = lastHere > 0 && first > lastHere + 1 ? { lost: { first: lastHere + 1, last: first - 1 } } : {}
        onDamage({ path, ...damage, isTail: false, ...lost })
        damage = undefined
      }
      lastHere = Math.max(lastHere, first + count - 1)
      // A block that was written, failed to sync and was written again stands in two segments.
      if (lastHere <= seen) continue
      seen = lastHere
      yield* blockEntries(piece.bytes, piece.at, piece.length)
    }
    shelf.setLast(path, lastHere)
  }
}
