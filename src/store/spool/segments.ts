import { stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { listFolder, removeIfThere, syncFile, syncFolder } from '../lake/files.ts'
import { blockEntries, blockSpan, type SpoolEntry } from './format.ts'
import type { SpoolDamage } from './options.ts'
import { readSegment, readSegmentHeader } from './segment-reader.ts'
import { SEGMENT_END } from './segment-writer.ts'

/** A segment that is complete. */
export interface Segment {
  readonly path: string
  readonly bytes: number
  /** No entry in it has a higher sequence. */
  readonly last: number
}

/** The complete segments of a spool, in order. */
export class SegmentShelf {
  readonly folder: string
  /** The spool's id, as far as a segment tells it. */
  readonly id: string | undefined
  /** Highest sequence that any entry has had. */
  readonly last: number
  #segments: Segment[]

  constructor(folder: string, id: string | undefined, last: number, segments: readonly Segment[]) {
    this.folder = folder
    this.id = id
    this.last = last
    this.#segments = [...segments]
  }

  get segments(): readonly Segment[] {
    return this.#segments
  }

  add(segment: { readonly path: string; readonly length: number; readonly last: number }): void {
    this.#segments.push({ path: segment.path, bytes: segment.length, last: segment.last })
  }

  /** What a segment really ends with, now that it was read. */
  setLast(path: string, last: number): void {
    this.#segments = this.#segments.map((segment) => (segment.path === path ? { ...segment, last } : segment))
  }

  /** Deletes the segments whose entries all lie at or below a sequence. */
  async release(sequence: number): Promise<void> {
    const gone = this.#segments.filter((segment) => segment.last <= sequence)
    if (gone.length === 0) return
    for (const { path } of gone) await removeIfThere(path)
    this.#segments = this.#segments.filter((segment) => !gone.includes(segment))
    await syncFolder(this.folder)
  }
}

/** Finds what earlier runs left, and cuts the tail of the newest segment where a write was cut short. */
export async function findSegments(
  folder: string,
  onDamage: (damage: SpoolDamage) => void,
  signal?: AbortSignal,
): Promise<SegmentShelf> {
  const names = (await listFolder(folder)).filter((name) => name.endsWith(SEGMENT_END)).sort()
  const firsts = names.map((name) => Number.parseInt(name, 10))
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
  return new SegmentShelf(folder, id, last, segments)
}

/** Sequence of the last whole entry of a segment, -1 without any; what is torn behind it is cut off. */
async function cutTail(path: string, onDamage: (damage: SpoolDamage) => void, signal?: AbortSignal): Promise<number> {
  let last = -1
  for await (const piece of readSegment(path, signal)) {
    if (piece.type === 'block') {
      const { first, count } = blockSpan(piece.bytes, piece.at)
      last = Math.max(last, first + count - 1)
    } else if (piece.isTail) {
      onDamage({ path, offset: piece.offset, length: piece.length, isTail: true })
      await truncate(path, piece.offset)
      await syncFile(path)
    }
  }
  return last
}

/** The entries of all segments in order, each once. */
export async function* replaySegments(
  shelf: SegmentShelf,
  onDamage: (damage: SpoolDamage) => void,
  signal?: AbortSignal,
): AsyncGenerator<SpoolEntry, void, void> {
  let seen = 0
  for (const { path } of [...shelf.segments]) {
    let lastHere = 0
    let damage: { offset: number; length: number } | undefined
    for await (const piece of readSegment(path, signal)) {
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
