import type { Data, DataType, RecordBatchFileWriter, RecordBatchStreamWriter, Schema } from 'apache-arrow'
import type { ColumnSpec, ColumnType } from '../../model/kind.ts'
import type { NamedColumn, Rows, TimeFormat } from './rows.ts'

/** Times as whole numbers, or as timestamps in ms; without it they are timestamps in µs, UTC. */
export type ArrowTime = TimeFormat | 'timestamp-ms' | undefined

/**
 * Turns batches into Arrow IPC bytes, one batch at a time, so that memory stays bounded by the batch. `file` is the
 * random-access format (Feather v2), `stream` the one for pipes.
 */
export class ArrowEncoder {
  readonly #arrow: typeof import('apache-arrow')
  readonly #writer: RecordBatchFileWriter | RecordBatchStreamWriter
  readonly #schema: Schema
  readonly #columns: readonly NamedColumn[]
  readonly #time: ArrowTime
  #bytes: Uint8Array[] = []

  private constructor(
    arrow: typeof import('apache-arrow'),
    columns: readonly NamedColumn[],
    format: 'file' | 'stream',
    time: ArrowTime,
  ) {
    this.#arrow = arrow
    this.#columns = columns
    this.#time = time
    this.#schema = new arrow.Schema(
      columns.map(({ name, spec }) => new arrow.Field(name, this.#type(spec.type), spec.isOptional)),
    )
    this.#writer = format === 'file' ? new arrow.RecordBatchFileWriter() : new arrow.RecordBatchStreamWriter()
    const collected = this.#bytes
    // The writer's own queue has no bound; this one is emptied after every batch.
    const queue = new (class extends arrow.AsyncByteQueue {
      override write(value: Parameters<InstanceType<typeof arrow.AsyncByteQueue>['write']>[0]): void {
        if (value instanceof Uint8Array && value.byteLength > 0) collected.push(value.slice())
      }
    })()
    this.#writer.reset(queue, this.#schema)
  }

  /** @param time leave out for Arrow timestamps in µs, UTC; else whole numbers in ms or µs */
  static async create(
    columns: readonly NamedColumn[],
    format: 'file' | 'stream',
    time: ArrowTime,
  ): Promise<ArrowEncoder> {
    return new ArrowEncoder(await import('apache-arrow'), columns, format, time)
  }

  encode(batch: Rows): Uint8Array[] {
    const arrow = this.#arrow
    const children = this.#columns.map(({ spec }) => this.#data(spec, batch.columns[spec.name]!, batch.length))
    const data = arrow.makeData({
      type: new arrow.Struct(this.#schema.fields),
      length: batch.length,
      nullCount: 0,
      children,
    })
    this.#writer.write(new arrow.RecordBatch(this.#schema, data))
    return this.#take()
  }

  /** The bytes that end the stream or file. */
  finish(): Uint8Array[] {
    this.#writer.close()
    return this.#take()
  }

  #take(): Uint8Array[] {
    return this.#bytes.splice(0)
  }

  #type(type: ColumnType): DataType {
    const arrow = this.#arrow
    if (type === 'float64') return new arrow.Float64()
    if (type === 'flags') return new arrow.Int32()
    if (type === 'boolean') return new arrow.Bool()
    if (type === 'time' && this.#time === undefined) return new arrow.TimestampMicrosecond('UTC')
    if (type === 'time' && this.#time === 'timestamp-ms') return new arrow.TimestampMillisecond('UTC')
    return new arrow.Int64()
  }

  #data(spec: ColumnSpec, values: Float64Array | BigInt64Array, length: number): Data {
    const { nullBitmap, nullCount } = spec.isOptional
      ? bitsOf(values, isThere)
      : { nullBitmap: undefined, nullCount: 0 }
    return this.#arrow.makeData({
      type: this.#type(spec.type),
      length,
      nullCount,
      ...(nullBitmap === undefined ? {} : { nullBitmap }),
      data: this.#values(spec.type, values, length),
    } as never)
  }

  #values(type: ColumnType, values: Float64Array | BigInt64Array, length: number): ArrayBufferView {
    if (type === 'float64' || values instanceof BigInt64Array) return values
    if (type === 'flags') return Int32Array.from(values)
    if (type === 'boolean') return bitsOf(values, (value) => value === 1).nullBitmap
    const scale = type === 'time' && this.#time !== 'ms' && this.#time !== 'timestamp-ms' ? 1000 : 1
    const whole = new BigInt64Array(length)
    for (let i = 0; i < length; i++) if (!Number.isNaN(values[i])) whole[i] = BigInt(Math.round(values[i]! * scale))
    return whole
  }
}

/** What a record lacks is NaN in memory, and -1 in a column of ids. */
function isThere(value: number | bigint): boolean {
  return typeof value === 'bigint' ? value !== -1n : !Number.isNaN(value)
}

/** A bit per row, the first in the lowest, and how many are not set. */
function bitsOf(
  values: Float64Array | BigInt64Array,
  isSet: (value: number | bigint) => boolean,
): { nullBitmap: Uint8Array; nullCount: number } {
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8))
  let nullCount = 0
  for (let row = 0; row < values.length; row++) {
    if (isSet(values[row]!)) nullBitmap[row >> 3]! |= 1 << (row & 7)
    else nullCount++
  }
  return { nullBitmap, nullCount }
}
