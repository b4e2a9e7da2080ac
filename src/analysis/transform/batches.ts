import { InvalidRangeError, LookAheadError } from '../../model/errors.ts'
import type { Table } from '../clean/table.ts'
import { applyTransforms } from './apply.ts'
import { type Columns, checkTransform, type Transform } from './definition.ts'

/**
 * Transforms on batches that follow one another: each keeps the rows that it looks back on, so that the seams between
 * batches do not show.
 */
export class BatchTransformer {
  readonly #stages: { readonly transform: Transform; carried: Columns; count: number }[]

  /**
   * @throws ConfigError for what is no transform; LookAheadError for one that needs later rows.
   * @throws InvalidRangeError for one that does not say how far it looks back.
   */
  constructor(transforms: readonly Transform[]) {
    for (const transform of transforms) {
      checkTransform(transform)
      if (transform.type === 'record') continue
      if (transform.lookAhead === true) throw new LookAheadError(transform.name, 'batches come one after the other.')
      if (transform.lookback === undefined) {
        throw new InvalidRangeError(`The transform "${transform.name}" does not say how many rows it looks back.`)
      }
    }
    this.#stages = transforms.map((transform) => ({ transform, carried: {}, count: 0 }))
  }

  /** Columns that have to be there from the start: those read before a transform makes them. */
  get inputs(): string[] {
    return inputsOfAll(this.#stages.map(({ transform }) => transform))
  }

  /** Columns that are made, in the order of the transforms, as far as record transforms tell theirs. */
  get outputs(): string[] {
    return outputsOfAll(this.#stages.map(({ transform }) => transform))
  }

  push(batch: Table): Table {
    let table = batch
    for (const stage of this.#stages) {
      const { transform, carried, count } = stage
      if (transform.type === 'record') {
        table = applyTransforms(table, [transform])
        continue
      }
      const joined = count === 0 ? table : join(carried, count, table)
      const keep = Math.min(joined.length, transform.lookback!)
      stage.carried = slice(joined.columns, joined.length - keep, joined.length)
      stage.count = keep
      table = transform.type === 'column' ? made(transform, joined, count) : kept(transform, joined, count)
    }
    return table
  }
}

/** Columns that transforms read before one of them makes them. */
export function inputsOfAll(transforms: readonly Transform[]): string[] {
  const made = new Set<string>()
  const needed = new Set<string>()
  for (const transform of transforms) {
    for (const input of transform.inputs ?? []) if (!made.has(input)) needed.add(input)
    for (const output of outputsOf(transform)) made.add(output)
  }
  return [...needed]
}

/** Columns that transforms make, in their order, as far as record transforms tell theirs. */
export function outputsOfAll(transforms: readonly Transform[]): string[] {
  return [...new Set(transforms.flatMap(outputsOf))]
}

function outputsOf(transform: Transform): readonly string[] {
  return transform.type === 'filter' ? [] : (transform.outputs ?? [])
}

function made(transform: Transform, joined: Table, skip: number): Table {
  const { length, columns } = applyTransforms(joined, [transform])
  return { length: length - skip, columns: slice(columns, skip, length) }
}

/** Rows dropped are counted from the first that is new: a mark on each row shows which those are. */
function kept(transform: Transform, joined: Table, skip: number): Table {
  const fresh = new Float64Array(joined.length).fill(1, skip)
  const { length, columns } = applyTransforms(
    { length: joined.length, columns: { ...joined.columns, [MARK]: fresh } },
    [transform],
  )
  const { [MARK]: marks, ...others } = columns
  const first = marks!.indexOf(1)
  const from = first < 0 ? length : first
  return { length: length - from, columns: slice(others, from, length) }
}

/** No column of any kind is called so. */
const MARK = ' new'

function join(carried: Columns, count: number, table: Table): Table {
  const columns: Record<string, Float64Array> = {}
  for (const [name, values] of Object.entries(table.columns)) {
    const joined = new Float64Array(count + table.length)
    joined.set(carried[name]!)
    joined.set(values.subarray(0, table.length), count)
    columns[name] = joined
  }
  return { length: count + table.length, columns }
}

function slice(columns: Columns, from: number, to: number): Record<string, Float64Array> {
  return Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values.slice(from, to)]))
}
