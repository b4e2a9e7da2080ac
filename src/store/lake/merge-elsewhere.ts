import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { StorageError } from '../../model/errors.ts'
import type { Kind } from '../../model/kind.ts'
import type { LakeFile } from './coverage-file.ts'
import type { Merge } from './event-compact.ts'
import type { Compression } from './parquet.ts'

export interface MergeJob {
  readonly folder: string
  readonly kind: string
  readonly merge: Merge
  readonly temp: string
  readonly compression: Compression
}

export type MergeAnswer = { readonly file: LakeFile } | { readonly error: string }

let child: ChildProcess | undefined
let queue: Promise<unknown> = Promise.resolve()

/**
 * Merges files as `mergeFiles` does, in a process of its own, one merge at a time. What a merge needs (a day of an order
 * book is tens of millions of rows to sort) is memory that a process never quite gets back; a collector runs for months.
 * @throws StorageError when the merge fails or its process dies; nothing was changed then.
 */
export function mergeElsewhere(
  folder: string,
  kind: Kind,
  merge: Merge,
  temp: string,
  compression: Compression,
  signal?: AbortSignal,
): Promise<LakeFile> {
  const done = queue.then(() => {
    signal?.throwIfAborted()
    return run({ folder, kind: kind.id, merge, temp, compression }, signal)
  })
  queue = done.catch(() => {})
  return done
}

function run(job: MergeJob, signal: AbortSignal | undefined): Promise<LakeFile> {
  const worker = process_()
  return new Promise((resolve, reject) => {
    const stop = (): void => void worker.kill('SIGKILL')
    const settle = (): void => {
      worker.off('message', answered).off('exit', died).off('error', died)
      signal?.removeEventListener('abort', stop)
      // It must not keep this process alive while nobody waits for it.
      worker.unref()
      worker.channel?.unref()
    }
    const answered = (answer: MergeAnswer): void => {
      settle()
      if ('file' in answer) resolve(answer.file)
      else reject(new StorageError(job.folder, answer.error))
    }
    const died = (why: unknown): void => {
      settle()
      child = undefined
      reject(
        signal?.aborted
          ? signal.reason
          : new StorageError(job.folder, `the process that merges files ended (${String(why)}). Nothing was changed.`),
      )
    }
    worker.on('message', answered).on('exit', died).on('error', died)
    signal?.addEventListener('abort', stop, { once: true })
    worker.ref()
    worker.channel?.ref()
    worker.send(job, (error) => error && died(error))
  })
}

function process_(): ChildProcess {
  if (child?.connected && child.exitCode === null) return child
  const made = fork(fileURLToPath(processUrl()), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] })
  made.once('exit', () => {
    if (child === made) child = undefined
  })
  child = made
  return made
}

/** As for the parsing threads: Node 20 can't run TypeScript, so from src/ (in the tests) it comes from dist/. */
function processUrl(): URL {
  const here = import.meta.url
  if (!here.endsWith('.ts')) return new URL('./merge-process.js', here)
  return new URL('../../../dist/store/lake/merge-process.js', here)
}
