import { writeFile } from 'node:fs/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ColumnType } from '../../src/model/kind.ts'
import { connectDuck, quote } from '../../src/store/lake/duckdb.ts'
import { ByteSink } from '../../src/store/parquet/byte-sink.ts'
import type { ColumnSource } from '../../src/store/parquet/column-chunk.ts'
import { writeParquetFile } from '../../src/store/parquet/parquet-file.ts'
import { type TempFolder, tempFolder } from '../helpers/temp.ts'

let folder: TempFolder
let connection: Awaited<ReturnType<typeof connectDuck>>
let files = 0

beforeAll(async () => {
  folder = await tempFolder('parquet')
  connection = await connectDuck()
})
afterAll(async () => {
  connection.closeSync()
  await folder[Symbol.asyncDispose]()
})

function source(type: ColumnType, values: readonly number[] | undefined, isOptional = true): ColumnSource {
  return { name: 'value', type, isOptional, values: values && Float64Array.from(values) }
}

async function write(columns: readonly ColumnSource[], rows: number): Promise<string> {
  const sink = new ByteSink()
  await writeParquetFile(columns, rows, sink)
  const path = folder.join(`${++files}.parquet`)
  await writeFile(path, sink.bytes)
  return path
}

async function rowsOf(sql: string): Promise<readonly (readonly unknown[])[]> {
  return (await connection.runAndReadAll(sql)).getRows()
}

/** The values as they were given: times in ms, booleans as 0 and 1, null where there is none. */
async function read(path: string, type: ColumnType): Promise<unknown[]> {
  const sql = type === 'time' ? 'epoch_us(value)' : type === 'boolean' ? 'value::INTEGER' : 'value'
  const rows = await rowsOf(`SELECT ${sql} FROM read_parquet(${quote(path)})`)
  return rows.map(([value]) => (value === null ? null : type === 'time' ? Number(value) / 1000 : Number(value)))
}

async function encodingOf(path: string): Promise<string> {
  const [row] = await rowsOf(`SELECT encodings FROM parquet_metadata(${quote(path)})`)
  return String(row?.[0])
}

/** Exactly the same numbers: -0 is not 0, and NaN is itself. */
function expectSame(actual: readonly unknown[], expected: readonly (number | null)[]): void {
  const wrong = expected.findIndex((value, row) => !Object.is(actual[row], value))
  expect({ rows: actual.length, wrong, is: actual[wrong] }).toEqual({ rows: expected.length, wrong: -1, is: undefined })
}

const WHOLE = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.maxSafeInteger(),
  fc.integer({ min: 1_735_689_600_000_000, max: 1_735_689_600_999_999 }),
)
const VALUES: Readonly<Record<ColumnType, fc.Arbitrary<number>>> = {
  time: fc.integer({ min: -(2 ** 50), max: 4e15 }).map((micros) => micros / 1000),
  float64: fc.oneof(
    fc.integer({ min: 1, max: 20 }).map((lots) => lots / 1000),
    fc.double({ noNaN: true }),
  ),
  integer: WHOLE,
  id: WHOLE.map(Math.abs),
  flags: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  boolean: fc.integer({ min: 0, max: 1 }),
}

