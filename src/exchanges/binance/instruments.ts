import type { Filter, Instrument } from '../../model/instrument.ts'
import type { Market } from '../../model/series.ts'
import type { RateLimit } from '../../net/rate-limiter.ts'
import { array, type Infer, integer, object, optional, text, unknown } from './schema.ts'

const rateLimit = object({ rateLimitType: text, interval: text, intervalNum: integer, limit: integer })

const instrumentRow = object({
  symbol: text,
  baseAsset: text,
  quoteAsset: text,
  /** `contractStatus` on coinm. */
  status: optional(text),
  filters: array(object({ filterType: text })),
  contractType: optional(text),
  marginAsset: optional(text),
  onboardDate: optional(integer),
  deliveryDate: optional(integer),
  contractStatus: optional(text),
  contractSize: optional(unknown),
})

/** The answer of exchangeInfo, as far as ticklake reads it; the rest is kept untouched. */
export const exchangeInfo = object({
  timezone: optional(text),
  serverTime: optional(integer),
  rateLimits: array(rateLimit),
  symbols: array(instrumentRow),
})

export type ExchangeInfo = Infer<typeof exchangeInfo>
type Row = Infer<typeof instrumentRow>

const UNITS: Readonly<Record<string, number>> = { SECOND: 1_000, MINUTE: 60_000, HOUR: 3_600_000, DAY: 86_400_000 }

/** Limits of requests as exchangeInfo states them. Limits of orders, and units nobody knows, are left out. */
export function rateLimitsOf(info: Pick<ExchangeInfo, 'rateLimits'>): RateLimit[] {
  const limits: RateLimit[] = []
  for (const { rateLimitType, interval, intervalNum, limit } of info.rateLimits) {
    const unit = UNITS[interval]
    if (unit === undefined || intervalNum < 1 || limit < 1) continue
    const windowMs = unit * intervalNum
    if (rateLimitType === 'REQUEST_WEIGHT') limits.push({ windowMs, limit, counts: 'weight' })
    else if (rateLimitType === 'RAW_REQUESTS') limits.push({ windowMs, limit, counts: 'requests' })
  }
  return limits
}

/** Perpetuals state their end as the year 2100; an announced delisting shows as an earlier date. */
const NO_END = 4_133_404_800_000

/** A row of exchangeInfo as an instrument. Rows without a base asset (futures awaiting their listing) are allowed. */
export function instrumentOf(row: Row, market: Market): Instrument {
  const filters = row.filters.map(filterOf)
  const status = row.status ?? row.contractStatus ?? ''
  const price = filters.find((filter) => filter.type === 'PRICE_FILTER')?.values ?? {}
  const lot = filters.find((filter) => filter.type === 'LOT_SIZE')?.values ?? {}
  const notional = filters.find((filter) => filter.type === 'NOTIONAL' || filter.type === 'MIN_NOTIONAL')?.values ?? {}
  const values = {
    tickSize: positive(price.tickSize),
    stepSize: positive(lot.stepSize),
    minQuantity: positive(lot.minQty),
    maxQuantity: positive(lot.maxQty),
    minPrice: positive(price.minPrice),
    maxPrice: positive(price.maxPrice),
    minNotional: positive(notional.minNotional ?? notional.notional),
    listedAt: row.onboardDate,
    expiresAt: row.deliveryDate !== undefined && row.deliveryDate < NO_END ? row.deliveryDate : undefined,
  }
  const stated = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
  return {
    exchange: 'binance',
    market,
    symbol: row.symbol,
    base: row.baseAsset,
    quote: row.quoteAsset,
    ...contractOf(row, market),
    status,
    active: status === 'TRADING',
    ...stated,
    filters,
  }
}

function contractOf(row: Row, market: Market): Partial<Instrument> {
  if (market === 'spot') return {}
  // Delistings change deliveryDate, never the type's name: PERPETUAL, TRADIFI_PERPETUAL, PERPETUAL_DELIVERING. Rows
  // that await their listing, and those of 2019, state no type: their id tells.
  const type = row.contractType ?? ''
  const perpetual = type.includes('PERPETUAL') || (type === '' && !/_\d{6}$/.test(row.symbol))
  return {
    settle: row.marginAsset ?? row.quoteAsset,
    contract: perpetual ? 'perpetual' : 'delivery',
    contractSize: typeof row.contractSize === 'number' ? row.contractSize : 1,
  }
}

function filterOf(raw: { readonly filterType: string }): Filter {
  const values: Record<string, string | number | boolean> = {}
  for (const [name, value] of Object.entries(raw)) {
    if (name === 'filterType') continue
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') values[name] = value
  }
  return { type: raw.filterType, values }
}

/** A rule of 0 is switched off. */
function positive(value: string | number | boolean | undefined): string | undefined {
  return typeof value === 'string' && Number(value) > 0 ? value : undefined
}
