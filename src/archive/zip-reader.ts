import { createHash, type Hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Batch } from '../model/batch.ts'
import type { Defect } from '../model/coverage.ts'
import { ParseError } from '../model/errors.ts'
import { makeUnpacker, type Unpacker } from './unpack.ts'
import { readCentralDirectory, readLocalHeader, ZIP_TAIL, type ZipEntry } from './zip.ts'

/** What was read from an archive file. */
export interface FileResult {
  /** Of the zip's bytes, lower-case hex. */
  readonly sha256: string
  readonly bytes: number
  readonly rows: number
  readonly inexactValues: number
  readonly timeUnit: 'ms' | 'us' | undefined
  readonly hasHeader: boolean
  /** At most `MAX_DEFECTS`, the first ones. */
  readonly defects: readonly Defect[]
  readonly defectCount: number
  /** Remarks on the zip itself, e.g. an entry name that is a path. */
  readonly notes: readonly string[]
}

/** Makes batches of the unpacked bytes of one file. */
export interface FileContent {
  /** Takes the next bytes; they are not kept. */
  push(bytes: Uint8Array): void
  /** Takes the end. */
  finish(): void
  /** The next batch that is ready; undefined when more bytes are needed. */
  take(): Batch | undefined
  /** Takes memory of batches that nobody needs any more. */
  reuse?(memory: readonly ArrayBuffer[]): void
  /** What was read so far. */
  summary(): Pick<FileResult, 'rows' | 'inexactValues' | 'timeUnit' | 'hasHeader' | 'defects' | 'defectCount'>
  /** What is to be known of the file; asked for after `finish`. */
  notes?(): readonly string[]
}

/** Defects kept per file; more are only counted. A file that is all defects would fill memory and coverage. */
export const MAX_DEFECTS = 200
/** Deflate can't pack digits better than this; a zip that claims so is a bomb. */
const MAX_RATIO = 250

/** The defects of one file, the first of them kept. */
export class DefectList {
  readonly defects: Defect[] = []
  count = 0

  add(defect: Defect): void {
    this.count++
    if (this.defects.length < MAX_DEFECTS) this.defects.push(defect)
  }
}

export interface ReaderOptions {
  /** False leaves `sha256` empty, for a caller that hashes the bytes elsewhere. */
  readonly hashes?: boolean
  /** The bytes are the CSV itself, in no zip. */
  readonly isPlain?: boolean
  /** The chunks that are written are the reader's to free, once they have been read. */
  readonly ownsChunks?: boolean
}

const PLAIN: ZipEntry = {
  name: '',
  method: 'stored',
  crc32: undefined,
  compressedSize: undefined,
  size: undefined,
  dataStart: 0,
}

/**
 * Reads one zipped CSV from its bytes as they arrive: hash, inflate, parse and check in one pass, with memory bounded by
 * the block size. Batches come in the file's order.
 */
export class ZipReader {
  readonly #path: string
  readonly #content: FileContent
  readonly #hash: Hash | undefined
  readonly #onBatch: (batch: Batch) => void | Promise<void>
  readonly #notes: string[] = []
  readonly #isPlain: boolean
  readonly #ownsChunks: boolean
  #head: Uint8Array | undefined = new Uint8Array(0)
  /** The last bytes, where the directory of a zip stands: `#tailLength` of them. */
  #tail = new Uint8Array(0)
  #tailLength = 0
  #bytes = 0
  #unpacker: Unpacker | undefined
  #left = Number.POSITIVE_INFINITY
  #crc = 0
  #size = 0

  constructor(
    path: string,
    content: FileContent,
    onBatch: (batch: Batch) => void | Promise<void>,
    options: ReaderOptions = {},
  ) {
    this.#path = path
    this.#content = content
    this.#hash = options.hashes === false ? undefined : createHash('sha256')
    this.#onBatch = onBatch
    this.#isPlain = options.isPlain ?? false
    this.#ownsChunks = options.ownsChunks ?? false
    if (this.#isPlain) {
      this.#head = undefined
      this.#open(PLAIN)
    }
  }

