import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { ParseError } from '../../model/errors.ts'
import { readFeather } from './feather.ts'
import { PlainCandles } from './plain-candles.ts'
import type { ImportTarget, OnBatch, ReadFacts } from './types.ts'

const COLUMNS = ['date', 'open', 'high', 'low', 'close', 'volume'] as const
/** A file is read whole; ten years of 1m candles are 250 MB unpacked. */
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
  const values = new Float64Array(COLUMNS.length)
  let row = 0
  for (const columns of readFeather(bytes, COLUMNS, path)) {
    for (let index = 0; index < columns[0]!.length; index++) {
      columns.forEach((column, n) => {
        values[n] = column[index]!
      })
      candles.add(values, ++row)
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
