import { InvalidRangeError } from '../../../model/errors.ts'
import { parseInterval } from '../../../model/interval.ts'
import { KINDS } from '../../../model/kinds.ts'
import { isArrowTable } from '../../record-table.ts'
import { BOOK_DELTA_RULES, BOOK_SNAPSHOT_RULES, QUOTE_RULES } from './books.ts'
import { CANDLE_RULES, type CandleContext, priceCandleRules } from './candles.ts'
import {
  arrowRecords,
  bookRecordsOf,
  fileNames,
  isColumns,
  type RecordColumns,
  type RecordInput,
  rowsOf,
} from './cursor.ts'
import { DEPTH_SAMPLE_RULES } from './depth-samples.ts'
import type { EventContext } from './events.ts'
import { EXCHANGE_INFO_RULES } from './exchange-infos.ts'
import { FUNDING_RULES } from './funding.ts'
import { LIQUIDATION_RULES } from './liquidations.ts'
import { MARK_RULES } from './marks.ts'
import { METRICS_RULES } from './metrics.ts'
import type { CheckContext, Finding, RecordRules, Report, RowCheck } from './stage.ts'
import { TICKER_RULES } from './tickers.ts'
import { TIMED_BOOK_DELTA_RULES, TIMED_BOOK_SNAPSHOT_RULES, TIMED_QUOTE_RULES } from './timed.ts'
import { TRADE_RULES } from './trades.ts'

/** Kinds whose records can be checked. */
export type CheckedKind =
  | ('candle' | 'trade' | 'aggTrade' | 'bookDelta' | 'bookSnapshot' | 'quote')
  | ('markCandle' | 'indexCandle' | 'premiumCandle' | 'continuousCandle')
  | ('ticker' | 'markPrice' | 'fundingRate' | 'liquidation' | 'bookDepth' | 'metrics' | 'exchangeInfo')
  | ('timedQuote' | 'timedBookDelta' | 'timedBookSnapshot')

/** Rules by kind. A new kind is a line here. */
const RULES: Readonly<Record<CheckedKind, RecordRules<never, never>>> = {
  candle: CANDLE_RULES,
  trade: TRADE_RULES,
  aggTrade: TRADE_RULES,
  bookDelta: BOOK_DELTA_RULES,
  bookSnapshot: BOOK_SNAPSHOT_RULES,
  quote: QUOTE_RULES,
  ticker: TICKER_RULES,
  markPrice: MARK_RULES,
  fundingRate: FUNDING_RULES,
  liquidation: LIQUIDATION_RULES,
  bookDepth: DEPTH_SAMPLE_RULES,
  metrics: METRICS_RULES,
  exchangeInfo: EXCHANGE_INFO_RULES,
  markCandle: priceCandleRules('markCandle'),
  indexCandle: priceCandleRules('indexCandle'),
  premiumCandle: priceCandleRules('premiumCandle', true),
  continuousCandle: { ...CANDLE_RULES, kind: 'continuousCandle' },
  timedQuote: TIMED_QUOTE_RULES,
  timedBookDelta: TIMED_BOOK_DELTA_RULES,
  timedBookSnapshot: TIMED_BOOK_SNAPSHOT_RULES,
}

export interface RecordCheckOptions extends CandleContext, EventContext {
  /** Only these stages; all without it. See `recordStages`. */
  readonly stages?: readonly string[]
  /** Findings kept in the report; more are only counted. Default 10,000. */
  readonly maxFindings?: number
  /** Called with every finding; `isFirstError` for the first error of its row. Nothing of them need be kept then. */
  readonly onFinding?: (finding: Finding, isFirstError: boolean) => void
  /** Called with every record and what was found in it. The record may be filled anew afterwards: keep nothing of it. */
  readonly onRecord?: (record: object, found: readonly Finding[]) => void
}

/** A stage that could not be run. */
export interface UncheckedStage {
  readonly stage: string
  /** The option to give. */
  readonly needs: string
}

/** What was found in many records. */
export interface RecordReport {
  readonly kind: CheckedKind
  /** Rows looked at; of books, records. */
  readonly rows: number
  /** Whether no finding is an error. */
  readonly ok: boolean
  /** Rows with at least one error. */
  readonly badRows: number
  /** In the order of the rows, the first `maxFindings`. */
  readonly findings: readonly Finding[]
  /** How often each rule was broken, those not kept included: by `stage/rule`. */
  readonly counts: Readonly<Record<string, number>>
  /** Stages that were wanted and could not be run: `ok` says nothing of what they look for. */
  readonly unchecked: readonly UncheckedStage[]
}

/** The stages of a kind, in the order in which they run, and what each holds. */
export function recordStages(kind: CheckedKind): { readonly name: string; readonly meaning: string }[] {
  return rulesOf(kind).stages.map(({ name, meaning }) => ({ name, meaning }))
}

interface BookRecord {
  readonly lastUpdateId: unknown
  readonly bids: unknown[]
  readonly asks: unknown[]
}

/** Stands for no findings, so that a good row allocates nothing. */
const NOTHING: Finding[] = []

/**
 * Checks records of one series as they come: rows of a live feed, or batches one after the other. It remembers what
 * order, identity and continuity need of the rows before, and nothing else.
 */
