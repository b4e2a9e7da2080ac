import { createReadStream } from 'node:fs'
import type { FileSpec } from '../../archive/file-spec.ts'
import type { ParsePool } from '../../archive/parse-pool.ts'
import type { Exchange } from '../../exchanges/exchange.ts'
import { ParseError } from '../../model/errors.ts'
import { kindOf } from '../../model/kinds.ts'
import type { TimeRange } from '../../model/time.ts'
import { timeColumnsOf } from '../../store/lake/event-chunks.ts'
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
    await job.abort()
  }
}

/** The time that rows of a file may be of. */
export function reachOf({ range = ALL_TIME, slackMs = 0 }: ImportTarget): TimeRange {
  return { from: range.from - slackMs, to: range.to + slackMs }
}

function specOf(target: ImportTarget, exchange: Exchange): FileSpec {
  const { path, series, range } = target
  const { market, kind, interval } = series
  const isPlain = !/\.zip$/i.test(path)
  if (interval !== undefined) return { path, isPlain, kind, interval, ...(range ?? ALL_TIME) }
  const fields = exchange.archive?.fields(market, kind)
  if (!fields) throw new ParseError(path, `the columns of ${kind} are not known`)
  const labels = exchange.archive?.traits?.(market, kind)?.labels
  if (labels && !range) {
    const why = 'only the dates of its files tell which end of its period a row names'
    throw new ParseError(path, `holds ${kind}, and ${why}: give it the name that the archive gave it`)
  }
  // Archives may lack the kind's own time (that of receipt) and have another.
  const times = timeColumnsOf(kindOf(kind))
  const timeColumn = times.find((name) => fields.some(({ column }) => column === name)) ?? times[0]!
  return { path, isPlain, fields, timeColumn, ...reachOf(target), ...(labels ? { labels } : {}) }
}
