import { bitWidth, packBits, packWideBits } from './bits.ts'
import type { ByteSink } from './byte-sink.ts'

/** Differences that share a least one, and those of them that share a width. */
const BLOCK = 512
const MINI = 64
const MINIS = BLOCK / MINI
/** Numbers no further than this from one another, and from 0 below it, have differences that are exact, and theirs too. */
export const DELTA_REACH = 2 ** 51

const distances = new Float64Array(BLOCK)
const packed = new Int32Array(BLOCK)

/**
 * Writes whole numbers as differences from one to the next, which ids and times have few bits of (Parquet's
 * DELTA_BINARY_PACKED).
 * @param values safe integers within `DELTA_REACH` of one another, and not below its negative.
 */
export function packDeltas(values: Float64Array, count: number, sink: ByteSink): void {
  sink.varint(BLOCK)
  sink.varint(MINIS)
  sink.varint(count)
  sink.zigzag(count > 0 ? values[0]! : 0)
  for (let start = 1; start < count; start += BLOCK) {
    const length = Math.min(BLOCK, count - start)
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < length; i++) {
      const delta = values[start + i]! - values[start + i - 1]!
      distances[i] = delta
      if (delta < least) least = delta
    }
    // Numbers behind the last one count for nothing.
    distances.fill(least, length)
    sink.zigzag(least)
    packBlock(least, length, sink)
  }
}

function packBlock(least: number, length: number, sink: ByteSink): void {
  const widths = new Uint8Array(MINIS)
  for (let mini = 0; mini * MINI < length; mini++) {
    let most = 0
    for (let i = mini * MINI; i < (mini + 1) * MINI; i++) {
      const distance = distances[i]! - least
      distances[i] = distance
      packed[i] = distance
      if (distance > most) most = distance
    }
    widths[mini] = bitWidth(most)
  }
  sink.append(widths)
  for (let mini = 0; mini * MINI < length; mini++) {
    const width = widths[mini]!
    if (width <= 32) packBits(packed, mini * MINI, MINI, width, sink)
    else packWideBits(distances, mini * MINI, MINI, width, sink)
  }
}
