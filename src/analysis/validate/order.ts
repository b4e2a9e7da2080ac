import { type Decimal, parseDecimal } from '../../model/decimal.ts'
import { InvalidRangeError } from '../../model/errors.ts'
import type { CheckedOrder, Numeric, OrderField, OrderOptions, OrderSide } from './outcome.ts'
import type { Break, Findings } from './rules/rule.ts'

/** Order types that say a price themselves. `STOP` and `TAKE_PROFIT` do so on futures only: there a price comes along. */
const PRICED = /^LIMIT(_MAKER)?$|_LIMIT$/

/** Reads an order's decimals; what is none, or not above 0, is found here, and counts as not there from then on. */
export function readOrder(
  side: OrderSide | undefined,
  quantity: Numeric | undefined,
  price: Numeric | undefined,
  options: OrderOptions,
  findings: Findings,
): CheckedOrder {
  const type = (options.type ?? (price === undefined ? 'MARKET' : 'LIMIT')).toUpperCase()
  const needsPrice = PRICED.test(type)
  if (needsPrice && price === undefined) findings.broken.push(lacking('price', type))
  const atMarket = !needsPrice && (price === undefined || type.includes('MARKET'))
  const read = (field: OrderField, value: Numeric | undefined) => positive(field, value, findings)
  const given = read('price', price)
  const fallback = options.referencePrice ?? options.lastPrice
  return {
    side,
    type,
    atMarket,
    price: atMarket ? undefined : given,
    stopPrice: read('stopPrice', options.stopPrice),
    quantity: read('quantity', quantity),
    quoteQuantity: read('quoteQuantity', options.quoteQuantity),
    icebergQuantity: read('icebergQuantity', options.icebergQuantity),
    // A price that comes with a market order can only be what the caller takes the market to be at.
    referencePrice: fallback === undefined ? (atMarket ? given : undefined) : reading('referencePrice', fallback),
    lastPrice: options.lastPrice === undefined ? undefined : reading('lastPrice', options.lastPrice),
    position: options.position === undefined ? undefined : reading('position', options.position),
    options,
  }
}

/** @throws InvalidRangeError naming the sides. */
export function readSide(text: string): OrderSide {
  const side = typeof text === 'string' ? text.toUpperCase() : text
  if (side === 'BUY' || side === 'SELL') return side
  throw new InvalidRangeError(`The side of an order is BUY or SELL, not "${text}".`)
}

export function lacking(field: OrderField, type: string): Break {
  return { rule: 'REQUIRED', field, part: 'form', value: '', limits: { type } }
}

function positive(field: OrderField, value: Numeric | undefined, findings: Findings): Decimal | undefined {
  if (value === undefined) return undefined
  const decimal = decimalOr(value)
  if (decimal !== undefined && decimal.units > 0n) return decimal
  const rule = decimal === undefined ? 'DECIMAL' : 'POSITIVE'
  findings.broken.push({ rule, field, part: decimal === undefined ? 'form' : 'min', value: String(value), limits: {} })
  return undefined
}

function decimalOr(value: Numeric): Decimal | undefined {
  try {
    return parseDecimal(value)
  } catch (error) {
    if (error instanceof InvalidRangeError) return undefined
    throw error
  }
}

let lastReading: { readonly value: Numeric; readonly decimal: Decimal } | undefined

/** What is known about the market, not part of the order: a mistake of the caller. */
function reading(name: string, value: Numeric): Decimal {
  // The market moves less often than orders are checked.
  if (lastReading !== undefined && lastReading.value === value) return lastReading.decimal
  const decimal = decimalOr(value)
  if (decimal !== undefined) {
    lastReading = { value, decimal }
    return decimal
  }
  throw new InvalidRangeError(`${name} is "${value}", not a decimal number.`)
}
