import { type Decimal, multiplyDecimal } from '../../../model/decimal.ts'
import type { Filter } from '../../../model/instrument.ts'
import { type Bound, BoundCheck, divideAt } from '../bounds.ts'
import type { CheckedOrder } from '../outcome.ts'
import { breakOf, type OrderRule, type RuleMaker, switchedOn } from './rule.ts'

/** Digits after the point of a quantity worked out from a value and a price: finer than any step. */
const QUOTIENT_DIGITS = 24

/** NOTIONAL: least and greatest price × quantity; each may spare market orders. */
export const notional: RuleMaker = (filter, instrument) =>
  notionalRule(filter, {
    min: switchedOn(filter, 'minNotional', instrument),
    max: switchedOn(filter, 'maxNotional', instrument),
    minAtMarket: filter.values.applyMinToMarket !== false,
    maxAtMarket: filter.values.applyMaxToMarket !== false,
  })

/** MIN_NOTIONAL: least price × quantity. Futures call the value `notional` and bind market orders always. */
export const minNotional: RuleMaker = (filter, instrument) =>
  notionalRule(filter, {
    min: switchedOn(filter, 'minNotional', instrument) ?? switchedOn(filter, 'notional', instrument),
    max: undefined,
    minAtMarket: filter.values.applyToMarket !== false,
    maxAtMarket: false,
  })

interface NotionalLimits {
  readonly min: Decimal | undefined
  readonly max: Decimal | undefined
  readonly minAtMarket: boolean
  readonly maxAtMarket: boolean
}

function notionalRule(filter: Filter, limits: NotionalLimits): OrderRule {
  const byLast = filter.values.avgPriceMins === 0
  const unknownPrice = { rule: filter.type, needs: byLast ? 'lastPrice' : 'referencePrice' }
  // Four bounds at most, made once.
  const prepared = [false, true].flatMap((hasMin) =>
    [false, true].map((hasMax) => {
      const bound = {
        ...(hasMin && limits.min && { min: limits.min }),
        ...(hasMax && limits.max && { max: limits.max }),
      }
      return { bound, check: new BoundCheck(bound) }
    }),
  )
  const applying = ({ atMarket, options }: CheckedOrder) => {
    const hasMin = limits.min !== undefined && !(atMarket && !limits.minAtMarket) && options.reduceOnly !== true
    const hasMax = limits.max !== undefined && !(atMarket && !limits.maxAtMarket)
    return prepared[(hasMin ? 2 : 0) + (hasMax ? 1 : 0)]!
  }
  const priceOf = (order: CheckedOrder): Decimal | undefined =>
    order.atMarket ? ((byLast ? order.lastPrice : undefined) ?? order.referencePrice) : order.price
  return {
    type: filter.type,
    about: 'order',
    check(order, findings) {
      const { bound, check } = applying(order)
      if (bound.min === undefined && bound.max === undefined) return
      let value = order.quoteQuantity
      if (value === undefined) {
        const price = priceOf(order)
        if (price === undefined) {
          if (order.atMarket) findings.unchecked.push(unknownPrice)
          return
        }
        if (order.quantity === undefined) return
        value = multiplyDecimal(price, order.quantity)
      }
      const part = check.broken(value)
      const field = order.quoteQuantity === undefined ? 'quantity' : 'quoteQuantity'
      if (part) findings.broken.push(breakOf(filter.type, field, part, value, bound))
    },
    bound(order, field): Bound | undefined {
      const { bound } = applying(order)
      if (field === 'quoteQuantity') return bound
      // What one of them has to be follows from the other.
      const other = field === 'quantity' ? priceOf(order) : field === 'price' ? order.quantity : undefined
      if (other === undefined || other.units <= 0n) return undefined
      return {
        ...(bound.min && { min: divideAt(bound.min, other, QUOTIENT_DIGITS, 'up') }),
        ...(bound.max && { max: divideAt(bound.max, other, QUOTIENT_DIGITS, 'down') }),
      }
    },
  }
}
