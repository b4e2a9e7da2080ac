import { isDated, pairOf } from '../market/listing.ts'
import type { SymbolInfo } from '../market/market.ts'
import { RestFailure } from './failure.ts'
import { illegalSymbol } from './params.ts'
import { inUnit, listedSymbol, listedSymbols, type RestCall } from './route.ts'

const PERMISSIONS = ['SPOT', 'MARGIN', 'LEVERAGED'] as const
/** Groups that every symbol of the sandbox belongs to. */
const OWN_PERMISSIONS = ['SPOT', 'MARGIN']
const SELF_TRADE_MODES = ['EXPIRE_TAKER', 'EXPIRE_MAKER', 'EXPIRE_BOTH', 'DECREMENT', 'TRANSFER']
/** Delivery date of a perpetual: the year 2100. */
const NEVER = 4_133_404_800_000

export async function spotExchangeInfo(call: RestCall): Promise<object> {
  const symbols = await chosenSymbols(call)
  return {
    timezone: 'UTC',
    serverTime: inUnit(call, call.shownTime),
    rateLimits: [
      requestWeight(call),
      { rateLimitType: 'ORDERS', interval: 'SECOND', intervalNum: 10, limit: 100 },
      { rateLimitType: 'ORDERS', interval: 'DAY', intervalNum: 1, limit: 200_000 },
      { rateLimitType: 'RAW_REQUESTS', interval: 'MINUTE', intervalNum: 5, limit: 300_000 },
    ],
    exchangeFilters: [],
    symbols: symbols.map((info) => spotSymbol(info, call.params.text('showPermissionSets') !== 'false')),
  }
}

function requestWeight(call: RestCall): object {
  const { interval, intervalNum } = call.window
  return { rateLimitType: 'REQUEST_WEIGHT', interval, intervalNum, limit: call.limit }
}

async function chosenSymbols(call: RestCall): Promise<SymbolInfo[]> {
  const { params } = call
  const symbol = params.symbol()
  const symbols = params.list('symbols')
  const permissions = permissionsOf(call)
  const status = params.oneOf('symbolStatus', ['TRADING', 'HALT', 'BREAK'], -1122, 'Invalid symbolStatus.')
  const named = Number(symbol !== undefined) + Number(symbols !== undefined)
  if (named + Number(permissions !== undefined) > 1 || (named > 0 && status !== undefined)) {
    throw new RestFailure(-1128, 'Combination of optional parameters invalid.')
  }
  if (symbol !== undefined) return [await listedSymbol(call, symbol)]
  if (symbols !== undefined) {
    for (const name of symbols) if (name !== name.toUpperCase()) throw illegalSymbol('symbols', 'spot')
    return Promise.all(symbols.map((name) => listedSymbol(call, name)))
  }
  if (permissions && !permissions.some((name) => OWN_PERMISSIONS.includes(name))) return []
  // Every symbol of the sandbox trades.
  return status === undefined || status === 'TRADING' ? listedSymbols(call) : []
}

/** `permissions=SPOT` or `permissions=["SPOT","MARGIN"]` */
function permissionsOf(call: RestCall): string[] | undefined {
  const text = call.params.text('permissions')
  if (text === undefined) return undefined
  const names = text.startsWith('[') ? (call.params.list('permissions') ?? []) : [text]
  const known = (name: string): boolean =>
    (PERMISSIONS as readonly string[]).includes(name) || name.startsWith('TRD_GRP_')
  if (!names.every(known)) throw new RestFailure(-1130, "Data sent for parameter 'permissions' is not valid.")
  return names
}

/** `0.00001000` for 5, with eight digits as spot writes them. */
function step(decimals: number, digits: number): string {
  return (10 ** -decimals).toFixed(Math.max(digits, decimals))
}

