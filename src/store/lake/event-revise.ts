import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Defect } from '../../model/coverage.ts'
import type { Kind } from '../../model/kind.ts'
import { RecordFlag } from '../../model/live/index.ts'
import type { TimeRange } from '../../model/time.ts'
import type { LakeFile } from './coverage-file.ts'
import { ensureLocal } from './depot/local-copies.ts'
import { connectDuck, quote, quoteName, withWriteSlot } from './duckdb.ts'
import { describeFile, nextChunkName, timeColumnsOf } from './event-chunks.ts'
import { copyOptions } from './event-parquet.ts'
import { boundsSql } from './event-read.ts'
import { MILLISECONDS, type ScannedChunk, scanEventFiles } from './event-scan.ts'
import type { StagedEvents } from './event-stage.ts'
import { removeIfThere } from './files.ts'
import { readId } from './ids.ts'
import type { Compression } from './parquet.ts'

/** Rows of a source that was published anew, against those that are stored. */
export interface Revision {
  readonly folder: string
  readonly kind: Kind
  readonly compression: Compression
  /** Files that wait for their commit, with the rows as they are published now. */
  readonly renewed: readonly string[]
  /** Columns that the source tells, the id left out. */
  readonly columns: readonly string[]
  /** Path of the source, for the record. */
  readonly where: string
  /**
   * Of kinds whose ids are not counted: where the source tells all there is. Rows that it no longer has, though it was the
   * archive that had them, go.
   */
  readonly whole?: readonly TimeRange[]
}

/** What became of one stored file. */
export interface RevisedFile {
  readonly file: LakeFile
  /** Name of the file that it takes the place of. */
  readonly former: string
  /** Temporary name of what takes its place. */
  readonly temp: string
  /** Rows that say something else now, or that are gone. */
  readonly changed: number
  /** The former values of the first of them. */
  readonly defects: readonly Defect[]
}

/** Former values that one source puts on record; more are counted only. */
const MAX_REVISIONS = 200

/** The stored files that say something else than what is staged, as they become. */
export async function reviseFiles(
  files: readonly LakeFile[],
  staged: readonly StagedEvents[],
  parts: Omit<Revision, 'renewed'>,
  tempName: (file: LakeFile) => string,
): Promise<RevisedFile[]> {
  const revised: RevisedFile[] = []
  let left = MAX_REVISIONS
  const { whole = [] } = parts
  const touched = files.filter(
    (file) =>
      staged.some((other) => overlaps(other.file, file)) ||
      whole.some(({ from, to }) => file.last >= from && file.first < to),
  )
  await ensureLocal(parts.folder, touched)
  for (const file of touched) {
    const renewed = staged.filter((other) => overlaps(other.file, file)).map(({ temp }) => temp)
    // What was archived elsewhere keeps its name for as long as anybody may have it.
    const names = [...files.map(({ name }) => name), ...revised.map((one) => one.file.name)]
    const name = file.depot === undefined ? file.name : nextChunkName(file.period, names)
    const one = await reviseFile(file, name, { ...parts, renewed }, () => tempName(file), left)
    if (!one) continue
    left -= one.defects.length
    revised.push(one)
  }
  return revised
}

/** Rows that are staged, as numbers: the id and what the source tells. */
export function scanStaged(
  folder: string,
  kind: Kind,
  staged: readonly StagedEvents[],
  columns: readonly string[],
): AsyncGenerator<ScannedChunk, void, void> {
  const specs = kind.columns.filter(({ name }) => name === kind.sortKey || name === 'flags' || columns.includes(name))
  const values = specs.map(({ name, type }) => [
    name,
    type === 'time' ? MILLISECONDS(name) : `${quoteName(name)}::DOUBLE`,
  ])
  const files = staged.map(({ file, temp }) => ({ ...file, name: temp }))
  const query = { values: Object.fromEntries(values), columns: specs }
  return scanEventFiles(folder, kind, files, { ...query, from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY })
}

/**
 * What is staged, without the rows that are stored: those of which the keys tell that. Temporary files that were taken
 * apart are removed with the stage.
 */
