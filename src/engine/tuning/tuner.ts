import { InvalidRangeError } from '../../model/errors.ts'
import { type Log, silentLog } from '../../model/log.ts'
import type { Limiter } from '../download/context.ts'
import { Gate } from '../limiter.ts'
import type { DownloadEvent } from '../types.ts'
import {
  decide,
  firstChoice,
  firstState,
  MOST_FILES,
  type ParallelReport,
  type TimedDecision,
  type TuningDecision,
  type TuningState,
} from './decide.ts'
import { type MachineSample, MachineSampler, machineFacts } from './sampler.ts'

export interface TunerOptions {
  /** A number that is kept to; without it the machine and the line decide. */
  readonly parallel?: number | undefined
  /** Never more than this. */
  readonly most?: number
  /** How many files wait for the disk. */
  readonly diskQueue?: () => number
  readonly onDecision?: ((decision: TimedDecision) => void) | undefined
  readonly log?: Log
  /** Time between samples, ms. */
  readonly everyMs?: number
  /** Measures the machine; for tests. */
  readonly sample?: () => MachineSample
  readonly facts?: typeof machineFacts
}

const EVERY = 1_000
/** Decisions that are kept for the report. */
const KEPT = 24

/** Says how many archive files a download may have under way, and thinks it over while it runs. */
export class Tuner implements Disposable {
  readonly #gate: Gate
  readonly #options: TunerOptions
  readonly #log: Log
  readonly #startedAt = performance.now()
  readonly #decisions: TimedDecision[] = []
  readonly #isAuto: boolean
  #state: TuningState
  #sampler: MachineSampler | undefined
  #timer: NodeJS.Timeout | undefined
  #bytes = 0
  #sampledAt = performance.now()

  /** @throws InvalidRangeError for a number that is none. */
  constructor(options: TunerOptions = {}) {
    const { parallel, most = MOST_FILES } = options
    if (parallel !== undefined && !(Number.isInteger(parallel) && parallel >= 1)) {
      throw new InvalidRangeError(`parallel is ${parallel}; use a whole number from 1 on, or leave it out.`)
    }
    this.#options = options
    this.#log = options.log ?? silentLog
    this.#isAuto = parallel === undefined
    const first: TuningDecision =
      parallel === undefined
        ? firstChoice((options.facts ?? machineFacts)(), most)
        : { parallel, reason: 'given', detail: `parallel is ${parallel}` }
    this.#gate = new Gate(first.parallel)
    this.#state = firstState(first.parallel, most)
    this.#note(first)
    if (!this.#isAuto) return
    if (!options.sample) this.#sampler = new MachineSampler()
    this.#timer = setInterval(() => this.look(), options.everyMs ?? EVERY)
    this.#timer.unref()
  }

  /** Runs a file's work when it is its turn. */
  get limit(): Limiter {
    return this.#gate.run
  }

  /** Files that may be under way now. */
  get parallel(): number {
    return this.#gate.most
  }

  /** Listens to what arrives, and hands it on. */
  watch(onEvent: (event: DownloadEvent) => void): (event: DownloadEvent) => void {
    return (event) => {
      if (event.type === 'bytes') this.#bytes += event.bytes
      onEvent(event)
    }
  }

  /** Takes a sample and acts on it. */
  look(): void {
    const now = performance.now()
    const seconds = Math.max(1e-3, (now - this.#sampledAt) / 1000)
    const machine = this.#options.sample?.() ?? this.#sampler?.read()
    if (!machine) return
    const bytesPerSecond = this.#bytes / seconds
    this.#bytes = 0
    this.#sampledAt = now
    const [state, decision] = decide(this.#state, {
      ...machine,
      bytesPerSecond,
      running: this.#gate.running,
      waiting: this.#gate.waiting,
      diskQueue: this.#options.diskQueue?.() ?? 0,
    })
    this.#state = state
    if (!decision) return
    this.#gate.most = decision.parallel
    this.#note(decision)
  }

  report(): ParallelReport {
    const [first] = this.#decisions
    return {
      auto: this.#isAuto,
      first: first!.parallel,
      last: this.#gate.most,
      decisions: [...this.#decisions],
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#sampler?.[Symbol.dispose]()
  }

  #note(decision: TuningDecision): void {
    const timed: TimedDecision = { atMs: Math.round(performance.now() - this.#startedAt), ...decision }
    this.#decisions.push(timed)
    if (this.#decisions.length > KEPT) this.#decisions.splice(1, 1)
    this.#log.debug({ ...timed }, 'files at a time')
    this.#options.onDecision?.(timed)
  }
}
