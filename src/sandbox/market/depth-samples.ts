import { SECOND, type TimeRange } from '../../model/time.ts'
import type { SeededBook } from './book.ts'
import type { Listing } from './listing.ts'
import type { DepthSample, Levels } from './live-market.ts'
import { hash32 } from './noise.ts'
import { valueScale, worthOf } from './value.ts'

/** About so long between two samples. */
export const SAMPLE_STEP = 30 * SECOND
const BANDS = [1, 2, 3, 4, 5]
/** The narrow band came with this instant, in the middle of a day. */
const NARROW_FROM = Date.UTC(2026, 0, 15, 13, 55)
const NARROW = 0.2

/** Bands of a sample, from the widest bid to the widest ask. */
export function bandsAt(time: number): readonly number[] {
  const above = time >= NARROW_FROM ? [NARROW, ...BANDS] : BANDS
  return [...above.map((band) => -band).reverse(), ...above]
}

/** When samples of [from, to) were taken: about each half minute, in whole seconds. */
export function* sampleTimes(seed: number, { from, to }: TimeRange): Generator<number> {
  for (let step = Math.floor(from / SAMPLE_STEP); step * SAMPLE_STEP < to; step++) {
    const time = step * SAMPLE_STEP + (hash32(seed ^ 0x6264, step) % 7) * SECOND
    if (time >= from && time < to) yield time
  }
}

/** What lies in the book up to each band, as decimal text. */
export function depthSample(book: SeededBook, listing: Listing, time: number): DepthSample[] {
  const { bids, asks } = book.at(time, Number.POSITIVE_INFINITY)
  const { stepDecimals } = listing
  const middle = ((bids[0] ?? asks[0] ?? 0) + (asks[0] ?? 0)) / 2
  const scale = 10 ** valueScale(listing)
  const worth = worthOf(listing)
  return bandsAt(time).map((percentage) => {
    const bound = middle * (1 + percentage / 100)
    const levels: Levels = percentage < 0 ? bids : asks
    let [lots, value] = [0, 0]
    for (let i = 0; i < levels.length; i += 2) {
      const price = levels[i]!
      if (percentage < 0 ? price < bound : price > bound) break
      lots += levels[i + 1]!
      value += worth(price, levels[i + 1]!)
    }
    return {
      time,
      percentage,
      depth: (lots / 10 ** stepDecimals).toFixed(8),
      notional: (value / scale).toFixed(8),
    }
  })
}
