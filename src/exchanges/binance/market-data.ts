import type { Market } from '../../model/series.ts'
import {
  array,
  decimal,
  decimalOrEmpty,
  flag,
  type Infer,
  integer,
  nullable,
  number,
  object,
  oneOrMany,
  optional,
  type Schema,
  text,
  tuple,
  unknown,
  withOne,
} from './schema.ts'

/** A public endpoint whose answer is passed on as checked rows: path per market and the form of the answer. */
export interface Endpoint<T> {
  readonly paths: Readonly<Partial<Record<Market, string>>>
  readonly schema: Schema<T>
  /** Needs the API key (no signature). */
  readonly key?: readonly Market[]
  /** The used-weight header is wrong there. */
  readonly ignoreUsed?: boolean
}

function endpoint<T>(paths: Endpoint<T>['paths'], schema: Schema<T>, extra: Partial<Endpoint<T>> = {}): Endpoint<T> {
  return { paths, schema, ...extra }
}

type Paths = Endpoint<never>['paths']
const every = (name: string): Paths => ({ spot: `/api/v3/${name}`, ...futures(name) })
const spot = (name: string): Paths => ({ spot: `/api/v3/${name}` })
const usdm = (name: string): Paths => ({ usdm: `/fapi/v1/${name}` })
const futures = (name: string): Paths => ({ usdm: `/fapi/v1/${name}`, coinm: `/dapi/v1/${name}` })
/** The same path on both futures hosts. */
const data = (name: string): Paths => ({ usdm: `/futures/data/${name}`, coinm: `/futures/data/${name}` })
const usdmData = (name: string): Paths => ({ usdm: `/futures/data/${name}` })

const level = tuple<readonly [string, string]>(decimal, decimal)
/** On COIN-M quantities are contracts, and `baseQty` is what they are in the base asset. */
const trade = withOne(
  object({
    id: integer,
    price: decimal,
    qty: decimal,
    quoteQty: optional(decimal),
    baseQty: optional(decimal),
    time: integer,
    isBuyerMaker: flag,
  }),
  'quoteQty',
  'baseQty',
)
const aggTrade = object({ a: integer, p: decimal, q: decimal, f: integer, l: integer, T: integer, m: flag })
const statistics = object({
  symbol: text,
  pair: optional(text),
  lastPrice: decimal,
  openPrice: decimal,
  highPrice: decimal,
  lowPrice: decimal,
  volume: decimal,
  quoteVolume: optional(decimal),
  baseVolume: optional(decimal),
  openTime: integer,
  closeTime: integer,
  firstId: integer,
  lastId: integer,
  count: integer,
  priceChange: optional(decimal),
  priceChangePercent: optional(decimal),
  weightedAvgPrice: optional(decimal),
  lastQty: optional(decimal),
  prevClosePrice: optional(decimal),
  bidPrice: optional(decimal),
  bidQty: optional(decimal),
  askPrice: optional(decimal),
  askQty: optional(decimal),
})
/** On COIN-M volumes are contracts, and `baseVolume` is what they are in the base asset. */
const ticker = withOne(statistics, 'quoteVolume', 'baseVolume')
/** `ps` is the pair of a COIN-M contract. */
const price = object({ symbol: text, ps: optional(text), price: decimal, time: optional(integer) })
const bookTicker = object({
  symbol: text,
  pair: optional(text),
  bidPrice: decimal,
  bidQty: decimal,
  askPrice: decimal,
  askQty: decimal,
  time: optional(integer),
})
const depth = object({
  lastUpdateId: integer,
  bids: array(level),
  asks: array(level),
  E: optional(integer),
  T: optional(integer),
})
const avgPrice = object({ mins: integer, price: decimal, closeTime: optional(integer) })
const priceRange = object({
  ruleType: text,
  bidLimitMultUp: optional(decimal),
  bidLimitMultDown: optional(decimal),
  askLimitMultUp: optional(decimal),
  askLimitMultDown: optional(decimal),
})
const premiumIndex = object({
  symbol: text,
  pair: optional(text),
  markPrice: decimal,
  indexPrice: decimal,
  estimatedSettlePrice: optional(decimalOrEmpty),
  lastFundingRate: decimalOrEmpty,
  interestRate: optional(decimalOrEmpty),
  nextFundingTime: integer,
  time: integer,
})
const fundingRate = object({
  symbol: text,
  fundingRate: decimal,
  fundingTime: integer,
  markPrice: optional(decimalOrEmpty),
  rateType: optional(text),
})
const fundingInfo = object({
  symbol: text,
  adjustedFundingRateCap: decimal,
  adjustedFundingRateFloor: decimal,
  fundingIntervalHours: integer,
  updateTime: optional(nullable(integer)),
})
/** Told by symbol on USD-M, by pair on COIN-M, where positions have names of their own. */
const ratioRow = object({
  symbol: optional(text),
  pair: optional(text),
  longShortRatio: decimal,
  longAccount: optional(decimal),
  shortAccount: optional(decimal),
  longPosition: optional(decimal),
  shortPosition: optional(decimal),
  timestamp: integer,
})
const ratio = withOne(withOne(ratioRow, 'symbol', 'pair'), 'longAccount', 'longPosition')

