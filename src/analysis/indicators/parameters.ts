import { distance } from 'fastest-levenshtein'
import { ConfigError } from '../../model/errors.ts'
import { parseTime } from '../../model/time.ts'
import type { IndicatorDefinition, ParameterSpec, Parameters, ParameterValue } from './definition.ts'

/** The nearest of some names with a question mark and a blank before it, or nothing. */
export function didYouMean(wanted: string, names: Iterable<string>): string {
  const word = wanted.toLowerCase()
  const bound = word.length < 4 ? 1 : Math.max(2, Math.floor(word.length / 3))
  let best: string | undefined
  let least = bound + 1
  for (const name of names) {
    const score = distance(word, name.toLowerCase())
    if (score < least || (score === least && best !== undefined && name.length < best.length && score <= bound)) {
      best = name
      least = score
    }
  }
  return best === undefined ? '' : ` Did you mean ${best}?`
}

/**
 * The parameters of an indicator, checked, with defaults for what was left out.
 * @throws ConfigError that says which parameter is wrong and what it may be.
 */
export function resolveParameters(definition: IndicatorDefinition, given: Parameters): Parameters {
  const known = definition.parameters.map(({ name }) => name)
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    const list = known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`
    throw new ConfigError(`${definition.id} has no parameter "${name}"; ${list}.${didYouMean(name, known)}`)
  }
  const found: Record<string, ParameterValue> = {}
  for (const spec of definition.parameters) found[spec.name] = readParameter(definition.id, spec, given[spec.name])
  return found
}

function readParameter(id: string, spec: ParameterSpec, value: ParameterValue): ParameterValue {
  if (value === undefined) return spec.fallback as ParameterValue
  const { name } = spec
  const wrong = (allowed: string): ConfigError =>
    new ConfigError(`${id}: ${name} is ${JSON.stringify(value)}; allowed: ${allowed}.`)
  switch (spec.kind) {
    case 'integer': {
      const number = readNumber(value)
      const { min = 1, max = Number.MAX_SAFE_INTEGER } = spec
      if (Number.isInteger(number) && number >= min && number <= max) return number
      throw wrong(`a whole number from ${min} to ${max}`)
    }
    case 'number': {
      const number = readNumber(value)
      const { min = -Number.MAX_VALUE, max = Number.MAX_VALUE } = spec
      if (Number.isFinite(number) && number >= min && number <= max) return number
      throw wrong(max === Number.MAX_VALUE ? `a number of at least ${min}` : `a number from ${min} to ${max}`)
    }
    case 'boolean':
      if (typeof value === 'boolean') return value
      if (value === 'true' || value === 'false') return value === 'true'
      throw wrong('true, false')
    case 'word': {
      const words = spec.words ?? []
      if (typeof value === 'string' && words.includes(value)) return value
      const hint = typeof value === 'string' ? didYouMean(value, words) : ''
      throw new ConfigError(`${id}: ${name} is ${JSON.stringify(value)}; allowed: ${words.join(', ')}.${hint}`)
    }
    case 'time':
      if (typeof value === 'boolean') throw wrong('a time')
      return parseTime(value, `${id}: ${name}`)
    case 'text':
      if (typeof value === 'string') return value
      throw wrong('text')
  }
}

function readNumber(value: ParameterValue): number {
  if (typeof value === 'number') return value
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
}
