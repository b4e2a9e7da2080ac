import type { Decimal } from '../../model/decimal.ts'

/** A decimal: its text (exact), or a number, which counts by its shortest text. */
export type Numeric = string | number

export type OrderSide = 'BUY' | 'SELL'

/** What of an order a rule is about. */
export type OrderField =
  | 'price'
  | 'stopPrice'
  | 'quantity'
  | 'quoteQuantity'
  | 'icebergQuantity'
  | 'trailingDelta'
  | 'side'
  | 'orders'

/** A rule that an order breaks. */
export interface BrokenRule {
  /**
   * The exchange's own name of the rule, e.g. `LOT_SIZE`. Besides: `DECIMAL` (no decimal number), `POSITIVE` (not above
   * 0), `REQUIRED` (lacking), `STATUS` (the symbol does not trade).
   */
  readonly rule: string
  readonly field: OrderField
  /** Which part of the rule. */
  readonly part: 'min' | 'max' | 'step' | 'form'
  /** The value that breaks it, as text. */
  readonly value: string
  /** What the rule allows, as decimal text: `min`, `max`, `step`, `offset` (where steps count from). */
  readonly limits: Readonly<Record<string, string>>
  /** The nearest value of the field that satisfies every rule that could be checked; absent when there is none. */
  readonly nearest?: string
  /** Of a price: the quantity that has to go with `nearest`, where no price satisfies every rule with the order's own. */
  readonly nearestQuantity?: string
  /** All of it in a sentence. */
  readonly message: string
}

/** A rule that could not be checked, and what it needs. */
export interface UncheckedRule {
  readonly rule: string
  /** The option to give, e.g. `referencePrice`; or why nobody can check it here. */
  readonly needs: string
}

/** What a validator says of an order. When it is not ok, the first broken rule stands at the top. */
export type OrderVerdict = PassedOrder | RefusedOrder

export interface PassedOrder {
  readonly ok: true
  readonly broken: readonly []
  readonly unchecked: readonly UncheckedRule[]
}

export interface RefusedOrder extends BrokenRule {
  readonly ok: false
  /** Every broken rule, the first included. */
  readonly broken: readonly BrokenRule[]
  readonly unchecked: readonly UncheckedRule[]
}

/** How many orders there are already, this one not counted. What is not given is not checked. */
export interface OpenOrders {
  /** Open on the symbol, conditional ones included. */
  readonly orders?: number
  /** Of them: stop, take-profit and trailing orders. */
  readonly algoOrders?: number
  readonly icebergOrders?: number
  readonly orderLists?: number
  /** Amendments of this order so far. */
  readonly amends?: number
}

/** What is known of an order besides symbol, side, quantity and price. */
export interface OrderOptions {
  /** The exchange's order type; without it `LIMIT` where a price is given, else `MARKET`. */
  readonly type?: string
  /** Trigger of a conditional order. */
  readonly stopPrice?: Numeric
  /** What an iceberg order shows at a time. */
  readonly icebergQuantity?: Numeric
  /** Value of a market order in quote units, in place of its quantity (spot). */
  readonly quoteQuantity?: Numeric
  /** Trailing distance in basis points. */
  readonly trailingDelta?: number
  /**
   * The price that PERCENT_PRICE and, for market orders, NOTIONAL compare with: on spot the reference price or else the
   * average over `avgPriceMins` minutes (`avgPrice`), on futures the mark price.
   */
  readonly referencePrice?: Numeric
  /** The last price: takes the place of the average where a rule says `avgPriceMins: 0`. */
  readonly lastPrice?: Numeric
  /** Base units held and in open buy orders, for MAX_POSITION. */
  readonly position?: Numeric
  /** Whether the order only reduces a position (futures): least values do not bind it. */
  readonly reduceOnly?: boolean
  /** Whether the order is part of an order list (OCO, OTO). */
  readonly orderList?: boolean
  /** Whether an order is changed, not placed. */
  readonly amend?: boolean
  /** Orders of the symbol. */
  readonly open?: OpenOrders
  /** Orders of the account on every symbol. */
  readonly account?: OpenOrders
  /** Also refuse when the symbol's status says that it does not trade; a stored exchangeInfo may be old, so off. */
  readonly status?: boolean
}

/** An order whose decimals were read. What is undefined is not there, or is not in question. */
export interface CheckedOrder {
  readonly side: OrderSide | undefined
  readonly type: string
  /** True where no price is part of the order. */
  readonly atMarket: boolean
  readonly price: Decimal | undefined
  readonly stopPrice: Decimal | undefined
  readonly quantity: Decimal | undefined
  readonly quoteQuantity: Decimal | undefined
  readonly icebergQuantity: Decimal | undefined
  readonly referencePrice: Decimal | undefined
  readonly lastPrice: Decimal | undefined
  readonly position: Decimal | undefined
  readonly options: OrderOptions
}
