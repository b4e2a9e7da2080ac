import { createHash } from 'node:crypto'
import type { Transform } from 'node:stream'
import { crc32, createDeflateRaw, createGzip } from 'node:zlib'
import type { Sink } from './sink.ts'

/** Hashes what passes on its way into another sink. */
export class HashingSink implements Sink {
  readonly #target: Sink
  readonly #hash = createHash('sha256')

  constructor(target: Sink) {
    this.#target = target
  }

  get bytes(): number {
    return this.#target.bytes
  }

  /** Of all bytes, lower-case hex; to be asked for once, at the end. */
  sha256(): string {
    return this.#hash.digest('hex')
  }

  async write(chunk: string | Uint8Array): Promise<void> {
    this.#hash.update(chunk)
    await this.#target.write(chunk)
  }

  commit(): Promise<void> {
    return this.#target.commit()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#target[Symbol.asyncDispose]()
  }
}

/** Packs what passes, with memory bounded by the packer's own buffers. */
class PackedSink implements Sink {
  readonly target: Sink
  readonly #packer: Transform
  readonly #passing: Promise<void>
  #packed = 0

  constructor(target: Sink, packer: Transform) {
    this.target = target
    this.#packer = packer
    this.#passing = this.#pass()
    // Whoever writes next hears of a failure.
    this.#passing.catch(() => {})
  }

  get bytes(): number {
    return this.target.bytes
  }

  /** Bytes that came out of the packer. */
  get packed(): number {
    return this.#packed
  }

  async write(chunk: string | Uint8Array): Promise<void> {
    if (chunk.length === 0 || this.#packer.write(chunk)) return
    await Promise.race([new Promise<void>((done) => this.#packer.once('drain', () => done())), this.#passing])
  }

  /** Ends the packed stream; the target takes more. */
  async finish(): Promise<void> {
    this.#packer.end()
    await this.#passing
  }

  async commit(): Promise<void> {
    await this.finish()
    await this.target.commit()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#packer.destroy()
    await this.#passing.catch(() => {})
    await this.target[Symbol.asyncDispose]()
  }

  async #pass(): Promise<void> {
    for await (const piece of this.#packer) {
      this.#packed += (piece as Uint8Array).length
      await this.target.write(piece as Uint8Array)
    }
  }
}

export class GzipSink extends PackedSink {
  constructor(target: Sink) {
    super(target, createGzip())
  }
}

/** The name is UTF-8, and the sizes follow the data: they are not known before. */
const FLAGS = 0x0808
const DEFLATE = 8
/** 1980-01-01: the same bytes for the same rows, whenever they are written. */
const DATE = 33
const LOCAL = 30
const CENTRAL = 46
const END = 22
const DESCRIPTOR = 16

/** Makes a zip of one entry (APPNOTE 4.3), as the exchange's archive has them. */
export class ZipSink extends PackedSink {
  readonly #name: Buffer
  #crc = 0
  #size = 0
  #begun = false

  constructor(target: Sink, name: string) {
    super(target, createDeflateRaw())
    this.#name = Buffer.from(name)
  }

  override async write(chunk: string | Uint8Array): Promise<void> {
    await this.#begin()
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    this.#crc = crc32(bytes, this.#crc)
    this.#size += bytes.length
    await super.write(bytes)
  }

  override async commit(): Promise<void> {
    await this.#begin()
    await this.finish()
    const facts = Buffer.alloc(12)
    facts.writeUInt32LE(this.#crc >>> 0, 0)
    facts.writeUInt32LE(this.packed, 4)
    facts.writeUInt32LE(this.#size, 8)
    const descriptor = Buffer.concat([Buffer.from([0x50, 0x4b, 7, 8]), facts])
    await this.target.write(descriptor)
    const central = this.#header(CENTRAL, 0x02014b50, 10, facts)
    const at = LOCAL + this.#name.length + this.packed + DESCRIPTOR
    const end = Buffer.alloc(END)
    end.writeUInt32LE(0x06054b50, 0)
    end.writeUInt16LE(1, 8)
    end.writeUInt16LE(1, 10)
    end.writeUInt32LE(central.length, 12)
    end.writeUInt32LE(at, 16)
    await this.target.write(Buffer.concat([central, end]))
    await this.target.commit()
  }

  async #begin(): Promise<void> {
    if (this.#begun) return
    this.#begun = true
    await this.target.write(this.#header(LOCAL, 0x04034b50, 8, Buffer.alloc(12)))
  }

  /** A header with the name behind it; `method` is where the method stands. */
  #header(length: number, mark: number, method: 8 | 10, facts: Uint8Array): Buffer {
    const header = Buffer.alloc(length)
    header.writeUInt32LE(mark, 0)
    if (method === 10) header.writeUInt16LE(20, 4)
    header.writeUInt16LE(20, method - 4)
    header.writeUInt16LE(FLAGS, method - 2)
    header.writeUInt16LE(DEFLATE, method)
    header.writeUInt16LE(DATE, method + 4)
    header.set(facts, method + 6)
    header.writeUInt16LE(this.#name.length, method + 18)
    return Buffer.concat([header, this.#name])
  }
}
