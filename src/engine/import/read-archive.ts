import { createReadStream } from 'node:fs'
import type { FileSpec } from '../../archive/file-spec.ts'
import type { ParsePool } from '../../archive/parse-pool.ts'
import type { Exchange } from '../../exchanges/exchange.ts'
import { ParseError } from '../../model/errors.ts'
import { kindOf } from '../../model/kinds.ts'
import type { ImportTarget, OnBatch, ReadFacts } from './types.ts'

/** No exchange is older, and no file is from after this. */
export const ALL_TIME = { from: Date.UTC(2009, 0, 1), to: Date.UTC(2200, 0, 1) }
const PIECE = 256 * 1024

/** Reads a zip of the archive, or the CSV in it, by the same parser as a download, in a thread. */
export async function readArchive(
  target: ImportTarget,
  onBatch: OnBatch,
  context: { readonly pool: ParsePool; readonly exchange: Exchange; readonly signal: AbortSignal | undefined },
): Promise<ReadFacts> {
  const { path } = target
  const { signal } = context
  const job = context.pool.open(specOf(target, context.exchange), onBatch)
  try {
    const stream = createReadStream(path, { highWaterMark: PIECE, ...(signal ? { signal } : {}) })
    for await (const chunk of stream) await job.write(chunk as Uint8Array)
    const { sha256, rows, inexactValues, defects, defectCount, notes } = await job.end()
    return { sha256, rows, inexactValues, defects, defectCount, notes }
  } finally {
    job.abort()
  }
}

function specOf({ path, series, range = ALL_TIME }: ImportTarget, exchange: Exchange): FileSpec {
  const isPlain = !/\.zip$/i.test(path)
  if (series.interval !== undefined) return { path, isPlain, kind: series.kind, interval: series.interval, ...range }
  const fields = exchange.archive?.fields(series.market, series.kind)
  if (!fields) throw new ParseError(path, `the columns of ${series.kind} are not known`)
  return { path, isPlain, fields, timeColumn: kindOf(series.kind).timeColumn, ...range }
}
