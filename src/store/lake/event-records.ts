import type { Kind } from '../../model/kind.ts'
import { narrowId } from '../../model/live/ids.ts'
import { BookSide, type LiveRecord } from '../../model/live/index.ts'
import type { SeriesId } from '../../model/series.ts'
import { type EventBatch, isBookKind } from './event-columns.ts'
import { MAKERS } from './event-makers.ts'

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
  const records = new EventRecords(kind, series)
  for await (const batch of batches) yield* records.push(batch)
  yield* records.end()
}

/** The same batch by batch, for those who read several series side by side. Each record is made when it is asked for. */
export class EventRecords {
  readonly #kind: Kind
  readonly #series: SeriesId
  /** The record of a book that the next rows may belong to. */
  #open: { readonly key: bigint | number; readonly record: LiveRecord; readonly levels: Levels } | undefined

  constructor(kind: Kind, series: SeriesId) {
    this.#kind = kind
    this.#series = series
  }

  /** The records that a batch completes. All of them must be taken before the next batch is given. */
  *push(batch: EventBatch): Generator<LiveRecord, void, void> {
    const kind = this.#kind
    const series = this.#series
    if (!isBookKind(kind)) {
      const make = MAKERS[kind.id]?.(series, batch) ?? ((row: number) => recordAt(kind, series, batch, row))
      for (let row = 0; row < batch.length; row++) yield make(row)
      return
    }
    const keys = batch.columns[kind.sortKey]!
    for (let row = 0; row < batch.length; row++) {
      if (this.#open === undefined || this.#open.key !== keys[row]) {
        if (this.#open) yield this.#open.record
        const levels: Levels = { bids: [], asks: [] }
        const { side: _side, price: _price, quantity: _quantity, ...facts } = valuesAt(kind, series, batch, row)
        this.#open = { key: keys[row]!, record: { ...facts, ...levels } as unknown as LiveRecord, levels }
      }
      const side = batch.columns.side![row]
      const { bids, asks } = this.#open.levels
      const list = side === BookSide.bid ? bids : side === BookSide.ask ? asks : undefined
      list?.push(Number(batch.columns.price![row]), Number(batch.columns.quantity![row]))
    }
  }

  /** The record that no later row can belong to any more. */
  *end(): Generator<LiveRecord, void, void> {
    if (this.#open) yield this.#open.record
    this.#open = undefined
  }
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
