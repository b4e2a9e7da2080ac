import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { ParseError } from '../../model/errors.ts'
import { unpackLz4 } from './lz4.ts'
import { PlainCandles } from './plain-candles.ts'
import type { ImportTarget, OnBatch, ReadFacts } from './types.ts'

const COLUMNS = ['date', 'open', 'high', 'low', 'close', 'volume'] as const
/** Arrow's reader takes a file whole; ten years of 1m candles are 250 MB unpacked. */
const MAX_BYTES = 2 ** 30

/**
 * Reads a table of candles in Feather, as freqtrade keeps them: date, open, high, low, close, volume, packed with LZ4 or
 * not at all.
 * @throws ParseError for any other table.
 */
export async function readFreqtrade(
  target: ImportTarget,
  onBatch: OnBatch,
  context: { readonly until: number; readonly signal: AbortSignal | undefined },
): Promise<ReadFacts> {
  const { path } = target
  const { size } = await stat(path)
  if (size > MAX_BYTES) throw new ParseError(path, `has ${size} bytes; a Feather file of up to ${MAX_BYTES} is read`)
  const bytes = await readFile(path, context.signal ? { signal: context.signal } : {})
  const candles = new PlainCandles(target, context.until, onBatch)
  const columns = await readColumns(path, bytes)
  const values = new Float64Array(columns.length)
  for (let row = 0; row < columns[0]!.length; row++) {
    columns.forEach((column, index) => {
      values[index] = column[row]!
    })
    candles.add(values, row + 1)
    if (candles.isFull) await candles.flush()
  }
  await candles.flush()
  const { defects, count } = candles.defects
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    rows: candles.rows,
    inexactValues: 0,
    defects,
    defectCount: count,
    notes: candles.notes,
  }
}

/** The columns of a table, as they are named above. @throws ParseError for anything that is no such table. */
async function readColumns(path: string, bytes: Uint8Array): Promise<Float64Array[]> {
  const { compressionRegistry, tableFromIPC, CompressionType, DataType } = await import('apache-arrow')
  compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: (data) => unpackLz4(data, path) })
  try {
    const table = tableFromIPC(bytes)
    const missing = COLUMNS.filter((name) => table.getChild(name) === null)
    if (missing.length > 0)
      throw new ParseError(path, `lacks ${missing.join(', ')}; a table of candles has ${COLUMNS.join(', ')}`)
    const { type } = table.schema.fields.find(({ name }) => name === 'date')!
    // Arrow gives instants in ms whatever their unit; whole numbers are ms too, as older versions wrote them.
    if (!DataType.isTimestamp(type) && !DataType.isInt(type))
      throw new ParseError(path, `its date is ${type}, which is no time`)
    // A row is 48 bytes, and LZ4 packs no better than 255 to 1: a table that claims more would be read for ever.
    if (!(table.numRows <= (bytes.length * 255) / 48))
      throw new ParseError(path, `claims ${table.numRows} rows in ${bytes.length} bytes`)
    return COLUMNS.map((name) => {
      const column = table.getChild(name)!
      return Float64Array.from({ length: table.numRows }, (_, row) => numberOf(column.get(row)))
    })
  } catch (cause) {
    if (cause instanceof ParseError) throw cause
    // What its reader meets in damaged bytes has many names.
    throw new ParseError(path, `is no Feather file that can be read (${(cause as Error).message})`, { cause })
  }
}

function numberOf(value: unknown): number {
  return value === null || value === undefined ? Number.NaN : Number(value)
}
