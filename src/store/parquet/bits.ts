import type { ByteSink } from './byte-sink.ts'

const TWO_32 = 4_294_967_296
/** Values that are packed side by side, so that they end at a byte. */
const GROUP = 8

/** Bits that a whole number from 0 to 2^53 takes. */
export function bitWidth(value: number): number {
  return value < TWO_32 ? 32 - Math.clz32(value) : 64 - Math.clz32(value / TWO_32)
}

/** Packs numbers of up to 32 bits, the lowest bits first. The last byte is filled up with zeros. */
export function packBits(
  values: Int32Array | Float64Array,
  from: number,
  count: number,
  width: number,
  sink: ByteSink,
): void {
  if (width === 0) return
  const bytes = Math.ceil((count * width) / 8)
  const view = sink.reserve(bytes + 4)
  let at = sink.length
  let word = 0
  let filled = 0
  for (let i = from; i < from + count; i++) {
    const value = values[i]!
    word |= value << filled
    filled += width
    if (filled >= 32) {
      view.setInt32(at, word, true)
      at += 4
      filled -= 32
      // A shift by 32 would be none.
      word = filled === 0 ? 0 : value >>> (width - filled)
    }
  }
  view.setInt32(at, word, true)
  sink.wrote(bytes)
}

/** Packs whole numbers of more than 32 bits. Rare enough to go bit by bit. */
export function packWideBits(values: Float64Array, from: number, count: number, width: number, sink: ByteSink): void {
  const bits = new Int32Array(count * width)
  for (let i = 0; i < count; i++) {
    let rest = values[from + i]!
    for (let bit = 0; bit < width; bit++) {
      bits[i * width + bit] = rest % 2
      rest = Math.floor(rest / 2)
    }
  }
  packBits(bits, 0, bits.length, 1, sink)
}

/**
 * Writes numbers as runs of equal ones and groups of packed ones, whichever is shorter: Parquet's hybrid encoding, of
 * dictionary indexes and of which rows have a value.
 * @param width bits of a number, from 1 to 32.
 */
export function packRuns(values: Int32Array, count: number, width: number, sink: ByteSink): void {
  /** Groups from here on wait to be packed. */
  let waiting = 0
  const pack = (end: number): void => {
    if (end === waiting) return
    const groups = Math.ceil((end - waiting) / GROUP)
    sink.varint(groups * 2 + 1)
    const before = sink.length
    packBits(values, waiting, end - waiting, width, sink)
    // The last group is whole even where the rows are not.
    for (let left = groups * width - (sink.length - before); left > 0; left--) sink.byte(0)
  }
  let i = 0
  while (i < count) {
    const value = values[i]!
    let end = i + 1
    while (end < count && values[end] === value) end++
    if (end - i >= GROUP) {
      pack(i)
      sink.varint((end - i) * 2)
      for (let bits = 0; bits < width; bits += 8) sink.byte((value >>> bits) & 255)
      waiting = end
      i = end
    } else i = Math.min(count, i + GROUP)
  }
  pack(count)
}
