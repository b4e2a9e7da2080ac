import { kindOf } from '../../model/kinds.ts'
import type { EventBatch } from '../../store/lake/event-columns.ts'
import { hashFile } from '../../store/lake/files.ts'
import { Feather } from './feather.ts'
import { FileBytes } from './file-bytes.ts'
import type { TableContext } from './read-text.ts'
import { inMilliseconds } from './table-cells.ts'
import { columnsOfTable } from './table-columns.ts'
import { TableRows } from './table-rows.ts'
import type { ImportTarget, OnBatch, ReadFacts } from './types.ts'

/** Rows handed on at a time, whatever the blocks of the file are. */
const BLOCK = 65_536

/**
 * Reads an Arrow IPC file or stream with the columns of a kind, as `export` writes it, block by block.
 * @throws ParseError for a table with other columns, out of order, or a file that is damaged or cut.
 */
export async function readArrow(
  target: ImportTarget,
  onBatch: OnBatch,
  { until, signal }: TableContext,
): Promise<ReadFacts> {
  const { path, series } = target
  await using bytes = await FileBytes.open(path, signal)
  const feather = await Feather.open(bytes, path)
  const { columns, others } = columnsOfTable(kindOf(series.kind), feather.names, path)
  const specs = columns.map(({ spec }) => spec)
  const rows = new TableRows(target, specs, until, onBatch)
  for await (const block of feather.read(columns.map(({ name, spec }) => ({ name, isId: spec.type === 'id' })))) {
    const length = block[0]?.length ?? 0
    columns.forEach(({ spec }, index) => {
      const values = block[index]!
      if (spec.type !== 'time' || !(values instanceof Float64Array)) return
      for (let row = 0; row < length; row++) values[row] = inMilliseconds(values[row]!)
    })
    for (let at = 0; at < length; at += BLOCK) {
      signal?.throwIfAborted()
      const end = Math.min(length, at + BLOCK)
      const part = columns.map(({ spec }, index) => [spec.name, block[index]!.subarray(at, end)] as const)
      const batch: EventBatch = { length: end - at, columns: Object.fromEntries(part) }
      await rows.add(batch, (row) => ({ source: path, row: rows.rows + row + 1 }))
    }
  }
  const notes = others.length > 0 ? [`without its columns ${others.join(', ')}`] : []
  const sha256 = await hashFile(path, signal)
  return { sha256, rows: rows.rows, inexactValues: 0, defects: [], defectCount: 0, notes }
}

/** The names of the columns of an Arrow IPC file. @throws ParseError for a file that is none. */
export async function arrowColumns(path: string): Promise<readonly string[]> {
  await using bytes = await FileBytes.open(path)
  return (await Feather.open(bytes, path)).names
}
