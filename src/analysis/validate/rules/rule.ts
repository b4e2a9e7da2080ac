import { type Decimal, formatDecimal, parseDecimal } from '../../../model/decimal.ts'
import { ParseError } from '../../../model/errors.ts'
import type { Filter, Instrument } from '../../../model/instrument.ts'
import type { Bound, BoundPart } from '../bounds.ts'
import type { BrokenRule, CheckedOrder, OrderField, UncheckedRule } from '../outcome.ts'

/** What a validator needs to know of an instrument. */
export type OrderInstrument = Pick<Instrument, 'market' | 'symbol' | 'filters'> &
  Partial<Pick<Instrument, 'base' | 'quote' | 'status' | 'active'>>

/** A broken rule before the nearest value that satisfies every rule is known. */
export type Break = Omit<BrokenRule, 'message'>

/** Takes what rules find. */
export interface Findings {
  broken: Break[]
  unchecked: UncheckedRule[]
}

/** One rule of one symbol. */
export interface OrderRule {
  /** The exchange's name of it. */
  readonly type: string
  /** Whether it judges a price alone, a quantity alone, or only a whole order. */
  readonly about: 'price' | 'quantity' | 'order'
  check(order: CheckedOrder, findings: Findings): void
  /** What it allows of one field of an order. */
  bound?(order: CheckedOrder, field: OrderField): Bound | undefined
}

/** Makes a rule of a filter; undefined where the filter is switched off. */
export type RuleMaker = (filter: Filter, instrument: OrderInstrument) => OrderRule | undefined

/** A decimal of a filter. @throws ParseError when it is something else. */
export function decimalOf(filter: Filter, name: string, instrument: OrderInstrument): Decimal | undefined {
  const value = filter.values[name]
  if (value === undefined) return undefined
  if (typeof value === 'boolean') throw unreadable(filter, name, instrument)
  try {
    return parseDecimal(value)
  } catch (error) {
    throw unreadable(filter, name, instrument, error)
  }
}

/** A decimal of a filter where 0 means that it is switched off. */
export function switchedOn(filter: Filter, name: string, instrument: OrderInstrument): Decimal | undefined {
  const value = decimalOf(filter, name, instrument)
  return value === undefined || value.units === 0n ? undefined : value
}

function unreadable(filter: Filter, name: string, instrument: OrderInstrument, cause?: unknown): ParseError {
  return new ParseError(
    `exchangeInfo of ${instrument.symbol}`,
    `${filter.type}.${name} is ${JSON.stringify(filter.values[name])}, not a decimal number.`,
    { cause },
  )
}

/** The parts of a bound as text. */
export function limitsOf(bound: Bound): Record<string, string> {
  const limits: Record<string, string> = {}
  for (const name of ['min', 'max', 'step', 'offset'] as const) {
    const part = bound[name]
    if (part !== undefined && (name !== 'offset' || part.units !== 0n)) limits[name] = formatDecimal(part)
  }
  return limits
}

export function breakOf(rule: string, field: OrderField, part: BoundPart, value: Decimal, bound: Bound): Break {
  return { rule, field, part, value: formatDecimal(value), limits: limitsOf(bound) }
}

/**
 * Limits and steps: spot counts steps from 0, futures and options from the least value. A greatest price of 0 is
 * switched off, a greatest quantity of 0 is meant.
 */
export function gridBound(
  filter: Filter,
  instrument: OrderInstrument,
  names: readonly [min: string, max: string, step: string],
): Bound {
  const min = switchedOn(filter, names[0], instrument)
  const max = (names[1] === 'maxPrice' ? switchedOn : decimalOf)(filter, names[1], instrument)
  const step = switchedOn(filter, names[2], instrument)
  const offset = instrument.market === 'spot' ? undefined : min
  return {
    ...(min && { min }),
    ...(max && { max }),
    ...(step && { step }),
    ...(offset && step && { offset }),
  }
}
