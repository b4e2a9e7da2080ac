import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Batch } from '../model/batch.ts'
import { HttpError, isTicklakeError, NetworkError, ParseError } from '../model/errors.ts'
import type { HttpClient } from '../net/http.ts'
import { type RetryOptions, retryWithBackoff } from '../net/retry.ts'

import { fetchChecksum } from './checksum.ts'
import type { FileSpec } from './file-spec.ts'
import { letGo } from './let-go.ts'
import type { ParseJob, ParsePool } from './parse-pool.ts'
import { PartFile } from './part-file.ts'
import type { FileResult } from './zip-reader.ts'

/** Takes the rows of a file while it arrives. Nothing of it counts before the file's end. */
export interface RowSink {
  rows(batch: Batch): void | Promise<void>
  /** The sink is done with a batch when `rows` resolves: its memory may be used again. */
  readonly givesBack?: boolean
  /** Forget everything: the file is read from its beginning again. Never called while `rows` is at work. */
  reset(): void | Promise<void>
}

export interface FetchContext {
  readonly http: HttpClient
  readonly pool: ParsePool
  /** Base URL of the archive, without a trailing slash. */
  readonly baseUrl: string
  /** Folder for files that arrived in part, so that another process can go on; undefined keeps none. */
  readonly partsFolder?: string
  readonly retry?: RetryOptions
  /** How long the body may stand still, ms. */
  readonly stallMs?: number
  readonly signal?: AbortSignal
  readonly onBytes?: (bytes: number) => void
}

/** What the archive says of a file, as far as is known before it is fetched. */
export interface FileHint {
  readonly path: string
  readonly bytes?: number
  readonly etag?: string
}

/** How a fetched file stands. */
export type FetchedFile =
  | {
      readonly state: 'verified' | 'mismatch' | 'no-checksum'
      readonly published?: string
      readonly result: FileResult
    }
  | { readonly state: 'missing' }
  | { readonly state: 'unreadable'; readonly published?: string; readonly error: Error }

/** Smaller files are not worth a partial copy: fetching them again costs less than the disk does. */
const KEEP_PARTS_FROM = 1024 * 1024
/** Rounds of retries, each of which brought something new. A line that dies every few seconds still gets there. */
const MAX_ROUNDS = 100

/**
 * Fetches one archive file, checks it and hands its rows to the sink as they arrive. A lost or stalled connection is
 * taken up where it broke (range request); a file whose hash is wrong or that can't be unpacked is fetched once more,
 * since it may have been replaced in between.
 * @throws NetworkError or HttpError when the archive can't be reached; what is wrong with the file itself is a state.
 */
export async function fetchFile(
  hint: FileHint,
  spec: FileSpec,
  sink: RowSink,
  context: FetchContext,
): Promise<FetchedFile> {
  let last: FetchedFile = { state: 'missing' }
  for (let attempt = 1; attempt <= 2; attempt++) {
    if (attempt > 1) await sink.reset()
    const fresh = attempt > 1
    const published = await fetchChecksum(context.http, `${context.baseUrl}/${encodePath(hint.path)}.CHECKSUM`, context)
    const known = published === undefined ? {} : { published }
    try {
      const result = await fetchOnce(hint, spec, sink, context, fresh)
      if (result === undefined) return { state: 'missing' }
      if (published === undefined) last = { state: 'no-checksum', result }
      else last = { state: result.sha256 === published ? 'verified' : 'mismatch', result, ...known }
    } catch (error) {
      context.signal?.throwIfAborted()
      if (!(error instanceof ParseError)) throw error
      last = { state: 'unreadable', error, ...known }
    }
    if (last.state === 'verified' || last.state === 'no-checksum') return last
  }
  return last
}

async function fetchOnce(
  hint: FileHint,
  spec: FileSpec,
  sink: RowSink,
  context: FetchContext,
  fresh: boolean,
): Promise<FileResult | undefined> {
  const transfer = new Transfer(hint, spec, sink, context, fresh)
  try {
    for (let round = 1; ; round++) {
      const before = transfer.received
      try {
        const found = await retryWithBackoff(() => transfer.receive(), {
          ...context.retry,
          ...(context.signal ? { signal: context.signal } : {}),
        })
        if (!found) return undefined
        const result = await transfer.finish()
        await transfer.dropPart()
        return result
      } catch (error) {
        context.signal?.throwIfAborted()
        if (error instanceof ParseError) await transfer.dropPart()
        const again = isTicklakeError(error) && error.retryable && transfer.received > before && round < MAX_ROUNDS
        if (!again) throw error
      }
    }
  } finally {
    await transfer.close()
  }
}

