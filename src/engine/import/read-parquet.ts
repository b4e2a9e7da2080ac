import { MICROS } from '../../archive/csv-lines.ts'
import { ParseError, StorageError } from '../../model/errors.ts'
import type { ColumnSpec } from '../../model/kind.ts'
import { kindOf } from '../../model/kinds.ts'
import { connectDuck, quote, quoteName } from '../../store/lake/duckdb.ts'
import { readEventSql } from '../../store/lake/event-parquet.ts'
import { hashFile } from '../../store/lake/files.ts'
import { SQL_TYPE } from '../../store/lake/vectors.ts'
import type { TableContext } from './read-text.ts'
import { columnsOfTable, type TableColumn } from './table-columns.ts'
import { TableRows } from './table-rows.ts'
import type { ImportTarget, OnBatch, ReadFacts } from './types.ts'

const WHOLE = /^U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?$/
const DECIMAL = /^(?:DOUBLE|FLOAT|DECIMAL\(.*\))$/
const INSTANT = /^(?:TIMESTAMP|DATE)/

/**
 * Reads Parquet with the columns of a kind, as `export` and the lake itself write it. DuckDB streams it: memory is bounded.
 * @throws ParseError for a table with other columns, out of order, or with rows that are none of the series.
 */
export async function readParquetFile(
  target: ImportTarget,
  onBatch: OnBatch,
  { until, signal }: TableContext,
): Promise<ReadFacts> {
  const { path, series } = target
  const present = await parquetColumns(path)
  const { columns, others } = columnsOfTable(kindOf(series.kind), [...present.keys()], path)
  const specs = columns.map(({ spec }) => spec)
  const select = columns.map((column) => selectOf(column, present.get(column.name)!, path))
  const sql = `SELECT ${select.join(', ')} FROM read_parquet(${quote(path)})`
  const rows = new TableRows(target, specs, until, onBatch)
  try {
    for await (const batch of readEventSql(sql, specs, path, signal))
      await rows.add(batch, (row) => ({ source: path, row: rows.rows + row + 1 }))
  } catch (cause) {
    if (cause instanceof StorageError && cause.path === path)
      throw new ParseError(path, `can not be read to its end: it is damaged (${cause.message})`, { cause })
    throw cause
  }
  const notes = others.length > 0 ? [`without its columns ${others.join(', ')}`] : []
  const sha256 = await hashFile(path, signal)
  return { sha256, rows: rows.rows, inexactValues: 0, defects: [], defectCount: 0, notes }
}

/** SQL that gives a column as the lake holds it. @throws ParseError for one that holds something else. */
function selectOf({ name, spec }: TableColumn, type: string, path: string): string {
  const column = quoteName(name)
  const wanted = `${column}::${SQL_TYPE[spec.type]}`
  const as = ` AS ${quoteName(spec.name)}`
  if (isReadAs(spec, type)) return wanted + as
  if (spec.type === 'time' && (WHOLE.test(type) || DECIMAL.test(type)))
    return `make_timestamptz(round(CASE WHEN abs(${column}) >= ${MICROS} THEN ${column} ELSE ${column} * 1000 END)::BIGINT)${as}`
  throw new ParseError(path, `has ${name} as ${type}, not as ${spec.type === 'time' ? 'timestamps' : spec.type}`)
}

function isReadAs({ type: wanted }: ColumnSpec, type: string): boolean {
  if (wanted === 'time') return INSTANT.test(type)
  if (wanted === 'boolean') return type === 'BOOLEAN' || WHOLE.test(type)
  return WHOLE.test(type) || (wanted === 'float64' && DECIMAL.test(type))
}

/** Names and types of the columns of a Parquet file. @throws ParseError for a file that is none. */
export async function parquetColumns(path: string): Promise<Map<string, string>> {
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
