import type { Channel, LiveExchange } from '../../exchanges/stream.ts'
import { InvalidRangeError } from '../../model/errors.ts'
import { type Interval, parseInterval } from '../../model/interval.ts'
import type { Market, SeriesId } from '../../model/series.ts'
import type { FeedTarget } from './feed.ts'

/** The series that a channel brings. */
export function seriesOfChannel(exchange: string, { market, kind, symbol, interval }: Channel): SeriesId[] {
  const base = { exchange, market, symbol }
  const own = { ...base, kind, ...(interval === undefined ? {} : { interval }) }
  if (kind === 'markPrice') return [own, { ...base, kind: 'fundingRate' }]
  return kind === 'bookDelta' ? [own, { ...base, kind: 'bookSnapshot' }] : [own]
}

/**
 * The series of a symbol that a reader means; `subscribed` are the intervals that the symbol is subscribed with.
 * @throws InvalidRangeError for a kind that is not live, and for candles of one of several intervals.
 */
export function seriesOfTarget(
  exchange: { readonly id: string; readonly live: LiveExchange },
  { market, symbol }: { readonly market: Market; readonly symbol: string },
  { kind, interval }: FeedTarget,
  subscribed: readonly Interval[],
): SeriesId {
  const base = { exchange: exchange.id, market, kind, symbol }
  if (kind === 'candle') {
    if (interval === undefined && subscribed.length > 1) {
      throw new InvalidRangeError(`interval is missing: ${symbol} is subscribed with ${subscribed.join(', ')}.`)
    }
    return { ...base, interval: parseInterval(interval ?? subscribed[0] ?? '1m') }
  }
  const known = exchange.live.kinds(market)
  if (kind !== 'fundingRate' && !known.includes(kind)) {
    throw new InvalidRangeError(`"${kind}" is no live kind of ${exchange.id} ${market}. There are ${known.join(', ')}.`)
  }
  return base
}
