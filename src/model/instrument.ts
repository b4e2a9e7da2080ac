import type { Market } from './series.ts'

/** A rule of an order, exactly as the exchange states it; decimals stay text. Unknown filters are kept raw. */
export interface Filter {
  readonly type: string
  readonly values: Readonly<Record<string, string | number | boolean>>
}

export type ContractType = 'perpetual' | 'delivery' | 'option'

/** A symbol together with its rules. */
export interface Instrument {
  readonly exchange: string
  readonly market: Market
  /** The exchange's own id. */
  readonly symbol: string
  readonly base: string
  readonly quote: string
  /** Asset that profit and loss is paid in; undefined on spot. */
  readonly settle?: string
  readonly contract?: ContractType
  /** Base units (linear) or quote units (inverse) per contract; undefined on spot. */
  readonly contractSize?: number
  /** The exchange's status text, e.g. `TRADING`. */
  readonly status: string
  /** Whether the instrument trades now. */
  readonly active: boolean
  /** First trading instant, epoch ms, where the exchange tells. */
  readonly listedAt?: number
  /** Expiry or announced end, epoch ms; undefined while none is set. */
  readonly expiresAt?: number
  /** Option strike, as text. */
  readonly strike?: string
  readonly right?: 'call' | 'put'
  /** Price increment as decimal text; undefined when the exchange states none. */
  readonly tickSize?: string
  /** Quantity increment as decimal text. */
  readonly stepSize?: string
  readonly minQuantity?: string
  readonly maxQuantity?: string
  readonly minPrice?: string
  readonly maxPrice?: string
  /** Least price × quantity of an order. */
  readonly minNotional?: string
  readonly filters: readonly Filter[]
}