function spotSymbol(info: SymbolInfo, withSets: boolean): object {
  const tick = step(info.tickDecimals, 8)
  const lot = step(info.stepDecimals, 8)
  return {
    symbol: info.symbol,
    status: 'TRADING',
    baseAsset: info.base,
    baseAssetPrecision: 8,
    quoteAsset: info.quote,
    quotePrecision: 8,
    quoteAssetPrecision: 8,
    baseCommissionPrecision: 8,
    quoteCommissionPrecision: 8,
    orderTypes: ['LIMIT', 'LIMIT_MAKER', 'MARKET', 'STOP_LOSS', 'STOP_LOSS_LIMIT', 'TAKE_PROFIT', 'TAKE_PROFIT_LIMIT'],
    icebergAllowed: true,
    ocoAllowed: true,
    otoAllowed: true,
    opoAllowed: true,
    quoteOrderQtyMarketAllowed: true,
    allowTrailingStop: true,
    cancelReplaceAllowed: true,
    amendAllowed: true,
    pegInstructionsAllowed: true,
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: true,
    filters: [
      { filterType: 'PRICE_FILTER', minPrice: tick, maxPrice: '1000000.00000000', tickSize: tick },
      { filterType: 'LOT_SIZE', minQty: lot, maxQty: (9000 * 10 ** (5 - info.stepDecimals)).toFixed(8), stepSize: lot },
      { filterType: 'ICEBERG_PARTS', limit: 100 },
      { filterType: 'MARKET_LOT_SIZE', minQty: '0.00000000', maxQty: '140.63571133', stepSize: '0.00000000' },
      {
        filterType: 'TRAILING_DELTA',
        minTrailingAboveDelta: 10,
        maxTrailingAboveDelta: 2000,
        minTrailingBelowDelta: 10,
        maxTrailingBelowDelta: 2000,
      },
      {
        filterType: 'PERCENT_PRICE_BY_SIDE',
        bidMultiplierUp: '2',
        bidMultiplierDown: '0.5',
        askMultiplierUp: '2',
        askMultiplierDown: '0.5',
        avgPriceMins: 5,
      },
      {
        filterType: 'NOTIONAL',
        minNotional: info.quote === 'BTC' ? '0.00010000' : '5.00000000',
        applyMinToMarket: true,
        maxNotional: '9000000.00000000',
        applyMaxToMarket: false,
        avgPriceMins: 5,
      },
      { filterType: 'MAX_NUM_ORDERS', maxNumOrders: 200 },
      { filterType: 'MAX_NUM_ORDER_LISTS', maxNumOrderLists: 20 },
      { filterType: 'MAX_NUM_ALGO_ORDERS', maxNumAlgoOrders: 5 },
      { filterType: 'MAX_NUM_ORDER_AMENDS', maxNumOrderAmends: 10 },
    ],
    permissions: [],
    permissionSets: withSets ? [OWN_PERMISSIONS] : [],
    defaultSelfTradePreventionMode: 'EXPIRE_MAKER',
    allowedSelfTradePreventionModes: SELF_TRADE_MODES,
  }
}

export async function usdmExchangeInfo(call: RestCall): Promise<object> {
  const infos = await listedSymbols(call)
  const types = contractTypes(infos)
  return {
    timezone: 'UTC',
    serverTime: call.shownTime,
    futuresType: 'U_MARGINED',
    rateLimits: [
      requestWeight(call),
      { rateLimitType: 'ORDERS', interval: 'MINUTE', intervalNum: 1, limit: 1200 },
      { rateLimitType: 'ORDERS', interval: 'SECOND', intervalNum: 10, limit: 300 },
    ],
    exchangeFilters: [],
    assets: [
      { asset: 'USDT', marginAvailable: true, autoAssetExchange: '-10000' },
      { asset: 'BTC', marginAvailable: true, autoAssetExchange: '-0.10000000' },
      { asset: 'BNB', marginAvailable: true, autoAssetExchange: '-10' },
    ],
    symbols: infos.map((info) => usdmSymbol(info, types.get(info.symbol)!)),
  }
}

function usdmSymbol(info: SymbolInfo, contractType: string): object {
  const tick = step(info.tickDecimals, info.priceDecimals)
  const lot = step(info.stepDecimals, 0)
  return {
    symbol: info.symbol,
    pair: pairOf(info.symbol),
    contractType,
    deliveryDate: deliveryOf(info),
    onboardDate: info.listedAt,
    status: 'TRADING',
    maintMarginPercent: '2.5000',
    requiredMarginPercent: '5.0000',
    baseAsset: info.base,
    quoteAsset: info.quote,
    marginAsset: info.quote,
    pricePrecision: info.priceDecimals,
    quantityPrecision: info.stepDecimals,
    baseAssetPrecision: 8,
    quotePrecision: 8,
    underlyingType: 'COIN',
    underlyingSubType: [],
    triggerProtect: '0.0500',
    liquidationFee: '0.012500',
    marketTakeBound: '0.05',
    maxMoveOrderLimit: 10_000,
    filters: [
      { filterType: 'PRICE_FILTER', minPrice: tick, maxPrice: '4529764', tickSize: tick },
      { filterType: 'LOT_SIZE', minQty: lot, maxQty: String(1000 * 10 ** (3 - info.stepDecimals)), stepSize: lot },
      {
        filterType: 'MARKET_LOT_SIZE',
        minQty: lot,
        maxQty: String(120 * 10 ** (3 - info.stepDecimals)),
        stepSize: lot,
      },
      { filterType: 'MAX_NUM_ORDERS', limit: 200 },
      { filterType: 'MIN_NOTIONAL', notional: '5' },
      { filterType: 'PERCENT_PRICE', multiplierUp: '1.0500', multiplierDown: '0.9500', multiplierDecimal: '4' },
      { filterType: 'POSITION_RISK_CONTROL', positionControlSide: 'NONE' },
    ],
    orderTypes: ['LIMIT', 'MARKET', 'STOP', 'STOP_MARKET', 'TAKE_PROFIT', 'TAKE_PROFIT_MARKET', 'TRAILING_STOP_MARKET'],
    timeInForce: ['GTC', 'IOC', 'FOK', 'GTX', 'GTD'],
    permissionSets: ['GRID', 'COPY', 'DCA', 'PSB'],
  }
}

