import type { CountSink } from './scoring.ts'

export interface PaceOptions {
  /** Times from one record to the next that the exchange keeps, ms. */
  readonly paces: readonly number[]
  /** How far off a pace still is that pace, as a share of it. */
  readonly tolerance: number
  /** The pace where the records show none; without it nothing is missing then. */
  readonly usual?: number
}

/** A record and the time since the one before it. */
interface Step {
  readonly time: number
  readonly gap: number
  /** The pace that the gap is. */
  readonly pace: number | undefined
  /** The pace that the records themselves name. */
  readonly told: number
  /** Whether a longer gap is no hole. */
  readonly isExcused: boolean
}

/** Gaps of one length in a row that make a pace: one or two may be holes. */
const RUN = 3
/** Steps that wait for a pace to show, at most. */
const PATIENCE = 1000
/** A gap of so many times the pace holds a record less. */
const HOLE = 1.5

/**
 * Counts what is missing of records that come at a pace, as it is found: the series itself shows which of the exchange's
 * paces it has, and when that changes. Looks two records ahead, so that a change is not taken for holes.
 */
export class PaceCounter {
  readonly #sink: CountSink
  readonly #options: PaceOptions
  /** Steps not judged yet, after the `#behind` last ones that were. */
  #steps: Step[] = []
  #behind = 0
  #established: number | undefined
  #last: { readonly time: number; readonly told: number } | undefined

  constructor(sink: CountSink, options: PaceOptions) {
    this.#sink = sink
    this.#options = options
  }

  /** The pace that was found last. */
  get pace(): number | undefined {
    return this.#established ?? this.#options.usual
  }

  /** The last record that came. */
  get last(): number | undefined {
    return this.#last?.time
  }

  /** @param told the time to its neighbours that the record itself names, ms; @param isExcused whether a longer gap before it is no hole */
  push(time: number, told = Number.NaN, isExcused = false): void {
    const before = this.#last
    if (before === undefined) {
      this.#last = { time, told }
      this.#sink.follow(time)
      return
    }
    const gap = time - before.time
    if (!(gap > 0)) return
    this.#last = { time, told }
    const pace = this.#options.paces.find((one) => Math.abs(gap - one) <= this.#options.tolerance * one)
    // Where the pace changes, the longer one counts.
    const longest = Number.isNaN(told) ? before.told : Math.max(told, Number.isNaN(before.told) ? told : before.told)
    this.#steps.push({ time, gap, pace, told: longest, isExcused })
    this.#judge(RUN - 1)
  }

  finish(): void {
    this.#judge(0)
  }

  /** Judges the steps after which at least `ahead` are known. */
  #judge(ahead: number): void {
    const steps = this.#steps
    const isKnown = (): boolean => this.#established !== undefined || ahead === 0 || steps.length >= PATIENCE
    if (!isKnown()) {
      const run = steps.slice(-RUN)
      const pace = run[0]?.pace
      if (run.length === RUN && pace !== undefined && run.every((step) => step.pace === pace)) this.#established = pace
    }
    if (!isKnown()) return
    let at = this.#behind
    for (; at + ahead < steps.length; at++) this.#tell(steps[at]!, this.#paceAt(at))
    const keep = Math.min(at, RUN - 1)
    if (at > keep) {
      this.#steps = steps.slice(at - keep)
      this.#behind = keep
    } else this.#behind = at
  }

  #paceAt(at: number): number | undefined {
    const { pace, told } = this.#steps[at]!
    if (!Number.isNaN(told)) return told
    if (pace !== undefined) {
      let [first, last] = [at, at]
      while (this.#steps[first - 1]?.pace === pace) first--
      while (this.#steps[last + 1]?.pace === pace) last++
      if (last - first + 1 >= RUN) this.#established = pace
    }
    return this.pace
  }

  #tell({ time, gap, isExcused }: Step, pace: number | undefined): void {
    if (!isExcused && pace !== undefined && gap > pace * HOLE) {
      const count = Math.round(gap / pace) - 1
      if (count > 0) this.#sink.lack(time - gap + pace, pace, count)
    }
    this.#sink.follow(time)
  }
}
