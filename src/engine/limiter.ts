import type PQueue from 'p-queue'
import type { Limiter } from './download/context.ts'

/** Runs at most `most` tasks at once, the others in the order they came. A task that waits ends with its signal. */
export function limiter(most: number): Limiter {
  return new Gate(most).run
}

/** A limiter whose bound can be moved: what runs is left to run, and nothing new begins until there is room. */
export class Gate {
  #most: number
  #queue: PQueue | undefined
  #opening: Promise<PQueue> | undefined

  constructor(most: number) {
    this.#most = most
  }

  get most(): number {
    return this.#most
  }

  set most(most: number) {
    this.#most = most
    if (this.#queue) this.#queue.concurrency = most
  }

  /** Tasks that run. */
  get running(): number {
    return this.#queue?.pending ?? 0
  }

  /** Tasks that wait in line. */
  get waiting(): number {
    return this.#queue?.size ?? 0
  }

  readonly run: Limiter = async (task, signal) => {
    this.#opening ??= import('p-queue').then(({ default: Queue }) => {
      this.#queue = new Queue({ concurrency: this.#most })
      return this.#queue
    })
    return (await this.#opening).add(task, signal ? { signal } : {})
  }
}

/** A bounded number of permits; whoever finds none waits in line. */
export class Permits {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** How many wait in line. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Resolves with the function that gives the permit back; calling it twice does no harm. */
  async take(): Promise<() => void> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    let held = true
    return () => {
      if (!held) return
      held = false
      const next = this.#waiting.shift()
      // The permit goes from hand to hand: nobody can slip in between.
      if (next) next()
      else this.#free++
    }
  }
}
