import type { FlatTable } from './flatbuffer.ts'

/** How the values of a column are read. */
export interface ColumnType {
  /** For messages. */
  readonly what: string
  /** Bytes of a value; a bit is an eighth. */
  readonly width: number
  /** Undefined for types that are no numbers. */
  readonly read: ReadValue | undefined
  /** The same where whole numbers must stay exact beyond 2^53. */
  readonly readWhole?: (view: DataView, row: number) => bigint
  /** Buffers that a block has of it. */
  readonly buffers: number
}

type ReadValue = (view: DataView, row: number) => number

/** Number of buffers by the number of a type that holds no numbers: names as in Arrow's own definition. */
const OTHERS: Readonly<Record<number, readonly [what: string, buffers: number]>> = {
  1: ['nothing', 0],
  4: ['bytes', 3],
  5: ['text', 3],
  7: ['decimals', 2],
  9: ['times of day', 2],
  11: ['intervals', 2],
  12: ['lists', 2],
  13: ['records', 1],
  15: ['bytes', 2],
  16: ['lists', 1],
  17: ['maps', 2],
  18: ['durations', 2],
  19: ['bytes', 3],
  20: ['text', 3],
  21: ['lists', 2],
}

/** The type that a field tells; undefined for one that is not known. */
export function typeOf(field: FlatTable): ColumnType | undefined {
  const number = field.int8(8)
  const type = field.table(10)
  if (!type) return undefined
  if (number === 2) {
    const bits = type.int32(4)
    const isSigned = type.int8(6) !== 0
    const read = intReader(bits, isSigned)
    const readWhole: ColumnType['readWhole'] =
      bits < 64
        ? (v, i) => BigInt(read!(v, i))
        : isSigned
          ? (v, i) => v.getBigInt64(i * 8, true)
          : (v, i) => v.getBigUint64(i * 8, true)
    return read && { what: `int${bits}`, width: bits / 8, read, readWhole, buffers: 2 }
  }
  if (number === 3) {
    const precision = type.int16(4)
    if (precision === 2) return { what: 'float64', width: 8, read: (v, i) => v.getFloat64(i * 8, true), buffers: 2 }
    if (precision === 1) return { what: 'float32', width: 4, read: (v, i) => v.getFloat32(i * 4, true), buffers: 2 }
    return { what: 'float16', width: 2, read: undefined, buffers: 2 }
  }
  if (number === 6)
    return { what: 'true or false', width: 1 / 8, read: (v, i) => (v.getUint8(i >> 3) >> (i & 7)) & 1, buffers: 2 }
  if (number === 8) {
    if (type.int16(4, 1) === 0)
      return { what: 'date', width: 4, read: (v, i) => v.getInt32(i * 4, true) * 86_400_000, buffers: 2 }
    return { what: 'date', width: 8, read: int64, buffers: 2 }
  }
  if (number === 10) {
    const read = [fromSeconds, int64, fromMicros, fromNanos][type.int16(4)]
    return read && { what: 'timestamp', width: 8, read, buffers: 2 }
  }
  const other = OTHERS[number]
  return other && { what: other[0], width: 0, read: undefined, buffers: other[1] }
}

const int64: ReadValue = (view, row) => Number(view.getBigInt64(row * 8, true))
const fromSeconds: ReadValue = (view, row) => int64(view, row) * 1000
const fromMicros: ReadValue = (view, row) => int64(view, row) / 1000
// Nanoseconds of today are no exact number: the milliseconds are taken off first.
const fromNanos: ReadValue = (view, row) => {
  const nanos = view.getBigInt64(row * 8, true)
  return Number(nanos / 1_000_000n) + Number(nanos % 1_000_000n) / 1e6
}

function intReader(bits: number, isSigned: boolean): ReadValue | undefined {
  if (bits === 64) return isSigned ? int64 : (view, row) => Number(view.getBigUint64(row * 8, true))
  if (bits === 32)
    return isSigned ? (view, row) => view.getInt32(row * 4, true) : (view, row) => view.getUint32(row * 4, true)
  if (bits === 16)
    return isSigned ? (view, row) => view.getInt16(row * 2, true) : (view, row) => view.getUint16(row * 2, true)
  if (bits === 8) return isSigned ? (view, row) => view.getInt8(row) : (view, row) => view.getUint8(row)
  return undefined
}
