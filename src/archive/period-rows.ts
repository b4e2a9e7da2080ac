import type { PeriodLabels } from '../exchanges/exchange.ts'
import type { Defect } from '../model/coverage.ts'
import { ParseError } from '../model/errors.ts'
import { formatTime, type TimeRange } from '../model/time.ts'
import type { RecordFileSpec } from './record-zip.ts'

interface Rows {
  length: number
  readonly columns: Record<string, Float64Array>
}

/** Rows per period, at most. */
const MAX_REPEATS = 256

/**
 * Rows that are about periods of time. Binance labels a period by its end in some files and by its start in others: which
 * it is shows only when all labels of a file are known, so its rows (a few hundred) are kept until then.
 */
export class PeriodRows {
  readonly #spec: RecordFileSpec
  readonly #labels: PeriodLabels
  readonly #blocks: Rows[] = []
  readonly #notes: string[] = []
  #read = 0
  /** Rows that lie in the file's period. */
  rows = 0

  constructor(spec: RecordFileSpec, labels: PeriodLabels) {
    this.#spec = spec
    this.#labels = labels
  }

  /** Where labels may lie: the end of the last period is that of the file. */
  get reach(): TimeRange {
    return { from: this.#spec.from, to: this.#spec.to + 1 }
  }

  get notes(): readonly string[] {
    return this.#notes
  }

  /** @throws ParseError when the file has many more rows than periods: it is none of its kind. */
  push(rows: Rows): void {
    const { path, from, to } = this.#spec
    this.#read += rows.length
    if (this.#read > (MAX_REPEATS * (to - from)) / this.#labels.periodMs)
      throw new ParseError(
        path,
        `${this.#read} rows and more in a file of ${(to - from) / this.#labels.periodMs} periods`,
      )
    this.#blocks.push(rows)
  }

  /** The rows with the periods' starts as their times. */
  finish(): { readonly blocks: readonly Rows[]; readonly defects: readonly Defect[] } {
    const { path, timeColumn, from, to } = this.#spec
    const offset = this.#offset()
    const defects: Defect[] = []
    const blocks = this.#blocks.map(({ length, columns }): Rows => {
      const labels = columns[timeColumn]!.slice(0, length)
      const starts = labels.map((label) => label - offset)
      const kept: number[] = []
      starts.forEach((start, index) => {
        if (start >= from && start < to) kept.push(index)
        else {
          const detail = `the period labelled ${formatTime(labels[index]!)} lies outside its file`
          defects.push({ time: start, type: 'bad-row', where: path, detail, kept: 'none' })
        }
      })
      const pick = (values: Float64Array): Float64Array => Float64Array.from(kept, (index) => values[index]!)
      const picked = Object.entries(columns).map(([name, values]) => [name, pick(values)] as const)
      this.rows += kept.length
      const times = { [timeColumn]: pick(starts), label_time: pick(labels) }
      return { length: kept.length, columns: { ...Object.fromEntries(picked), ...times } }
    })
    return { blocks: blocks.filter(({ length }) => length > 0), defects }
  }

  /** How far the labels lie behind the starts. */
  #offset(): number {
    const { from, to } = this.#spec
    const { periodMs, endsBefore } = this.#labels
    const has = (test: (label: number) => boolean): boolean =>
      this.#blocks.some(({ length, columns }) => columns[this.#spec.timeColumn]!.subarray(0, length).some(test))
    const byEnd = has((label) => label >= to)
    const byStart = has((label) => label < from + periodMs)
    const usual = from < endsBefore
    // A file without its first and last row, or with both, shows nothing: then its date tells.
    const isEnd = byEnd === byStart ? usual : byEnd
    if (isEnd)
      this.#notes.push(
        `its rows are labelled by the ends of their periods: ${periodMs / 60_000} minutes were taken off`,
      )
    else if (usual) this.#notes.push('its rows are labelled by the starts of their periods, unlike those of its time')
    return isEnd ? periodMs : 0
  }
}
