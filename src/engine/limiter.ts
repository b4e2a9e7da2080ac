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
