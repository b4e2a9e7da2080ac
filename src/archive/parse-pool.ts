import { createHash, type Hash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Batch } from '../model/batch.ts'
import { ParseError, TicklakeError } from '../model/errors.ts'
import type { FileSpec } from './file-spec.ts'
import type { ParseRequest, ParseResponse } from './parse-worker.ts'
import { PACKED_PIECE } from './unpack.ts'
import type { FileResult } from './zip-reader.ts'

/** Reads one archive file in another thread. */
export interface ParseJob {
  /**
   * Takes the next bytes; resolves when more may come. They are copied before the call returns, and are the caller's.
   * Rejects once the file turned out unreadable.
   */
  write(chunk: Uint8Array): Promise<void>
  /** Takes the end of the file. @throws ParseError when it is cut, damaged or not what it should be. */
  end(): Promise<FileResult>
  /**
   * Gives the file up and frees what it holds. Safe at any time, also after the end. Resolves when `onBatch` is not at
   * work any more and won't be called again: only then may what it works on be given back or used anew.
   */
  abort(): Promise<void>
}

/** Bytes that may be under way to a worker, per file. */
const BYTES_AHEAD = 1024 * 1024
/** Bytes per message to a worker, as many as the inflater takes: smaller pieces would wake both threads too often. */
const PIECE = PACKED_PIECE
/** Room for the first piece of a file at first: most files are small. */
const FIRST_PIECE = 64 * 1024
/**
 * Files that a thread works on in turn, one being unpacked while the other is parsed. The others wait with what has
 * arrived of them, which is packed and small.
 */
const FILES_PER_THREAD = 2
/** Threads with a small young generation give the large blocks that they hand over back to the system soon. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 8 }

interface Slot {
  readonly worker: Worker
  jobs: number
}

interface JobState {
  readonly spec: FileSpec
  /** Undefined while the job waits for a thread. */
  slot: Slot | undefined
  /** What arrived while the job waited. */
  readonly held: ParseRequest[]
  readonly onBatch: (batch: Batch) => Promise<void> | void
  readonly givesBack: boolean
  bytesUnderWay: number
  /** Of all bytes so far. Hashed here, because the parsing thread is the busier one. */
  readonly hash: Hash
  /** Batches are handed on one after another. */
  chain: Promise<void>
  wake: (() => void) | undefined
  error: unknown
  resolve: (result: FileResult) => void
  reject: (error: unknown) => void
}

/**
 * Threads that hash and parse archive files: one less than there are cores, since unpacking (in the threads of Node's
 * pool), the network and the disk want one too. They start with the first file and do not keep the process alive by
 * themselves.
 */
export class ParsePool implements AsyncDisposable {
  readonly #size: number
  readonly #workers: Slot[] = []
  readonly #jobs = new Map<number, JobState>()
  /** Jobs without a thread, in the order they came. */
  readonly #waiting: number[] = []
  #nextJob = 1
  #closed = false

  constructor(size: number = availableParallelism() - 1) {
    this.#size = Math.max(1, size)
  }

