import { CandleFlag } from '../../model/candle.ts'
import { InvalidRangeError, LookAheadError } from '../../model/errors.ts'
import { fitNormalizer, type NormaliseMethod, type NormaliseOptions, type Normalizer } from '../normalise/normalizer.ts'
import { type CausalCell, causalCell } from './causal.ts'
import { fillGaps, type GapFill, type GapOptions } from './gaps.ts'
import { type CleanStep, checkStep, DEFAULT_STEPS, looksAhead, type StepName } from './steps.ts'
import { chosenColumns, nameIn, readTable, type Table, type TableInput, timesOf } from './table.ts'
import { backwardFill, type Column, zScore } from './whole.ts'

/** Whether steps may use values that come later than the row they change. */
export type LookAhead = 'allow' | 'refuse'

export interface DataProcessorOptions {
  /** `refuse` makes every step that looks ahead an error: for live data and backtests. Default `allow`. */
  readonly lookAhead?: LookAhead
}

export interface CleanOptions {
  /** What to do, in this order; `DEFAULT_STEPS` without it. */
  readonly steps?: readonly CleanStep[]
  /** Only these columns; without it all but times, ids and flags. */
  readonly columns?: readonly string[]
  /** Overrides that of the processor. */
  readonly lookAhead?: LookAhead
}

/** What happened to a row: bits of `CleanReport.rowFlags`. */
export const CleanFlag = {
  /** A missing value was filled from before. */
  filledForward: 1,
  /** A missing value was filled from what comes later. */
  filledBackward: 2,
  /** An outlier was replaced. */
  outlier: 4,
} as const

/** One value that was changed. */
export interface Change {
  readonly column: string
  readonly row: number
  /** Instant of the row, epoch ms, where the table has times. */
  readonly time?: number
  /** NaN where it was missing. */
  readonly from: number
  readonly to: number
  readonly step: StepName
  /** Whether the new value depends on later ones. */
  readonly lookAhead: boolean
}

export interface CleanReport {
  readonly rows: number
  /** The columns that were worked on. */
  readonly columns: readonly string[]
  readonly steps: readonly CleanStep[]
  /** Whether any step looked ahead: then the data must not be used to judge a strategy. */
  readonly lookAhead: boolean
  /** Every change, by step, then column, then row. */
  readonly changes: readonly Change[]
  /** Changes per step. */
  readonly counts: Readonly<Partial<Record<StepName, number>>>
  /** Values that are still missing, per column; columns without any are left out. */
  readonly missing: Readonly<Record<string, number>>
  /** Bits of `CleanFlag` for each row. */
  readonly rowFlags: Uint8Array
}

export interface Cleaned {
  /** A copy; where it has a `flags` column, changed rows carry `CandleFlag.cleaned`. */
  readonly data: Table
  readonly report: CleanReport
}

export interface Normalised {
  readonly data: Table
  /** What was learnt: use it to treat live values as the training ones were. */
  readonly normalizer: Normalizer
}

/** One row of a cleaned stream. */
export interface CleanedRow {
  readonly row: Readonly<Record<string, number>>
  readonly changes: readonly Change[]
}

/**
 * Cleans and normalises what is already computed with. Nothing here is ever done unasked: each call works on a copy and
 * reports every change, and what the lake holds stays as the exchange gave it.
 */
export class DataProcessor {
  readonly #lookAhead: LookAhead