export async function withoutStored(
  files: readonly LakeFile[],
  staged: readonly StagedEvents[],
  { folder, kind, compression }: Pick<Revision, 'folder' | 'kind' | 'compression'>,
  tempName: (file: LakeFile) => string,
): Promise<StagedEvents[]> {
  const keys = [kind.sortKey, ...(kind.rowKey ?? [])].map(quoteName).join(', ')
  const left: StagedEvents[] = []
  for (const { file, temp } of staged) {
    const stored = files.filter((other) => overlaps(other, file)).map(({ name }) => quote(join(folder, name)))
    if (stored.length === 0) {
      left.push({ file, temp })
      continue
    }
    const name = tempName(file)
    using connection = await connectDuck()
    const rows = `SELECT * FROM read_parquet(${quote(join(folder, temp))}) ANTI JOIN (SELECT ${keys} FROM read_parquet([${stored.join(', ')}])) USING (${keys}) ORDER BY ${keys}`
    const options = copyOptions(kind, compression, 'chunk', file.rows)
    await withWriteSlot(() => connection.run(`COPY (${rows}) TO ${quote(join(folder, name))} ${options}`))
    const described = await describeRows(connection, folder, name, kind, { ...file, name })
    if (described.rows > 0) left.push({ file: described, temp: name })
    else await removeIfThere(join(folder, name))
  }
  return left
}

function overlaps(a: LakeFile, b: LakeFile): boolean {
  return readId(a.firstKey ?? 0) <= readId(b.lastKey ?? 0) && readId(a.lastKey ?? 0) >= readId(b.firstKey ?? 0)
}

/** Bits of rows that no archive file has told. */
const ELSEWHERE = RecordFlag.rest | RecordFlag.stream | RecordFlag.user

/**
 * Writes a stored file again with the values that are published now: rows that say something else get those, flagged
 * `revised`; what the source does not tell (when a record was received) stays. Undefined when nothing changed. A file
 * without a row is one whose rows are all gone.
 */
