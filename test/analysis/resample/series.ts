import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { CandleColumns } from '../../../src/analysis/index.ts'
import { candle } from '../../../src/model/index.ts'

/** A recorded series of REST candles as columns. */
export function readSeries(folder: string, name: string): CandleColumns {
  const text = gunzipSync(readFileSync(join(folder, 'series', 'spot', `${name}.ndjson.gz`))).toString()
  const rows = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as (string | number)[])
  const names = candle.columns.map((spec) => spec.name).filter((column) => column !== 'flags')
  return {
    length: rows.length,
    columns: Object.fromEntries(names.map((column, k) => [column, Float64Array.from(rows, (row) => Number(row[k]))])),
  }
}

/** Rows `from` to `to` as views. */
export function sliceColumns({ columns }: CandleColumns, from: number, to: number): CandleColumns {
  const length = Math.max(0, to - from)
  return {
    length,
    columns: Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values.subarray(from, to)])),
  }
}
