import { DefectList } from '../../archive/zip-reader.ts'
import { ParseError } from '../../model/errors.ts'
import { kindOf } from '../../model/kinds.ts'
import { type Cell, CellBlock } from './table-cells.ts'
import { columnsOfTable, type TableColumn } from './table-columns.ts'
import { TableRows } from './table-rows.ts'
import { TextFile } from './text-lines.ts'
import type { ImportTarget, OnBatch, ReadFacts } from './types.ts'

/** Characters of a row: the widest kind has some twenty columns, and JSON writes their names. */
const LONGEST_ROW = 65_536

export interface TableContext {
  /** When the file was written: candles that close after it were still open. */
  readonly until: number
  readonly signal: AbortSignal | undefined
  /** Of CSV without a line of names: the columns in their order. */
  readonly columns?: readonly string[] | undefined
}

/**
 * Reads CSV with the columns of a kind, as `export` writes it, packed with gzip where its name ends so.
 * @throws ParseError for a table that lacks columns, is out of order, or cannot be unpacked.
 */
export function readCsv(target: ImportTarget, onBatch: OnBatch, context: TableContext): Promise<ReadFacts> {
  return readText(target, onBatch, context, new CsvForm(context.columns))
}

/**
 * Reads JSON lines, an object with the columns of a kind each, as `export` writes them. The first one tells the columns.
 * @throws ParseError as `readCsv`.
 */
export function readJsonl(target: ImportTarget, onBatch: OnBatch, context: TableContext): Promise<ReadFacts> {
  return readText(target, onBatch, context, new JsonForm())
}

/** How a line holds a row. */
interface LineForm {
  /** The names that the first line tells, and whether it is a row besides. */
  names(line: string): { readonly names: readonly string[]; readonly isRow: boolean } | undefined
  /** The cells of the columns in a line; text says what is wrong with it. */
  cells(line: string): readonly Cell[] | string
  /** Tells the columns that cells are wanted of. */
  want(columns: readonly TableColumn[], names: readonly string[]): void
  /** Whether a row shows that it is whole without the end of its line. */
  readonly isClosed: boolean
}

class CsvForm implements LineForm {
  readonly isClosed = false
  readonly #given: readonly string[] | undefined
  #order: readonly number[] = []
  #fields = 0

  constructor(given: readonly string[] | undefined) {
    this.#given = given
  }

  names(line: string): { readonly names: readonly string[]; readonly isRow: boolean } {
    const fields = csvFields(line)
    if (this.#given === undefined) return { names: fields, isRow: false }
    // Said beside a line of names they are no contradiction, as long as they are the same.
    return { names: this.#given, isRow: fields.some((field, index) => field !== this.#given![index]) }
  }

  want(columns: readonly TableColumn[], names: readonly string[]): void {
    this.#order = columns.map(({ name }) => names.indexOf(name))
    this.#fields = names.length
  }

  cells(line: string): readonly Cell[] | string {
    const fields = csvFields(line)
    if (fields.length !== this.#fields) return `${fields.length} of ${this.#fields} fields`
    return this.#order.map((at) => fields[at])
  }
}

/** No value of ours needs quotes, but programs put some around everything. */
export function csvFields(line: string): string[] {
  const fields = line.split(',')
  return line.includes('"') ? fields.map((field) => field.trim().replace(/^"(.*)"$/, '$1')) : fields
}

class JsonForm implements LineForm {
  readonly isClosed = true
  #names: readonly string[] = []

  names(line: string): { readonly names: readonly string[]; readonly isRow: boolean } | undefined {
    const row = objectOf(line)
    return row && { names: Object.keys(row), isRow: true }
  }

  want(columns: readonly TableColumn[]): void {
    this.#names = columns.map(({ name }) => name)
  }

  cells(line: string): readonly Cell[] | string {
    const row = objectOf(line)
    return row ? this.#names.map((name) => row[name]) : 'is no JSON object'
  }
}

/** What a line of JSON holds, where that is an object. */
export function objectOf(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

async function readText(
  target: ImportTarget,
  onBatch: OnBatch,
  context: TableContext,
  form: LineForm,
): Promise<ReadFacts> {
  const { path } = target
  const kind = kindOf(target.series.kind)
  const file = new TextFile(path, LONGEST_ROW, context.signal)
  const defects = new DefectList()
  const notes: string[] = []
  let block: CellBlock | undefined
  let rows: TableRows | undefined
  let line = 0
  const bad = (text: string, reason: string): void => {
    const detail = `${reason}: ${text.slice(0, 200)}`
    defects.add({ type: 'bad-row', where: `${path}:${line}`, detail, kept: 'none' })
  }
  const begin = (text: string): boolean => {
    const told = form.names(text)
    if (!told) throw new ParseError(`${path}:${line}`, `is no JSON object: ${text.slice(0, 60)}`)
    const { columns, others } = columnsOfTable(kind, told.names, `${path}:${line}`)
    if (others.length > 0) notes.push(`without its columns ${others.join(', ')}`)
    form.want(columns, told.names)
    const specs = columns.map(({ spec }) => spec)
    block = new CellBlock(specs)
    rows = new TableRows(target, specs, context.until, onBatch)
    return told.isRow
  }
  const take = async (): Promise<void> => {
    if (block === undefined) return
    const { batch, lines } = block.take()
    await rows!.add(batch, (row) => ({ source: `${path}:${lines[row]}` }))
  }
  const add = (given: string): void => {
    const text = given.endsWith('\r') ? given.slice(0, -1) : given
    if (text === '' || (block === undefined && !begin(text))) return
    const cells = form.cells(text)
    const reason = typeof cells === 'string' ? cells : block!.put(cells, line)
    if (reason !== undefined) bad(text, reason)
  }
  for await (const { lines, rest } of file.lines()) {
    for (const text of lines) {
      line++
      add(text)
      if (block?.isFull) await take()
    }
    if (rest === undefined || rest === '') continue
    line++
    // Of numbers that go on to the end of the file nobody knows whether digits are missing.
    if (form.isClosed || block === undefined) add(rest)
    else bad(rest, 'the last line has no end, so it may have been cut; put one there if it is whole')
  }
  await take()
  const { defects: told, count } = defects
  const inexactValues = block?.inexact ?? 0
  if (block === undefined) throw new ParseError(path, 'is empty: it has not even a line of names')
  return { sha256: file.sha256(), rows: rows!.rows, inexactValues, defects: told, defectCount: count, notes }
}
