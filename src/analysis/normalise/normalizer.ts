import { InvalidRangeError, ParseError } from '../../model/errors.ts'
import { deviation, moments, quantile, sortedFinite } from '../clean/statistics.ts'
import { chosenColumns, nameIn, readTable, type Table, type TableInput } from '../clean/table.ts'

/** `minmax`: to [0, 1] by least and greatest. `zscore`: by mean and deviation. `robust`: by median and quartiles. */
export type NormaliseMethod = 'minmax' | 'zscore' | 'robust'

export const NORMALISE_METHODS: readonly NormaliseMethod[] = ['minmax', 'zscore', 'robust']

/**
 * A spread below this counts as none. Distances divided by it would leave the range of float64 (1e6 / 5e-324 is
 * infinite), and the square of a smaller one is no longer exact, which a deviation needs.
 */
export const LEAST_SPREAD = 1e-150

export interface NormaliseOptions {
  /** Only these columns; without it all but times, ids and flags. */
  readonly columns?: readonly string[]
  /** Of `zscore`: 1 (default) for the sample's deviation, 0 for the population's. */
  readonly ddof?: 0 | 1
  /** Of `minmax`: the range to come out, [0, 1] by default. */
  readonly range?: readonly [low: number, high: number]
  /** Of `robust`: the shares below and above, [0.25, 0.75] by default. */
  readonly quantiles?: readonly [low: number, high: number]
  /** Of `minmax`: what lies outside the range learnt is cut to it. Default false: it comes out beyond the range. */
  readonly clip?: boolean
}

/** What was learnt of a column: a value `x` becomes `(x - centre) / scale × factor + offset`. */
export interface Fitted {
  readonly centre: number
  /** 1 for a constant column (a spread below `LEAST_SPREAD`). NaN for one without any value. */
  readonly scale: number
  readonly factor: number
  readonly offset: number
}

/** A normaliser as JSON can hold it. */
export interface NormalizerState {
  readonly method: NormaliseMethod
  readonly clip?: readonly [low: number, high: number]
  /** NaN stands as null. */
  readonly columns: Readonly<Record<string, { readonly [Name in keyof Fitted]: number | null }>>
}

/**
 * Learns the scale of each column. Missing and infinite values are left out; a constant column gets scale 1, so that
 * its value becomes 0 (or the lower end of `range`); a column without any value stays without.
 * @throws InvalidRangeError for a method or column that does not exist, numbers that make no sense, and for values so far apart that their distance
 * is no float64.
 */
export function fitNormalizer(
  input: TableInput,
  options: NormaliseOptions & { readonly method?: NormaliseMethod } = {},
): Normalizer {
  const { method = 'minmax', range = [0, 1], clip = false } = options
  if (!NORMALISE_METHODS.includes(method)) {
    throw new InvalidRangeError(`There is no normalisation "${method}", only ${NORMALISE_METHODS.join(', ')}.`)
  }
  checkNumbers(options, range)
  const table = readTable(input)
  const columns = new Map<string, Fitted>()
  for (const name of chosenColumns(table, options.columns)) {
    const values = table.columns[name]!
    const extent = extentOf(values)
    const fitted = fitColumn(values, extent, method, options, range)
    if (extent.high - extent.low === Number.POSITIVE_INFINITY || fitted.scale === Number.POSITIVE_INFINITY) {
      throw new InvalidRangeError(
        `The values of "${name}" are too far apart to be brought to one scale: clean them first.`,
      )
    }
    columns.set(name, fitted)
  }
  return new Normalizer(method, columns, clip && method === 'minmax' ? range : undefined)
}

function checkNumbers(options: NormaliseOptions, range: readonly [number, number]): void {
  const { quantiles = [0.25, 0.75], ddof = 1 } = options
  if (!(range[0] < range[1]) || !Number.isFinite(range[1] - range[0])) {
    throw new InvalidRangeError(`The range [${range.join(', ')}] does not rise: use two finite numbers, e.g. [0, 1].`)
  }
  if (!(quantiles[0] >= 0 && quantiles[0] < quantiles[1] && quantiles[1] <= 1)) {
    throw new InvalidRangeError(`quantiles are [${quantiles.join(', ')}]; use two shares from 0 to 1 that rise.`)
  }
  if (ddof !== 0 && ddof !== 1) throw new InvalidRangeError(`ddof is ${String(ddof)}; use 0 or 1.`)
}

/** The least and the greatest finite value; infinite the wrong way round where there is none. */
function extentOf(values: Float64Array): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    if (value < low) low = value
    if (value > high) high = value
  }
  return { low, high }
}

function fitColumn(
  values: Float64Array,
  { low, high }: { low: number; high: number },
  method: NormaliseMethod,
  options: NormaliseOptions,
  range: readonly [number, number],
): Fitted {
  const plain = { factor: 1, offset: 0 }
  if (method === 'minmax') {
    const found = low <= high
    // + 0: a negative zero does not come back from JSON.
    const centre = found ? low + 0 : Number.NaN
    return { centre, scale: scaleOf(high - low, found), factor: range[1] - range[0], offset: range[0] + 0 }
  }
  if (method === 'zscore') {
    const { count, mean, squares } = moments(values)
    return { centre: mean + 0, scale: scaleOf(deviation(count, squares, options.ddof ?? 1), count > 0), ...plain }
  }
  const sorted = sortedFinite(values)
  const [lower, upper] = options.quantiles ?? [0.25, 0.75]
  const spread = quantile(sorted, upper) - quantile(sorted, lower)
  return { centre: quantile(sorted, 0.5) + 0, scale: scaleOf(spread, sorted.length > 0), ...plain }
}

