import { candle } from '../../model/candle.ts'
import { ConfigError } from '../../model/errors.ts'
import { formatTime } from '../../model/time.ts'
import type { IndicatorDefinition, Parameters } from './definition.ts'
import { didYouMean, resolveParameters } from './parameters.ts'
import { INDICATOR_ALIASES, INDICATORS, type IndicatorId } from './registry.ts'

/** A column of the data, or one that follows from them (`hl2`, `hlc3`, `ohlc4`). */
export interface ColumnSeries {
  readonly type: 'column'
  readonly name: string
}

/** What an indicator makes of its sources: all its outputs, or the one that was chosen. */
export interface IndicatorSeries {
  readonly type: 'indicator'
  readonly definition: IndicatorDefinition
  readonly parameters: Parameters
  /** What `source` stands for; the close when left out. */
  readonly source: Series
  /** What `other` stands for, where the indicator has one. */
  readonly other: Series | undefined
  /** Index of the output that was chosen. */
  readonly output: number | undefined
  /** What the result is called; without it the expression's own text. */
  readonly label: string | undefined
}

export type Series = ColumnSeries | IndicatorSeries

/** Averages of a candle's prices that can be a source like any column. */
export const DERIVED_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  hl2: ['high', 'low'],
  hlc3: ['high', 'low', 'close'],
  ohlc4: ['open', 'high', 'low', 'close'],
}

const CANDLE_COLUMNS: readonly string[] = candle.columns.map(({ name }) => name)

/** Columns that an expression can name without quotes. */
export const SOURCE_COLUMNS: readonly string[] = [...CANDLE_COLUMNS, ...Object.keys(DERIVED_COLUMNS)]

const CLOSE: ColumnSeries = { type: 'column', name: 'close' }

/** A column as the source of an indicator; any name that the data will have. */
export function columnSeries(name: string): ColumnSeries {
  const property = candle.columns.find((spec) => spec.property === name)
  return { type: 'column', name: property?.name ?? name }
}

export interface SeriesOptions {
  /** What the indicator reads instead of the close: an expression, a column's name, or another indicator. */
  readonly source?: Series | string
  /** The second series of an indicator that has two. */
  readonly other?: Series | string
  /** Name of the output wanted; all of them when left out (the first, where it is a source). */
  readonly output?: string
  /** What the result is called. */
  readonly label?: string
}

/**
 * An indicator with its parameters, as part of a `compute` or of another indicator.
 * @throws ConfigError for a name, parameter or output that does not exist, with the nearest one that does.
 */
export function indicator(
  id: IndicatorId | string,
  parameters: Parameters = {},
  options: SeriesOptions = {},
): IndicatorSeries {
  const definition = definitionOf(id)
  const resolved = resolveParameters(definition, parameters)
  const inputs = definition.inputs(resolved)
  for (const name of ['source', 'other'] as const) {
    if (options[name] === undefined || inputs.includes(name)) continue
    throw new ConfigError(`${definition.id} reads ${inputs.join(', ')} of candles; it takes no ${name}.`)
  }
  if (inputs.includes('other') && options.other === undefined) {
    throw new ConfigError(`${definition.id} needs two series, e.g. ${definition.id}(close, volume, 20).`)
  }
  // Parameters that do not fit together are told now, and not when the data come.
  definition.create(resolved)
  return {
    type: 'indicator',
    definition,
    parameters: resolved,
    source: asSeries(options.source ?? CLOSE),
    other: options.other === undefined ? undefined : asSeries(options.other),
    output: options.output === undefined ? undefined : outputIndex(definition, resolved, options.output),
    label: options.label,
  }
}

