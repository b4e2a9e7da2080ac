/** How much a finding weighs: an `error` cannot be true, a `notice` is true to the exchange but not regular. */
export type Severity = 'error' | 'notice'

/** One thing that is wrong, or not regular, with one record. */
export interface Finding {
  /** The stage that found it. */
  readonly stage: string
  /** What it is, e.g. `high-below-low`. */
  readonly rule: string
  readonly severity: Severity
  /** Index of the row, counted from the first that was checked. */
  readonly row: number
  /** The record's instant, epoch ms; NaN where it has none. */
  readonly time: number
  /** What was seen, and what would be right. */
  readonly detail: string
  /** How many records are missing, of gaps. */
  readonly missing?: number
}

/** Takes what a stage finds about the row that it was given. */
export type Report = (rule: string, severity: Severity, detail: string, missing?: number) => void

/** Looks at one row after the other, in the order they come. It must not keep the row: the next call may reuse it. */
export type RowCheck<Row> = (row: Row, report: Report) => void

/** One idea of what is right, that can be run alone. */
export interface Stage<Row, Context> {
  readonly name: string
  readonly meaning: string
  /** The option without which it cannot be run. */
  readonly needs?: string
  /** Begins a pass; undefined where the context lacks what the stage needs. */
  start(context: Context): RowCheck<Row> | undefined
}

/** How records of one kind are checked. */
export interface RecordRules<Row, Context> {
  readonly kind: string
  readonly stages: readonly Stage<Row, Context>[]
  /** Instant of a row. */
  timeOf(row: Row): number
}

/** What checks of every kind may be told. */
export interface CheckContext {
  /** The symbol that every record should be of; without it that of the first one. */
  readonly symbol?: string
}

/** A number in the fewest words. */
export function show(value: unknown): string {
  return typeof value === 'number' && value > 1e11 && value < 1e14 ? new Date(value).toISOString() : String(value)
}
