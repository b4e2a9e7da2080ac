import { join } from 'node:path'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import { maxId } from '../../model/live/ids.ts'
import type { RecordId } from '../../model/live/index.ts'
import type { LakeFile } from './coverage-file.ts'
import { holdLocal } from './depot/local-copies.ts'
import { quote, quoteName } from './duckdb.ts'
import { keyAt, timeColumnsOf } from './event-chunks.ts'
import type { EventBatch } from './event-columns.ts'
import { sortFiles } from './event-coverage.ts'
import { readEventSql } from './event-parquet.ts'
import { type IdSpan, readId } from './ids.ts'
import { sqlTime } from './parquet.ts'

/** Files whose sort keys do not reach into those of any other group, in order. */
export function groupOverlapping(files: readonly LakeFile[]): LakeFile[][] {
  const groups: LakeFile[][] = []
  let end: RecordId | undefined
  for (const file of sortFiles(files)) {
    const first = readId(file.firstKey ?? file.first)
    const last = readId(file.lastKey ?? file.last)
    if (end !== undefined && first <= end) groups.at(-1)!.push(file)
    else groups.push([file])
    end = end === undefined ? last : maxId(end, last)
  }
  return groups
}

/** SQL for the rows of files in the order of the sort key. A group that overlaps is sorted, a single file is in order. */
export function orderedSql(
  folder: string,
  kind: Kind,
  files: readonly LakeFile[],
  columns: readonly ColumnSpec[],
  where = '',
): string {
  const names = columns.map((spec) => quoteName(spec.name)).join(', ')
  const path = (file: LakeFile): string => quote(join(folder, file.name))
  const parts: string[] = []
  let run: string[] = []
  const endRun = (): void => {
    if (run.length > 0) parts.push(`SELECT ${names} FROM read_parquet([${run.join(', ')}])${where}`)
    run = []
  }
  for (const group of groupOverlapping(files)) {
    if (group.length === 1) {
      run.push(path(group[0]!))
      continue
    }
    endRun()
    // Rows of one record share a key and stand in one file: their order there is the exchange's.
    const rows = `read_parquet([${group.map(path).join(', ')}], file_row_number = true)`
    parts.push(
      `SELECT ${names} FROM (SELECT * FROM ${rows}${where} ORDER BY ${quoteName(kind.sortKey)}, file_row_number)`,
    )
  }
  endRun()
  return parts.join('\nUNION ALL\n')
}

/** Which rows and columns of a series of events to read. */
export interface EventQuery {
  readonly columns: readonly ColumnSpec[]
  /** Range of the kind's time column, half-open, epoch ms. */
  readonly from?: number
  readonly to?: number
  /** Rows of a batch at most. */
  readonly batchRows?: number
  readonly signal?: AbortSignal
}

/** Rows of files in the order of the sort key, in batches of bounded size. */
export async function* readEventFiles(
  folder: string,
  kind: Kind,
  files: readonly LakeFile[],
  query: EventQuery,
): AsyncGenerator<EventBatch, void, void> {
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = query
  // Each group is a question of its own: what needs no sorting is streamed, whatever follows it.
  let run: LakeFile[] = []
  const wanted = groupOverlapping(files.filter((file) => file.last >= from && file.first < to))
  for (const [index, group] of wanted.entries()) {
    const next = wanted[index + 1]
    run.push(...group)
    const isAway = run.some((file) => file.depot !== undefined)
    if (group.length === 1 && next?.length === 1 && run.length < (isAway ? MAX_AWAY_AT_ONCE : MAX_FILES_AT_ONCE))
      continue
    using _held = await holdLocal(folder, run, query.signal)
    const isInside = run.every((file) => file.first >= from && file.last < to)
    const where = isInside ? '' : ` WHERE ${boundsSql(kind, from, to)}`
    const sql = orderedSql(folder, kind, run, query.columns, where)
    yield* readEventSql(sql, query.columns, folder, query.signal, query.batchRows)
    run = []
  }
}

/** DuckDB opens the files of a question at once. */
const MAX_FILES_AT_ONCE = 64
/** A range of archived files may be larger than the disk: they are brought back a few at a time. */
const MAX_AWAY_AT_ONCE = 8

/** SQL for the rows whose instant lies in a range. */
export function boundsSql(kind: Kind, from: number, to: number): string {
  const columns = timeColumnsOf(kind).map(quoteName)
  const spec = kind.columns.find((column) => column.name === kind.timeColumn)
  // A column that every row has can be looked up in the files' statistics.
  const instant = spec?.isOptional ? `coalesce(${columns.join(', ')})` : columns[0]!
  const bounds: string[] = []
  if (Number.isFinite(from)) bounds.push(`${instant} >= ${sqlTime(from)}`)
  if (Number.isFinite(to)) bounds.push(`${instant} < ${sqlTime(to)}`)
  return bounds.length > 0 ? bounds.join(' AND ') : 'true'
}

/** The sort keys that are stored between two. */
export async function readKeys(
  folder: string,
  kind: Kind,
  files: readonly LakeFile[],
  span: IdSpan,
): Promise<Set<RecordId>> {
  const keys = new Set<RecordId>()
  const spec = kind.columns.find((column) => column.name === kind.sortKey)!
  const overlapping = files.filter(
    (file) => readId(file.firstKey ?? file.first) <= span.last && readId(file.lastKey ?? file.last) >= span.first,
  )
  if (overlapping.length === 0) return keys
  using _held = await holdLocal(folder, overlapping)
  const bound = (key: RecordId): string => (spec.type === 'time' ? sqlTime(Number(key)) : String(key))
  const name = quoteName(kind.sortKey)
  const paths = overlapping.map((file) => quote(join(folder, file.name))).join(', ')
  const sql = `SELECT DISTINCT ${name} FROM read_parquet([${paths}]) WHERE ${name} BETWEEN ${bound(span.first)} AND ${bound(span.last)}`
  for await (const batch of readEventSql(sql, [spec], folder)) {
    for (let row = 0; row < batch.length; row++) keys.add(keyAt(kind, batch, row))
  }
  return keys
}
