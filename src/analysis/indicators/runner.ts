import { ConfigError } from '../../model/errors.ts'
import { type CandleLike, floatOf, type IndicatorData, propertyOf, readColumns } from './columns.ts'
import type { InputName } from './definition.ts'
import { DERIVED_COLUMNS, type IndicatorSeries, parseIndicator, type Series, seriesText } from './expression.ts'
import { Stage } from './stage.ts'

/**
 * Rows that all stages compute before the next rows: what one writes is still in the processor's cache for the next. In the
 * smallest cache it would be so up to a quarter of this; but every beginning costs a look into the rings.
 */
const BLOCK = 16_384

/** An output that nobody asked for is written to an array without places, which costs no memory. */
const NOWHERE = new Float64Array(0)

/** Where a stage's input comes from: a column of the data, or an output of another stage. */
type Wire =
  | { readonly type: 'column'; readonly column: number }
  | { readonly type: 'output'; readonly stage: number; readonly output: number }

interface Plan {
  readonly columns: readonly string[]
  readonly series: readonly IndicatorSeries[]
  readonly wires: readonly (readonly Wire[])[]
  /** For each stage, which outputs are read by anyone. */
  readonly used: readonly Set<number>[]
  readonly results: readonly {
    readonly name: string
    readonly stage: number
    readonly output: number
    readonly warmUp: number
    readonly lookAhead: number
  }[]
}

/** An indicator as text (`ema(20)`) or as made by `indicator()`. */
export type IndicatorInput = string | IndicatorSeries

function plan(wanted: readonly IndicatorInput[]): Plan {
  const columns: string[] = []
  const series: IndicatorSeries[] = []
  const wires: Wire[][] = []
  const used: Set<number>[] = []
  const warm: number[][] = []
  const keys = new Map<string, number>()
  const results: Plan['results'][number][] = []

  const wire = (source: Series): Wire => {
    if (source.type === 'indicator') {
      const stage = add(source)
      const output = source.output ?? 0
      if (lookAheadOf(source, output) > 0) {
        throw new ConfigError(`${seriesText(source)} looks ahead; it can't be the source of another indicator.`)
      }
      used[stage]!.add(output)
      return { type: 'output', stage, output }
    }
    let column = columns.indexOf(source.name)
    if (column < 0) column = columns.push(source.name) - 1
    return { type: 'column', column }
  }
  const add = (item: IndicatorSeries): number => {
    const key = seriesText({ ...item, output: undefined })
    const known = keys.get(key)
    if (known !== undefined) return known
    const inputs = item.definition.inputs(item.parameters).map((name) => wire(sourceOf(item, name)))
    const stage = series.push(item) - 1
    keys.set(key, stage)
    wires.push(inputs)
    // The first output is always there: a kernel may use it as its scratch.
    used.push(new Set([0]))
    const before = inputs.reduce(
      (rows, input) => Math.max(rows, input.type === 'output' ? warm[input.stage]![input.output]! : 0),
      0,
    )
    warm.push(item.definition.warmUp(item.parameters).map((rows) => rows + before))
    return stage
  }

  for (const input of wanted) {
    const item = typeof input === 'string' ? parseIndicator(input) : input
    const stage = add(item)
    const names = item.definition.outputs(item.parameters).map(({ name }) => name)
    const label = item.label ?? seriesText(item)
    for (const [output, name] of names.entries()) {
      if (item.output !== undefined && item.output !== output) continue
      used[stage]!.add(output)
      const one = names.length === 1 || item.output !== undefined
      results.push({
        name: one ? label : `${label}.${name}`,
        stage,
        output,
        warmUp: warm[stage]![output]!,
        lookAhead: lookAheadOf(item, output),
      })
    }
  }
  const twice = results.find(({ name }, index) => results.findIndex((other) => other.name === name) !== index)
  if (twice) throw new ConfigError(`"${twice.name}" is asked for twice; give one of them a name with "as".`)
  return { columns, series, wires, used, results }
}

function sourceOf(item: IndicatorSeries, name: InputName): Series {
  if (name === 'source') return item.source
  if (name === 'other') return item.other!
  return { type: 'column', name }
}

function lookAheadOf(item: IndicatorSeries, output: number): number {
  return item.definition.lookAhead?.(item.parameters)[output] ?? 0
}

/** A result of a runner. */
export interface IndicatorResult {
  /** The text of the expression, with `.output` where there are several. */
  readonly name: string
  /** Rows at the start that have no value at least. */
  readonly warmUp: number
}