function asSeries(source: Series | string): Series {
  if (typeof source !== 'string') return source
  return /[(]| of /.test(source) || isIndicator(source) ? parseIndicator(source) : columnSeries(source)
}

const LOWER_NAMES = new Set(
  [...Object.keys(INDICATORS), ...Object.keys(INDICATOR_ALIASES)].map((name) => name.toLowerCase()),
)

function isIndicator(name: string): boolean {
  return LOWER_NAMES.has(name.toLowerCase())
}

/** @throws ConfigError naming the nearest indicator when there is none of this name. */
export function definitionOf(id: string): IndicatorDefinition {
  const wanted = id.toLowerCase()
  const alias = Object.entries(INDICATOR_ALIASES).find(([name]) => name.toLowerCase() === wanted)
  const found: IndicatorDefinition | undefined = alias
    ? INDICATORS[alias[1]]
    : Object.values(INDICATORS).find((definition) => definition.id.toLowerCase() === wanted)
  if (found) return found
  const known = [...Object.keys(INDICATORS), ...Object.keys(INDICATOR_ALIASES)]
  const hint = didYouMean(id, known)
  throw new ConfigError(
    `Unknown indicator "${id}".${hint === '' ? ` There are ${Object.keys(INDICATORS).join(', ')}.` : hint}`,
  )
}

function outputIndex(definition: IndicatorDefinition, parameters: Parameters, name: string): number {
  const names = definition.outputs(parameters).map((output) => output.name)
  const index = names.indexOf(name)
  if (index >= 0) return index
  throw new ConfigError(
    `${definition.id} has no output "${name}"; it has ${names.join(', ')}.${didYouMean(name, names)}`,
  )
}

/** The shortest text that means the same series. */
export function seriesText(series: Series): string {
  if (series.type === 'column') return SOURCE_COLUMNS.includes(series.name) ? series.name : JSON.stringify(series.name)
  const { definition, parameters, source, other, output } = series
  const inputs = definition.inputs(parameters)
  const parts: string[] = []
  if (inputs.includes('other')) parts.push(seriesText(source), seriesText(other!))
  else if (inputs.includes('source') && !(source.type === 'column' && source.name === 'close')) {
    parts.push(seriesText(source))
  }
  let inPlace = true
  for (const spec of definition.parameters) {
    const value = parameters[spec.name]
    const plain = spec.kind === 'integer' || spec.kind === 'number'
    if (inPlace && plain && value !== undefined) parts.push(String(value))
    else {
      inPlace = false
      if (value === undefined || value === spec.fallback) continue
      const shown = spec.kind === 'time' ? formatTime(value as number) : String(value)
      parts.push(`${spec.name}=${/^[\w.-]+$/.test(shown) ? shown : JSON.stringify(shown)}`)
    }
  }
  const call = parts.length === 0 ? definition.id : `${definition.id}(${parts.join(', ')})`
  return output === undefined ? call : `${call}.${definition.outputs(parameters)[output]!.name}`
}

/**
 * Reads an expression: `ema(20)`, `sma(close, 50)`, `bollinger(20, 2).upper`, `rsi(14, smoothing=cutler)`,
 * `ema(20) of rsi(14)` or `ema(rsi(14), 20)`, and `… as name`.
 * @throws ConfigError that shows where the text goes wrong.
 */
export function parseIndicator(text: string): IndicatorSeries {
  const parser = new Parser(text)
  const series = parser.whole()
  if (series.type === 'indicator') return series
  throw new ConfigError(`"${text}" is a column, not an indicator; try sma(${series.name}, 20).`)
}

interface Token {
  readonly type: 'name' | 'number' | 'text' | 'sign' | 'end'
  readonly text: string
  readonly at: number
}

const TOKEN =
  /\s*(?:([A-Za-z_][\w]*)|([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w])|"([^"]*)"|'([^']*)'|([(),.=]))/y

class Parser {
  readonly #text: string
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(text: string) {
    this.#text = text
    this.#tokens = tokens(text)
  }