/** A spread that is as good as 0 cannot be divided by: distances from the centre then stay what they are. */
function scaleOf(spread: number, found: boolean): number {
  if (!found) return Number.NaN
  return spread >= LEAST_SPREAD ? spread : 1
}

/** Treats values as those that it was learnt from: the same numbers for training, backtest and live. */
export class Normalizer {
  readonly method: NormaliseMethod
  readonly columns: ReadonlyMap<string, Fitted>
  readonly #clip: readonly [number, number] | undefined

  constructor(
    method: NormaliseMethod,
    columns: ReadonlyMap<string, Fitted>,
    clip?: readonly [low: number, high: number],
  ) {
    this.method = method
    this.columns = columns
    this.#clip = clip
  }

  /**
   * A copy with the columns learnt brought to scale; others stay. Each value depends on itself alone.
   * @throws InvalidRangeError where no column is one that was learnt.
   */
  transform(input: TableInput): Table {
    return this.#map(input, (value, fitted) => this.#forth(value, fitted))
  }

  /** A copy brought back. Exact up to rounding, but for what was clipped. */
  inverse(input: TableInput): Table {
    return this.#map(input, back)
  }

  /** One value of a column. @throws InvalidRangeError for a column that was not learnt. */
  transformValue(column: string, value: number): number {
    return this.#forth(value, this.#fitted(column))
  }

  /** @throws InvalidRangeError for a column that was not learnt. */
  inverseValue(column: string, value: number): number {
    return back(value, this.#fitted(column))
  }

  /**
   * A copy of a live row with the columns learnt brought to scale, in its own style: what was learnt of `quote_volume`
   * counts for `quoteVolume`.
   * @throws InvalidRangeError where no column is one that was learnt, and for text in one.
   */
  transformRow<Row extends object>(row: Row): Row {
    const copy = { ...row } as Record<string, unknown>
    for (const [name, fitted] of this.#learntIn(copy)) {
      const value = copy[name]
      if (typeof value === 'number') copy[name] = this.#forth(value, fitted)
      else if (typeof value === 'string') {
        throw new InvalidRangeError(`"${name}" is the text "${value}": convert it first, e.g. with Number().`)
      }
    }
    return copy as Row
  }

  toJSON(): NormalizerState {
    const columns: Record<string, { [Name in keyof Fitted]: number | null }> = {}
    for (const [name, fitted] of this.columns) {
      const { centre, scale } = fitted
      const isEmpty = Number.isNaN(scale)
      columns[name] = { ...fitted, centre: isEmpty ? null : centre, scale: isEmpty ? null : scale }
    }
    return { method: this.method, ...(this.#clip && { clip: this.#clip }), columns }
  }

  /** Brings back what `toJSON` gave. @throws ParseError for anything else. */
  static fromJSON(state: NormalizerState): Normalizer {
    if (!NORMALISE_METHODS.includes(state?.method) || typeof state.columns !== 'object' || state.columns === null) {
      throw new ParseError('normalizer', 'is not what Normalizer.toJSON gives.')
    }
    const columns = new Map<string, Fitted>()
    for (const [name, { centre, scale, factor, offset }] of Object.entries(state.columns)) {
      columns.set(name, {
        centre: centre ?? Number.NaN,
        scale: scale ?? Number.NaN,
        factor: factor ?? Number.NaN,
        offset: offset ?? Number.NaN,
      })
    }
    return new Normalizer(state.method, columns, state.clip)
  }

  #map(input: TableInput, change: (value: number, fitted: Fitted) => number): Table {
    const table = readTable(input)
    for (const [name, fitted] of this.#learntIn(table.columns)) {
      const values = table.columns[name]!
      for (let i = 0; i < values.length; i++) values[i] = change(values[i]!, fitted)
    }
    return table
  }

  /** The columns learnt that are there, as they are called there: unscaled ones must not pass for scaled. */
  #learntIn(given: object): (readonly [name: string, fitted: Fitted])[] {
    const found = [...this.columns].flatMap(([column, fitted]) => {
      const name = nameIn(given, column)
      return name === undefined ? [] : [[name, fitted] as const]
    })
    if (found.length > 0 || this.columns.size === 0) return found
    const learnt = [...this.columns.keys()].join(', ')
    throw new InvalidRangeError(`Nothing was learnt of ${Object.keys(given).join(', ')}, only of ${learnt}.`)
  }

  #forth(value: number, { centre, scale, factor, offset }: Fitted): number {
    const scaled = ((value - centre) / scale) * factor + offset
    return this.#clip === undefined ? scaled : Math.min(Math.max(scaled, this.#clip[0]), this.#clip[1])
  }

  #fitted(column: string): Fitted {
    const fitted = this.columns.get(column)
    if (fitted === undefined) {
      throw new InvalidRangeError(`Nothing was learnt of "${column}", only of ${[...this.columns.keys()].join(', ')}.`)
    }
    return fitted
  }
}

function back(value: number, { centre, scale, factor, offset }: Fitted): number {
  return ((value - offset) / factor) * scale + centre
}
