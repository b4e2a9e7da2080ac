import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/** A table of text values by column. */
export type Columns = Record<string, Float64Array>

/** Reads a CSV with a header row; what is not a number is NaN. */
export function readCsv(path: string): Columns {
  const [header, ...lines] = readFileSync(path, 'utf8').trim().split('\n')
  const rows = lines.map((line) => line.trim().split(','))
  return Object.fromEntries(
    header!
      .trim()
      .split(',')
      .map((name, k) => [name, Float64Array.from(rows, (row) => (row[k] ? Number(row[k]) : Number.NaN))]),
  )
}

/** The rows of a Stock.Indicators result file as columns; null is NaN, true 1 and false 0. */
export function readResults(folder: string, name: string): Columns {
  const bytes = readFileSync(join(folder, 'indicators', 'stock-indicators', `${name}.standard.json.gz`))
  const rows = JSON.parse(gunzipSync(bytes).toString()) as Record<string, unknown>[]
  const keys = Object.keys(rows[0]!).filter((key) => key !== 'timestamp')
  return Object.fromEntries(
    keys.map((key) => [
      key,
      Float64Array.from(rows, (row) => (row[key] === null || row[key] === undefined ? Number.NaN : Number(row[key]))),
    ]),
  )
}

/** One block of Tulip's own test input. */
export interface TulipCase {
  readonly name: string
  readonly options: readonly number[]
  /** Inputs, then outputs. */
  readonly arrays: readonly Float64Array[]
}

export function readTulip(folder: string): TulipCase[] {
  const text = readFileSync(join(folder, 'indicators', 'tulip', 'untest.txt'), 'utf8')
  return text
    .split(/\n\s*\n/)
    .map((block) => block.split('\n').filter((line) => line !== '' && !line.startsWith('#')))
    .filter((lines) => lines.length > 1)
    .map(([head, ...arrays]) => {
      const [name, ...options] = head!.trim().split(/\s+/)
      return {
        name: name!,
        options: options.map(Number),
        arrays: arrays.map((line) => Float64Array.from(line.slice(1, -1).split(',').filter(Boolean), Number)),
      }
    })
}

/** Where two series differ by more than a bound, relative to expected values above 1; empty where they are equal. */
export function differences(
  actual: Float64Array,
  expected: Float64Array,
  bound = 1e-9,
  measure: 'relative' | 'absolute' = 'relative',
): string[] {
  if (actual.length !== expected.length) return [`${actual.length} values instead of ${expected.length}`]
  const found: string[] = []
  for (let i = 0; i < actual.length && found.length < 5; i++) {
    const [a, e] = [actual[i]!, expected[i]!]
    const same = Number.isNaN(e)
      ? Number.isNaN(a)
      : Math.abs(a - e) <= bound * (measure === 'absolute' ? 1 : Math.max(1, Math.abs(e)))
    if (!same) found.push(`row ${i}: ${a} instead of ${e}`)
  }
  return found
}
