import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Batch } from '../model/batch.ts'
import { ParseError, TicklakeError } from '../model/errors.ts'
import type { CandleFileResult, CandleFileSpec } from './candle-zip.ts'
import type { ParseRequest, ParseResponse } from './parse-worker.ts'

/** Reads one archive file in another thread. */
export interface ParseJob {
  /** Takes the next bytes; resolves when more may come. Rejects once the file turned out unreadable. */
  write(chunk: Uint8Array): Promise<void>
  /** Takes the end of the file. @throws ParseError when it is cut, damaged or no candle file. */
  end(): Promise<CandleFileResult>
  /** Gives the file up and frees what it holds. Safe at any time, also after the end. */
  abort(): void
}

/** Bytes that may be under way to a worker, per file. */
const BYTES_AHEAD = 2 * 1024 * 1024

interface JobState {
  readonly spec: CandleFileSpec
  readonly worker: Worker
  readonly onBatch: (batch: Batch) => Promise<void> | void
  bytesUnderWay: number
  /** Batches are handed on one after another. */
  chain: Promise<void>
  wake: (() => void) | undefined
  error: unknown
  resolve: (result: CandleFileResult) => void
  reject: (error: unknown) => void
}

/**
 * Threads that hash, unpack and parse archive files, one per core. They start with the first file and do not keep the
 * process alive by themselves.
 */
export class ParsePool implements AsyncDisposable {
  readonly #size: number
  readonly #workers: { readonly worker: Worker; jobs: number }[] = []
  readonly #jobs = new Map<number, JobState>()
  #nextJob = 1
  #closed = false

  constructor(size: number = availableParallelism()) {
    this.#size = Math.max(1, size)
  }

  /** Starts to read a file. `onBatch` gets its rows in order; while it works, reading waits. */
  open(spec: CandleFileSpec, onBatch: (batch: Batch) => Promise<void> | void): ParseJob {
    if (this.#closed) throw new TicklakeError('CLOSED', 'The parse pool is closed.')
    const slot = this.#slot()
    // Only a thread with work keeps the process alive.
    if (slot.jobs++ === 0) slot.worker.ref()
    const job = this.#nextJob++
    let settle: Pick<JobState, 'resolve' | 'reject'> | undefined
    const result = new Promise<CandleFileResult>((resolve, reject) => {
      settle = { resolve, reject }
    })
    // A failure reaches the caller by write() or end(); a caller that aborted does not want to hear of it.
    result.catch(() => {})
    const state: JobState = {
      spec,
      worker: slot.worker,
      onBatch,
      bytesUnderWay: 0,
      chain: Promise.resolve(),
      wake: undefined,
      error: undefined,
      ...settle!,
    }
    this.#jobs.set(job, state)
    const finish = (): void => {
      if (this.#jobs.delete(job) && --slot.jobs === 0) slot.worker.unref()
    }
    void result.then(finish, finish)
    const post = (request: ParseRequest, transfer: ArrayBuffer[] = []): void =>
      slot.worker.postMessage(request, transfer)
    post({ type: 'open', job, spec })
    return {
      write: async (chunk) => {
        if (state.error !== undefined) throw state.error
        // The network's buffers are slices of shared slabs, which can't be handed over; a copy can.
        const bytes = new Uint8Array(chunk)
        state.bytesUnderWay += bytes.length
        post({ type: 'chunk', job, bytes }, [bytes.buffer as ArrayBuffer])
        while (state.bytesUnderWay > BYTES_AHEAD && state.error === undefined) {
          await new Promise<void>((resolve) => (state.wake = resolve))
        }
        if (state.error !== undefined) throw state.error
      },
      end: () => {
        if (this.#jobs.has(job)) post({ type: 'end', job })
        return result
      },
      abort: () => {
        if (!this.#jobs.has(job)) return
        post({ type: 'abort', job })
        this.#fail(state, new TicklakeError('ABORTED', `${spec.path}: reading was given up`))
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    for (const state of [...this.#jobs.values()])
      this.#fail(state, new TicklakeError('CLOSED', 'The parse pool was closed.'))
    await Promise.all(this.#workers.splice(0).map(({ worker }) => worker.terminate()))
  }

  #slot(): { readonly worker: Worker; jobs: number } {
    const least = [...this.#workers].sort((a, b) => a.jobs - b.jobs)[0]
    if (least && (least.jobs === 0 || this.#workers.length >= this.#size)) return least
    const worker = new Worker(workerUrl(), { stdout: false, stderr: false })
    const slot = { worker, jobs: 0 }
    worker.unref()
    worker.on('message', (response: ParseResponse) => this.#receive(response))
    const lost = (cause: unknown): void => {
      const index = this.#workers.indexOf(slot)
      if (index >= 0) this.#workers.splice(index, 1)
      for (const state of [...this.#jobs.values()]) {
        if (state.worker === worker) {
          this.#fail(
            state,
            new TicklakeError('WORKER_LOST', `${state.spec.path}: the parsing thread died`, { cause, retryable: true }),
          )
        }
      }
    }
    worker.on('error', lost)
    worker.on('exit', () => lost(undefined))
    this.#workers.push(slot)
    return slot
  }

  #receive(response: ParseResponse): void {
    const state = this.#jobs.get(response.job)
    if (!state) return
    if (response.type === 'read') {
      state.bytesUnderWay -= response.bytes
      state.wake?.()
      state.wake = undefined
    } else if (response.type === 'batch') {
      state.chain = state.chain.then(async () => {
        if (state.error !== undefined) return
        try {
          await state.onBatch(response.batch)
          state.worker.postMessage({ type: 'taken', job: response.job } satisfies ParseRequest)
        } catch (error) {
          state.worker.postMessage({ type: 'abort', job: response.job } satisfies ParseRequest)
          this.#fail(state, error)
        }
      })
    } else if (response.type === 'done') {
      void state.chain.then(() => {
        if (state.error === undefined) state.resolve(response.result)
      })
    } else {
      const { path } = state.spec
      const message = response.message.startsWith(`${path}: `)
        ? response.message.slice(path.length + 2)
        : response.message
      this.#fail(
        state,
        response.isParseError ? new ParseError(path, message) : new TicklakeError('WORKER', `${path}: ${message}`),
      )
    }
  }

  #fail(state: JobState, error: unknown): void {
    state.error ??= error
    state.wake?.()
    state.wake = undefined
    state.reject(state.error)
  }
}

/**
 * The worker's compiled file. Node 20 can't run TypeScript, so when this module itself runs from src/ (in the tests)
 * the worker comes from dist/, which `npm test` builds first.
 */
function workerUrl(): URL {
  const here = import.meta.url
  if (!here.endsWith('.ts')) return new URL('./parse-worker.js', here)
  return new URL('../../dist/archive/parse-worker.js', here)
}