export async function coinmExchangeInfo(call: RestCall): Promise<object> {
  const infos = await listedSymbols(call)
  const types = contractTypes(infos)
  return {
    timezone: 'UTC',
    serverTime: call.shownTime,
    rateLimits: [
      requestWeight(call),
      { rateLimitType: 'ORDERS', interval: 'MINUTE', intervalNum: 1, limit: 1200 },
      { rateLimitType: 'ORDERS', interval: 'SECOND', intervalNum: 10, limit: 300 },
    ],
    exchangeFilters: [],
    symbols: infos.map((info) => coinmSymbol(info, types.get(info.symbol)!)),
  }
}

/** Perpetual, or which of the quarters of its pair a contract is. */
export function contractTypes(infos: readonly SymbolInfo[]): Map<string, string> {
  const quarters = infos.filter(({ symbol }) => isDated(symbol)).sort((a, b) => (a.endsAt ?? 0) - (b.endsAt ?? 0))
  const types = new Map<string, string>()
  for (const { symbol } of infos) {
    const first = quarters.find((other) => pairOf(other.symbol) === pairOf(symbol))
    const quarter = first?.symbol === symbol ? 'CURRENT_QUARTER' : 'NEXT_QUARTER'
    types.set(symbol, isDated(symbol) ? quarter : 'PERPETUAL')
  }
  return types
}

function deliveryOf({ symbol, endsAt }: SymbolInfo): number | undefined {
  return isDated(symbol) ? endsAt : NEVER
}

function coinmSymbol(info: SymbolInfo, contractType: string): object {
  const tick = step(info.tickDecimals, info.priceDecimals)
  return {
    symbol: info.symbol,
    pair: pairOf(info.symbol),
    contractType,
    deliveryDate: deliveryOf(info),
    onboardDate: info.listedAt,
    contractStatus: 'TRADING',
    contractSize: info.contractSize,
    marginAsset: info.base,
    maintMarginPercent: '2.5000',
    requiredMarginPercent: '5.0000',
    baseAsset: info.base,
    quoteAsset: info.quote,
    pricePrecision: info.priceDecimals,
    quantityPrecision: 0,
    baseAssetPrecision: 8,
    quotePrecision: 8,
    equalQtyPrecision: 4,
    triggerProtect: '0.0500',
    liquidationFee: '0.015000',
    marketTakeBound: '0.05',
    filters: [
      { filterType: 'PRICE_FILTER', minPrice: tick, maxPrice: '4520958', tickSize: tick },
      { filterType: 'LOT_SIZE', minQty: '1', maxQty: '1000000', stepSize: '1' },
      { filterType: 'MARKET_LOT_SIZE', minQty: '1', maxQty: '60000', stepSize: '1' },
      { filterType: 'MAX_NUM_ORDERS', limit: 200 },
      { filterType: 'MAX_NUM_ALGO_ORDERS', limit: 20 },
      { filterType: 'PERCENT_PRICE', multiplierUp: '1.0500', multiplierDown: '0.9500', multiplierDecimal: '4' },
    ],
    orderTypes: ['LIMIT', 'MARKET', 'STOP', 'STOP_MARKET', 'TAKE_PROFIT', 'TAKE_PROFIT_MARKET', 'TRAILING_STOP_MARKET'],
    timeInForce: ['GTC', 'IOC', 'FOK', 'GTX'],
  }
}
