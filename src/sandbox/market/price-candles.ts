import { ceilOpen, floorOpen, type Interval, nextOpen } from '../../model/interval.ts'
import { SECOND } from '../../model/time.ts'
import type { PriceName, SeededFutures } from './futures.ts'
import { gridOrigin, type Listing } from './listing.ts'

export interface PriceQuery {
  readonly price: PriceName
  readonly interval: Interval
  /** Open times in [from, to), epoch ms; at most `max`, oldest first. */
  readonly from: number
  readonly to: number
  readonly max: number
  /** Seconds up to here have happened; all when left out. */
  readonly now?: number
}

/** A candle of samples, one a second; prices as decimal text. */
export interface PriceCandle {
  readonly openTime: number
  readonly closeTime: number
  readonly open: string
  readonly high: string
  readonly low: string
  readonly close: string
  readonly samples: number
}

/** Candles of a price of a futures contract. */
export function priceCandlesOf(future: SeededFutures, listing: Listing, query: PriceQuery): PriceCandle[] {
  const { price, interval, max, now = Number.POSITIVE_INFINITY } = query
  const grid = { interval, origin: gridOrigin(listing) }
  const first = Math.max(ceilOpen(grid, query.from), floorOpen(grid, listing.listedAt))
  const end = Math.min(query.to, listing.endsAt, now + 1)
  const rows: PriceCandle[] = []
  for (let open = first; open < end && rows.length < max; ) {
    const next = nextOpen(grid, open)
    const from = Math.max(open, listing.listedAt)
    const to = Math.min(next, listing.endsAt, now + 1)
    let [high, low] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
    let samples = 0
    for (let time = from; time < to; time += SECOND) {
      const value = future.price(price, time)
      if (value > high) high = value
      if (value < low) low = value
      samples++
    }
    const text = (value: number): string => future.priceText(price, value)
    rows.push({
      ...{ openTime: open, closeTime: next - 1, samples, high: text(high), low: text(low) },
      open: text(future.price(price, from)),
      close: text(future.price(price, from + (samples - 1) * SECOND)),
    })
    open = next
  }
  return rows
}

/** As the archive writes it: volumes are 0, the samples are counted where trades would be. */
export function csvRow({ openTime, open, high, low, close, closeTime, samples }: PriceCandle): string {
  return `${openTime},${open},${high},${low},${close},0,${closeTime},0,${samples},0,0,0`
}
