import type { Kind } from '../../model/kind.ts'
import { narrowId } from '../../model/live/ids.ts'
import { BookSide, type LiveRecord } from '../../model/live/index.ts'
import type { SeriesId } from '../../model/series.ts'
import { type EventBatch, isBookKind } from './event-columns.ts'

/** The levels of a book record while its rows are gathered. */
interface Levels {
  readonly bids: number[]
  readonly asks: number[]
}

/**
 * Rows with all columns of a kind as the records that they were; the levels of a book record, one row each, become one
 * record again, also where a batch ends between them.
 */
export async function* toRecords(
  kind: Kind,
  series: SeriesId,
  batches: AsyncIterable<EventBatch>,
): AsyncGenerator<LiveRecord, void, void> {
  const isBook = isBookKind(kind)
  let open: { readonly key: bigint | number; readonly record: LiveRecord; readonly levels: Levels } | undefined
  for await (const batch of batches) {
    const keys = batch.columns[kind.sortKey]!
    for (let row = 0; row < batch.length; row++) {
      if (!isBook) {
        yield recordAt(kind, series, batch, row)
        continue
      }
      if (open === undefined || open.key !== keys[row]) {
        if (open) yield open.record
        const levels: Levels = { bids: [], asks: [] }
        const { side: _side, price: _price, quantity: _quantity, ...facts } = valuesAt(kind, series, batch, row)
        open = { key: keys[row]!, record: { ...facts, ...levels } as unknown as LiveRecord, levels }
      }
      const side = batch.columns.side![row]
      const list = side === BookSide.bid ? open.levels.bids : side === BookSide.ask ? open.levels.asks : undefined
      list?.push(Number(batch.columns.price![row]), Number(batch.columns.quantity![row]))
    }
  }
  if (open) yield open.record
}

function recordAt(kind: Kind, series: SeriesId, batch: EventBatch, row: number): LiveRecord {
  return valuesAt(kind, series, batch, row) as unknown as LiveRecord
}

function valuesAt(kind: Kind, series: SeriesId, batch: EventBatch, row: number): Record<string, unknown> {
  const values: Record<string, unknown> = { kind: kind.id, market: series.market, symbol: series.symbol }
  for (const spec of kind.columns) {
    const value = batch.columns[spec.name]![row]!
    values[spec.property] = typeof value === 'bigint' ? narrowId(value) : spec.type === 'boolean' ? value === 1 : value
  }
  return values
}