/** What `live` makes of a candle. */
export interface LiveValues {
  /** By result; the same array every time, so copy what is to be kept. */
  readonly values: Float64Array
  /** True while the candle is open: the values still change with it, and nothing is remembered of them. */
  readonly provisional: boolean
}

/**
 * Indicators at work on one series: rows come one at a time (`update`) or many (`append`), in any mixture, and give the
 * same bits. Memory is bounded by the windows, and an update makes
 * nothing on the heap. Indicators that read the same are
 * computed once.
 */
export class IndicatorRunner {
  readonly results: readonly IndicatorResult[]
  /** Columns that the data must have. */
  readonly columns: readonly string[]
  /** The newest value of each result; NaN while it has none. */
  readonly values: Float64Array
  readonly #plan: Plan
  readonly #stages: readonly Stage[]
  /** One row of the columns, and one of every stage's outputs. */
  readonly #row: readonly Float64Array[]
  readonly #cells: readonly (readonly Float64Array[])[]
  readonly #picks: readonly Float64Array[]
  readonly #properties: readonly string[]
  readonly #looksAhead: string | undefined
  #twin: IndicatorRunner | undefined
  #newest = Number.NEGATIVE_INFINITY

  /** @throws ConfigError for an expression that cannot be read. */
  constructor(wanted: IndicatorInput | readonly IndicatorInput[]) {
    this.#plan = plan(typeof wanted === 'string' || 'type' in wanted ? [wanted] : wanted)
    const { series, wires, columns, results } = this.#plan
    this.results = results.map(({ name, warmUp }) => ({ name, warmUp }))
    this.#looksAhead = results.find(({ lookAhead }) => lookAhead > 0)?.name
    this.columns = [...new Set(columns.flatMap((name) => DERIVED_COLUMNS[name] ?? [name]))]
    this.values = new Float64Array(results.length).fill(Number.NaN)
    this.#stages = series.map(({ definition, parameters }) => new Stage(definition, parameters))
    this.#row = columns.map(() => new Float64Array(1))
    this.#properties = columns.map(propertyOf)
    this.#cells = series.map(({ definition, parameters }) =>
      definition.outputs(parameters).map(() => new Float64Array(1).fill(Number.NaN)),
    )
    this.#picks = results.map(({ stage, output }) => this.#cells[stage]![output]!)
    for (const [index, stage] of this.#stages.entries()) {
      stage.inputs = wires[index]!.map((input) =>
        input.type === 'column' ? this.#row[input.column]! : this.#cells[input.stage]![input.output]!,
      )
      stage.outputs = this.#cells[index]!
    }
  }

  /**
   * Takes the next row: a candle, or one number that stands for every column. Returns the first result's value; all
   * stand in `values`.
   * @throws ConfigError when a result looks ahead, which only a whole batch can, or a value is text.
   */
  update(input: number | CandleLike): number {
    this.push(input)
    return this.values[0]!
  }

  /** As `update`, without an answer: a number that leaves a function may cost 16 bytes of heap, and this costs none. */
  push(input: number | CandleLike): void {
    if (typeof input === 'number') {
      const row = this.#row
      for (let k = 0; k < row.length; k++) row[k]![0] = input
    } else this.#read(input)
    this.#step()
  }

  /** Computes the row that was put in. */
  #step(): void {
    if (this.#looksAhead !== undefined) this.#refuse()
    const stages = this.#stages
    for (let k = 0; k < stages.length; k++) stages[k]!.run(0, 1)
    const { values } = this
    const picks = this.#picks
    for (let k = 0; k < picks.length; k++) values[k] = picks[k]![0]!
  }

  /** What `update` would give for a candle that is still open, without taking it in. */
  provisional(input: number | CandleLike): Float64Array {
    this.#twin ??= new IndicatorRunner(
      this.#plan.results.map(({ stage, output, name }) => ({ ...this.#plan.series[stage]!, output, label: name })),
    )
    const twin = this.#twin
    for (const [index, stage] of twin.#stages.entries()) stage.copy(this.#stages[index]!)
    twin.update(input)
    return twin.values
  }

  /**
   * Takes a candle of a live feed: a closed one goes in, an open one gives provisional values. A closed candle that is
   * not newer than the last one is one seen before (after a reconnection, say), and changes nothing.
   */
  live(candle: CandleLike & { readonly openTime: number; readonly closed: boolean }): LiveValues {
    if (candle.openTime > this.#newest) {
      if (!candle.closed) return { values: this.provisional(candle), provisional: true }
      this.push(candle)
      this.#newest = candle.openTime
    }
    return { values: this.values, provisional: false }
  }

  /**
   * Takes the next rows, e.g. a batch of the lake, and gives each result's values for them.
   * @throws ConfigError when a column is missing, or a result looks ahead.
   */
  append(data: IndicatorData): Record<string, Float64Array> {
    if (this.#looksAhead !== undefined) this.#refuse()
    return this.#compute(data)
  }

  /** Forgets every row. */
  reset(): void {
    for (const stage of this.#stages) stage.reset()
    this.values.fill(Number.NaN)
    this.#newest = Number.NEGATIVE_INFINITY
  }

  /** Whole data at once, results that look ahead included. */
  static compute(
    data: IndicatorData,
    wanted: IndicatorInput | readonly IndicatorInput[],
  ): Record<string, Float64Array> {
    const runner = new IndicatorRunner(wanted)
    const found = runner.#compute(data)
    for (const { name, lookAhead } of runner.#plan.results) {
      if (lookAhead === 0) continue
      const values = found[name]!
      values.copyWithin(0, lookAhead)
      values.fill(Number.NaN, Math.max(0, values.length - lookAhead))
    }
    return found
  }

  #compute(data: IndicatorData): Record<string, Float64Array> {
    const { wires, results, used, columns: names } = this.#plan
    const columns = readColumns(data, names)
    const length = columns[0]?.length ?? 0
    const outputs = this.#cells.map((cells, stage) =>
      cells.map((_, output) => (used[stage]!.has(output) ? new Float64Array(length) : NOWHERE)),
    )
    const stages = this.#stages
    for (const [index, stage] of stages.entries()) {
      stage.inputs = wires[index]!.map((input) =>
        input.type === 'column' ? columns[input.column]! : outputs[input.stage]![input.output]!,
      )
      stage.outputs = outputs[index]!
    }
    for (let from = 0; from < length; from += BLOCK) {
      const to = Math.min(length, from + BLOCK)
      for (const stage of stages) stage.run(from, to)
    }
    for (const [index, stage] of stages.entries()) {
      stage.inputs = wires[index]!.map((input) =>
        input.type === 'column' ? this.#row[input.column]! : this.#cells[input.stage]![input.output]!,
      )
      stage.outputs = this.#cells[index]!
    }
    const found: Record<string, Float64Array> = {}
    for (const [index, { name, stage, output }] of results.entries()) {
      const values = outputs[stage]![output]!
      found[name] = values
      if (length > 0) this.values[index] = values[length - 1]!
    }
    return found
  }

  #read(candle: CandleLike): void {
    const row = this.#row
    const properties = this.#properties
    for (let k = 0; k < row.length; k++) {
      const cell = row[k]!
      // Each property by its own name, and stored at once: a float looked up by a name that varies goes over the heap.
      switch (properties[k]) {
        case 'close':
          cell[0] = floatOf(candle.close, 'close')
          break
        case 'high':
          cell[0] = floatOf(candle.high, 'high')
          break
        case 'low':
          cell[0] = floatOf(candle.low, 'low')
          break
        case 'open':
          cell[0] = floatOf(candle.open, 'open')
          break
        case 'volume':
          cell[0] = floatOf(candle.volume, 'volume')
          break
        case 'openTime':
          cell[0] = floatOf(candle.openTime ?? candle.open_time, 'openTime')
          break
        default:
          cell[0] = otherOf(candle, properties[k]!, this.#plan.columns[k]!)
      }
    }
  }

  #refuse(): never {
    throw new ConfigError(
      `${this.#looksAhead} looks ahead: it needs rows that have not come yet. Use computeIndicators on a whole batch, or leave lookAhead out.`,
    )
  }
}

/**
 * A property of a candle, in the style of the library or in that of files, or the average that a derived column stands
 * for; NaN where the candle lacks the value.
 */
function otherOf(candle: CandleLike, property: string, column: string): number {
  const value = candle[property] ?? candle[column]
  const parts = typeof value === 'number' ? undefined : DERIVED_COLUMNS[property]
  if (!parts) return floatOf(value, property)
  let sum = 0
  for (const part of parts) sum += floatOf(candle[part], part)
  return sum / parts.length
}

/**
 * Indicators of whole data: for each result an array as long as the data, NaN where there is no value (yet).
 * @param data a batch, an Arrow table, columns, candles, or one series
 * @throws ConfigError for an expression that cannot be read, a column that is missing, or a value that is text.
 */
export function computeIndicators(
  data: IndicatorData,
  wanted: IndicatorInput | readonly IndicatorInput[],
): Record<string, Float64Array> {
  return IndicatorRunner.compute(data, wanted)
}
