import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kindOf } from '../../src/model/kinds.ts'
import type { BookDelta } from '../../src/model/live/index.ts'
import { BookColumns } from '../../src/store/lake/event-book-columns.ts'

const KIND = kindOf('bookDelta')

const idArb = fc.oneof(
  fc.nat(),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
)
/** Price, quantity, price, … of up to so many levels. */
const levelsArb = (most: number) =>
  fc
    .array(fc.tuple(fc.double({ min: 0, noNaN: true }), fc.double({ min: 0, noNaN: true })), { maxLength: most })
    .map((levels) => levels.flat())
const deltaArb: fc.Arbitrary<BookDelta> = fc.record({
  kind: fc.constant('bookDelta' as const),
  market: fc.constantFrom('spot' as const, 'usdm' as const),
  symbol: fc.constant('BTCUSDT'),
  firstUpdateId: idArb,
  lastUpdateId: idArb,
  previousUpdateId: fc.oneof(fc.constant(-1), idArb),
  transactionTime: fc.oneof(fc.constant(Number.NaN), fc.nat()),
  eventTime: fc.nat(),
  receiveTime: fc.oneof(fc.constant(Number.NaN), fc.double({ min: 0, noNaN: true })),
  flags: fc.nat(255),
  bids: levelsArb(12),
  asks: levelsArb(12),
})

/** What the rows of a record must be, one object per row. */
function rowsOf(delta: BookDelta, record: number): Record<string, unknown>[] {
  const facts = {
    record,
    last_update_id: BigInt(delta.lastUpdateId),
    first_update_id: BigInt(delta.firstUpdateId),
    previous_update_id: BigInt(delta.previousUpdateId),
    transaction_time: delta.transactionTime,
    event_time: delta.eventTime,
    receive_time: delta.receiveTime,
    flags: delta.flags,
  }
  const side = (levels: readonly number[], side: number) =>
    Array.from({ length: levels.length / 2 }, (_, index) => ({
      ...facts,
      side,
      price: levels[2 * index],
      quantity: levels[2 * index + 1],
    }))
  const rows = [...side(delta.bids, 1), ...side(delta.asks, 2)]
  return rows.length > 0 ? rows : [{ ...facts, side: 0, price: 0, quantity: 0 }]
}

function readRows(book: BookColumns): Record<string, unknown>[] {
  const { columns, record } = book.rowsOf()
  return Array.from({ length: book.rows }, (_, row) => ({
    record: record[row],
    ...Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[row]])),
  }))
}

function delta(id: number, levels: number): BookDelta {
  const side = Array.from({ length: levels * 2 }, (_, index) => id + index / 8)
  return {
    kind: 'bookDelta',
    market: 'spot',
    symbol: 'BTCUSDT',
    firstUpdateId: id,
    lastUpdateId: id,
    previousUpdateId: -1,
    transactionTime: Number.NaN,
    eventTime: 1_700_000_000_000 + id,
    receiveTime: 1_700_000_000_005.25 + id,
    flags: 0,
    bids: side,
    asks: [],
  }
}

describe('records of books that wait', () => {
  it('become a row per level that says all about its record, and one for a record without levels', () => {
    fc.assert(
      fc.property(fc.array(deltaArb, { maxLength: 60 }), (deltas) => {
        const book = new BookColumns(KIND)
        for (const one of deltas) book.append(one)
        const wanted = deltas.flatMap((one, index) => rowsOf(one, index))
        expect(book.records).toBe(deltas.length)
        expect(book.rows).toBe(wanted.length)
        expect(readRows(book)).toEqual(wanted)
        book.clear()
      }),
      { numRuns: 60 },
    )
  })

  it('have the columns of their kind, in its order', () => {
    const book = new BookColumns(KIND)
    book.append(delta(1, 2))
    expect(Object.keys(book.rowsOf().columns)).toEqual(KIND.columns.map(({ name }) => name))
  })

  it('may be larger than any block of memory, and lie beside small ones', () => {
    const deltas = [delta(1, 3), delta(2, 5000), delta(3, 1), delta(4, 511), delta(5, 0), delta(6, 700)]
    const book = new BookColumns(KIND)
    for (const one of deltas) book.append(one)
    expect(readRows(book)).toEqual(deltas.flatMap((one, index) => rowsOf(one, index)))
  })

  it('keep what is told of a record once, and give their memory to whoever comes next', () => {
    const book = new BookColumns(KIND)
    for (let id = 0; id < 1000; id++) book.append(delta(id, 20))
    // 20 levels of two numbers, the seven facts and two lengths; written, it is ten columns per level.
    expect(book.usedBytes).toBe(1000 * (2 * 20 + 7 + 2) * 8)
    expect(book.capacityBytes).toBeGreaterThanOrEqual(book.usedBytes)
    expect(book.capacityBytes).toBeLessThan(book.usedBytes * 1.1)
    const kept = readRows(book)
    book.clear()
    expect([book.rows, book.records, book.usedBytes, book.capacityBytes]).toEqual([0, 0, 0, 0])
    expect(readRows(book)).toEqual([])
    const next = new BookColumns(KIND)
    for (let id = 5000; id < 6000; id++) next.append(delta(id, 20))
    book.append(delta(7, 1))
    expect(readRows(next)).toHaveLength(20_000)
    expect(readRows(next)).toEqual(
      Array.from({ length: 1000 }, (_, index) => rowsOf(delta(5000 + index, 20), index)).flat(),
    )
    expect(readRows(book)).toEqual(rowsOf(delta(7, 1), 0))
    // What was read before was a copy.
    expect(kept).toHaveLength(20_000)
    expect(kept[0]).toMatchObject({ last_update_id: 0n, price: 0 })
  })
})
