import type { Table } from 'apache-arrow'
import type { BatchTransformer, Transform, TransformRegistry } from '../analysis/index.ts'
import { type ColumnSpec, column } from '../model/kind.ts'
import { kindOf, selectColumns } from '../model/kinds.ts'
import { batchesToTable } from './arrow.ts'

type Analysis = typeof import('../analysis/index.ts')

interface Wish {
  readonly kind: string
  readonly columns?: readonly string[] | undefined
  readonly transforms: readonly (string | Transform)[]
  /** Where names are looked up. */
  readonly registry?: TransformRegistry | undefined
}

/** Tables as they are read, made into tables as they were asked for. */
export class TableTransformer {
  /** Columns that have to be read: those wanted, and those that transforms read. */
  readonly columns: readonly string[]
  readonly #wanted: readonly ColumnSpec[]
  readonly #transforms: readonly Transform[]
  readonly #made: ReadonlySet<string>
  readonly #batches: BatchTransformer | undefined
  readonly #analysis: Analysis

  /**
   * @param isPiece whether tables follow one another; transforms then keep what they look back on.
   * @throws ConfigError for a name that is not registered; InvalidRangeError for a column that does not exist;
   * LookAheadError for a transform that needs later rows where tables follow one another.
   */
  constructor(analysis: Analysis, { kind, columns, transforms, registry }: Wish, isPiece = false) {
    this.#analysis = analysis
    const known = kindOf(kind)
    this.#transforms = (registry ?? analysis.transformRegistry).resolve(transforms)
    this.#wanted = selectColumns(known, columns)
    this.#made = new Set(analysis.outputsOfAll(this.#transforms))
    const names = new Set([...this.#wanted.map(({ name }) => name), ...analysis.inputsOfAll(this.#transforms)])
    this.columns = selectColumns(known, [...names]).map(({ name }) => name)
    this.#batches = isPiece ? new analysis.BatchTransformer(this.#transforms) : undefined
  }

  async apply(table: Table): Promise<Table> {
    const arrays = this.#analysis.readColumns(table, this.columns)
    const read = {
      length: table.numRows,
      columns: Object.fromEntries(this.columns.map((name, index) => [name, arrays[index]!])),
    }
    const result = this.#batches ? this.#batches.push(read) : this.#analysis.applyTransforms(read, this.#transforms)
    const there = Object.keys(result.columns)
    const kept = this.#wanted.filter(({ name }) => there.includes(name) && !this.#made.has(name))
    const made = there.filter((name) => this.#made.has(name) || !this.columns.includes(name))
    const specs = [...kept, ...made.map((name) => column(name, 'float64', '', 'made by a transform'))]
    const changed = await batchesToTable(specs, result.length === 0 ? [] : [result])
    for (const [key, value] of table.schema.metadata) changed.schema.metadata.set(key, value)
    return changed
  }
}

interface TransformedRequest {
  readonly kind?: string
  readonly columns?: readonly string[]
  readonly transforms?: readonly (string | Transform)[]
}

/** What to do with the tables of a request; undefined where nothing is to be done. */
export async function transformerOf(
  { kind = 'candle', columns, transforms }: TransformedRequest,
  registry: TransformRegistry | undefined,
  isPiece = false,
): Promise<TableTransformer | undefined> {
  if (transforms === undefined || transforms.length === 0) return undefined
  // Only those who transform load what that takes.
  return new TableTransformer(await import('../analysis/index.ts'), { kind, columns, transforms, registry }, isPiece)
}
