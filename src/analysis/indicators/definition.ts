import { ConfigError } from '../../model/errors.ts'

/**
 * The arithmetic of one indicator: reads rows `from` (inside) to `to` (outside) of its inputs, writes the same rows of
 * its outputs, and keeps in its fields what the next rows need. Streaming is a run of one row and a batch a run of many,
 * through the same loop, so that both give the same bits. Every input row is finite: whoever calls `run` has seen to it.
 */
export interface Kernel {
  run(inputs: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): void
  /**
   * Where the arithmetic itself shows a NaN or an infinity: as `run`, over inputs that nobody has looked at, which saves a
   * pass. False where one was not finite, or may not have been; then the state is as before, and the rows are run again.
   */
  attempt?(inputs: readonly Float64Array[], from: number, to: number, outputs: readonly Float64Array[]): boolean
}

/** Of a sum that an infinity or a NaN has gone into, false. */
export function isFiniteSum(value: number): boolean {
  return value - value === 0
}

/** What a parameter may be. `T` is the type of its value. */
export interface ParameterSpec<N extends string = string, T = unknown> {
  readonly name: N
  readonly kind: 'integer' | 'number' | 'boolean' | 'word' | 'time' | 'text'
  /** Undefined for a parameter that may be left out altogether. */
  readonly fallback: T
  readonly meaning: string
  /** Least and greatest value of a number. */
  readonly min?: number
  readonly max?: number
  /** Allowed values of a word. */
  readonly words?: readonly string[]
}

export type ParameterValue = number | boolean | string | undefined
export type Parameters = Readonly<Record<string, ParameterValue>>

type ValuesOf<S extends readonly ParameterSpec[]> = { readonly [P in S[number] as P['name']]: P['fallback'] }

/**
 * Columns that an indicator reads. `source` and `other` stand for any series (the close unless said otherwise); the
 * rest are columns of candles.
 */
export type InputName = 'source' | 'other' | 'open_time' | 'open' | 'high' | 'low' | 'close' | 'volume'

export interface OutputSpec {
  readonly name: string
  readonly meaning: string
}

/** An indicator, defined once: streaming, batch, expressions, CLI and docs follow from it. */
export interface IndicatorDefinition<P = Parameters> {
  readonly id: string
  readonly title: string
  readonly parameters: readonly ParameterSpec[]
  /** Seeds, warm-up and special cases, with the source of the convention. */
  readonly convention: string
  inputs(parameters: P): readonly InputName[]
  outputs(parameters: P): readonly OutputSpec[]
  /** For each output, how many rows at the start have no value at least. */
  warmUp(parameters: P): readonly number[]
  /** @throws ConfigError when parameters that are each right do not fit together. */
  create(parameters: P): Kernel
  /** For each output, how many rows it reaches into the future; left out where none does. Only batches can have it. */
  lookAhead?(parameters: P): readonly number[]
}

interface Draft<S extends readonly ParameterSpec[]> {
  readonly id: string
  readonly title: string
  readonly parameters: S
  readonly convention: string
  readonly inputs: readonly InputName[] | ((parameters: ValuesOf<S>) => readonly InputName[])
  /** Name and meaning of each output. */
  readonly outputs: Readonly<Record<string, string>> | ((parameters: ValuesOf<S>) => Readonly<Record<string, string>>)
  /** One number for all outputs, or one for each. */
  readonly warmUp: (parameters: ValuesOf<S>) => number | readonly number[]
  readonly create: (parameters: ValuesOf<S>) => Kernel
  readonly lookAhead?: (parameters: ValuesOf<S>) => readonly number[]
}

/** Makes a definition; parameter values are typed by their specs inside, and open outside. */
export function define<const S extends readonly ParameterSpec[]>(draft: Draft<S>): IndicatorDefinition {
  const { inputs, outputs, warmUp, lookAhead } = draft
  const typed = (parameters: Parameters): ValuesOf<S> => parameters as ValuesOf<S>
  const outputsOf = (parameters: Parameters): readonly OutputSpec[] =>
    Object.entries(typeof outputs === 'function' ? outputs(typed(parameters)) : outputs).map(([name, meaning]) => ({
      name,
      meaning,
    }))
  return {
    id: draft.id,
    title: draft.title,
    parameters: draft.parameters,
    convention: draft.convention,
    inputs: (parameters) => (typeof inputs === 'function' ? inputs(typed(parameters)) : inputs),
    outputs: outputsOf,
    warmUp(parameters) {
      const rows = warmUp(typed(parameters))
      return typeof rows === 'number' ? outputsOf(parameters).map(() => rows) : rows
    },
    create: (parameters) => draft.create(typed(parameters)),
    ...(lookAhead ? { lookAhead: (parameters: Parameters) => lookAhead(typed(parameters)) } : {}),
  }
}

/** Windows longer than this are surely a mistake, and would cost memory before it shows. */
const LONGEST = 1_000_000

export function integer<const N extends string>(
  name: N,
  fallback: number,
  min: number,
  meaning: string,
  max = LONGEST,
): ParameterSpec<N, number> {
  return { name, kind: 'integer', fallback, min, max, meaning }
}

export function decimal<const N extends string>(
  name: N,
  fallback: number,
  min: number,
  meaning: string,
  max = Number.MAX_VALUE,
): ParameterSpec<N, number> {
  return { name, kind: 'number', fallback, min, max, meaning }
}

/** A number that may be left out. */
export function optionalDecimal<const N extends string>(
  name: N,
  min: number,
  max: number,
  meaning: string,
): ParameterSpec<N, number | undefined> {
  return { name, kind: 'number', fallback: undefined, min, max, meaning }
}

export function flag<const N extends string>(name: N, meaning: string): ParameterSpec<N, boolean> {
  return { name, kind: 'boolean', fallback: false, meaning }
}

/** One of some words; the first is the default unless another is named. */
export function word<const N extends string, const W extends readonly string[]>(
  name: N,
  words: W,
  meaning: string,
  fallback: W[number] = words[0]!,
): ParameterSpec<N, W[number]> {
  return { name, kind: 'word', fallback, words, meaning }
}

/** One of some words, which may be left out. */
export function optionalWord<const N extends string, const W extends readonly string[]>(
  name: N,
  words: W,
  meaning: string,
): ParameterSpec<N, W[number] | undefined> {
  return { name, kind: 'word', fallback: undefined, words, meaning }
}

/** An instant in epoch milliseconds, which may be left out. */
export function optionalTime<const N extends string>(name: N, meaning: string): ParameterSpec<N, number | undefined> {
  return { name, kind: 'time', fallback: undefined, meaning }
}

export function text<const N extends string>(name: N, fallback: string, meaning: string): ParameterSpec<N, string> {
  return { name, kind: 'text', fallback, meaning }
}

/** @throws ConfigError unless the shorter of two periods is shorter. */
export function checkShorter(id: string, fast: number, slow: number): void {
  if (fast < slow) return
  throw new ConfigError(`${id}: fast is ${fast} and slow is ${slow}; fast must be the smaller one.`)
}