async function reviseFile(
  file: LakeFile,
  name: string,
  revision: Revision,
  tempName: () => string,
  mostDefects: number,
): Promise<RevisedFile | undefined> {
  const { folder, kind, compression, renewed, columns, where, whole } = revision
  const keys = [kind.sortKey, ...(kind.rowKey ?? [])]
  const key = quoteName(kind.sortKey)
  const instants = timeColumnsOf(kind)
  const instant = (side: string): string =>
    `coalesce(${instants.map((name) => `${side}.${quoteName(name)}`).join(', ')})`
  const typeOf = (name: string): string | undefined => kind.columns.find((spec) => spec.name === name)?.type
  const text = (side: string, name: string): string =>
    // Streams tell milliseconds where archives tell microseconds: that is no other time.
    typeOf(name) === 'time' ? `epoch_ms(${side}.${quoteName(name)})` : `${side}.${quoteName(name)}`
  const told = columns.filter((name) => !keys.includes(name))
  // What only says how a source puts it is no value.
  const values = told.filter((name) => kind.columns.find((spec) => spec.name === name)?.isDefault !== false)
  const differs = values.map((name) => `${text('s', name)} IS DISTINCT FROM ${text('n', name)}`).join(' OR ') || 'false'
  const inside = whole?.map(({ from, to }) => boundsSql(kind, from, to)).join(' OR ') || 'false'
  const stored = `(SELECT *, (${inside}) AND (flags & ${ELSEWHERE}) = 0 AS told FROM read_parquet(${quote(join(folder, file.name))}))`
  const source =
    renewed.length > 0
      ? `read_parquet([${renewed.map((name) => quote(join(folder, name))).join(', ')}])`
      : `(SELECT * FROM read_parquet(${quote(join(folder, file.name))}) LIMIT 0)`
  const pairs = `FROM ${stored} s LEFT JOIN ${source} n ON ${keys.map((name) => `s.${quoteName(name)} = n.${quoteName(name)}`).join(' AND ')}`
  const isGone = `(n.${key} IS NULL AND s.told)`
  const isNew = `(n.${key} IS NOT NULL AND (${differs}))`
  using connection = await connectDuck()
  const counted = await connection.runAndReadAll(
    `SELECT (count(*) FILTER (${isGone}))::DOUBLE, (count(*) FILTER (${isNew}))::DOUBLE ${pairs}`,
  )
  const [gone, renewedRows] = (counted.getRows()[0] ?? []).map(Number) as [number, number]
  if (gone + renewedRows === 0) return undefined
  const named = [...(kind.rowKey ?? []), ...values]
  const shown = named.flatMap((name) => [`${text('s', name)}::VARCHAR`, `${text('n', name)}::VARCHAR`])
  const first = await connection.runAndReadAll(
    `SELECT s.${key}::VARCHAR, epoch_us(${instant('s')})::DOUBLE / 1000, ${isGone}, ${shown.join(', ')} ${pairs} WHERE ${isGone} OR ${isNew} ORDER BY s.${key} LIMIT ${mostDefects}`,
  )
  const defects = first.getRows().map(([id, at, wasLost, ...cells]): Defect => {
    const parts = named.flatMap((name, index) => {
      const [before, now] = [cells[2 * index], cells[2 * index + 1]]
      if (wasLost === true || kind.rowKey?.includes(name)) return [`${name} ${before}`]
      return before === now ? [] : [`${name}: stored ${before}, now ${now}`]
    })
    const which = typeOf(kind.sortKey) === 'id' ? `id ${id}: ` : ''
    const detail = `${which}${wasLost === true ? 'no longer published: ' : ''}${parts.join('; ')}`
    return { time: Number(at), type: 'difference', where, detail, kept: 'archive' }
  })
  const temp = tempName()
  const path = join(folder, temp)
  // A row stays in its file: one that moved to another day keeps its time.
  const value = (name: string): string =>
    instants.includes(name)
      ? `${isNew} AND s.${quoteName(name)}::DATE IS NOT DISTINCT FROM n.${quoteName(name)}::DATE`
      : isNew
  const replaced = told.map((name) => {
    const column = quoteName(name)
    return `CASE WHEN ${value(name)} THEN n.${column} ELSE s.${column} END AS ${column}`
  })
  const flags = `(CASE WHEN ${isNew} THEN s.flags | ${RecordFlag.revised} ELSE s.flags END)::INTEGER AS flags`
  const order = keys.map((name) => `s.${quoteName(name)}`).join(', ')
  const rows = `SELECT s.* EXCLUDE (told) REPLACE (${[...replaced, flags].join(', ')}) ${pairs} WHERE NOT ${isGone} ORDER BY ${order}`
  const options = copyOptions(kind, compression, file.compacted ? 'day' : 'chunk', file.rows)
  await withWriteSlot(() => connection.run(`COPY (${rows}) TO ${quote(path)} ${options}`))
  const described = await describeRows(connection, folder, temp, kind, { ...file, name })
  return { file: described, former: file.name, temp, changed: gone + renewedRows, defects }
}

/** The description of a file by its rows, under the name, and for the period, of another one. */
async function describeRows(
  connection: DuckDBConnection,
  folder: string,
  temp: string,
  kind: Kind,
  { name, period, compacted }: LakeFile,
): Promise<LakeFile> {
  const instant = `coalesce(${timeColumnsOf(kind).map(quoteName).join(', ')})`
  const isTime = kind.columns.find((spec) => spec.name === kind.sortKey)?.type === 'time'
  const key = isTime ? `epoch_ms(${quoteName(kind.sortKey)})` : quoteName(kind.sortKey)
  const ends = await connection.runAndReadAll(
    `SELECT count(*)::DOUBLE, epoch_us(min(${instant}))::DOUBLE / 1000, epoch_us(max(${instant}))::DOUBLE / 1000, min(${key})::VARCHAR, max(${key})::VARCHAR FROM read_parquet(${quote(join(folder, temp))})`,
  )
  const [rows, first, last, lowest, highest] = ends.getRows()[0]!
  return describeFile(folder, temp, name, {
    ...{ day: period, rows: Number(rows), records: Number(rows), first: Number(first), last: Number(last) },
    ...{ firstKey: readId(String(lowest ?? 0)), lastKey: readId(String(highest ?? 0)) },
    ...(compacted ? { compacted: true } : {}),
  })
}
