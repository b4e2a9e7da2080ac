import { type Decimal, multiplyDecimal } from '../../../model/decimal.ts'
import { type Bound, BoundCheck } from '../bounds.ts'
import type { CheckedOrder, OrderField } from '../outcome.ts'
import { breakOf, type Findings, gridBound, type RuleMaker, switchedOn } from './rule.ts'

/** PRICE_FILTER: least and greatest price, and the tick, for price and trigger. */
export const priceFilter: RuleMaker = (filter, instrument) => {
  const bound = gridBound(filter, instrument, ['minPrice', 'maxPrice', 'tickSize'])
  const check = new BoundCheck(bound)
  return {
    type: filter.type,
    about: 'price',
    check(order, findings) {
      for (const field of ['price', 'stopPrice'] as const) {
        const value = order[field]
        const part = value && check.broken(value)
        if (value && part) findings.broken.push(breakOf(filter.type, field, part, value, bound))
      }
    },
    bound: (_, field) => (field === 'price' || field === 'stopPrice' ? bound : undefined),
  }
}

/** PERCENT_PRICE: spot binds both sides to the average, futures a buyer from above and a seller from below. */
export const percentPrice: RuleMaker = (filter, instrument) => {
  const up = switchedOn(filter, 'multiplierUp', instrument)
  const down = switchedOn(filter, 'multiplierDown', instrument)
  const oneSided = instrument.market !== 'spot'
  return percentRule(filter.type, filter.values.avgPriceMins === 0, oneSided, (side) => ({
    up: oneSided && side === 'SELL' ? undefined : up,
    down: oneSided && side === 'BUY' ? undefined : down,
  }))
}

/** PERCENT_PRICE_BY_SIDE: each side has limits of its own. */
export const percentPriceBySide: RuleMaker = (filter, instrument) => {
  const of = (side: 'bid' | 'ask') => ({
    up: switchedOn(filter, `${side}MultiplierUp`, instrument),
    down: switchedOn(filter, `${side}MultiplierDown`, instrument),
  })
  const bid = of('bid')
  const ask = of('ask')
  return percentRule(filter.type, filter.values.avgPriceMins === 0, true, (side) => (side === 'BUY' ? bid : ask))
}

interface Multipliers {
  readonly up: Decimal | undefined
  readonly down: Decimal | undefined
}

function percentRule(
  type: string,
  byLast: boolean,
  needsSide: boolean,
  multipliers: (side: CheckedOrder['side']) => Multipliers,
) {
  const unknownReference = { rule: type, needs: byLast ? 'lastPrice' : 'referencePrice' }
  const unknownSide = { rule: type, needs: 'side' }
  const reference = (order: CheckedOrder) => (byLast ? order.lastPrice : undefined) ?? order.referencePrice
  const boundOf = (order: CheckedOrder, field: OrderField): Bound | undefined => {
    const base = reference(order)
    if (field !== 'price' || base === undefined || (needsSide && order.side === undefined)) return undefined
    const { up, down } = multipliers(order.side)
    return { ...(down && { min: multiplyDecimal(base, down) }), ...(up && { max: multiplyDecimal(base, up) }) }
  }
  // One reference serves many orders: what was made for the last one of either side is kept.
  const kept = new Map<CheckedOrder['side'], { readonly base: Decimal; readonly check: BoundCheck }>()
  const checkOf = (order: CheckedOrder): BoundCheck | undefined => {
    const base = reference(order)
    const known = kept.get(order.side)
    if (known && base && known.base.units === base.units && known.base.scale === base.scale) return known.check
    const bound = boundOf(order, 'price')
    if (base === undefined || bound === undefined) return undefined
    const check = new BoundCheck(bound)
    kept.set(order.side, { base, check })
    return check
  }
  return {
    type,
    about: 'price' as const,
    check(order: CheckedOrder, findings: Findings) {
      if (order.price === undefined) return
      if (needsSide && order.side === undefined) findings.unchecked.push(unknownSide)
      else if (reference(order) === undefined) findings.unchecked.push(unknownReference)
      const check = checkOf(order)
      const part = check?.broken(order.price)
      if (check && part) findings.broken.push(breakOf(type, 'price', part, order.price, check.bound))
    },
    bound: boundOf,
  }
}
