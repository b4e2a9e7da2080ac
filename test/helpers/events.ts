import type { BookDelta, LiveRecord, QuoteRecord, TradeRecord } from '../../src/model/live/index.ts'
import { RecordFlag } from '../../src/model/live/index.ts'
import type { SeriesId } from '../../src/model/series.ts'
import { type EventBatch, idsOf } from '../../src/store/lake/event-columns.ts'
import type { Lake, ReadOptions } from '../../src/store/lake/lake.ts'

/** An instant from which the records below count, in the middle of a day. */
export const T0 = Date.UTC(2024, 0, 1, 12)

export function eventSeries(kind: string, symbol = 'BTCUSDT', market: 'spot' | 'usdm' = 'spot'): SeriesId {
  return { exchange: 'binance', market, kind, symbol }
}

const base = (time: number) => ({
  market: 'spot' as const,
  symbol: 'BTCUSDT',
  eventTime: time + 1,
  receiveTime: time + 2.125,
  flags: RecordFlag.stream,
})

/** The trade with an id, a tenth of a second after the one before it: always the same. */
export function tradeAt(id: number | bigint, origin = T0): TradeRecord {
  const step = Number(BigInt(id) % 10_000_000n)
  const time = origin + step * 100
  return {
    ...base(time),
    kind: 'trade',
    id,
    time: time + 0.25,
    price: 42_000 + (step % 97) / 10,
    quantity: ((step * 37) % 1000) / 1e5,
    buyerIsMaker: step % 3 === 0,
  }
}

export function tradesFrom(first: number, last: number, origin = T0): TradeRecord[] {
  return Array.from({ length: last - first + 1 }, (_, index) => tradeAt(first + index, origin))
}

/** The book update number `n` of a spot book: ids 10n … 10n + 9. */
export function deltaAt(n: number): BookDelta {
  const level = (i: number) => [42_000 + ((n * 7 + i) % 50) / 10, ((n + i) % 5) / 8]
  return {
    ...base(T0 + n * 100),
    kind: 'bookDelta',
    firstUpdateId: n * 10,
    lastUpdateId: n * 10 + 9,
    previousUpdateId: -1,
    transactionTime: Number.NaN,
    bids: n % 4 === 0 ? [] : [...level(3), ...level(1)],
    asks: n % 8 === 0 ? [] : level(2),
  }
}

export function quoteAt(updateId: number): QuoteRecord {
  return {
    ...base(T0 + updateId),
    kind: 'quote',
    eventTime: Number.NaN,
    updateId,
    bidPrice: 42_000,
    bidQuantity: (updateId % 9) / 10,
    askPrice: 42_000.1,
    askQuantity: 1,
    transactionTime: Number.NaN,
  }
}

export async function readAll(lake: Lake, series: SeriesId, options: ReadOptions = {}): Promise<EventBatch[]> {
  const batches: EventBatch[] = []
  for await (const batch of lake.readEvents(series, options)) batches.push(batch)
  return batches
}

/** The values of an id column that a series holds. */
export async function readIds(
  lake: Lake,
  series: SeriesId,
  name: string,
  options: ReadOptions = {},
): Promise<bigint[]> {
  return (await readAll(lake, series, { ...options, columns: [name] })).flatMap((batch) => [...idsOf(batch, name)])
}

/** The rows of a series as objects by column. */
export async function readRows(lake: Lake, series: SeriesId, columns: readonly string[]): Promise<object[]> {
  const rows: object[] = []
  for (const batch of await readAll(lake, series, { columns })) {
    for (let i = 0; i < batch.length; i++)
      rows.push(Object.fromEntries(Object.entries(batch.columns).map(([name, values]) => [name, values[i]])))
  }
  return rows
}

/** Stores records in one flush. */
export async function storeEvents(lake: Lake, series: SeriesId, records: readonly LiveRecord[]): Promise<void> {
  await using writer = await lake.eventWriter(series)
  for (const record of records) writer.append(record)
  await writer.flush()
}
