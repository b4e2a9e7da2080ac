import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Table } from 'apache-arrow'
import { ConfigError, InvalidRangeError } from '../../model/errors.ts'
import type { ColumnSpec } from '../../model/kind.ts'
import { kindOf, selectColumns } from '../../model/kinds.ts'
import type { LiveRecord } from '../../model/live/index.ts'
import type { SeriesId } from '../../model/series.ts'
import { parseInclusiveEnd, parseTime, type TimeRange } from '../../model/time.ts'
import { type EventBatch, EventColumns } from '../../store/lake/event-columns.ts'
import { DataSourceManager, type DataSourceManagerOptions } from '../data-source-manager.ts'
import type { Collector } from './collector.ts'
import type { HistoryRequest } from './feed.ts'

/** The past for a service: candles by the `DataSourceManager`, events from the lake. */
export class ServiceHistory implements AsyncDisposable {
  readonly #options: Omit<DataSourceManagerOptions, 'dataDir'> & { readonly dataDir?: string }
  #manager: DataSourceManager | undefined

  constructor(options: Omit<DataSourceManagerOptions, 'dataDir'> & { readonly dataDir?: string }) {
    this.#options = options
  }

  get #data(): DataSourceManager {
    // Without a lake all comes straight from REST or the archive, and the folder never comes into being.
    const dataDir = this.#options.dataDir ?? join(tmpdir(), `ticklake-${randomUUID()}`)
    this.#manager ??= new DataSourceManager({ ...this.#options, dataDir })
    return this.#manager
  }

  candles(request: HistoryRequest): Promise<Table> {
    const { interval, source } = request
    if (interval === undefined) throw new InvalidRangeError('interval is missing: candles need one, e.g. 1m.')
    const hasLake = this.#options.dataDir !== undefined
    if (!hasLake && source === 'lake') throw new ConfigError('There is no lake: give the service a dataDir.')
    const from = hasLake || (source !== undefined && source !== 'auto') ? source : 'rest'
    return this.#data.getData({ ...request, interval, ...(from === undefined ? {} : { source: from }) })
  }

  /** Rows of a kind of events. Without a lake only trades and aggregate trades have a past: REST's. */
  async events(series: SeriesId, request: HistoryRequest, collector: Collector): Promise<Table> {
    const { signal, transforms = [] } = request
    if (transforms.length > 0) {
      throw new ConfigError(`transforms are for candles here; feed.transformed has them for ${series.kind} records.`)
    }
    const range = rangeOf(request)
    const kind = kindOf(series.kind)
    const columns = selectColumns(kind, request.columns)
    if (collector.lake) {
      await collector.flush()
      const batches: EventBatch[] = []
      const names = columns.map((spec) => spec.name)
      const query = { ...range, columns: names, ...(signal ? { signal } : {}) }
      for await (const batch of collector.lake.readEvents(series, query)) batches.push(batch)
      const coverage = await collector.lake.coverage(series)
      const gaps = (coverage?.gaps ?? []).filter((gap) => gap.from < range.to && gap.to > range.from)
      const table = await eventsToTable(columns, batches)
      table.schema.metadata.set('ticklake.gaps', JSON.stringify(gaps))
      return table
    }
    const { repair } = collector.client
    const { market, symbol } = series
    if ((series.kind !== 'trade' && series.kind !== 'aggTrade') || !repair) {
      throw new ConfigError(`${series.kind} records are not stored: give the service a dataDir to keep them in.`)
    }
    const held = new EventColumns(kind)
    const pages = repair.recordsAt({ market, symbol, kind: series.kind, ...range, ...(signal ? { signal } : {}) })
    for await (const page of pages) for (const record of page as readonly LiveRecord[]) held.append(record)
    return eventsToTable(columns, [held.view().batch])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#manager?.close()
  }
}

function rangeOf({ startTime, endTime, from, to }: HistoryRequest): TimeRange {
  if (startTime !== undefined && from !== undefined) throw new InvalidRangeError('Give startTime or from, not both.')
  if (endTime !== undefined && to !== undefined) throw new InvalidRangeError('Give endTime or to, not both.')
  const start = startTime ?? from
  if (start === undefined) throw new InvalidRangeError('The start is missing: give startTime or from.')
  const range = {
    from: parseTime(start, startTime === undefined ? 'from' : 'startTime'),
    to:
      endTime !== undefined
        ? parseInclusiveEnd(endTime, 'endTime')
        : to !== undefined
          ? parseTime(to, 'to')
          : Date.now() + 1,
  }
  if (range.to >= range.from) return range
  throw new InvalidRangeError(`The range ends (${range.to}) before it begins (${range.from}).`)
}

/**
 * An Arrow table of events, one record batch each: ids as Int64, times as `Timestamp(us, UTC)`, flags as Int32, all else
 * as Float64 (booleans as 0 and 1).
 */
export async function eventsToTable(columns: readonly ColumnSpec[], batches: readonly EventBatch[]): Promise<Table> {
  const arrow = await import('apache-arrow')
  const typeOf = (spec: ColumnSpec) => {
    if (spec.type === 'id') return new arrow.Int64()
    if (spec.type === 'time') return new arrow.Timestamp(arrow.TimeUnit.MICROSECOND, 'UTC')
    return spec.type === 'flags' ? new arrow.Int32() : new arrow.Float64()
  }
  const fields = columns.map((spec) => new arrow.Field(spec.name, typeOf(spec), true, new Map([['unit', spec.unit]])))
  const schema = new arrow.Schema(fields)
  const struct = new arrow.Struct(fields)
  const records = (batches.length > 0 ? batches : [{ length: 0, columns: {} }]).map(({ length, columns: values }) => {
    const children = fields.map((field, index) => {
      const spec = columns[index]!
      const column = values[spec.name]?.subarray(0, length) ?? new Float64Array(0)
      const { data, nulls, nullCount } = arrowColumn(spec, column)
      const validity = nulls === undefined ? {} : { nullBitmap: nulls }
      return arrow.makeData({ type: field.type, length, nullCount, data, ...validity } as never)
    })
    return new arrow.RecordBatch(schema, arrow.makeData({ type: struct, length, nullCount: 0, children }))
  })
  return new arrow.Table(schema, records)
}

function arrowColumn(
  spec: ColumnSpec,
  values: Float64Array | BigInt64Array,
): { data: Float64Array | BigInt64Array | Int32Array; nulls?: Uint8Array; nullCount: number } {
  if (values instanceof BigInt64Array) return { data: values, nullCount: 0 }
  if (spec.type === 'flags') return { data: Int32Array.from(values), nullCount: 0 }
  if (spec.type !== 'time') return { data: values, nullCount: 0 }
  const data = new BigInt64Array(values.length)
  const nulls = new Uint8Array(Math.ceil(values.length / 8))
  let nullCount = 0
  for (let row = 0; row < values.length; row++) {
    const value = values[row]!
    // A time that the exchange does not tell is no time at all.
    if (Number.isNaN(value)) nullCount++
    else {
      data[row] = BigInt(Math.round(value * 1000))
      nulls[row >> 3]! |= 1 << (row & 7)
    }
  }
  return { data, nulls, nullCount }
}
