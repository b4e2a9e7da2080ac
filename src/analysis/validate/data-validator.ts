import { type Decimal, parseDecimal } from '../../model/decimal.ts'
import { InvalidRangeError, InvalidSymbolError } from '../../model/errors.ts'
import type { Filter } from '../../model/instrument.ts'
import type { Market } from '../../model/series.ts'
import { type Bound, closestAllowed, type RoundingMode } from './bounds.ts'
import { type ExchangeInfoBody, type ExchangeInfoRow, readExchangeInfo } from './exchange-info.ts'
import { lacking, readOrder, readSide } from './order.ts'
import type {
  BrokenRule,
  CheckedOrder,
  Numeric,
  OrderField,
  OrderOptions,
  OrderVerdict,
  UncheckedRule,
} from './outcome.ts'
import type { RecordInput } from './records/cursor.ts'
import {
  type CheckedKind,
  type RecordCheckOptions,
  type RecordReport,
  validateRecords,
} from './records/record-validator.ts'
import { rulesOf } from './rules/index.ts'
import { type Findings, limitsOf, type OrderInstrument, type OrderRule } from './rules/rule.ts'

export interface DataValidatorOptions {
  /** Market of an exchangeInfo whose rows do not tell it. */
  readonly market?: Market
  /** Account-wide filters, where instruments are given. */
  readonly exchangeFilters?: readonly Filter[]
}

/** What a price is checked against, besides the price filter. */
export type PriceOptions = Pick<OrderOptions, 'referencePrice' | 'lastPrice'> & {
  readonly side?: string
}

/** For which orders a quantity is meant. */
export type QuantityOptions = Pick<OrderOptions, 'type'>

/** Limits of one field of an order, as decimal text; the strictest of the rules that do not depend on the market. */
export type FieldLimits = Readonly<Record<string, string>>

interface KnownSymbol {
  readonly instrument: OrderInstrument
  rules?: readonly OrderRule[]
}

/**
 * Checks orders against the exchange's rules before they are sent, in exact decimal arithmetic and without a network:
 * from instruments, or from a stored answer of exchangeInfo (object or JSON text), or its `symbols`.
 */
export class DataValidator {
  readonly #symbols = new Map<string, KnownSymbol>()
  readonly #exchangeFilters: readonly Filter[]

  /** @throws ParseError where an exchangeInfo is not what the exchange gives. */
  constructor(
    source: readonly OrderInstrument[] | ExchangeInfoBody | readonly ExchangeInfoRow[] | string = [],
    options: DataValidatorOptions = {},
  ) {
    const { instruments, exchangeFilters } = isInstruments(source)
      ? { instruments: source, exchangeFilters: [] }
      : readExchangeInfo(source, options.market)
    for (const instrument of instruments) this.#symbols.set(instrument.symbol, { instrument })
    this.#exchangeFilters = [...exchangeFilters, ...(options.exchangeFilters ?? [])]
  }

