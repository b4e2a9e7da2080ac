import { join } from 'node:path'
import type { Kind } from '../../model/kind.ts'
import type { TimeRange } from '../../model/time.ts'
import type { LakeFile } from './coverage-file.ts'
import { holdLocal } from './depot/local-copies.ts'
import { connectDuck, quote, quoteName } from './duckdb.ts'
import { storageError } from './errors.ts'
import { boundsSql } from './event-read.ts'

/** How many records of files happened in a range. Files that lie wholly inside are not opened. */
export async function countRecords(
  folder: string,
  kind: Kind,
  files: readonly LakeFile[],
  { from, to }: TimeRange,
): Promise<number> {
  const touched = files.filter((file) => file.last >= from && file.first < to)
  const isInside = (file: LakeFile): boolean => file.first >= from && file.last < to
  const whole = touched.filter(isInside).reduce((sum, file) => sum + (file.records ?? file.rows), 0)
  const partly = touched.filter((file) => !isInside(file))
  if (partly.length === 0) return whole
  using _held = await holdLocal(folder, partly)
  const paths = partly.map((file) => quote(join(folder, file.name))).join(', ')
  // A book has a row per level: rows of one key are one record.
  const what =
    kind.sortKey === kind.identity && kind.continuity.rule !== 'chained-id'
      ? '*'
      : `DISTINCT ${quoteName(kind.sortKey)}`
  const sql = `SELECT count(${what})::DOUBLE FROM read_parquet([${paths}]) WHERE ${boundsSql(kind, from, to)}`
  using connection = await connectDuck()
  try {
    const result = await connection.runAndReadAll(sql)
    return whole + Number(result.getRows()[0]?.[0])
  } catch (cause) {
    throw storageError(folder, 'the data could not be read', cause)
  }
}
