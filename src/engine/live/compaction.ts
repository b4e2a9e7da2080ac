import type { Log } from '../../model/log.ts'
import type { IntakeSeries } from './intake.ts'

/** Time between two rounds, ms. */
const EVERY_MS = 600_000

/** Merges the small files of all series now and then. */
export class Compaction {
  readonly #all: () => Iterable<IntakeSeries>
  readonly #log: Log
  readonly #everyMs: number
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(all: () => Iterable<IntakeSeries>, log: Log, everyMs = EVERY_MS) {
    this.#all = all
    this.#log = log
    this.#everyMs = everyMs
  }

  start(): void {
    if (!this.#isStopped) this.#timer ??= setInterval(() => void this.#run(), this.#everyMs)
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
  }

  async #run(): Promise<void> {
    for (const { series, sink } of this.#all()) {
      if (this.#isStopped) return
      await sink?.compact?.().catch((error: unknown) => {
        this.#log.warn({ err: error, series: series.key }, 'small files could not be merged')
      })
    }
  }
}
