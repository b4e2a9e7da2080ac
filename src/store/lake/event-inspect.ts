import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Kind } from '../../model/kind.ts'
import { kindOf } from '../../model/kinds.ts'
import { narrowId } from '../../model/live/ids.ts'
import type { LiveRecord, RecordId } from '../../model/live/index.ts'
import type { LakeFile, SeriesCoverage } from './coverage-file.ts'
import { quote } from './duckdb.ts'
import { instantsOf, keyAt } from './event-chunks.ts'
import { type EventBatch, idsOf } from './event-columns.ts'
import { hasHeldIds, idSpanOf, readHeld, unrecordedHoles } from './event-coverage.ts'
import { readEventSql } from './event-parquet.ts'
import { hashFile } from './files.ts'
import { IdRanges, storeId } from './ids.ts'
import type { FileProblem } from './inspect.ts'
import { eventPeriod } from './periods.ts'
import { RisingCheck } from './rising.ts'

/** Compares the rows of a data file of events with what the coverage says of it. Undefined when all is well. */
export async function inspectEventRows(
  path: string,
  file: LakeFile,
  coverage: SeriesCoverage,
  signal?: AbortSignal,
): Promise<FileProblem | undefined> {
  const kind = kindOf(coverage.series.kind)
  const held = coverage.ids && new IdRanges(readHeld(coverage.ids))
  const order = new RisingCheck()
  for await (const batch of readWhole(path, kind, signal)) {
    const broken = order.add(batch.columns[kind.sortKey]!)
    if (broken !== undefined) return { type: 'order', detail: `${kind.sortKey} ${broken} comes after a higher one` }
    const problem = findLacking(kind, batch) ?? (held && findUnheld(kind, batch, held))
    if (problem !== undefined) return { type: 'values', detail: problem }
    const days = instantsOf(kind, batch)
    const stray = days.findIndex((time) => !belongs(kind, time, file))
    if (stray >= 0) return { type: 'values', detail: `a row at ${days[stray]} does not belong to ${file.period}` }
  }
  if (order.rows !== file.rows)
    return { type: 'row-count', detail: `the file has ${order.rows} rows, ${file.rows} were written` }
  return undefined
}

/** Files hold microseconds: a record whose time had more digits stands in them up to half of one away. */
const ROUNDING = 0.001

function belongs(kind: Kind, time: number, { first, last, period }: LakeFile): boolean {
  if (time < first - ROUNDING || time > last + ROUNDING) return false
  return eventPeriod(kind, time).name === period || eventPeriod(kind, time - ROUNDING).name === period
}

/** What is wrong with the ids that a coverage claims: each hole between those held must be a gap on record. */
export function inspectIds(coverage: SeriesCoverage): string[] {
  return unrecordedHoles(coverage).map(
    ({ first, last }) => `ids ${storeId(first)} to ${storeId(last)} are missing and no gap says so`,
  )
}

function readWhole(path: string, kind: Kind, signal?: AbortSignal): AsyncGenerator<EventBatch, void, void> {
  const names = kind.columns.map((spec) => `"${spec.name}"`).join(', ')
  return readEventSql(`SELECT ${names} FROM read_parquet(${quote(path)})`, kind.columns, path, signal)
}

function findLacking(kind: Kind, batch: EventBatch): string | undefined {
  for (const spec of kind.columns) {
    if (spec.isOptional || spec.type === 'id') continue
    const values = batch.columns[spec.name] as Float64Array
    const row = values.findIndex((value) => Number.isNaN(value))
    if (row >= 0) return `column ${spec.name} lacks a value`
  }
  return undefined
}

function findUnheld(kind: Kind, batch: EventBatch, held: IdRanges): string | undefined {
  const ids = idsOf(batch, kind.sortKey)
  for (let row = 0; row < ids.length; row++) {
    if (row > 0 && ids[row] === ids[row - 1]) continue
    if (!held.has(narrowId(ids[row]!))) return `${kind.sortKey} ${ids[row]} is not among the held ids`
  }
  return undefined
}

/** Describes a readable data file of events anew, and adds its ids to those held. Undefined for one without rows. */
export async function describeEventFile(
  folder: string,
  name: string,
  kind: Kind,
  held: IdRanges,
): Promise<LakeFile | undefined> {
  const path = join(folder, name)
  let rows = 0
  let records = 0
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  let firstKey: RecordId | undefined
  let lastKey: RecordId | undefined
  const spans = hasHeldIds(kind)
  for await (const batch of readWhole(path, kind)) {
    const instants = instantsOf(kind, batch)
    for (let row = 0; row < batch.length; row++) {
      const key = keyAt(kind, batch, row)
      first = Math.min(first, instants[row]!)
      last = Math.max(last, instants[row]!)
      firstKey ??= key
      if (key === lastKey) continue
      records++
      lastKey = key
      const span = spans ? idSpanOf(kind, recordAt(kind, batch, row)) : undefined
      if (span) held.add(span.first, span.last, instants[row]!)
    }
    rows += batch.length
  }
  if (firstKey === undefined || lastKey === undefined) return undefined
  return {
    name,
    period: eventPeriod(kind, first).name,
    rows,
    bytes: (await stat(path)).size,
    sha256: await hashFile(path),
    first,
    last,
    firstKey: storeId(firstKey),
    lastKey: storeId(lastKey),
    records,
    ...(/^\d{4}(-\d{2}){0,2}(\.p\d+)?\.parquet$/.test(name) ? { compacted: true } : {}),
  }
}

/** The ids of a row under their names in a record: all that `idSpanOf` looks at. */
function recordAt(kind: Kind, batch: EventBatch, row: number): LiveRecord {
  const record: Record<string, unknown> = { kind: kind.id }
  for (const spec of kind.columns)
    if (spec.type === 'id') record[spec.property] = narrowId(idsOf(batch, spec.name)[row]!)
  return record as unknown as LiveRecord
}