const openInterest = object({
  symbol: optional(text),
  pair: optional(text),
  contractType: optional(text),
  sumOpenInterest: decimal,
  sumOpenInterestValue: decimal,
  timestamp: integer,
})

/** Every public endpoint whose answer is plain rows. Candles, exchangeInfo and time have their own ways. */
export const MARKET_DATA = {
  ticker24hr: endpoint(every('ticker/24hr'), oneOrMany(ticker)),
  tickerTradingDay: endpoint(spot('ticker/tradingDay'), oneOrMany(ticker)),
  tickerRolling: endpoint(spot('ticker'), oneOrMany(ticker)),
  prices: endpoint(
    { spot: '/api/v3/ticker/price', usdm: '/fapi/v2/ticker/price', coinm: '/dapi/v1/ticker/price' },
    oneOrMany(price),
    { ignoreUsed: true },
  ),
  bookTicker: endpoint(every('ticker/bookTicker'), oneOrMany(bookTicker), { ignoreUsed: true }),
  depth: endpoint(every('depth'), depth),
  trades: endpoint(every('trades'), array(trade)),
  historicalTrades: endpoint(every('historicalTrades'), array(trade), { key: ['usdm', 'coinm'] }),
  historicalBlockTrades: endpoint(spot('historicalBlockTrades'), array(trade)),
  aggTrades: endpoint(every('aggTrades'), array(aggTrade)),
  avgPrice: endpoint(spot('avgPrice'), avgPrice),
  executionRules: endpoint(
    spot('executionRules'),
    object({ symbolRules: array(object({ symbol: text, rules: array(priceRange) })) }),
  ),
  referencePrice: endpoint(
    spot('referencePrice'),
    object({ symbol: text, referencePrice: nullable(decimal), timestamp: integer }),
  ),
  premiumIndex: endpoint(futures('premiumIndex'), oneOrMany(premiumIndex)),
  fundingRate: endpoint(futures('fundingRate'), array(fundingRate)),
  fundingInfo: endpoint(futures('fundingInfo'), array(fundingInfo)),
  openInterest: endpoint(
    futures('openInterest'),
    object({ symbol: text, pair: optional(text), openInterest: decimal, time: integer }),
  ),
  openInterestHist: endpoint(data('openInterestHist'), array(withOne(openInterest, 'symbol', 'pair'))),
  topLongShortAccountRatio: endpoint(data('topLongShortAccountRatio'), array(ratio)),
  topLongShortPositionRatio: endpoint(data('topLongShortPositionRatio'), array(ratio)),
  globalLongShortAccountRatio: endpoint(data('globalLongShortAccountRatio'), array(ratio)),
  takerLongShortRatio: endpoint(
    usdmData('takerlongshortRatio'),
    array(object({ buySellRatio: decimal, buyVol: decimal, sellVol: decimal, timestamp: integer })),
  ),
  takerBuySellVolume: endpoint(
    { coinm: '/futures/data/takerBuySellVol' },
    array(
      object({
        pair: text,
        contractType: text,
        takerBuyVol: decimal,
        takerSellVol: decimal,
        takerBuyVolValue: decimal,
        takerSellVolValue: decimal,
        timestamp: integer,
      }),
    ),
  ),
  basis: endpoint(
    data('basis'),
    array(
      object({
        pair: text,
        contractType: text,
        indexPrice: decimal,
        futuresPrice: decimal,
        basis: decimal,
        basisRate: decimal,
        annualizedBasisRate: optional(decimalOrEmpty),
        timestamp: integer,
      }),
    ),
  ),
  deliveryPrice: endpoint(usdmData('delivery-price'), array(object({ deliveryTime: integer, deliveryPrice: number }))),
  constituents: endpoint(
    futures('constituents'),
    object({ symbol: text, time: integer, constituents: array(object({ exchange: text, symbol: text })) }),
  ),
  indexInfo: endpoint(
    usdm('indexInfo'),
    oneOrMany(object({ symbol: text, time: integer, component: text, baseAssetList: array(unknown) })),
  ),
  assetIndex: endpoint(usdm('assetIndex'), oneOrMany(object({ symbol: text, time: integer, index: decimal }))),
} as const

export type Trade = Infer<typeof trade>
export type AggTrade = Infer<typeof aggTrade>
export type Ticker = Infer<typeof ticker>
export type Price = Infer<typeof price>
export type BookTicker = Infer<typeof bookTicker>
export type Depth = Infer<typeof depth>
export type AvgPrice = Infer<typeof avgPrice>
export type PremiumIndex = Infer<typeof premiumIndex>
export type FundingRate = Infer<typeof fundingRate>
export type FundingInfo = Infer<typeof fundingInfo>
export type LongShortRatio = Infer<typeof ratio>
