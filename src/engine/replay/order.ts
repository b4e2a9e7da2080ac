import { METRICS_PERIOD, type StoredRecord } from '../../model/history/index.ts'
import { intervalLength, nextOpen } from '../../model/interval.ts'
import { KINDS } from '../../model/kinds.ts'
import { MARKETS, type SeriesId } from '../../model/series.ts'

/**
 * The instant from which on a record could be known, epoch ms. A candle is known at its regular close, the open of the next
 * one, and metrics at the end of their five minutes: at their start they would tell the future. All else counts by the
 * exchange's own time of the event. When a record reached us counts only where the exchange tells no time (quotes of spot):
 * rows that came from the archive or REST have no such time, and a replay must not depend on where its rows came from.
 */
export function knownAt(record: StoredRecord): number {
  switch (record.kind) {
    case 'candle':
    case 'continuousCandle':
    case 'markCandle':
    case 'indexCandle':
    case 'premiumCandle':
      return nextOpen({ interval: record.interval }, record.openTime)
    case 'metrics':
      return record.time + METRICS_PERIOD
    case 'fundingRate':
      return record.fundingTime
    case 'bookDelta':
    case 'quote':
    case 'ticker':
    case 'markPrice':
      return Number.isNaN(record.eventTime) ? record.receiveTime : record.eventTime
    // Their order is that in which they came.
    case 'timedQuote':
    case 'timedBookDelta':
    case 'timedBookSnapshot':
      return record.receiveTime
    default:
      return record.time
  }
}

const KIND_ORDER: readonly string[] = Object.keys(KINDS)

/**
 * The order of series whose records are known at the same instant: candles first, smaller intervals before larger ones (what
 * closes comes before what happens next), then by kind, market and symbol.
 */
export function compareSeries(a: SeriesId, b: SeriesId): number {
  return (
    lengthOf(a) - lengthOf(b) ||
    KIND_ORDER.indexOf(a.kind) - KIND_ORDER.indexOf(b.kind) ||
    MARKETS.indexOf(a.market) - MARKETS.indexOf(b.market) ||
    (a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : 0)
  )
}

/** Kinds without an interval come behind all that have one. */
function lengthOf({ interval }: SeriesId): number {
  return interval === undefined ? Number.MAX_SAFE_INTEGER : intervalLength(interval)
}
