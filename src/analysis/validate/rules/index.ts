import type { Filter } from '../../../model/instrument.ts'
import {
  accountAlgoOrders,
  accountIcebergOrders,
  accountOrderLists,
  accountOrders,
  maxAlgoOrders,
  maxAmends,
  maxIcebergOrders,
  maxOrderLists,
  maxOrders,
  trailingDelta,
} from './counts.ts'
import { minNotional, notional } from './notional.ts'
import { percentPrice, percentPriceBySide, priceFilter } from './price.ts'
import { icebergParts, lotSize, marketLotSize, maxAsset, maxPosition } from './quantity.ts'
import type { OrderInstrument, OrderRule, RuleMaker } from './rule.ts'

/** Every filter that ticklake knows, by the exchange's name. A new one is a line here. */
const MAKERS: Readonly<Record<string, RuleMaker>> = {
  PRICE_FILTER: priceFilter,
  PERCENT_PRICE: percentPrice,
  PERCENT_PRICE_BY_SIDE: percentPriceBySide,
  LOT_SIZE: lotSize,
  MARKET_LOT_SIZE: marketLotSize,
  MIN_NOTIONAL: minNotional,
  NOTIONAL: notional,
  ICEBERG_PARTS: icebergParts,
  TRAILING_DELTA: trailingDelta,
  MAX_POSITION: maxPosition,
  MAX_ASSET: maxAsset,
  MAX_NUM_ORDERS: maxOrders,
  MAX_NUM_ALGO_ORDERS: maxAlgoOrders,
  MAX_NUM_ICEBERG_ORDERS: maxIcebergOrders,
  MAX_NUM_ORDER_LISTS: maxOrderLists,
  MAX_NUM_ORDER_AMENDS: maxAmends,
  EXCHANGE_MAX_NUM_ORDERS: accountOrders,
  EXCHANGE_MAX_NUM_ALGO_ORDERS: accountAlgoOrders,
  EXCHANGE_MAX_NUM_ICEBERG_ORDERS: accountIcebergOrders,
  EXCHANGE_MAX_NUM_ORDER_LISTS: accountOrderLists,
}

/** The rules of a symbol. A filter that nobody knows yet is one that always says that it was not checked. */
export function rulesOf(instrument: OrderInstrument, exchangeFilters: readonly Filter[]): OrderRule[] {
  const rules: OrderRule[] = []
  for (const filter of [...instrument.filters, ...exchangeFilters]) {
    const maker = Object.hasOwn(MAKERS, filter.type) ? MAKERS[filter.type] : undefined
    const rule = maker === undefined ? unknownRule(filter) : maker(filter, instrument)
    if (rule !== undefined) rules.push(rule)
  }
  return rules
}

function unknownRule(filter: Filter): OrderRule {
  const unknown = { rule: filter.type, needs: 'a newer ticklake: this rule is not known' }
  return {
    type: filter.type,
    about: 'order',
    check: (_, findings) => {
      findings.unchecked.push(unknown)
    },
  }
}