  /** The symbols whose rules are known. */
  get symbols(): string[] {
    return [...this.#symbols.keys()]
  }

  /**
   * Whether an order may have a price. PERCENT_PRICE is checked as far as side and reference are given.
   * @throws InvalidSymbolError for a symbol that is not known.
   */
  validatePrice(symbol: string, price: Numeric, options: PriceOptions = {}): OrderVerdict {
    const { side, ...market } = options
    const findings: Findings = { broken: [], unchecked: [] }
    const order = readOrder(side === undefined ? undefined : readSide(side), undefined, price, market, findings)
    if ((price ?? undefined) === undefined) findings.broken.push(lacking('price', 'LIMIT'))
    return this.#judge(symbol, order, findings, 'price')
  }

  /**
   * Whether an order may have a quantity. A market order (`type: 'MARKET'`) has limits of its own.
   * @throws InvalidSymbolError for a symbol that is not known.
   */
  validateQuantity(symbol: string, quantity: Numeric, options: QuantityOptions = {}): OrderVerdict {
    const findings: Findings = { broken: [], unchecked: [] }
    const atMarket = isMarketType(options.type)
    const read = readOrder(undefined, quantity, undefined, { type: options.type ?? 'ANY' }, findings)
    // A type that needs a price is no mistake here, where only a quantity is asked about.
    findings.broken = findings.broken.filter(({ rule }) => rule !== 'REQUIRED')
    if ((quantity ?? undefined) === undefined) findings.broken.push(lacking('quantity', options.type ?? 'LIMIT'))
    return this.#judge(symbol, { ...read, atMarket }, findings, 'quantity')
  }

  /**
   * Checks an order against every rule of its symbol. Without a price it is a market order; a price that comes with
   * `type: 'MARKET'` counts as the reference price. What a rule needs and was not given stands in `unchecked`.
   * @throws InvalidSymbolError for a symbol that is not known.
   * @throws InvalidRangeError for a side that is neither BUY nor SELL.
   */
  validateOrder(
    symbol: string,
    side: string,
    quantity: Numeric | null | undefined,
    price?: Numeric | null,
    options: OrderOptions = {},
  ): OrderVerdict {
    const findings: Findings = { broken: [], unchecked: [] }
    const order = readOrder(readSide(side), quantity ?? undefined, price ?? undefined, options, findings)
    if ((quantity ?? undefined) === undefined && options.quoteQuantity === undefined) {
      findings.broken.push(lacking('quantity', order.type))
    }
    return this.#judge(symbol, order, findings, 'order')
  }

  /**
   * A value rounded to one that the exchange takes, as decimal text: to a whole number of ticks or steps below, above
   * or nearest (half up). What lies beyond the limits becomes the nearest allowed value whatever the mode, so the answer
   * is valid always; compare it with what you asked for where less than the least must not become the least.
   * @param type `MARKET` for the quantity of a market order
   * @throws InvalidSymbolError for a symbol that is not known.
   * @throws InvalidRangeError for a value that is no decimal, a field or mode that there is not, or where the rules allow
   * no value at all.
   */
  quantize(
    symbol: string,
    field: 'price' | 'quantity',
    value: Numeric,
    mode: RoundingMode = 'nearest',
    options: { readonly type?: string } = {},
  ): string {
    oneOf('mode', mode, ['down', 'up', 'nearest'])
    const order = emptyOrder(isMarketType(options.type) && field === 'quantity')
    const bounds = this.#bounds(symbol, order, field)
    const allowed = closestAllowed(parseDecimal(value), bounds, mode)
    if (allowed === undefined) throw new InvalidRangeError(`The rules of ${symbol} allow no ${field} at all.`)
    return allowed
  }

  /** The limits of a field that hold whatever the market does: least, greatest, step. @throws InvalidSymbolError */
  limits(symbol: string, field: 'price' | 'quantity', options: { readonly type?: string } = {}): FieldLimits[] {
    const order = emptyOrder(isMarketType(options.type) && field === 'quantity')
    return this.#bounds(symbol, order, field).map(limitsOf)
  }

  /** Checks records of one series: see `validateRecords`. Needs no exchangeInfo. */
  validateRecords(kind: CheckedKind, input: RecordInput, options: RecordCheckOptions = {}): RecordReport {
    return validateRecords(kind, input, options)
  }

  #bounds(symbol: string, order: CheckedOrder, field: OrderField): Bound[] {
    oneOf('field', field, ['price', 'quantity'])
    return this.#rules(symbol).flatMap((rule) => rule.bound?.(order, field) ?? [])
  }

  #judge(symbol: string, order: CheckedOrder, findings: Findings, about: OrderRule['about']): OrderVerdict {
    const rules = this.#rules(symbol)
    if (order.options.status === true) this.#checkStatus(symbol, findings)
    for (const rule of rules) if (about === 'order' || rule.about === about) rule.check(order, findings)
    const { unchecked } = findings
    if (findings.broken.length === 0) return { ok: true, broken: NONE, unchecked }
    const broken = explain(symbol, order, findings, rules)
    return { ok: false, ...broken[0]!, broken, unchecked }
  }

  #checkStatus(symbol: string, { broken, unchecked }: Findings): void {
    const { status, active } = this.#known(symbol).instrument
    if (status === undefined) unchecked.push(UNKNOWN_STATUS)
    else if (!(active ?? status === 'TRADING')) {
      broken.push({ rule: 'STATUS', field: 'orders', part: 'form', value: status, limits: { status: 'TRADING' } })
    }
  }

  #rules(symbol: string): readonly OrderRule[] {
    const entry = this.#known(symbol)
    // Made at first use: an exchange has thousands of symbols, and a bot trades a few.
    entry.rules ??= rulesOf(entry.instrument, this.#exchangeFilters)
    return entry.rules
  }

  #known(symbol: string): KnownSymbol {
    const known = this.#symbols.get(symbol)
    if (known === undefined) throw new InvalidSymbolError(symbol, 'the exchangeInfo given', this.#like(String(symbol)))
    return known
  }

  /** Symbols that differ only in case and punctuation, or begin alike. */
  #like(symbol: string): string[] {
    const plain = (text: string) => text.toUpperCase().replace(/[^\p{L}\p{N}]/gu, '')
    const wanted = plain(symbol)
    const known = this.symbols
    const same = known.filter((other) => plain(other) === wanted)
    return same.length > 0 || wanted.length < 3
      ? same
      : known.filter((other) => plain(other).startsWith(wanted) || wanted.startsWith(plain(other))).slice(0, 3)
  }
}

/** Rows of an exchangeInfo do not name their market; taken for instruments they would have no rules. */
function isInstruments(source: unknown): source is readonly OrderInstrument[] {
  return Array.isArray(source) && source.every((row: OrderInstrument | undefined) => row?.market !== undefined)
}

const NONE: readonly [] = Object.freeze([])
const UNKNOWN_STATUS: UncheckedRule = Object.freeze({ rule: 'STATUS', needs: 'an exchangeInfo with status' })

