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
  const { compressionRegistry, tableFromIPC, CompressionType, DataType } = await import('apache-arrow')
  compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: (data) => unpackLz4(data, path) })
  let table: ReturnType<typeof tableFromIPC>
  try {
    table = tableFromIPC(bytes)
  } catch (cause) {
    if (cause instanceof ParseError) throw cause
    throw new ParseError(path, `is no Feather file that can be read (${(cause as Error).message})`, { cause })
  }
  const missing = COLUMNS.filter((name) => table.getChild(name) === null)
  if (missing.length > 0)
    throw new ParseError(path, `lacks ${missing.join(', ')}; a table of candles has ${COLUMNS.join(', ')}`)
  const field = table.schema.fields.find(({ name }) => name === 'date')!
  // Arrow gives instants in ms whatever their unit; whole numbers are what freqtrade writes elsewhere: ms.
  if (!DataType.isTimestamp(field.type) && !DataType.isInt(field.type))
    throw new ParseError(path, `its date is ${field.type}, no time`)
  let row = 0
  for (const batch of table.batches) {
    const columns = COLUMNS.map((name) => batch.getChild(name)!)
    for (let i = 0; i < batch.numRows; i++) {
      context.signal?.throwIfAborted()
      row++
      candles.add(
        columns.map((column) => numberOf(column.get(i))),
        row,
      )
      if (candles.isFull) await candles.flush()
    }
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

function numberOf(value: unknown): number {
  return value === null || value === undefined ? Number.NaN : Number(value)
}