export class RecordValidator {
  readonly kind: CheckedKind
  readonly #rules: RecordRules<object, CheckContext>
  readonly #checks: { readonly stage: string; readonly check: RowCheck<object> }[] = []
  readonly #unchecked: UncheckedStage[] = []
  readonly #maxFindings: number
  readonly #onFinding: RecordCheckOptions['onFinding']
  readonly #onRecord: RecordCheckOptions['onRecord']
  readonly #findings: Finding[] = []
  readonly #counts: Record<string, number> = {}
  /** The newest record of a book, to which the next batch may have more levels. */
  #open: BookRecord | undefined
  /** What the rows call as files do, found in the first of them. */
  #fileNames: ReturnType<typeof fileNames> | undefined
  #rows = 0
  #badRows = 0
  #record: object = {}
  #stage = ''
  #found: Finding[] = NOTHING
  readonly #report: Report = (rule, severity, detail, missing) => {
    if (this.#found === NOTHING) this.#found = []
    const time = this.#rules.timeOf(this.#record)
    const finding = { stage: this.#stage, rule, severity, row: this.#rows, time, detail }
    this.#found.push(missing === undefined ? finding : { ...finding, missing })
  }

  /** @throws InvalidRangeError for a kind, stage or interval that does not exist. */
  constructor(kind: CheckedKind, options: RecordCheckOptions = {}) {
    this.kind = kind
    this.#rules = rulesOf(kind)
    if (options.interval !== undefined) parseInterval(options.interval)
    this.#maxFindings = options.maxFindings ?? 10_000
    this.#onFinding = options.onFinding
    this.#onRecord = options.onRecord
    const names = this.#rules.stages.map(({ name }) => name)
    const unknown = options.stages?.find((name) => !names.includes(name))
    if (unknown !== undefined) {
      throw new InvalidRangeError(`Records of kind "${kind}" have no stage "${unknown}", only ${names.join(', ')}.`)
    }
    for (const { name: stage, needs, start } of this.#rules.stages) {
      if (options.stages?.includes(stage) === false) continue
      const check = start(options)
      if (check !== undefined) this.#checks.push({ stage, check })
      else if (needs !== undefined) this.#unchecked.push({ stage, needs })
    }
  }

  /** Checks one record. @returns what was found in it */
  push(record: object): Finding[] {
    this.#close()
    return this.#check(this.#named(record))
  }

  /** Checks many records that follow those before. */
  add(records: RecordInput): this {
    if (typeof records !== 'object' || records === null) {
      throw new InvalidRangeError('There are no records: give a batch, an Arrow table or rows.')
    }
    const input = isArrowTable(records) ? arrowRecords(records) : records
    if (!isColumns(input)) {
      this.#close()
      for (const record of input) this.#check(this.#named(record))
    } else if (this.kind === 'bookDelta' || this.kind === 'bookSnapshot') this.#addBooks(input)
    else for (const row of rowsOf(KINDS[this.kind]!, input)) this.#check(row)
    return this
  }

  /** What was found so far. A book's newest record counts as whole. */
  get report(): RecordReport {
    this.#close()
    return {
      kind: this.kind,
      rows: this.#rows,
      ok: this.#badRows === 0,
      badRows: this.#badRows,
      findings: [...this.#findings],
      counts: { ...this.#counts },
      unchecked: this.#unchecked,
    }
  }

  #addBooks(input: RecordColumns): void {
    for (const { row } of bookRecordsOf(KINDS[this.kind]!, input)) {
      const record = row as unknown as BookRecord
      const open = this.#open
      if (open !== undefined && open.lastUpdateId === record.lastUpdateId) {
        open.bids.push(...record.bids)
        open.asks.push(...record.asks)
        continue
      }
      this.#close()
      this.#open = record
    }
  }

  /** A row as the library calls its columns. */
  #named(record: object): object {
    this.#fileNames ??= fileNames(KINDS[this.kind]!, record)
    if (this.#fileNames.length === 0) return record
    const values = record as Readonly<Record<string, unknown>>
    return Object.fromEntries([
      ...Object.entries(values),
      ...this.#fileNames.map(([name, property]) => [property, values[name]] as const),
    ])
  }

  #close(): void {
    const open = this.#open
    this.#open = undefined
    if (open !== undefined) this.#check(open)
  }

  #check(record: object): Finding[] {
    this.#found = NOTHING
    this.#record = record
    for (const { stage, check } of this.#checks) {
      this.#stage = stage
      check(record, this.#report)
    }
    this.#rows++
    if (this.#found.length > 0) this.#keep(this.#found)
    this.#onRecord?.(record, this.#found)
    return this.#found === NOTHING ? [] : this.#found
  }

  #keep(found: readonly Finding[]): void {
    let isBad = false
    for (const finding of found) {
      const isFirst: boolean = !isBad && finding.severity === 'error'
      isBad ||= isFirst
      this.#onFinding?.(finding, isFirst)
      const key = `${finding.stage}/${finding.rule}`
      this.#counts[key] = (this.#counts[key] ?? 0) + 1
      if (this.#findings.length < this.#maxFindings) this.#findings.push(finding)
    }
    if (isBad) this.#badRows++
  }
}

/**
 * Checks records of one series: columns (of lake, collector or Arrow) or rows. Nothing is changed.
 * @throws InvalidRangeError for a kind, stage or interval that does not exist, and where there are no records.
 */
export function validateRecords(kind: CheckedKind, input: RecordInput, options: RecordCheckOptions = {}): RecordReport {
  return new RecordValidator(kind, options).add(input).report
}

function rulesOf(kind: CheckedKind): RecordRules<object, CheckContext> {
  if (!Object.hasOwn(RULES, kind)) {
    throw new InvalidRangeError(`Records of kind "${kind}" cannot be checked, only ${Object.keys(RULES).join(', ')}.`)
  }
  // The table is typed by what each kind's rows are; from here on rows are checked, not trusted.
  return RULES[kind] as unknown as RecordRules<object, CheckContext>
}