/** @throws InvalidRangeError: a misspelt word must not pass for one that was meant. */
function oneOf(name: string, given: string, allowed: readonly string[]): void {
  if (!allowed.includes(given)) throw new InvalidRangeError(`${name} is "${given}"; use ${allowed.join(', ')}.`)
}

function isMarketType(type: string | undefined): boolean {
  return type?.toUpperCase().includes('MARKET') ?? false
}

function emptyOrder(atMarket: boolean): CheckedOrder {
  return {
    side: undefined,
    type: atMarket ? 'MARKET' : 'LIMIT',
    atMarket,
    price: undefined,
    stopPrice: undefined,
    quantity: undefined,
    quoteQuantity: undefined,
    icebergQuantity: undefined,
    referencePrice: undefined,
    lastPrice: undefined,
    position: undefined,
    options: {},
  }
}

/** Adds the nearest valid value and a sentence to each broken rule. */
function explain(symbol: string, order: CheckedOrder, findings: Findings, rules: readonly OrderRule[]): BrokenRule[] {
  const isBroken = (field: OrderField) =>
    findings.broken.some((entry) => entry.field === field && entry.part !== 'form')
  const nearestOf = (checked: CheckedOrder, field: OrderField, value: Decimal) =>
    closestAllowed(
      value,
      rules.flatMap((rule) => rule.bound?.(checked, field) ?? []),
      'nearest',
    )
  const found = new Map<OrderField, string | undefined>()
  // The price first: a quantity that has to change follows from it, one that need not bounds it.
  const changed: { -readonly [Name in keyof CheckedOrder]: CheckedOrder[Name] } = { ...order }
  if (isBroken('quantity')) changed.quantity = undefined
  let quantityAlong: string | undefined
  for (const field of ['price', 'stopPrice', 'quantity', 'quoteQuantity', 'icebergQuantity'] as const) {
    if (!isBroken(field)) continue
    const value: Decimal = order[field] ?? ZERO
    const { quantity } = changed
    let nearest = nearestOf(field === 'price' ? { ...changed, quantity: undefined } : changed, field, value)
    if (field === 'price' && nearest !== undefined && quantity !== undefined) {
      const alone = { ...changed, price: parseDecimal(nearest) }
      // Mostly the quantity goes with the new price too; else another price may, or another quantity.
      if (!takesQuantity(alone, rules)) {
        const together = nearestOf(changed, field, value)
        if (together === undefined) quantityAlong = nearestOf(alone, 'quantity', quantity)
        if (together !== undefined || quantityAlong === undefined) nearest = together
      }
    }
    found.set(field, nearest)
    if (nearest !== undefined) changed[field] = parseDecimal(nearest)
  }
  return findings.broken.map((entry) => {
    const nearest = entry.nearest ?? found.get(entry.field)
    const along = entry.field === 'price' ? quantityAlong : undefined
    return {
      ...entry,
      ...(nearest !== undefined && { nearest }),
      ...(along !== undefined && { nearestQuantity: along }),
      message: sentence(symbol, entry, nearest, along),
    }
  })
}

/** Whether the quantity of an order breaks none of the rules on a whole order. */
function takesQuantity(order: CheckedOrder, rules: readonly OrderRule[]): boolean {
  const findings: Findings = { broken: [], unchecked: [] }
  for (const rule of rules) if (rule.about === 'order') rule.check(order, findings)
  return findings.broken.every(({ field }) => field !== 'quantity')
}

const ZERO: Decimal = { units: 0n, scale: 0 }

function sentence(
  symbol: string,
  entry: Omit<BrokenRule, 'message'>,
  nearest: string | undefined,
  quantityAlong: string | undefined,
): string {
  const { rule, field, part, value, limits } = entry
  const along = quantityAlong === undefined ? '' : `, with a quantity of ${quantityAlong}`
  const none = field === 'trailingDelta' ? '' : ` No ${field} satisfies every rule.`
  const advice = nearest === undefined ? none : ` Nearest allowed: ${nearest}${along}.`
  if (rule === 'REQUIRED') return `${symbol}: a ${limits.type} order needs a ${field}.`
  if (rule === 'STATUS') return `${symbol} does not trade: its status is ${value}.`
  if (rule === 'DECIMAL') return `${symbol}: ${field} "${value}" is not a decimal number.`
  if (rule === 'POSITIVE') return `${symbol}: ${field} ${value} is not above 0.${advice}`
  if (field === 'orders') return `${symbol}: ${rule} allows ${limits.max}, and there are ${value} already.`
  const from = limits.offset === undefined ? '' : ` counted from ${limits.offset}`
  const allowed =
    part === 'min'
      ? `is below ${limits.min}`
      : part === 'max'
        ? `is above ${limits.max}`
        : `is no whole number of steps of ${limits.step}${from}`
  const what = rule.includes('NOTIONAL') ? 'price × quantity' : rule === 'MAX_POSITION' ? 'the position' : field
  return `${symbol}: ${what} ${value} ${allowed} (${rule}).${advice}`
}
