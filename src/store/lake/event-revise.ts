import { join } from 'node:path'
import type { Defect } from '../../model/coverage.ts'
import type { Kind } from '../../model/kind.ts'
import { RecordFlag } from '../../model/live/index.ts'
import type { LakeFile } from './coverage-file.ts'
import { connectDuck, quote, quoteName, withWriteSlot } from './duckdb.ts'
import { describeFile } from './event-chunks.ts'
import { copyOptions } from './event-parquet.ts'
import { MILLISECONDS, type ScannedChunk, scanEventFiles } from './event-scan.ts'
import type { StagedEvents } from './event-stage.ts'
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
}

/** What became of one stored file. */
export interface RevisedFile {
  readonly file: LakeFile
  /** Temporary name of what takes its place. */
  readonly temp: string
  readonly changed: number
  /** The former values of the first rows that changed. */
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
  for (const file of files) {
    const renewed = staged.filter((other) => overlaps(other.file, file)).map(({ temp }) => temp)
    const one =
      renewed.length > 0 ? await reviseFile(file, { ...parts, renewed }, () => tempName(file), left) : undefined
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

function overlaps(a: LakeFile, b: LakeFile): boolean {
  return readId(a.firstKey ?? 0) <= readId(b.lastKey ?? 0) && readId(a.lastKey ?? 0) >= readId(b.firstKey ?? 0)
}

/**
 * Writes a stored file again with the values that are published now: rows that say something else get those, flagged
 * `revised`; what the source does not tell (when a record was received) stays. Undefined when nothing changed.
 */
async function reviseFile(
  file: LakeFile,
  revision: Revision,
  tempName: () => string,
  mostDefects: number,
): Promise<RevisedFile | undefined> {
  const { folder, kind, compression, renewed, columns, where } = revision
  const key = quoteName(kind.sortKey)
  const time = quoteName(kind.timeColumn)
  const stored = `read_parquet(${quote(join(folder, file.name))})`
  const source = `read_parquet([${renewed.map((name) => quote(join(folder, name))).join(', ')}])`
  // Streams tell milliseconds where archives tell microseconds: that is no other time.
  const differs = columns
    .map((name) => {
      const of = (side: string): string =>
        name === kind.timeColumn ? `epoch_ms(${side}.${time})` : `${side}.${quoteName(name)}`
      return `${of('s')} IS DISTINCT FROM ${of('n')}`
    })
    .join(' OR ')
  using connection = await connectDuck()
  const shown = columns.flatMap((name) => {
    const text = (side: string): string =>
      name === kind.timeColumn ? `epoch_ms(${side}.${time})::VARCHAR` : `${side}.${quoteName(name)}::VARCHAR`
    return [text('s'), text('n')]
  })
  const pairs = `FROM ${stored} s JOIN ${source} n ON s.${key} = n.${key} WHERE ${differs}`
  const counted = await connection.runAndReadAll(`SELECT count(*)::DOUBLE ${pairs}`)
  const changed = Number(counted.getRows()[0]?.[0] ?? 0)
  if (changed === 0) return undefined
  const first = await connection.runAndReadAll(
    `SELECT s.${key}::VARCHAR, epoch_us(s.${time})::DOUBLE / 1000, ${shown.join(', ')} ${pairs} ORDER BY s.${key} LIMIT ${mostDefects}`,
  )
  const defects = first.getRows().map(([id, at, ...values]): Defect => {
    const parts = columns.flatMap((name, index) => {
      const [before, now] = [values[2 * index], values[2 * index + 1]]
      return before === now ? [] : [`${name}: stored ${before}, now ${now}`]
    })
    return { time: Number(at), type: 'difference', where, detail: `id ${id}: ${parts.join('; ')}`, kept: 'archive' }
  })
  const temp = tempName()
  const path = join(folder, temp)
  const isNew = `(n.${key} IS NOT NULL AND (${differs}))`
  // A row stays in its file: one that moved to another day keeps its time.
  const value = (name: string): string =>
    name === kind.timeColumn ? `${isNew} AND s.${time}::DATE = n.${time}::DATE` : isNew
  const replaced = columns.map((name) => {
    const column = quoteName(name)
    return `CASE WHEN ${value(name)} THEN n.${column} ELSE s.${column} END AS ${column}`
  })
  const flags = `(CASE WHEN ${isNew} THEN s.flags | ${RecordFlag.revised} ELSE s.flags END)::INTEGER AS flags`
  const rows = `SELECT s.* REPLACE (${[...replaced, flags].join(', ')}) FROM ${stored} s LEFT JOIN ${source} n ON s.${key} = n.${key} ORDER BY s.${key}`
  const options = copyOptions(kind, compression, file.compacted ? 'day' : 'chunk', file.rows)
  await withWriteSlot(() => connection.run(`COPY (${rows}) TO ${quote(path)} ${options}`))
  const ends = await connection.runAndReadAll(
    `SELECT epoch_us(min(${time}))::DOUBLE / 1000, epoch_us(max(${time}))::DOUBLE / 1000 FROM read_parquet(${quote(path)})`,
  )
  const [earliest, latest] = ends.getRows()[0]!
  const described = await describeFile(folder, temp, file.name, {
    ...{ day: file.period, rows: file.rows, records: file.records ?? file.rows },
    ...{ first: Number(earliest), last: Number(latest) },
    ...{ firstKey: readId(file.firstKey ?? 0), lastKey: readId(file.lastKey ?? 0) },
    ...(file.compacted ? { compacted: true } : {}),
  })
  return { file: described, temp, changed, defects }
}
