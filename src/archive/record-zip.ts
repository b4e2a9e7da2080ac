import type { ArchiveField, PeriodLabels } from '../exchanges/exchange.ts'
import type { Batch } from '../model/batch.ts'
import type { TimeRange } from '../model/time.ts'
import { PeriodRows } from './period-rows.ts'
import { RecordCsvParser, type RecordRows } from './record-csv.ts'
import { DefectList, type FileContent, type ReaderOptions, ZipReader } from './zip-reader.ts'

/** What one archive file of events is expected to hold. */
export interface RecordFileSpec extends TimeRange {
  /** Path in the archive, for messages. */
  readonly path: string
  /** The file is the CSV itself, in no zip. */
  readonly isPlain?: boolean
  readonly fields: readonly ArchiveField[]
  readonly timeColumn: string
  /** The times are labels of periods: rows get the periods' starts, and the labels stand in `label_time`. */
  readonly labels?: PeriodLabels
}

/** Reads one zipped CSV of events. Batches hold the columns that the file has, in the file's order. */
export class RecordZipReader extends ZipReader {
  /** @param options `hashes: false` leaves `sha256` empty, for a caller that hashes the bytes elsewhere. */
  constructor(
    spec: RecordFileSpec,
    onBatch: (batch: Batch) => void | Promise<void>,
    options: ReaderOptions & { readonly blockRows?: number } = {},
  ) {
    super(spec.path, new RecordContent(spec, options.blockRows), onBatch, options)
  }
}

class RecordContent implements FileContent {
  readonly #csv: RecordCsvParser
  readonly #blocks: RecordRows[] = []
  readonly #list = new DefectList()
  /** Rows whose times are not known before the last of them was read. */
  readonly #periods: PeriodRows | undefined
  readonly #path: string

  constructor(spec: RecordFileSpec, blockRows: number | undefined) {
    this.#path = spec.path
    this.#periods = spec.labels && new PeriodRows(spec, spec.labels)
    this.#csv = new RecordCsvParser({
      fields: spec.fields,
      timeColumn: spec.timeColumn,
      range: this.#periods?.reach ?? spec,
      ...(blockRows === undefined ? {} : { blockRows }),
      onRows: (rows) => (this.#periods ?? this.#blocks).push(rows),
      onBadRow: ({ line, reason, text, time }) =>
        this.#list.add({
          ...(time === undefined ? {} : { time }),
          type: 'bad-row',
          where: `${spec.path}:${line}`,
          detail: `${reason}: ${text}`,
          kept: 'none',
        }),
    })
  }

  push(bytes: Uint8Array): void {
    this.#csv.push(bytes)
  }

  finish(): void {
    this.#csv.finish()
    const { blanks } = this.#csv
    if (blanks.size > 0) {
      const detail = `blank cells: ${[...blanks].map(([name, count]) => `${name} ${count}`).join(', ')}`
      this.#list.add({ type: 'suspect', where: this.#path, detail, kept: 'archive' })
    }
    if (!this.#periods) return
    const { blocks, defects } = this.#periods.finish()
    this.#blocks.push(...blocks)
    for (const defect of defects) this.#list.add(defect)
  }

  take(): Batch | undefined {
    const rows = this.#blocks.shift()
    if (!rows) return undefined
    const columns: Record<string, Float64Array> = {}
    // Handed over whole: most blocks are full, and a view's buffer would go along all the same.
    for (const [name, values] of Object.entries(rows.columns))
      columns[name] = rows.length === values.length ? values : values.slice(0, rows.length)
    return { length: rows.length, columns }
  }

  reuse(memory: readonly ArrayBuffer[]): void {
    this.#csv.reuse(memory)
  }

  notes(): readonly string[] {
    return this.#periods?.notes ?? []
  }

  summary(): ReturnType<FileContent['summary']> {
    const { rowCount, inexactValues, timeUnit, hasHeader } = this.#csv
    const { defects, count } = this.#list
    return { rows: this.#periods?.rows ?? rowCount, inexactValues, timeUnit, hasHeader, defects, defectCount: count }
  }
}
