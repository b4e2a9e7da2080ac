/** Lag in ms; NaN before the first record. Negative when a clock is wrong, which is shown as it is. */
export interface LagSummary {
  readonly count: number
  readonly min: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** Buckets grow by a tenth: a percentile is right to 5 %. */
const GROWTH = Math.log(1.1)
/** Below this, ms, all lags are alike. */
const FINEST = 0.1
const BUCKETS = 1 + Math.ceil(Math.log(86_400_000 / FINEST) / GROWTH)

/** Distribution of lags in bounded memory: logarithmic buckets of either sign. */
export class LagHistogram {
  readonly #positive = new Uint32Array(BUCKETS)
  #negative: Uint32Array | undefined
  #count = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY
  /** The bucket of the last positive lag, and lags that surely belong to it: the next one is mostly like it. */
  #bucket = 0
  #from = 0
  #to = 0

  add(lagMs: number): void {
    if (Number.isNaN(lagMs)) return
    this.#count++
    if (lagMs < this.#min) this.#min = lagMs
    if (lagMs > this.#max) this.#max = lagMs
    if (lagMs >= this.#from && lagMs <= this.#to) this.#positive[this.#bucket]!++
    else if (lagMs >= 0) {
      const bucket = bucketOf(lagMs)
      if (bucket !== this.#bucket) {
        this.#bucket = bucket
        this.#from = this.#to = lagMs
      } else if (lagMs < this.#from) this.#from = lagMs
      else this.#to = lagMs
      this.#positive[bucket]!++
    } else {
      this.#negative ??= new Uint32Array(BUCKETS)
      this.#negative[bucketOf(-lagMs)]!++
    }
  }

  summary(): LagSummary {
    if (this.#count === 0) {
      const none = Number.NaN
      return { count: 0, min: none, p50: none, p90: none, p99: none, max: none }
    }
    return {
      count: this.#count,
      min: this.#min,
      p50: this.#percentile(0.5),
      p90: this.#percentile(0.9),
      p99: this.#percentile(0.99),
      max: this.#max,
    }
  }

  #percentile(share: number): number {
    let left = Math.ceil(share * this.#count)
    const clamp = (value: number) => Math.min(this.#max, Math.max(this.#min, value))
    if (this.#negative) {
      for (let bucket = BUCKETS - 1; bucket >= 0; bucket--) {
        left -= this.#negative[bucket]!
        if (left <= 0) return clamp(-middleOf(bucket))
      }
    }
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#positive[bucket]!
      if (left <= 0) return clamp(middleOf(bucket))
    }
    return this.#max
  }
}

function bucketOf(size: number): number {
  if (size < FINEST) return 0
  return Math.min(BUCKETS - 1, 1 + Math.floor(Math.log(size / FINEST) / GROWTH))
}

function middleOf(bucket: number): number {
  return bucket === 0 ? FINEST / 2 : FINEST * Math.exp((bucket - 0.5) * GROWTH)
}
