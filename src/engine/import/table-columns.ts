import { ParseError } from '../../model/errors.ts'
import type { ColumnSpec, Kind } from '../../model/kind.ts'
import { KINDS } from '../../model/kinds.ts'

/** A column of a table, and the column of the kind that it is. */
export interface TableColumn {
  /** As the table calls it: `open_time` or `openTime`. */
  readonly name: string
  readonly spec: ColumnSpec
}

export interface TableColumns {
  readonly columns: readonly TableColumn[]
  /** Names of others, which are left out: `export --transform` adds some. */
  readonly others: readonly string[]
}

/**
 * Finds the columns of a kind among the names of a table, in either style, in any order.
 * @throws ParseError when one is there twice, or one is lacking that every record has.
 */
export function columnsOfTable(kind: Kind, names: readonly string[], source: string): TableColumns {
  const columns: TableColumn[] = []
  const others: string[] = []
  for (const name of names) {
    const spec = specNamed(kind, name)
    if (!spec) others.push(name)
    else if (columns.some((column) => column.spec === spec)) throw new ParseError(source, `has ${spec.name} twice`)
    else columns.push({ name, spec })
  }
  const lacking = neededColumns(kind).filter((spec) => columns.every((column) => column.spec !== spec))
  if (lacking.length > 0) {
    const list = lacking.map(({ name }) => name).join(', ')
    throw new ParseError(
      source,
      `lacks ${list}: only whole tables of ${kind.id} are imported (export without --columns)`,
    )
  }
  return { columns, others }
}

/** Whether names are those of a table of some kind, whole or not, and not of another program's. */
export function isTable(names: readonly string[]): boolean {
  if (names.length === 0) return false
  return Object.values(KINDS).some((kind) => holds(kind, names) || names.every((name) => specNamed(kind, name)))
}

/**
 * The kind whose table has such names. Where nothing tells kinds of candles apart it is the traded price.
 * @throws ParseError when the names are those of several kinds, or of none.
 */
export function kindOfTable(names: readonly string[], source: string): string {
  const known = (kind: Kind): number => names.filter((name) => specNamed(kind, name) !== undefined).length
  const whole = Object.values(KINDS).filter((kind) => holds(kind, names))
  const most = Math.max(...whole.map(known))
  const fitting = whole.filter((kind) => known(kind) === most).map(({ id }) => id)
  if (fitting.includes('candle')) return 'candle'
  if (fitting.length === 1) return fitting[0]!
  const shown = names.slice(0, 20).join(', ')
  if (fitting.length === 0)
    throw new ParseError(source, `has the columns ${shown}, which are the whole table of no kind; name it with --kind`)
  throw new ParseError(source, `may be of ${fitting.join(', ')}: add --kind`)
}

function holds(kind: Kind, names: readonly string[]): boolean {
  return neededColumns(kind).every((spec) => names.includes(spec.name) || names.includes(spec.property))
}

function neededColumns(kind: Kind): readonly ColumnSpec[] {
  return kind.columns.filter(({ type, isOptional }) => type !== 'flags' && !isOptional)
}

function specNamed(kind: Kind, name: string): ColumnSpec | undefined {
  return kind.columns.find((spec) => spec.name === name || spec.property === name)
}
