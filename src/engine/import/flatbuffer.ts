/** What a damaged flatbuffer claims; the file is not named here. */
export class FlatbufferError extends RangeError {
  override readonly name = 'FlatbufferError'
}

/** Longer lists than any that a table of candles has: of columns, and of buffers and blocks. */
const MAX_TABLES = 1000
const MAX_ITEMS = 100_000

/**
 * A table of a flatbuffer, of which nothing is believed: every offset and length is looked at before it is followed, so
 * that damaged bytes end in an error and never in a long walk.
 */
export class FlatTable {
  readonly #view: DataView
  readonly #at: number
  readonly #vtable: number
  readonly #slots: number

  constructor(view: DataView, at: number) {
    this.#view = view
    this.#at = at
    this.#vtable = at - read(view, at, 4, () => view.getInt32(at, true))
    this.#slots = read(view, this.#vtable, 4, () => view.getUint16(this.#vtable, true))
    read(view, this.#vtable, this.#slots, () => 0)
  }

  /** The table that a flatbuffer consists of. */
  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return new FlatTable(
      view,
      read(view, 0, 4, () => view.getUint32(0, true)),
    )
  }

  int8(slot: number, fallback = 0): number {
    return this.#scalar(slot, 1, fallback, (at) => this.#view.getInt8(at))
  }

  int16(slot: number, fallback = 0): number {
    return this.#scalar(slot, 2, fallback, (at) => this.#view.getInt16(at, true))
  }

  int32(slot: number, fallback = 0): number {
    return this.#scalar(slot, 4, fallback, (at) => this.#view.getInt32(at, true))
  }

  int64(slot: number, fallback = 0): number {
    return this.#scalar(slot, 8, fallback, (at) => Number(this.#view.getBigInt64(at, true)))
  }

  text(slot: number): string | undefined {
    const list = this.#list(slot, 1)
    if (!list) return undefined
    return new TextDecoder().decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + list.at, list.length))
  }

  table(slot: number): FlatTable | undefined {
    const at = this.#field(slot, 4)
    return at === undefined ? undefined : this.#follow(at)
  }

  tables(slot: number): FlatTable[] {
    const list = this.#list(slot, 4, MAX_TABLES)
    return Array.from({ length: list?.length ?? 0 }, (_, index) => this.#follow(list!.at + index * 4))
  }

  /** Structs of a fixed size, as numbers: 64-bit ones at the given offsets in each. */
  structs(slot: number, size: number, offsets: readonly number[]): number[][] {
    const list = this.#list(slot, size)
    return Array.from({ length: list?.length ?? 0 }, (_, index) =>
      offsets.map((offset) => Number(this.#view.getBigInt64(list!.at + index * size + offset, true))),
    )
  }

  #follow(at: number): FlatTable {
    return new FlatTable(this.#view, at + read(this.#view, at, 4, () => this.#view.getUint32(at, true)))
  }

  /** Where a field is; undefined where it was left out. */
  #field(slot: number, size: number): number | undefined {
    if (slot + 2 > this.#slots) return undefined
    const offset = this.#view.getUint16(this.#vtable + slot, true)
    if (offset === 0) return undefined
    return read(this.#view, this.#at + offset, size, () => this.#at + offset)
  }

  #scalar(slot: number, size: number, fallback: number, get: (at: number) => number): number {
    const at = this.#field(slot, size)
    return at === undefined ? fallback : get(at)
  }

  #list(slot: number, size: number, limit = MAX_ITEMS): { at: number; length: number } | undefined {
    const field = this.#field(slot, 4)
    if (field === undefined) return undefined
    const at = field + this.#view.getUint32(field, true)
    const length = read(this.#view, at, 4, () => this.#view.getUint32(at, true))
    if (length > limit) throw new FlatbufferError(`a list of ${length} items`)
    return read(this.#view, at + 4, length * size, () => ({ at: at + 4, length }))
  }
}

function read<T>(view: DataView, at: number, size: number, get: () => T): T {
  if (!(at >= 0 && at + size <= view.byteLength)) throw new FlatbufferError(`an offset of ${at} points outside`)
  return get()
}