  /**
   * Starts to read a file. `onBatch` gets its rows in order; while it works, reading waits.
   * @param givesBack whether a batch is of no use to anyone once `onBatch` has resolved
   */
  open(spec: FileSpec, onBatch: (batch: Batch) => Promise<void> | void, givesBack = false): ParseJob {
    if (this.#closed) throw new TicklakeError('CLOSED', 'The parse pool is closed.')
    const job = this.#nextJob++
    let settle: Pick<JobState, 'resolve' | 'reject'> | undefined
    const result = new Promise<FileResult>((resolve, reject) => {
      settle = { resolve, reject }
    })
    // A failure reaches the caller by write() or end(); a caller that aborted does not want to hear of it.
    result.catch(() => {})
    const state: JobState = {
      spec,
      slot: undefined,
      held: [],
      onBatch,
      givesBack,
      bytesUnderWay: 0,
      hash: createHash('sha256'),
      chain: Promise.resolve(),
      wake: undefined,
      error: undefined,
      ...settle!,
    }
    this.#jobs.set(job, state)
    const finish = (): void => this.#finish(job, state)
    void result.then(finish, finish)
    this.#post(state, { type: 'open', job, spec })
    this.#waiting.push(job)
    this.#assign()
    const post = (request: ParseRequest, transfer?: ArrayBuffer[]): void => this.#post(state, request, transfer)
    // The network's buffers are slices of shared slabs, which can't be handed over; copies can.
    let piece = new Uint8Array(0)
    let filled = 0
    let room = FIRST_PIECE
    const sendPiece = (): void => {
      if (filled === 0) return
      const bytes = filled === piece.length ? piece : piece.slice(0, filled)
      piece = new Uint8Array(0)
      filled = 0
      state.bytesUnderWay += bytes.length
      post({ type: 'chunk', job, bytes }, [bytes.buffer])
    }
    const grow = (): void => {
      const grown = new Uint8Array(room)
      grown.set(piece)
      piece = grown
      room = Math.min(PIECE, 2 * room)
    }
    return {
      write: async (chunk) => {
        if (state.error !== undefined) throw state.error
        state.hash.update(chunk)
        for (let at = 0; at < chunk.length; ) {
          if (filled === piece.length) grow()
          const take = Math.min(piece.length - filled, chunk.length - at)
          piece.set(chunk.subarray(at, at + take), filled)
          filled += take
          at += take
          if (filled === PIECE) sendPiece()
        }
        while (state.bytesUnderWay > BYTES_AHEAD && state.error === undefined) {
          await new Promise<void>((resolve) => (state.wake = resolve))
        }
        if (state.error !== undefined) throw state.error
      },
      end: () => {
        if (this.#jobs.has(job)) {
          sendPiece()
          post({ type: 'end', job })
        }
        return result
      },
      abort: () => {
        if (this.#jobs.has(job)) {
          if (state.slot) post({ type: 'abort', job })
          this.#fail(state, new TicklakeError('ABORTED', `${spec.path}: reading was given up`))
        }
        return state.chain
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    for (const state of [...this.#jobs.values()])
      this.#fail(state, new TicklakeError('CLOSED', 'The parse pool was closed.'))
    await Promise.all(this.#workers.splice(0).map(({ worker }) => worker.terminate()))
  }

  #post(state: JobState, request: ParseRequest, transfer: ArrayBuffer[] = []): void {
    if (state.slot) state.slot.worker.postMessage(request, transfer)
    else state.held.push(request)
  }

  /** Gives waiting jobs to threads that have room. */
  #assign(): void {
    for (let job = this.#waiting[0]; job !== undefined; job = this.#waiting[0]) {
      const state = this.#jobs.get(job)
      const slot = state ? this.#freeSlot() : undefined
      if (state && !slot) return
      this.#waiting.shift()
      if (!state || !slot) continue
      // Only a thread with work keeps the process alive.
      if (slot.jobs++ === 0) slot.worker.ref()
      state.slot = slot
      for (const request of state.held.splice(0)) {
        const transfer = request.type === 'chunk' ? [request.bytes.buffer as ArrayBuffer] : []
        slot.worker.postMessage(request, transfer)
      }
    }
  }

  #finish(job: number, state: JobState): void {
    if (!this.#jobs.delete(job)) return
    // While the pool is closed, its end is waited for: nothing else may keep the process alive until then.
    if (state.slot && --state.slot.jobs === 0 && !this.#closed) state.slot.worker.unref()
    state.held.length = 0
    if (!this.#closed) this.#assign()
  }

  #freeSlot(): Slot | undefined {
    const least = [...this.#workers].sort((a, b) => a.jobs - b.jobs)[0]
    if (least && (least.jobs === 0 || this.#workers.length >= this.#size))
      return least.jobs < FILES_PER_THREAD ? least : undefined
    return this.#startThread()
  }

  #startThread(): Slot {
    const worker = new Worker(workerUrl(), { resourceLimits: THREAD_LIMITS })
    const slot: Slot = { worker, jobs: 0 }
    worker.unref()
    worker.on('message', (response: ParseResponse) => this.#receive(response))
    const lost = (cause: unknown): void => {
      const index = this.#workers.indexOf(slot)
      if (index >= 0) this.#workers.splice(index, 1)
      for (const state of [...this.#jobs.values()]) {
        if (state.slot === slot) {
          const message = `${state.spec.path}: the parsing thread died`
          this.#fail(state, new TicklakeError('WORKER_LOST', message, { cause, retryable: true }))
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
          // Memory that goes to and fro needs no collector, which knows not how large it is.
          const blocks = state.givesBack ? Object.values(response.batch.columns) : []
          const memory = blocks.map((values) => values.buffer as ArrayBuffer)
          this.#post(state, { type: 'taken', job: response.job, memory }, memory)
        } catch (error) {
          this.#post(state, { type: 'abort', job: response.job })
          this.#fail(state, error)
        }
      })
    } else if (response.type === 'done') {
      void state.chain.then(() => {
        if (state.error === undefined) state.resolve({ ...response.result, sha256: state.hash.digest('hex') })
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