  /** @throws InvalidRangeError for a `lookAhead` that is neither word. */
  constructor(options: DataProcessorOptions = {}) {
    this.#lookAhead = options.lookAhead ?? 'allow'
    isRefused(this.#lookAhead)
  }

  /**
   * Fills missing values and replaces outliers, step by step. NaN and infinite values count as missing.
   * @throws LookAheadError naming the first step that looks ahead, where that is refused.
   * @throws InvalidRangeError for a step or column that does not exist.
   */
  cleanData(input: TableInput, options: CleanOptions = {}): Cleaned {
    const steps = options.steps ?? DEFAULT_STEPS
    this.#check(steps, options.lookAhead)
    const table = readTable(input)
    const names = chosenColumns(table, options.columns)
    const times = timesOf(table)?.slice()
    const changes: Change[] = []
    const counts: Partial<Record<StepName, number>> = {}
    const rowFlags = new Uint8Array(table.length)
    const columns = names.map((name) => ({ name, column: columnOf(table.columns[name]!) }))
    for (const step of steps) {
      for (const { name, column } of columns) {
        const before = column.values.slice()
        runStep(column, step)
        for (let row = 0; row < before.length; row++) {
          if (Object.is(before[row], column.values[row])) continue
          changes.push(changeOf(name, row, times?.[row], before[row]!, column.values[row]!, step))
          counts[step.step] = (counts[step.step] ?? 0) + 1
          rowFlags[row]! |= flagOf(step)
        }
      }
    }
    const { flags } = table.columns
    if (flags) for (let row = 0; row < flags.length; row++) if (rowFlags[row] !== 0) flags[row]! |= CandleFlag.cleaned
    const missing: Record<string, number> = {}
    for (const { name, column } of columns) {
      const left = column.values.reduce((count, value) => (Number.isFinite(value) ? count : count + 1), 0)
      if (left > 0) missing[name] = left
    }
    const lookAhead = steps.some(looksAhead)
    return {
      data: table,
      report: { rows: table.length, columns: names, steps, lookAhead, changes, counts, missing, rowFlags },
    }
  }

  /**
   * The same steps for rows as they come; each gives what `cleanData` gives, without knowing what comes next.
   * @throws LookAheadError for a step that looks ahead: a stream has no later values.
   */
  cleaner(options: { readonly columns: readonly string[]; readonly steps: readonly CleanStep[] }): RowCleaner {
    this.#check(options.steps, 'refuse')
    return new RowCleaner(options.columns, options.steps)
  }

  /**
   * Brings columns to a common scale, learnt from the whole of what is given: `minmax` to [0, 1], `zscore` to mean 0 and
   * deviation 1, `robust` by median and quartiles. Missing values stay missing and teach nothing; a column that is
   * constant becomes 0. Learning looks ahead, so it is refused where that is; use a `normalizer` learnt before.
   * @throws LookAheadError where looking ahead is refused.
   */
  normalizeData(
    input: TableInput,
    method: NormaliseMethod = 'minmax',
    options: NormaliseOptions & { readonly lookAhead?: LookAhead } = {},
  ): Normalised {
    if (isRefused(options.lookAhead ?? this.#lookAhead)) {
      throw new LookAheadError(
        `normalise (${method})`,
        'it learns from the whole of the data. Learn from the training part with fitNormalizer, then use its transform.',
      )
    }
    const normalizer = fitNormalizer(input, { ...options, method })
    return { data: normalizer.transform(input), normalizer }
  }

  /** Fills missing candles by a rule, flagged: see `fillGaps`. Uses the past only. */
  fillGaps(input: TableInput, options: GapOptions): GapFill {
    return fillGaps(input, options)
  }

  #check(steps: readonly CleanStep[], lookAhead: LookAhead | undefined): void {
    const refused = isRefused(lookAhead ?? this.#lookAhead)
    for (const step of steps) {
      checkStep(step)
      if (looksAhead(step) && refused) {
        throw new LookAheadError(
          step.step,
          'it uses values that come later. Use forward-fill, rolling-zscore, expanding-zscore or hampel, or allow looking ahead.',
        )
      }
    }
  }
}

/** Cleans rows as they come. Made by `DataProcessor.cleaner`. */
export class RowCleaner {
  readonly #columns: readonly { readonly name: string; readonly cells: readonly CausalCell[] }[]
  readonly #steps: readonly CleanStep[]
  #row = 0

  constructor(columns: readonly string[], steps: readonly CleanStep[]) {
    this.#steps = steps
    this.#columns = columns.map((name) => ({ name, cells: steps.map((step) => causalCell(step)!) }))
  }

  /**
   * Cleans one row: a copy with the columns changed that needed it, and what was changed. A column may be named as files
   * have it (`quote_volume`) or as live rows do; one that a row lacks is a missing value.
   */
  push(row: Readonly<Record<string, number | null | undefined>>): CleanedRow {
    const cleaned: Record<string, number> = {}
    for (const [name, value] of Object.entries(row)) cleaned[name] = value ?? Number.NaN
    const changes: Change[] = []
    for (const { name: column, cells } of this.#columns) {
      const name = nameIn(cleaned, column) ?? column
      let value = cleaned[name] ?? Number.NaN
      for (let i = 0; i < cells.length; i++) {
        const before = value
        value = cells[i]!.push(before)
        if (!Object.is(before, value)) {
          changes.push(changeOf(name, this.#row, undefined, before, value, this.#steps[i]!))
        }
      }
      cleaned[name] = value
    }
    this.#row++
    return { row: cleaned, changes }
  }
}

/** @throws InvalidRangeError for another word: a misspelt switch must not let a look ahead pass. */
function isRefused(lookAhead: LookAhead): boolean {
  if (lookAhead === 'allow' || lookAhead === 'refuse') return lookAhead === 'refuse'
  throw new InvalidRangeError(`lookAhead is "${String(lookAhead)}"; use allow or refuse.`)
}

function columnOf(values: Float64Array): Column {
  return { values, origin: Int32Array.from(values, (_, i) => i) }
}

function runStep(column: Column, step: CleanStep): void {
  if (step.step === 'backward-fill') backwardFill(column, step)
  else if (step.step === 'zscore') zScore(column, step)
  else runCausal(column, step, causalCell(step)!)
}

function runCausal(column: Column, step: CleanStep, cell: CausalCell): void {
  const { values, origin } = column
  let source = -1
  for (let i = 0; i < values.length; i++) {
    const before = values[i]!
    if (Number.isFinite(before)) source = i
    values[i] = cell.push(before)
    if (step.step === 'forward-fill' && source >= 0 && source !== i && Number.isFinite(values[i]!)) {
      origin[i] = origin[source]!
    }
  }
}

function changeOf(
  column: string,
  row: number,
  time: number | undefined,
  from: number,
  to: number,
  step: CleanStep,
): Change {
  const change = { column, row, from, to, step: step.step, lookAhead: looksAhead(step) }
  return time === undefined ? change : { ...change, time }
}

function flagOf(step: CleanStep): number {
  if (step.step === 'forward-fill') return CleanFlag.filledForward
  return step.step === 'backward-fill' ? CleanFlag.filledBackward : CleanFlag.outlier
}
