import { ByteSink } from './byte-sink.ts'

/** Numbers of the types in the compact protocol. */
const TRUE = 1
const FALSE = 2
const I32 = 5
const I64 = 6
const BINARY = 8
const LIST = 9
const STRUCT = 12

const LONG_LIST = 15
const encoder = new TextEncoder()

/**
 * Writes one struct in Thrift's compact protocol, which is what Parquet's headers and footer are written in. Fields are
 * given by their numbers, rising.
 */
export class ThriftWriter {
  readonly #sink: ByteSink
  #lastField = 0

  constructor(sink: ByteSink = new ByteSink()) {
    this.#sink = sink
  }

  /** Ends the struct. */
  end(): void {
    this.#sink.byte(0)
  }

  bool(field: number, value: boolean): this {
    this.#begin(field, value ? TRUE : FALSE)
    return this
  }

  i32(field: number, value: number): this {
    this.#begin(field, I32)
    this.#sink.zigzag(value)
    return this
  }

  i64(field: number, value: number): this {
    this.#begin(field, I64)
    this.#sink.zigzag(value)
    return this
  }

  text(field: number, value: string): this {
    return this.binary(field, encoder.encode(value))
  }

  binary(field: number, bytes: Uint8Array): this {
    this.#begin(field, BINARY)
    this.#sink.varint(bytes.length)
    this.#sink.append(bytes)
    return this
  }

  struct(field: number, write?: (inner: ThriftWriter) => void): this {
    this.#begin(field, STRUCT)
    this.#inner(write)
    return this
  }

  structs<Item>(field: number, items: readonly Item[], write: (inner: ThriftWriter, item: Item) => void): this {
    this.#list(field, STRUCT, items.length)
    for (const item of items) this.#inner((inner) => write(inner, item))
    return this
  }

  i32s(field: number, items: readonly number[]): this {
    this.#list(field, I32, items.length)
    for (const item of items) this.#sink.zigzag(item)
    return this
  }

  texts(field: number, items: readonly string[]): this {
    this.#list(field, BINARY, items.length)
    for (const item of items) {
      const bytes = encoder.encode(item)
      this.#sink.varint(bytes.length)
      this.#sink.append(bytes)
    }
    return this
  }

  #inner(write: ((inner: ThriftWriter) => void) | undefined): void {
    const inner = new ThriftWriter(this.#sink)
    write?.(inner)
    inner.end()
  }

  #list(field: number, type: number, length: number): void {
    this.#begin(field, LIST)
    this.#sink.byte((Math.min(length, LONG_LIST) << 4) | type)
    if (length >= LONG_LIST) this.#sink.varint(length)
  }

  #begin(field: number, type: number): void {
    const step = field - this.#lastField
    this.#lastField = field
    if (step > 0 && step < 16) this.#sink.byte((step << 4) | type)
    else {
      this.#sink.byte(type)
      this.#sink.zigzag(field)
    }
  }
}
