import { crc32, deflateRawSync } from 'node:zlib'
import type { Batch } from '../../src/model/batch.ts'
import { candle } from '../../src/model/candle.ts'
import { closeTimeOf, type Interval, nextOpen } from '../../src/model/interval.ts'

/** Regular candles with made-up values that differ from row to row. */
export function makeBatch(interval: Interval, from: number, rows: number, seed = 1): Batch {
  const columns: Record<string, Float64Array> = {}
  for (const { name } of candle.columns) columns[name] = new Float64Array(rows)
  let open = from
  const grid = { interval, origin: from }
  for (let i = 0; i < rows; i++) {
    const price = 100 + ((i * 7 + seed * 13) % 50)
    columns.open_time![i] = open
    columns.open![i] = price
    columns.high![i] = price + 2
    columns.low![i] = price - 2
    columns.close![i] = price + 1
    columns.volume![i] = ((i + seed) % 97) + 0.25
    columns.close_time![i] = closeTimeOf(grid, open)
    columns.quote_volume![i] = price * 3
    columns.trades![i] = i % 1000
    columns.taker_buy_volume![i] = 0.125
    columns.taker_buy_quote_volume![i] = price / 2
    open = nextOpen(grid, open)
  }
  return { length: rows, columns }
}

/** The batch as the archive's CSV. */
export function toCsv(batch: Batch, options: { header?: boolean; micros?: boolean } = {}): string {
  const names = candle.columns.map((spec) => spec.name).filter((name) => name !== 'flags')
  const lines: string[] = []
  if (options.header) {
    lines.push(
      'open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore',
    )
  }
  for (let i = 0; i < batch.length; i++) {
    const fields = names.map((name) => {
      const value = batch.columns[name]![i]!
      if (name === 'open_time') return options.micros ? `${value}000` : String(value)
      if (name === 'close_time') return options.micros ? `${value}999` : String(value)
      return String(value)
    })
    lines.push(`${fields.join(',')},0`)
  }
  return `${lines.join('\n')}\n`
}

export interface ZipOptions {
  readonly name?: string
  /** Write the sizes behind the data (bit 3), as streaming writers do. */
  readonly sizesFollow?: boolean
  readonly stored?: boolean
  /** Further entries. */
  readonly more?: readonly string[]
}

/** A zip of one file, written by hand so that each of its parts can be wrong on purpose. */
export function makeZip(content: string | Uint8Array, options: ZipOptions = {}): Buffer {
  const parts: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  const names = [options.name ?? 'BTCUSDT-1m-2024-01.csv', ...(options.more ?? [])]
  for (const fileName of names) {
    const name = Buffer.from(fileName)
    const data = fileName.endsWith('/') ? Buffer.alloc(0) : Buffer.from(content)
    const packed = options.stored ? data : deflateRawSync(data)
    const crc = crc32(data)
    const flags = options.sizesFollow ? 8 : 0
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(20, 4)
    local.writeUInt16LE(flags, 6)
    local.writeUInt16LE(options.stored ? 0 : 8, 8)
    if (!options.sizesFollow) {
      local.writeUInt32LE(crc, 14)
      local.writeUInt32LE(packed.length, 18)
      local.writeUInt32LE(data.length, 22)
    }
    local.writeUInt16LE(name.length, 26)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x02014b50, 0)
    entry.writeUInt16LE(20, 4)
    entry.writeUInt16LE(20, 6)
    entry.writeUInt16LE(flags, 8)
    entry.writeUInt16LE(options.stored ? 0 : 8, 10)
    entry.writeUInt32LE(crc, 16)
    entry.writeUInt32LE(packed.length, 20)
    entry.writeUInt32LE(data.length, 24)
    entry.writeUInt16LE(name.length, 28)
    entry.writeUInt32LE(offset, 42)
    central.push(entry, name)
    const written = [local, name, packed]
    if (options.sizesFollow) {
      const descriptor = Buffer.alloc(16)
      descriptor.writeUInt32LE(0x08074b50, 0)
      descriptor.writeUInt32LE(crc, 4)
      descriptor.writeUInt32LE(packed.length, 8)
      descriptor.writeUInt32LE(data.length, 12)
      written.push(descriptor)
    }
    parts.push(...written)
    offset += written.reduce((sum, part) => sum + part.length, 0)
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(names.length, 8)
  end.writeUInt16LE(names.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, directory, end])
}