  /** Takes the next bytes of the zip; resolves when more may come. The chunk may be kept until `end`. */
  async write(chunk: Uint8Array): Promise<void> {
    if (chunk.length === 0) return
    this.#hash?.update(chunk)
    this.#bytes += chunk.length
    if (!this.#isPlain) this.#keepTail(chunk)
    let data = chunk
    if (this.#head !== undefined) {
      const head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk])
      const entry = readLocalHeader(head, this.#path)
      if (!entry) {
        this.#head = head
        if (head.length > ZIP_TAIL) throw new ParseError(this.#path, 'the zip has an endless header')
        return
      }
      this.#head = undefined
      this.#begin(entry)
      data = head.subarray(entry.dataStart)
    }
    if (this.#left < data.length) data = data.subarray(0, this.#left)
    this.#left -= data.length
    if (data.length > 0) await this.#unpacker?.write(data)
  }

  /**
   * Takes the end of the zip and gives what was read.
   * @throws ParseError when the zip is cut, damaged or holds anything but one file.
   */
  async end(): Promise<FileResult> {
    const path = this.#path
    if (this.#head !== undefined) throw new ParseError(path, `not a zip: it has only ${this.#bytes} bytes`)
    await this.#unpacker?.end()
    this.#content.finish()
    await this.#flush()
    if (!this.#isPlain) this.#checkEnd()
    return {
      ...this.#content.summary(),
      sha256: this.#hash?.digest('hex') ?? '',
      bytes: this.#bytes,
      notes: [...this.#notes, ...(this.#content.notes?.() ?? [])],
    }
  }

  /** Compares what was unpacked with what the zip's directory says of it. */
  #checkEnd(): void {
    const path = this.#path
    const tail = this.#tail.subarray(0, this.#tailLength)
    const files = readCentralDirectory(tail, this.#bytes - tail.length, path).filter(
      (entry) => !entry.name.endsWith('/'),
    )
    const entry = files[0]
    if (!entry || files.length !== 1) throw new ParseError(path, `the zip holds ${files.length} files, not one`)
    if (entry.size !== this.#size)
      throw new ParseError(path, `the zip says ${entry.size} bytes but holds ${this.#size}`)
    if (entry.crc32 !== this.#crc >>> 0)
      throw new ParseError(path, 'the CRC-32 of the unpacked bytes is wrong: the zip is damaged')
  }

  /** Takes memory of batches that nobody needs any more. */
  reuse(memory: readonly ArrayBuffer[]): void {
    this.#content.reuse?.(memory)
  }

  /** Frees the unpacker. Safe at any time, also twice. */
  destroy(): void {
    this.#unpacker?.destroy()
  }

  #begin(entry: ZipEntry): void {
    const stem = this.#path.slice(this.#path.lastIndexOf('/') + 1).replace(/\.zip$/, '')
    // The name is never used as a path here, but a stranger's unzip would: it belongs on record.
    if (entry.name !== `${stem}.csv`)
      this.#notes.push(`the zip's entry is named ${JSON.stringify(entry.name.slice(0, 200))}`)
    if (entry.compressedSize !== undefined) this.#left = entry.compressedSize
    this.#open(entry)
  }

  #open(entry: ZipEntry): void {
    const onUnpacked = (bytes: Uint8Array): Promise<void> => {
      this.#consume(bytes)
      return this.#flush()
    }
    this.#unpacker = makeUnpacker(entry, this.#path, onUnpacked, this.#ownsChunks)
  }

  #consume(chunk: Uint8Array): void {
    this.#size += chunk.length
    if (this.#size > MAX_RATIO * this.#bytes + 1024 * 1024) {
      throw new ParseError(
        this.#path,
        `a zip bomb: ${this.#bytes} bytes unpack to more than ${this.#size}; no file of the archive packs that well`,
      )
    }
    this.#crc = crc32(chunk, this.#crc)
    this.#content.push(chunk)
  }

  async #flush(): Promise<void> {
    for (let batch = this.#content.take(); batch; batch = this.#content.take()) {
      if (batch.length > 0) await this.#onBatch(batch)
    }
  }

  /** Remembers the last bytes: a copy, since the chunk may be gone when they are asked for. */
  #keepTail(chunk: Uint8Array): void {
    const end = chunk.subarray(Math.max(0, chunk.length - ZIP_TAIL))
    if (this.#tailLength + end.length > this.#tail.length) {
      // Room for as much again, so that small chunks do not move all of it each time.
      const kept = this.#tail.subarray(Math.max(0, this.#tailLength + end.length - ZIP_TAIL), this.#tailLength)
      const room = Math.min(2 * ZIP_TAIL, 2 * (kept.length + end.length))
      const tail = room > this.#tail.length ? new Uint8Array(room) : this.#tail
      tail.set(kept)
      this.#tail = tail
      this.#tailLength = kept.length
    }
    this.#tail.set(end, this.#tailLength)
    this.#tailLength += end.length
  }
}