  whole(): Series {
    const start = this.#peek.at
    let series = this.#chain()
    const end = this.#peek.at
    let label: string | undefined
    if (this.#takeWord('as')) {
      const token = this.#next()
      if (token.type !== 'name' && token.type !== 'text') throw this.#wrong(token, 'a name for the result')
      label = token.text
    }
    if (this.#peek.type !== 'end') throw this.#wrong(this.#peek, 'the end')
    label ??= this.#text.slice(start, end).trim()
    if (series.type === 'indicator') series = { ...series, label }
    return series
  }

  /** `a of b of c`: a reads what b makes, which reads what c makes. */
  #chain(): Series {
    const token = this.#peek
    const first = this.#postfix()
    if (!this.#takeWord('of')) return first
    const source = this.#chain()
    if (first.type === 'column') throw this.#wrong(token, 'an indicator before "of"')
    if (!first.definition.inputs(first.parameters).includes('source')) {
      throw new ConfigError(`${first.definition.id} reads candles; it can't be taken of ${seriesText(source)}.`)
    }
    if (!(first.source.type === 'column' && first.source.name === 'close')) {
      throw new ConfigError(`${seriesText(first)} has a source already; leave out "of ${seriesText(source)}".`)
    }
    return { ...first, source }
  }

  #postfix(): Series {
    const token = this.#next()
    if (token.type === 'text') return columnSeries(token.text)
    if (token.type !== 'name') throw this.#wrong(token, 'the name of an indicator')
    const called = this.#takeSign('(')
    if (!called && !isIndicator(token.text) && this.#isColumn(token.text)) return columnSeries(token.text)
    if (!called && !isIndicator(token.text)) {
      const known = [...Object.keys(INDICATORS), ...Object.keys(INDICATOR_ALIASES), ...SOURCE_COLUMNS]
      throw new ConfigError(`Unknown indicator or column "${token.text}".${didYouMean(token.text, known)}`)
    }
    const series = this.#call(token.text, called)
    if (!this.#takeSign('.')) return series
    const name = this.#next()
    if (name.type !== 'name') throw this.#wrong(name, 'the name of an output')
    return { ...series, output: outputIndex(series.definition, series.parameters, name.text) }
  }

  #isColumn(name: string): boolean {
    return SOURCE_COLUMNS.includes(name) || candle.columns.some(({ property }) => property === name)
  }

  #call(id: string, called: boolean): IndicatorSeries {
    const definition = definitionOf(id)
    const given: Record<string, number | string | boolean> = {}
    const sources: Series[] = []
    const positions = definition.parameters.map(({ name }) => name)
    let place = 0
    if (called && !this.#takeSign(')')) {
      do {
        const token = this.#peek
        if (
          token.type === 'name' &&
          this.#tokens[this.#at + 1]?.text === '=' &&
          this.#tokens[this.#at + 1]?.type === 'sign'
        ) {
          this.#at += 2
          if (Object.hasOwn(given, token.text)) throw this.#wrong(token, 'each parameter once')
          given[token.text] = this.#value(token.text)
        } else if (token.type === 'number') {
          this.#at++
          const name = positions[place++]
          if (name === undefined) {
            throw new ConfigError(
              `${definition.id} takes ${positions.length === 0 ? 'no parameters' : `at most ${positions.length} (${positions.join(', ')})`}; "${this.#text}" gives more.`,
            )
          }
          if (Object.hasOwn(given, name)) throw this.#wrong(token, `${name} once`)
          given[name] = Number(token.text)
        } else {
          const wanted = definition.parameters[place]
          // A word of the parameter that is next may stand without its name.
          if (token.type === 'name' && wanted?.words?.includes(token.text)) {
            this.#at++
            given[wanted.name] = token.text
            place++
          } else sources.push(this.#chain())
        }
      } while (this.#takeSign(','))
      if (!this.#takeSign(')')) throw this.#wrong(this.#peek, '"," or ")"')
    }
    if (sources.length > 2) throw new ConfigError(`"${this.#text}" gives ${definition.id} ${sources.length} series.`)
    const [source, other] = sources
    return indicator(definition.id, given, { ...(source ? { source } : {}), ...(other ? { other } : {}) })
  }

  #value(name: string): string | number | boolean {
    const token = this.#next()
    if (token.type === 'number') return Number(token.text)
    if (token.type !== 'name' && token.type !== 'text') throw this.#wrong(token, `a value for ${name}`)
    return token.text
  }

  get #peek(): Token {
    return this.#tokens[this.#at]!
  }

  #next(): Token {
    const token = this.#peek
    if (token.type !== 'end') this.#at++
    return token
  }

  #takeSign(text: string): boolean {
    if (this.#peek.type !== 'sign' || this.#peek.text !== text) return false
    this.#at++
    return true
  }

  #takeWord(text: string): boolean {
    if (this.#peek.type !== 'name' || this.#peek.text !== text) return false
    this.#at++
    return true
  }

  #wrong(token: Token, expected: string): ConfigError {
    const found = token.type === 'end' ? 'it ends' : `there is "${token.text}"`
    return new ConfigError(
      `"${this.#text}" is not an indicator: expected ${expected}, but ${found} (character ${token.at + 1}). Use for example ema(20), sma(close, 50) or bollinger(20, 2).upper.`,
    )
  }
}

function tokens(text: string): Token[] {
  const found: Token[] = []
  let at = 0
  while (text.slice(at).trim() !== '') {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    const start = at + (text.slice(at).length - text.slice(at).trimStart().length)
    if (!match) {
      throw new ConfigError(
        `"${text}" is not an indicator: "${text.slice(start, start + 12)}" makes no sense at character ${start + 1}. Use for example ema(20), sma(close, 50) or bollinger(20, 2).upper.`,
      )
    }
    const [, name, number, double, single, sign] = match
    const quoted = double ?? single
    if (name !== undefined) found.push({ type: 'name', text: name, at: start })
    else if (number !== undefined) found.push({ type: 'number', text: number, at: start })
    else if (quoted !== undefined) found.push({ type: 'text', text: quoted, at: start })
    else found.push({ type: 'sign', text: sign!, at: start })
    at = TOKEN.lastIndex
  }
  found.push({ type: 'end', text: '', at: text.length })
  return found
}
