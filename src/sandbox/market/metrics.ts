import { MINUTE, type TimeRange } from '../../model/time.ts'
import type { SeededFutures } from './futures.ts'
import type { Listing } from './listing.ts'
import type { LiveMetrics } from './live-market.ts'
import { hash32, NoisePath } from './noise.ts'

/** How long a period of metrics is, ms. */
export const METRICS_STEP = 5 * MINUTE

/** Ratios of long to short, in the order in which the archive writes them, and how far they wander. */
const RATIOS = [
  ['topAccounts', 1.4, 0.004],
  ['topPositions', 1.1, 0.003],
  ['accounts', 1.7, 0.005],
  ['takers', 1, 0.03],
] as const

/** Open interest, and how traders of one contract stand. */
export class SeededMetrics {
  readonly #future: SeededFutures
  readonly #listing: Listing
  readonly #paths: readonly NoisePath[]

  constructor(future: SeededFutures, listing: Listing, seed: number) {
    this.#future = future
    this.#listing = listing
    this.#paths = RATIOS.map(([, , pace], index) => new NoisePath(hash32(seed, 40 + index), 3, 11, pace))
  }

  /** Of the periods that start in [from, to), epoch ms. */
  between({ from, to }: TimeRange): LiveMetrics[] {
    const { listedAt, endsAt, stepDecimals, contractSize } = this.#listing
    const found: LiveMetrics[] = []
    const first = Math.ceil(Math.max(from, listedAt) / METRICS_STEP) * METRICS_STEP
    for (let time = first; time < Math.min(to, endsAt); time += METRICS_STEP) {
      const lots = this.#future.openInterest(time)
      const mark = Number(this.#future.mark(time).markPrice)
      const quantity = lots / 10 ** stepDecimals
      const value = contractSize === undefined ? quantity * mark : (quantity * contractSize) / mark
      const ratios = RATIOS.map(([name, mean], index) => {
        const ratio = mean * Math.exp(this.#paths[index]!.at(time / MINUTE))
        return [name, ratio.toFixed(4)] as const
      })
      found.push({ time, lots, value: value.toFixed(4), ...(Object.fromEntries(ratios) as Ratios) })
    }
    return found
  }
}

type Ratios = Record<(typeof RATIOS)[number][0], string>
