import type { Batch } from '../../model/batch.ts'
import { CandleFlag } from '../../model/candle.ts'
import { ParseError } from '../../model/errors.ts'
import { isOpenTime } from '../../model/interval.ts'
import { kindOf } from '../../model/kinds.ts'
import { connectDuck, quote } from '../../store/lake/duckdb.ts'
import { hashFile } from '../../store/lake/files.ts'
import { readParquet } from '../../store/lake/parquet.ts'
import { ALL_TIME } from './read-archive.ts'
import type { ImportTarget, OnBatch, ReadFacts } from './types.ts'

/**
 * Reads Parquet with the columns of a kind of candles, as `export` and the lake itself write it.
 * @throws ParseError for a table with other columns, or with rows that are no candles of the series.
 */
export async function readParquetFile(
  target: ImportTarget,
  onBatch: OnBatch,
  signal: AbortSignal | undefined,
): Promise<ReadFacts> {
  const { path, series } = target
  const kind = kindOf(series.kind)
  const present = await columnsOf(path)
  const needed = kind.columns.filter(({ type }) => type !== 'flags')
  const lacking = needed.filter(({ name }) => !present.has(name)).map(({ name }) => name)
  if (lacking.length > 0)
    throw new ParseError(path, `lacks the columns ${lacking.join(', ')}: only whole tables of ${kind.id} are imported`)
  const wrong = needed.filter(({ name, type }) => type === 'time' && !present.get(name)!.startsWith('TIMESTAMP'))
  if (wrong.length > 0)
    throw new ParseError(path, `has ${wrong[0]!.name} as ${present.get(wrong[0]!.name)}, not as timestamps`)
  let rows = 0
  let last = Number.NEGATIVE_INFINITY
  const { interval = '1m' } = series
  let origin: number | undefined
  for await (const batch of readParquet(kind, { paths: [path], columns: needed, ...(signal ? { signal } : {}) })) {
    for (const time of batch.columns[kind.sortKey]!) {
      rows++
      origin ??= time
      const isOpen = isOpenTime({ interval, ...(interval === '3d' ? { origin } : {}) }, time)
      if (!(time >= ALL_TIME.from && time < ALL_TIME.to) || !isOpen)
        throw new ParseError(path, `row ${rows}: no ${interval} candle opens at ${time}`)
      if (time <= last) throw new ParseError(path, `row ${rows}: ${time} does not come after ${last}`)
      last = time
    }
    await onBatch(withFlags(batch))
  }
  return { sha256: await hashFile(path, signal), rows, inexactValues: 0, defects: [], defectCount: 0, notes: [] }
}

function withFlags(batch: Batch): Batch {
  return {
    length: batch.length,
    columns: { ...batch.columns, flags: new Float64Array(batch.length).fill(CandleFlag.user) },
  }
}

/** Names and types of the columns of a Parquet file. */
async function columnsOf(path: string): Promise<Map<string, string>> {
  using connection = await connectDuck()
  try {
    const result = await connection.runAndReadAll(`DESCRIBE SELECT * FROM read_parquet(${quote(path)})`)
    return new Map(result.getRows().map((row) => [String(row[0]), String(row[1])]))
  } catch (cause) {
    throw new ParseError(path, `is no Parquet file that can be read (${(cause as Error).message.split('\n')[0]})`, {
      cause,
    })
  }
}
