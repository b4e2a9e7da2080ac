import type PQueue from 'p-queue'
import type { Limiter } from './download/context.ts'

/** Runs at most `most` tasks at once, the others in the order they came. A task that waits ends with its signal. */
export function limiter(most: number): Limiter {
  let queue: Promise<PQueue> | undefined
  return async (task, signal) => {
    queue ??= import('p-queue').then(({ default: Queue }) => new Queue({ concurrency: most }))
    return (await queue).add(task, signal ? { signal } : {})
  }
}

/** A bounded number of permits; whoever finds none waits in line. */
export class Permits {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
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
