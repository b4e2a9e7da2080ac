import { addDecimal, type Decimal, formatDecimal, subtractDecimal } from '../../../model/decimal.ts'
import type { Filter } from '../../../model/instrument.ts'
import { type Bound, BoundCheck, divideAt } from '../bounds.ts'
import type { CheckedOrder } from '../outcome.ts'
import {
  breakOf,
  decimalOf,
  gridBound,
  type OrderInstrument,
  type OrderRule,
  type RuleMaker,
  switchedOn,
} from './rule.ts'

/** LOT_SIZE: least and greatest quantity, and the step, of every order. */
export const lotSize: RuleMaker = (filter, instrument) => lotRule(filter, instrument, () => true)

/** MARKET_LOT_SIZE: the same for what executes at the market's price, besides LOT_SIZE. */
export const marketLotSize: RuleMaker = (filter, instrument) => lotRule(filter, instrument, (order) => order.atMarket)

function lotRule(filter: Filter, instrument: OrderInstrument, applies: (order: CheckedOrder) => boolean): OrderRule {
  const bound = gridBound(filter, instrument, ['minQty', 'maxQty', 'stepSize'])
  const check = new BoundCheck(bound)
  return {
    type: filter.type,
    about: 'quantity',
    check(order, findings) {
      if (!applies(order)) return
      for (const field of ['quantity', 'icebergQuantity'] as const) {
        const value = order[field]
        const part = value && check.broken(value)
        if (value && part) findings.broken.push(breakOf(filter.type, field, part, value, bound))
      }
    },
    bound: (order, field) =>
      applies(order) && (field === 'quantity' || field === 'icebergQuantity') ? bound : undefined,
  }
}

/** ICEBERG_PARTS: into how many visible parts an iceberg order may fall. */
export const icebergParts: RuleMaker = (filter, instrument) => {
  const limit = switchedOn(filter, 'limit', instrument)
  if (limit === undefined) return undefined
  return {
    type: filter.type,
    about: 'order',
    check({ quantity, icebergQuantity }, findings) {
      if (quantity === undefined || icebergQuantity === undefined) return
      const parts = divideAt(quantity, icebergQuantity, 0, 'up')
      if (parts.units <= limit.units) return
      findings.broken.push({
        rule: filter.type,
        field: 'icebergQuantity',
        part: 'max',
        value: `${parts.units} parts of ${formatDecimal(icebergQuantity)}`,
        limits: { max: formatDecimal(limit) },
      })
    },
    bound({ quantity }, field) {
      if (field !== 'icebergQuantity' || quantity === undefined) return undefined
      return { min: divideAt(quantity, limit, quantity.scale + 18, 'up') }
    },
  }
}

/** MAX_POSITION: what a buyer may hold, open buys counted. */
export const maxPosition: RuleMaker = (filter, instrument) => {
  const limit = decimalOf(filter, 'maxPosition', instrument)
  if (limit === undefined) return undefined
  const room = (order: CheckedOrder): Bound | undefined =>
    order.side === 'BUY' && order.position !== undefined ? { max: subtractDecimal(limit, order.position) } : undefined
  const check = new BoundCheck({ max: limit })
  return {
    type: filter.type,
    about: 'order',
    check(order, findings) {
      if (order.side !== 'BUY' || order.quantity === undefined) return
      if (order.position === undefined) {
        findings.unchecked.push({ rule: filter.type, needs: 'position' })
        return
      }
      const held = addDecimal(order.position, order.quantity)
      if (check.broken(held)) findings.broken.push(breakOf(filter.type, 'quantity', 'max', held, { max: limit }))
    },
    bound: (order, field) => (field === 'quantity' ? room(order) : undefined),
  }
}

/** MAX_ASSET (of the account's own filters): how much of an asset one order may move. */
export const maxAsset: RuleMaker = (filter, instrument) => {
  const limit = decimalOf(filter, 'limit', instrument)
  const asset = filter.values.asset
  if (limit === undefined || (asset !== instrument.base && asset !== instrument.quote)) return undefined
  const isBase = asset === instrument.base
  const check = new BoundCheck({ max: limit })
  const moved = (order: CheckedOrder): Decimal | undefined => {
    if (isBase) return order.quantity
    if (order.quoteQuantity !== undefined) return order.quoteQuantity
    const price = order.price ?? order.referencePrice
    if (order.quantity === undefined || price === undefined) return undefined
    return { units: order.quantity.units * price.units, scale: order.quantity.scale + price.scale }
  }
  return {
    type: filter.type,
    about: 'order',
    check(order, findings) {
      const value = moved(order)
      if (value === undefined)
        findings.unchecked.push({ rule: filter.type, needs: isBase ? 'quantity' : 'referencePrice' })
      else if (check.broken(value)) findings.broken.push(breakOf(filter.type, 'quantity', 'max', value, { max: limit }))
    },
    bound(order, field) {
      if (isBase) return field === 'quantity' ? { max: limit } : undefined
      const price = order.price ?? order.referencePrice
      const other = field === 'quantity' ? price : field === 'price' ? order.quantity : undefined
      return other === undefined ? undefined : { max: divideAt(limit, other, limit.scale + 18, 'down') }
    },
  }
}