/** One file on its way: the parse job that it feeds, and its partial copy on disk. */
class Transfer {
  readonly #hint: FileHint
  readonly #spec: FileSpec
  readonly #sink: RowSink
  readonly #context: FetchContext
  readonly #url: string
  readonly #fresh: boolean
  readonly #partPath: string | undefined
  #part: PartFile | undefined
  #job: ParseJob | undefined
  #etag: string | undefined
  /** Bytes of the file that the job has. */
  received = 0
  #complete = false

  constructor(hint: FileHint, spec: FileSpec, sink: RowSink, context: FetchContext, fresh: boolean) {
    this.#hint = hint
    this.#spec = spec
    this.#sink = sink
    this.#context = context
    this.#fresh = fresh
    this.#url = `${context.baseUrl}/${encodePath(hint.path)}`
    this.#etag = hint.etag
    const keep = context.partsFolder !== undefined && hint.etag !== undefined && (hint.bytes ?? 0) >= KEEP_PARTS_FROM
    this.#partPath = keep ? join(context.partsFolder!, partName(hint)) : undefined
  }

  /** Brings what is still missing. False when the file does not exist. */
  async receive(): Promise<boolean> {
    if (this.#complete) return true
    if (this.#job === undefined) await this.#begin()
    if (this.#hint.bytes !== undefined && this.received === this.#hint.bytes && this.received > 0) {
      this.#complete = true
      return true
    }
    const { http, signal, stallMs } = this.#context
    const headers: Record<string, string> = {}
    if (this.received > 0) {
      headers.range = `bytes=${this.received}-`
      // Without this a file that was replaced in between would be glued to the rest of the new one.
      if (this.#etag !== undefined) headers['if-range'] = `"${this.#etag}"`
    }
    if (this.#fresh) headers['cache-control'] = 'no-cache'
    await using response = await http.request({
      url: this.#url,
      headers,
      signal,
      maxBytes: Number.MAX_SAFE_INTEGER,
      ...(stallMs === undefined ? {} : { stallMs }),
    })
    if (response.status === 404) return false
    if (response.status === 416) {
      // Nothing follows what we have: either that is all, or the file became shorter.
      await this.#restart()
      throw new NetworkError(
        this.#url,
        'the file is shorter than the part that was received before; it is fetched anew',
      )
    }
    if (response.status === 200) {
      if (this.received > 0) await this.#restart()
    } else if (response.status !== 206) throw new HttpError(this.#url, response.status, '')
    this.#etag = response.headers.etag?.replaceAll('"', '') ?? this.#etag
    const announced = Number(response.headers['content-length'] ?? Number.NaN)
    const end = this.received + announced
    for await (const chunk of response.body) {
      this.received += chunk.length
      this.#context.onBytes?.(chunk.length)
      // The job copies at once: from then on the chunk is the partial copy's.
      const more = this.#job!.write(chunk)
      more.catch(() => {})
      await this.#keep(chunk)
      await more
    }
    if (Number.isFinite(end) && this.received < end) {
      throw new NetworkError(this.#url, `the connection was closed after ${this.received} of ${end} bytes`)
    }
    this.#complete = true
    return true
  }

  finish(): Promise<FileResult> {
    return this.#job!.end()
  }

  /** Deletes the partial copy: the file is done with, or damaged. */
  async dropPart(): Promise<void> {
    await this.#part?.drop()
    this.#part = undefined
  }

  /** Frees everything; a partial copy stays for the next process. */
  async close(): Promise<void> {
    await this.#job?.abort()
    await this.#part?.close()
    this.#part = undefined
  }

  async #begin(): Promise<void> {
    this.#open()
    if (this.#partPath === undefined) return
    try {
      await mkdir(this.#context.partsFolder!, { recursive: true })
      this.#part = await PartFile.open(this.#partPath, this.#fresh ? 0 : (this.#hint.bytes ?? 0))
    } catch {
      return
    }
    for await (const piece of this.#part.content()) {
      this.received += piece.length
      await this.#job!.write(piece)
    }
  }

  /** The copy only spares another process work: where it can't be written (a full disk) its place is better left free. */
  async #keep(chunk: Uint8Array): Promise<void> {
    try {
      if (this.#part === undefined) letGo(chunk)
      else await this.#part.add(chunk)
    } catch {
      await this.dropPart()
    }
  }

  #open(): void {
    const { pool } = this.#context
    this.#job = pool.open(this.#spec, (batch) => this.#sink.rows(batch), this.#sink.givesBack)
  }

  async #restart(): Promise<void> {
    await this.#job?.abort()
    await this.#sink.reset()
    this.received = 0
    await this.#part?.clear()
    this.#open()
  }
}

/** Partial copies of different versions of a file have different names, so a stale one is never continued. */
function partName(hint: FileHint): string {
  return `${createHash('sha256').update(`${hint.path} ${hint.etag}`).digest('hex').slice(0, 24)}.part`
}

/** Symbols may hold any letter; a path in a URL may not. */
function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
