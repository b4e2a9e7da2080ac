import type { CheckedOrder, OpenOrders } from '../outcome.ts'
import { decimalOf, type RuleMaker, switchedOn } from './rule.ts'

/** Whether an order waits for a trigger. */
export function isConditional(order: CheckedOrder): boolean {
  return (
    order.stopPrice !== undefined || order.options.trailingDelta !== undefined || /STOP|TAKE|TRAIL/.test(order.type)
  )
}

/**
 * A rule on how many orders there may be. `names` are those of the limit: futures say `limit` where spot names what is
 * counted.
 */
function countRule(
  scope: 'open' | 'account',
  counted: keyof OpenOrders,
  name: string,
  applies: (order: CheckedOrder) => boolean,
): RuleMaker {
  return (filter, instrument) => {
    const limit = decimalOf(filter, name, instrument) ?? decimalOf(filter, 'limit', instrument)
    if (limit === undefined) return undefined
    const max = Number(limit.units) / 10 ** limit.scale
    const unknown = { rule: filter.type, needs: `${scope}.${counted}` }
    return {
      type: filter.type,
      about: 'order',
      check(order, findings) {
        if (!applies(order)) return
        const there = order.options[scope]?.[counted]
        if (there === undefined) findings.unchecked.push(unknown)
        // The order itself is one more; also a count that is no number does not pass.
        else if (!(there + 1 <= max)) {
          const value = String(there)
          findings.broken.push({ rule: filter.type, field: 'orders', part: 'max', value, limits: { max: String(max) } })
        }
      },
    }
  }
}

const isPlaced = (order: CheckedOrder): boolean => order.options.amend !== true
const isIceberg = (order: CheckedOrder): boolean => isPlaced(order) && order.icebergQuantity !== undefined
const isListed = (order: CheckedOrder): boolean => isPlaced(order) && order.options.orderList === true
const isAlgo = (order: CheckedOrder): boolean => isPlaced(order) && isConditional(order)

export const maxOrders = countRule('open', 'orders', 'maxNumOrders', isPlaced)
export const maxAlgoOrders = countRule('open', 'algoOrders', 'maxNumAlgoOrders', isAlgo)
export const maxIcebergOrders = countRule('open', 'icebergOrders', 'maxNumIcebergOrders', isIceberg)
export const maxOrderLists = countRule('open', 'orderLists', 'maxNumOrderLists', isListed)
export const maxAmends = countRule('open', 'amends', 'maxNumOrderAmends', (order) => order.options.amend === true)
export const accountOrders = countRule('account', 'orders', 'maxNumOrders', isPlaced)
export const accountAlgoOrders = countRule('account', 'algoOrders', 'maxNumAlgoOrders', isAlgo)
export const accountIcebergOrders = countRule('account', 'icebergOrders', 'maxNumIcebergOrders', isIceberg)
export const accountOrderLists = countRule('account', 'orderLists', 'maxNumOrderLists', isListed)

/** TRAILING_DELTA: how far a trailing order may follow; above the market for stops that buy and profits that sell. */
export const trailingDelta: RuleMaker = (filter, instrument) => {
  const limits = (where: 'Above' | 'Below') => ({
    min: switchedOn(filter, `minTrailing${where}Delta`, instrument),
    max: switchedOn(filter, `maxTrailing${where}Delta`, instrument),
  })
  const above = limits('Above')
  const below = limits('Below')
  return {
    type: filter.type,
    about: 'order',
    check(order, findings) {
      const { trailingDelta: delta } = order.options
      if (delta === undefined) return
      if (order.side === undefined) {
        findings.unchecked.push({ rule: filter.type, needs: 'side' })
        return
      }
      const takesProfit = order.type.startsWith('TAKE')
      const { min, max } = (order.side === 'BUY') !== takesProfit ? above : below
      const least = min === undefined ? 0 : Number(min.units) / 10 ** min.scale
      const most = max === undefined ? Number.POSITIVE_INFINITY : Number(max.units) / 10 ** max.scale
      if (delta >= least && delta <= most && Number.isInteger(delta)) return
      findings.broken.push({
        rule: filter.type,
        field: 'trailingDelta',
        part: delta < least ? 'min' : delta > most ? 'max' : 'step',
        value: String(delta),
        limits: {
          min: String(least),
          ...(max && { max: String(most) }),
          step: '1',
        },
        ...(Number.isNaN(delta) ? {} : { nearest: String(Math.min(Math.max(Math.round(delta), least), most)) }),
      })
    },
  }
}
