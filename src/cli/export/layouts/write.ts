import { basename, join } from 'node:path'
import { kindOf } from '../../../model/kinds.ts'
import type { SeriesId } from '../../../model/series.ts'
import { DAY, floorDay, floorMonth, nextMonth, type TimeRange } from '../../../model/time.ts'
import type { Lake } from '../../../store/lake/lake.ts'
import { GzipSink, HashingSink, ZipSink } from '../packed-sink.ts'
import { type Rows, sliceRows } from '../rows.ts'
import { FileSink, type Sink } from '../sink.ts'
import { bookRows } from './book-rows.ts'
import type { ExportLayout, LayoutPeriod } from './layout.ts'

/** Rows turned into text at a time: about a megabyte. */
const TEXT_ROWS = 8192

export interface LayoutJob {
  readonly lake: Lake
  readonly series: SeriesId
  readonly layout: ExportLayout
  readonly range: TimeRange
  readonly signal: AbortSignal
}

export interface Written {
  readonly rows: number
  readonly bytes: number
}

/** Writes a range as one file, or to stdout. A name that ends in `.gz` or `.zip` is packed so. */
export async function writeLayout(job: LayoutJob, sink: Sink, name: string | undefined): Promise<Written> {
  const end = /\.(gz|zip)$/i.exec(name ?? '')?.[1]?.toLowerCase()
  const entry = basename(name ?? '').replace(/\.zip$/i, '.csv')
  const packed = end === 'gz' ? new GzipSink(sink) : end === 'zip' ? new ZipSink(sink, entry) : sink
  await using out = packed
  const rows = await writeRows(job, job.range, out)
  await out.commit()
  return { rows, bytes: sink.bytes }
}

/**
 * Writes a range into a folder as the layout divides it, each file whole or not at all, without files for periods that
 * have no rows.
 * @returns what was written, file by file.
 */
export async function* writeFolder(
  job: LayoutJob,
  folder: string,
  period: LayoutPeriod,
  typed: string,
): AsyncGenerator<Written & { readonly path: string }, void, void> {
  const { series, layout, range } = job
  for (const part of periodsOf(period, range)) {
    job.signal.throwIfAborted()
    if (!(await hasRows(job, part))) continue
    const path = join(folder, await layout.fileName(series, period, part.start, typed))
    const name = basename(path)
    await using file = await FileSink.create(path)
    await using hashing = new HashingSink(file)
    await using out: Sink =
      layout.packing === 'zip'
        ? new ZipSink(hashing, name.replace(/\.zip$/, '.csv'))
        : layout.packing === 'gzip'
          ? new GzipSink(hashing)
          : hashing
    const rows = await writeRows(job, part, out)
    await out.commit()
    yield { path, rows, bytes: file.bytes }
    if (layout.checksum === undefined) continue
    await using checksum = await FileSink.create(`${path}${layout.checksum}`)
    await checksum.write(`${hashing.sha256()}  ${name}\n`)
    await checksum.commit()
  }
}

async function writeRows(job: LayoutJob, range: TimeRange, out: Sink): Promise<number> {
  const encoder = await job.layout.encoder(job.series)
  let rows = 0
  await out.write(encoder.begin())
  for await (const batch of readRows(job, range)) {
    rows += batch.length
    for (let at = 0; at < batch.length; at += TEXT_ROWS)
      await out.write(encoder.rows(sliceRows(batch, at, Math.min(batch.length, at + TEXT_ROWS))))
  }
  await out.write(encoder.end())
  return rows
}

function readRows(job: LayoutJob, range: TimeRange): AsyncGenerator<Rows, void, void> {
  const { lake, series, layout, signal } = job
  const kind = kindOf(series.kind)
  const columns = layout.columns(kind, series)
  const wanted = { from: range.from, to: range.to, signal }
  if (kind.id === 'bookDelta') return bookRows(lake, series, wanted, columns)
  return kind.hasInterval
    ? lake.read(series, {
        ...wanted,
        columns: kind.columns.map(({ name }) => name).filter((name) => columns.includes(name)),
      })
    : lake.readEvents(series, { ...wanted, columns })
}

async function hasRows({ lake, series }: LayoutJob, range: TimeRange): Promise<boolean> {
  const files = (await lake.coverage(series))?.files ?? []
  if (!files.some((file) => file.last >= range.from && file.first < range.to)) return false
  // A file may span several periods: only its rows tell.
  const kind = kindOf(series.kind)
  const columns = [kind.timeColumn]
  const rows = kind.hasInterval
    ? lake.read(series, { ...range, columns })
    : lake.readEvents(series, { ...range, columns })
  for await (const batch of rows) if (batch.length > 0) return true
  return false
}

function* periodsOf(
  period: LayoutPeriod,
  range: TimeRange,
): Generator<TimeRange & { readonly start: number }, void, void> {
  if (period === 'whole') {
    yield { ...range, start: range.from }
    return
  }
  const floor = period === 'day' ? floorDay : floorMonth
  const next = (start: number): number => (period === 'day' ? start + DAY : nextMonth(start))
  for (let start = floor(range.from); start < range.to; start = next(start))
    yield { start, from: Math.max(start, range.from), to: Math.min(next(start), range.to) }
}
