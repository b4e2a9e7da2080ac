import { parentPort } from 'node:worker_threads'
import type { Batch } from '../model/batch.ts'
import { isTicklakeError } from '../model/errors.ts'
import { type FileSpec, openReader } from './file-spec.ts'
import type { FileResult, ZipReader } from './zip-reader.ts'

/** What the pool sends to a worker. `job` numbers one file. */
export type ParseRequest =
  | { readonly type: 'open'; readonly job: number; readonly spec: FileSpec }
  | { readonly type: 'chunk'; readonly job: number; readonly bytes: Uint8Array }
  | { readonly type: 'end'; readonly job: number }
  | { readonly type: 'abort'; readonly job: number }
  /** A batch was dealt with: the next one may come, in the memory given back. */
  | { readonly type: 'taken'; readonly job: number; readonly memory: readonly ArrayBuffer[] }

/** What a worker answers. */
export type ParseResponse =
  /** Bytes were read: more may come. */
  | { readonly type: 'read'; readonly job: number; readonly bytes: number }
  | { readonly type: 'batch'; readonly job: number; readonly batch: Batch }
  | { readonly type: 'done'; readonly job: number; readonly result: FileResult }
  | { readonly type: 'failed'; readonly job: number; readonly message: string; readonly isParseError: boolean }

/** Rows that may be under way to the main thread, per file: parsing goes on while it packs those before into a file. */
const ROWS_AHEAD = 131_072

interface Job {
  readonly reader: ZipReader
  /** The job's messages are dealt with one after another, each when the one before is done. */
  chain: Promise<void>
  /** Rows of the batches that the main thread has not dealt with, in their order. */
  readonly underWay: number[]
  resume: (() => void) | undefined
  closed: boolean
}

const port = parentPort
const jobs = new Map<number, Job>()

function send(response: ParseResponse, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(response, transfer)
}

function open(job: number, spec: FileSpec): void {
  const reader = openReader(
    spec,
    async (batch) => {
      state.underWay.push(batch.length)
      send(
        { type: 'batch', job, batch },
        Object.values(batch.columns).map((values) => values.buffer as ArrayBuffer),
      )
      while (state.underWay.reduce((sum, rows) => sum + rows, 0) >= ROWS_AHEAD && !state.closed)
        await new Promise<void>((resolve) => (state.resume = resolve))
    },
    { hashes: false, ownsChunks: true },
  )
  const state: Job = { reader, chain: Promise.resolve(), underWay: [], resume: undefined, closed: false }
  jobs.set(job, state)
}

function close(job: number, state: Job): void {
  state.closed = true
  state.resume?.()
  state.reader.destroy()
  jobs.delete(job)
}

function step(job: number, state: Job, work: () => Promise<void>): void {
  state.chain = state.chain.then(async () => {
    if (state.closed) return
    try {
      await work()
    } catch (error) {
      if (!state.closed) {
        const message = error instanceof Error ? error.message : String(error)
        send({ type: 'failed', job, message, isParseError: isTicklakeError(error) })
      }
      close(job, state)
    }
  })
}

port?.on('message', (request: ParseRequest) => {
  if (request.type === 'open') {
    open(request.job, request.spec)
    return
  }
  const { job } = request
  const state = jobs.get(job)
  if (!state) return
  if (request.type === 'taken') {
    state.underWay.shift()
    state.reader.reuse(request.memory)
    state.resume?.()
    state.resume = undefined
  } else if (request.type === 'abort') close(job, state)
  else if (request.type === 'chunk') {
    const { bytes } = request
    step(job, state, async () => {
      const { length } = bytes
      await state.reader.write(bytes)
      send({ type: 'read', job, bytes: length })
    })
  } else {
    step(job, state, async () => {
      const result = await state.reader.end()
      send({ type: 'done', job, result })
      close(job, state)
    })
  }
})
