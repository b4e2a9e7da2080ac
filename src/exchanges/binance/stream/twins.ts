import type { LiveRecord } from '../../../model/live/index.ts'

/** Keys that are remembered at most; a rotation's overlap on a busy market makes fewer. */
const MAX_KEYS = 200_000

/** Takes out the second of two equal records while channels come over two connections. */
export class Twins {
  #seen = new Set<string>()

  /** Whether the record was not seen since the overlap began. */
  isFirst(record: LiveRecord): boolean {
    const key = `${record.market}/${record.kind}/${record.symbol}/${identity(record)}`
    if (this.#seen.has(key)) return false
    if (this.#seen.size >= MAX_KEYS) this.#seen.delete(this.#seen.values().next().value!)
    this.#seen.add(key)
    return true
  }

  /** No overlap any more. */
  clear(): void {
    if (this.#seen.size > 0) this.#seen = new Set()
  }
}

function identity(record: LiveRecord): string {
  switch (record.kind) {
    case 'trade':
    case 'aggTrade':
      return String(record.id)
    case 'bookDelta':
      return `${record.firstUpdateId}-${record.lastUpdateId}`
    case 'bookSnapshot':
      return `${record.depth}-${record.lastUpdateId}`
    case 'quote':
      return String(record.updateId)
    case 'candle':
      return `${record.interval}-${record.openTime}-${record.eventTime}-${record.closed}`
    case 'ticker':
      return `${Number.isNaN(record.weightedAverage)}-${record.eventTime}`
    case 'markPrice':
      return String(record.eventTime)
    case 'fundingRate':
      return String(record.fundingTime)
    case 'liquidation':
      return `${record.time}-${record.side}-${record.price}-${record.filledQuantity}`
  }
}
