import {
  CompressionType,
  compressionRegistry,
  DateDay,
  Dictionary,
  Field,
  Float32,
  Float64,
  Int32,
  List,
  Table,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  tableToIPC,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readFeather } from '../../../src/engine/import/feather.ts'
import { ParseError } from '../../../src/model/errors.ts'

const START = Date.UTC(2024, 0, 1)
const times = Array.from({ length: 30 }, (_, day) => START + day * 86_400_000)
const prices = times.map((_, i) => i * 1.1 + 0.1)

function fileOf(columns: Record<string, Vector>): Uint8Array {
  return tableToIPC(new Table(columns), 'file')
}

function read(bytes: Uint8Array, names: readonly string[]): number[][] {
  const columns: number[][] = names.map(() => [])
  for (const block of readFeather(bytes, names, 'a.feather'))
    block.forEach((values, index) => {
      columns[index]!.push(...values)
    })
  return columns
}

const LZ4 = [0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0]

function stored(bytes: Uint8Array): Uint8Array {
  return new Uint8Array([...LZ4, bytes.length, 0, 0, 0x80, ...bytes, 0, 0, 0, 0])
}

/** An LZ4 frame: a literal 0, and a match one byte back that repeats it. */
function packedZeros(length: number): Uint8Array {
  const rest = length - 1 - 4 - 5
  const lengths = [...Array.from({ length: Math.floor((rest - 15) / 255) }, () => 255), (rest - 15) % 255]
  // The last five bytes of a block are literals.
  const block = [0x1f, 0, 1, 0, ...lengths, 0x50, 0, 0, 0, 0, 0]
  return new Uint8Array([...LZ4, block.length, 0, 0, 0, ...block, 0, 0, 0, 0])
}

describe('readFeather', () => {
  it.each([
    ['seconds', vectorFromArray(times, new TimestampSecond()), times],
    ['milliseconds', vectorFromArray(times, new TimestampMillisecond('UTC')), times],
    ['microseconds', vectorFromArray(times, new TimestampMicrosecond('UTC')), times],
    ['nanoseconds', vectorFromArray(times, new TimestampNanosecond('UTC')), times],
    [
      'days',
      vectorFromArray(
        times.map((time) => new Date(time)),
        new DateDay(),
      ),
      times,
    ],
    ['float64', vectorFromArray(prices, new Float64()), prices],
    ['float32', vectorFromArray(prices, new Float32()), prices.map(Math.fround)],
    ['int32', vectorFromArray([-1, 5], new Int32()), [-1, 5]],
    ['gaps', vectorFromArray([1.5, null, 2.5], new Float64()), [1.5, Number.NaN, 2.5]],
  ] as [string, Vector, number[]][])('gives values of %s', (_, vector, values) => {
    expect(read(fileOf({ wanted: vector }), ['wanted'])).toEqual([values])
  })

  it('finds its columns between columns of any other type', () => {
    const words = times.map((_, i) => `word ${i % 3}`)
    const bytes = fileOf({
      label: vectorFromArray(words, new Utf8()),
      open: vectorFromArray(prices, new Float64()),
      tag: vectorFromArray(words, new Dictionary(new Utf8(), new Int32())),
      lists: vectorFromArray(
        prices.map((price) => [price, 1]),
        new List(new Field('item', new Float64())),
      ),
      date: vectorFromArray(times, new TimestampMillisecond('UTC')),
    })
    expect(read(bytes, ['date', 'open'])).toEqual([times, prices])
    expect(() => read(bytes, ['label'])).toThrow('its label is text, which is not read')
    expect(() => read(bytes, ['date', 'high'])).toThrow('lacks high; a table of candles has date, high')
  })

  it('reads block after block', () => {
    const table = new Table({ date: vectorFromArray(times, new TimestampMillisecond()) })
    const bytes = tableToIPC(table.concat(table, table), 'file')
    expect([...readFeather(bytes, ['date'], 'a.feather')]).toHaveLength(3)
    expect(read(bytes, ['date'])).toEqual([[...times, ...times, ...times]])
  })

  it('reads what is packed with LZ4, and says so of another packing', () => {
    // What does not become smaller stays as it is.
    const encode = (bytes: Uint8Array): Uint8Array =>
      bytes.length > 40 && bytes.every((byte) => byte === 0) ? packedZeros(bytes.length) : stored(bytes)
    compressionRegistry.set(CompressionType.LZ4_FRAME, { encode })
    compressionRegistry.set(CompressionType.ZSTD, {
      encode: (bytes) => new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0, ...bytes.subarray(40)]),
    })
    const empty = times.map(() => 0)
    const table = new Table({
      date: vectorFromArray(times, new TimestampMillisecond('UTC')),
      volume: vectorFromArray(empty, new Float64()),
    })
    const packed = tableToIPC(table, 'file', CompressionType.LZ4_FRAME)
    expect(packed.length).toBeLessThan(tableToIPC(table, 'file').length)
    expect(read(packed, ['date', 'volume'])).toEqual([times, empty])
    expect(() => read(tableToIPC(table, 'file', CompressionType.ZSTD), ['date'])).toThrow('packed with zstd')
  })

  it('says so of a file of the first version, and of no such file at all', () => {
    expect(() => read(Buffer.from('FEA1 and whatever follows'), ['date'])).toThrow('of the first version')
    expect(() => read(Buffer.from('date,open\n'), ['date'])).toThrow('does not begin as one')
    expect(() => read(fileOf({ date: vectorFromArray(times) }).subarray(0, -1), ['date'])).toThrow('its end is missing')
  })

  it('ends with values or an error that names the file, whichever byte is wrong', () => {
    const bytes = fileOf({
      date: vectorFromArray(times, new TimestampMillisecond('UTC')),
      tag: vectorFromArray(
        times.map(() => 'a'),
        new Dictionary(new Utf8(), new Int32()),
      ),
      open: vectorFromArray(prices, new Float64()),
    })
    const tryToRead = (damaged: Uint8Array): void => {
      try {
        for (const column of read(damaged, ['date', 'open'])) expect(column.length).toBeLessThanOrEqual(bytes.length)
      } catch (error) {
        if (!(error instanceof ParseError)) throw error
        expect(error.source).toBe('a.feather')
      }
    }
    for (let at = 0; at < bytes.length; at++) {
      for (const by of [0x01, 0x80, 0xff]) {
        const damaged = Uint8Array.from(bytes)
        damaged[at]! ^= by
        tryToRead(damaged)
      }
    }
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(fc.array(change, { minLength: 2, maxLength: 12 }), (changes) => {
        const damaged = Uint8Array.from(bytes)
        for (const [at, to] of changes) damaged[at] = to
        tryToRead(damaged)
      }),
      { numRuns: 500 },
    )
  })
})