describe('a Parquet file', () => {
  it('gives back any values of any type, in runs and out of them, also where some are lacking', async () => {
    const columns = fc.constantFrom(...(Object.keys(VALUES) as ColumnType[])).chain((type) =>
      fc.record({
        type: fc.constant(type),
        lacks: fc.constantFrom(0, 0.1, 0.9),
        runs: fc.array(
          fc.record({
            value: VALUES[type],
            length: fc.oneof(fc.constant(1), fc.nat(40)),
            lacks: fc.double({ min: 0, max: 1, noNaN: true }),
          }),
          { maxLength: 300 },
        ),
      }),
    )
    const check = async ({
      type,
      lacks,
      runs,
    }: {
      type: ColumnType
      lacks: number
      runs: { value: number; length: number; lacks: number }[]
    }) => {
      const values = runs.flatMap((run) =>
        new Array<number>(run.length).fill(run.lacks < lacks ? Number.NaN : run.value),
      )
      const path = await write([source(type, values)], values.length)
      const isFloat = type === 'float64'
      const expected = values.map((value) => (Number.isNaN(value) ? null : isFloat ? value : value + 0))
      expectSame(await read(path, type), expected)
    }
    await fc.assert(fc.asyncProperty(columns, check), { numRuns: 150 })
  })

  it('holds many columns of many rows, and those of which the source has nothing', async () => {
    const rows = 100_003
    const tables: Readonly<Record<string, { type: ColumnType; of: (row: number) => number; sql?: string }>> = {
      id: { type: 'id', of: (row) => 9_000_000_000 + row + (row > 50_000 ? 7 : 0) },
      time: {
        type: 'time',
        of: (row) => (1_735_689_600_000_000 + row * 431 + (row % 9)) / 1000,
        sql: 'epoch_us(time)',
      },
      price: { type: 'float64', of: (row) => (9_000_000 + ((row * 7919) % 20_011)) / 100 },
      maker: { type: 'boolean', of: (row) => Math.floor(row / 3) % 2, sql: 'maker::INTEGER' },
      flags: { type: 'flags', of: () => 0 },
    }
    const columns = Object.entries(tables).map(([name, { type, of }]) => {
      return { name, type, isOptional: false, values: Float64Array.from({ length: rows }, (_, row) => of(row)) }
    })
    const path = await write([...columns, { ...source('time', undefined), name: 'event_time' }], rows)
    for (const { name, type, values } of columns) {
      const answer = await rowsOf(`SELECT ${tables[name]!.sql ?? name} FROM read_parquet(${quote(path)})`)
      const found = answer.map(([value]) => Number(value) / (type === 'time' ? 1000 : 1))
      expectSame(found, [...values])
    }
    const there = await rowsOf(`SELECT count(*), count(event_time) FROM read_parquet(${quote(path)})`)
    expect(there).toEqual([[BigInt(rows), 0n]])
  })

  it('packs ids and times as differences, what repeats as a dictionary, and the rest as it is', async () => {
    const rows = 4000
    const make = (of: (row: number) => number): number[] => Array.from({ length: rows }, (_, row) => of(row))
    expect(
      await encodingOf(
        await write(
          [
            source(
              'id',
              make((row) => row),
            ),
          ],
          rows,
        ),
      ),
    ).toContain('DELTA_BINARY_PACKED')
    expect(
      await encodingOf(
        await write(
          [
            source(
              'float64',
              make((row) => (row % 900) / 7),
            ),
          ],
          rows,
        ),
      ),
    ).toContain('RLE_DICTIONARY')
    expect(
      await encodingOf(
        await write(
          [
            source(
              'integer',
              make((row) => row % 9),
            ),
          ],
          rows,
        ),
      ),
    ).toContain('RLE_DICTIONARY')
    expect(
      await encodingOf(
        await write(
          [
            source(
              'float64',
              make((row) => row / 7),
            ),
          ],
          rows,
        ),
      ),
    ).toBe('RLE, PLAIN')
  })

  it('gives no dictionary to a column that hardly repeats a value in its beginning', async () => {
    const rows = 80_000
    for (const [beginning, encoding] of [
      [(row: number) => row, 'RLE, PLAIN'],
      [(row: number) => row - (row % 12 === 0 ? 1 : 0), 'PLAIN, RLE, RLE_DICTIONARY'],
    ] as const) {
      // What comes behind repeats itself, so that a dictionary would be found.
      const values = Array.from({ length: rows }, (_, row) => (row <= rows / 16 ? beginning(row) : row % 100) / 7)
      const path = await write([source('float64', values)], rows)
      expect(await encodingOf(path)).toBe(encoding)
      expectSame(await read(path, 'float64'), values)
    }
  })

  it('takes whole numbers that lie too far from one another for exact differences', async () => {
    const far = [Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, 0, 1, Number.MAX_SAFE_INTEGER - 1]
    expectSame(await read(await write([source('integer', far)], far.length), 'integer'), far)
    const wide = [0, 2 ** 51, 1, 2 ** 51 - 1, 5]
    expectSame(await read(await write([source('id', wide)], wide.length), 'id'), wide)
  })

  it('tells the least and the greatest value, by which readers leave files out', async () => {
    const statistics = async (columns: ColumnSource[], rows: number) =>
      (
        await rowsOf(
          `SELECT stats_min_value, stats_max_value, stats_null_count FROM parquet_metadata(${quote(await write(columns, rows))})`,
        )
      )[0]
    expect(await statistics([source('float64', [2.5, Number.NaN, -1, 7])], 4)).toEqual(['-1.0', '7.0', 1n])
    expect(await statistics([source('id', [5, 9, 6])], 3)).toEqual(['5', '9', 0n])
    expect(await statistics([source('time', [1_735_689_600_000.5])], 1)).toEqual([
      '2025-01-01 00:00:00.0005+00',
      '2025-01-01 00:00:00.0005+00',
      0n,
    ])
    expect(await statistics([source('id', undefined)], 3)).toEqual([null, null, 3n])
    // NaN is a value where none may be lacking; no range can hold it.
    expect(await statistics([source('float64', [1, Number.NaN], false)], 2)).toEqual([null, null, 0n])
  })

  it('may be without rows', async () => {
    const path = await write([source('float64', []), { ...source('id', undefined), name: 'id' }], 0)
    expect(await rowsOf(`SELECT value, id FROM read_parquet(${quote(path)})`)).toEqual([])
  })
})
