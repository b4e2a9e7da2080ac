import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { aggTrade } from '../../src/model/live/index.ts'
import type { EventBatch } from '../../src/store/lake/event-columns.ts'
import { Lake } from '../../src/store/lake/lake.ts'
import { eventSeries, readAll, T0 } from '../helpers/events.ts'
import { tempFolder } from '../helpers/temp.ts'

const NAMES = aggTrade.columns.map(({ name }) => name)
const EVERYTHING = { from: 0, to: Number.MAX_SAFE_INTEGER }
/** The last id that a number holds exactly, and what comes after it. */
const LAST_NUMBER = 2n ** 53n - 1n

interface Row {
  readonly id: bigint
  readonly first: bigint
  readonly time: number
}

function batchOf(rows: readonly Row[]): EventBatch {
  const numbers = (of: (row: Row) => number) => Float64Array.from(rows, of)
  const ids = (of: (row: Row) => bigint) => BigInt64Array.from(rows, of)
  return {
    length: rows.length,
    columns: {
      id: ids(({ id }) => id),
      time: numbers(({ time }) => time),
      price: numbers(({ id }) => Number(id % 97n) / 10),
      quantity: numbers(({ id }) => Number(id % 13n) / 8),
      first_trade_id: ids(({ first }) => first),
      last_trade_id: ids(({ id }) => id),
      buyer_is_maker: numbers(({ id }) => Number(id % 2n)),
      event_time: numbers(({ time }) => (time % 2 === 0 ? Number.NaN : time + 1.125)),
      receive_time: numbers(() => Number.NaN),
      flags: numbers(() => 256),
    },
  }
}

async function stored(batches: readonly EventBatch[]): Promise<{ found: Record<string, unknown[]>; files: string[] }> {
  await using folder = await tempFolder('row-stage')
  const lake = await Lake.open(folder.path)
  const series = eventSeries('aggTrade')
  await using writer = await lake.eventWriter(series)
  const stage = writer.stageRows([EVERYTHING])
  for (const batch of batches) await stage.add(batch)
  expect(await writer.adopt(stage)).toBe(true)
  const files = writer.coverage.files.map(({ firstKey, lastKey, records, first, last }) =>
    [firstKey, lastKey, records, first, last].join(' '),
  )
  return { found: valuesOf(await readAll(lake, series, { columns: NAMES })), files }
}

function valuesOf(batches: readonly EventBatch[]): Record<string, unknown[]> {
  const valuesIn = (name: string): unknown[] =>
    batches.flatMap(({ columns }) => [...(columns[name] as Iterable<number | bigint>)])
  return Object.fromEntries(NAMES.map((name) => [name, valuesIn(name)]))
}

describe('rows of a table', () => {
  it('are stored as they are, whichever of their ids go beyond what numbers hold', async () => {
    const steps = fc.array(fc.tuple(fc.bigInt(1n, 3n), fc.nat(3), fc.nat(40_000_000)), { minLength: 1, maxLength: 40 })
    const cuts = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1 })
    const begin = fc.constantFrom(0n, 2n ** 32n - 20n, LAST_NUMBER - 30n, LAST_NUMBER, 2n ** 60n)
    await fc.assert(
      fc.asyncProperty(begin, steps, cuts, async (start, moves, sizes) => {
        let id = start
        let time = T0
        const rows = moves.map(([step, lack, later]): Row => {
          id += step
          time += later
          return { id, time, first: lack === 0 ? -1n : id - 1n }
        })
        const batches: EventBatch[] = []
        for (let at = 0, n = 0; at < rows.length; n++) {
          const size = sizes[n % sizes.length]!
          batches.push(batchOf(rows.slice(at, at + size)))
          at += size
        }
        expect((await stored(batches)).found).toEqual(valuesOf([batchOf(rows)]))
      }),
      { numRuns: 25 },
    )
  })

  it('go to another file from where numbers do not hold their ids', async () => {
    const row = (id: bigint, step: number): Row => ({ id, first: id, time: T0 + step })
    const { files } = await stored([
      batchOf([row(LAST_NUMBER - 1n, 0), row(LAST_NUMBER, 1)]),
      batchOf([row(LAST_NUMBER + 1n, 2), row(LAST_NUMBER + 2n, 3)]),
      batchOf([row(LAST_NUMBER + 3n, 4)]),
    ])
    expect(files).toEqual([
      `${LAST_NUMBER - 1n} ${LAST_NUMBER} 2 ${T0} ${T0 + 1}`,
      `${LAST_NUMBER + 1n} ${LAST_NUMBER + 3n} 3 ${T0 + 2} ${T0 + 4}`,
    ])
  })
})
