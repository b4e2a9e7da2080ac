import {
  CompressionType,
  compressionRegistry,
  DateDay,
  Dictionary,
  Field,
  Float32,
  Float64,
  Int32,
  Int64,
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
import { type ByteSource, Feather } from '../../../src/engine/import/feather.ts'
import { ParseError } from '../../../src/model/errors.ts'

const START = Date.UTC(2024, 0, 1)
const times = Array.from({ length: 30 }, (_, day) => START + day * 86_400_000)
const prices = times.map((_, i) => i * 1.1 + 0.1)

function fileOf(columns: Record<string, Vector>): Uint8Array {
  return tableToIPC(new Table(columns), 'file')
}

function streamOf(columns: Record<string, Vector>): Uint8Array {
  return tableToIPC(new Table(columns), 'stream')
}

function sourceOf(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read: async (at, length) => {
      if (!(at >= 0 && length >= 0 && at + length <= bytes.length)) throw new RangeError(`${at} + ${length} is outside`)
      return bytes.slice(at, at + length)
    },
  }
}

async function blocksOf(bytes: Uint8Array, names: readonly string[]): Promise<number[][][]> {
  const feather = await Feather.open(sourceOf(bytes), 'a.feather')
  const blocks: number[][][] = []
  for await (const block of feather.read(names.map((name) => ({ name }))))
    blocks.push(block.map((values) => Array.from(values as Float64Array)))
  return blocks
}

async function read(bytes: Uint8Array, names: readonly string[]): Promise<number[][]> {
  const blocks = await blocksOf(bytes, names)
  return names.map((_, index) => blocks.flatMap((block) => block[index]!))
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

describe('Feather', () => {
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
    ['booleans', vectorFromArray([true, false, true]), [1, 0, 1]],
  ] as [string, Vector, number[]][])('gives values of %s, from a file and from a stream', async (_, vector, values) => {
    expect(await read(fileOf({ wanted: vector }), ['wanted'])).toEqual([values])
    expect(await read(streamOf({ wanted: vector }), ['wanted'])).toEqual([values])
  })

  it('keeps ids exact beyond 2^53', async () => {
    const ids = [1n, 9_007_199_254_740_993n, null]
    const feather = await Feather.open(sourceOf(fileOf({ id: vectorFromArray(ids, new Int64()) })), 'a.feather')
    for await (const block of feather.read([{ name: 'id', isId: true }]))
      expect(block).toEqual([BigInt64Array.of(1n, 9_007_199_254_740_993n, -1n)])
    expect.assertions(1)
  })

  it('finds its columns between columns of any other type', async () => {
    const words = times.map((_, i) => `word ${i % 3}`)
    const columns = {
      label: vectorFromArray(words, new Utf8()),
      open: vectorFromArray(prices, new Float64()),
      tag: vectorFromArray(words, new Dictionary(new Utf8(), new Int32())),
      lists: vectorFromArray(
        prices.map((price) => [price, 1]),
        new List(new Field('item', new Float64())),
      ),
      date: vectorFromArray(times, new TimestampMillisecond('UTC')),
    }
    for (const bytes of [fileOf(columns), streamOf(columns)]) {
      expect(await read(bytes, ['date', 'open'])).toEqual([times, prices])
      await expect(read(bytes, ['label'])).rejects.toThrow('its label is text, which is not read')
      await expect(read(bytes, ['date', 'high'])).rejects.toThrow('lacks high')
    }
  })

  it('reads block after block', async () => {
    const table = new Table({ date: vectorFromArray(times, new TimestampMillisecond()) })
    const bytes = tableToIPC(table.concat(table, table), 'file')
    expect(await blocksOf(bytes, ['date'])).toHaveLength(3)
    expect(await read(bytes, ['date'])).toEqual([[...times, ...times, ...times]])
  })

  it('reads what is packed with LZ4, and says so of another packing', async () => {
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
    expect(await read(packed, ['date', 'volume'])).toEqual([times, empty])
    await expect(read(tableToIPC(table, 'file', CompressionType.ZSTD), ['date'])).rejects.toThrow('packed with zstd')
  })

  it('says so of a file of the first version, of no such file at all, and of one that was cut', async () => {
    await expect(read(Buffer.from('FEA1 and whatever follows'), ['date'])).rejects.toThrow('of the first version')
    await expect(read(Buffer.from('date,open\n'), ['date'])).rejects.toThrow('does not begin as one')
    const columns = { date: vectorFromArray(times) }
    await expect(read(fileOf(columns).subarray(0, -1), ['date'])).rejects.toThrow('its end is missing')
    for (const missing of [1, 8, 20, 100])
      await expect(read(streamOf(columns).subarray(0, -missing), ['date'])).rejects.toThrow('its end is missing')
  })

  it('ends with values or an error that names the file, whichever byte is wrong', async () => {
    const table = {
      date: vectorFromArray(times, new TimestampMillisecond('UTC')),
      tag: vectorFromArray(
        times.map(() => 'a'),
        new Dictionary(new Utf8(), new Int32()),
      ),
      open: vectorFromArray(prices, new Float64()),
    }
    const bytes = fileOf(table)
    const tryToRead = async (damaged: Uint8Array): Promise<void> => {
      try {
        for (const column of await read(damaged, ['date', 'open']))
          expect(column.length).toBeLessThanOrEqual(bytes.length)
      } catch (error) {
        if (!(error instanceof ParseError)) throw error
        expect(error.source).toBe('a.feather')
      }
    }
    for (const whole of [bytes, streamOf(table)]) {
      for (let at = 0; at < whole.length; at++) {
        for (const by of [0x01, 0x80, 0xff]) {
          const damaged = Uint8Array.from(whole)
          damaged[at]! ^= by
          await tryToRead(damaged)
        }
      }
    }
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }))
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 2, maxLength: 12 }), async (changes) => {
        const damaged = Uint8Array.from(bytes)
        for (const [at, to] of changes) damaged[at] = to
        await tryToRead(damaged)
      }),
      { numRuns: 500 },
    )
  })
})
