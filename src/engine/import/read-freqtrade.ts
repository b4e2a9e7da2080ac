import { ParseError } from '../../model/errors.ts'
import { hashFile } from '../../store/lake/files.ts'
import { Feather } from './feather.ts'
import { FileBytes } from './file-bytes.ts'
import { PlainCandles } from './plain-candles.ts'
import type { ImportTarget, OnBatch, ReadFacts } from './types.ts'

const COLUMNS = ['date', 'open', 'high', 'low', 'close', 'volume'] as const

/**
 * Reads a table of candles in Feather, as freqtrade keeps them: date, open, high, low, close, volume, packed with LZ4 or
 * not at all; block by block.
 * @throws ParseError for any other table.
 */
export async function readFreqtrade(
  target: ImportTarget,
  onBatch: OnBatch,
  { until, signal }: { readonly until: number; readonly signal: AbortSignal | undefined },
): Promise<ReadFacts> {
  const { path } = target
  await using bytes = await FileBytes.open(path, signal)
  const feather = await Feather.open(bytes, path)
  const lacking = COLUMNS.filter((name) => !feather.names.includes(name))
  if (lacking.length > 0)
    throw new ParseError(path, `lacks ${lacking.join(', ')}; a table of candles has ${COLUMNS.join(', ')}`)
  const candles = new PlainCandles(target, until, onBatch)
  const values = new Float64Array(COLUMNS.length)
  let row = 0
  for await (const columns of feather.read(COLUMNS.map((name) => ({ name })))) {
    for (let index = 0; index < columns[0]!.length; index++) {
      columns.forEach((column, n) => {
        values[n] = column[index] as number
      })
      candles.add(values, ++row)
      if (candles.isFull) await candles.flush()
    }
  }
  await candles.flush()
  const { defects, count } = candles.defects
  return {
    sha256: await hashFile(path, signal),
    rows: candles.rows,
    inexactValues: 0,
    defects,
    defectCount: count,
    notes: candles.notes,
  }
}
