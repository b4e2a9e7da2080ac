import type { windowName } from '../manners.ts'
import { pairOf, type SandboxMarket } from '../market/listing.ts'
import type { LiveMarket } from '../market/live-market.ts'
import type { MarketData, SymbolInfo, TimeUnit } from '../market/market.ts'
import { badSymbol, RestFailure } from './failure.ts'
import type { ParamNames, Params } from './params.ts'

/** What a path of the REST API needs to answer. */
export interface RestCall {
  readonly market: SandboxMarket
  readonly params: Params
  readonly data: MarketData
  /** True time of the exchange: what the answer holds goes by it. */
  readonly now: number
  /** Time as the exchange tells it: skewed under a fault. */
  readonly shownTime: number
  /** Asked for by `X-MBX-TIME-UNIT` (spot only). */
  readonly unit: TimeUnit
  /** Sent as `X-MBX-APIKEY`; any text will do. */
  readonly apiKey: string | undefined
  readonly limit: number
  readonly window: ReturnType<typeof windowName>
}

/** One path of the REST API: one line in `spot.ts`, `usdm.ts` or `coinm.ts`. */
export interface RestRoute {
  readonly path: string
  readonly params: ParamNames
  /** Weight of a call; wrong parameters weigh what the cheapest call does. */
  weight(query: URLSearchParams): number
  /** Counts among the funding calls, which have a limit of their own. */
  readonly isFunding?: boolean
  /** Counts among the calls of `/futures/data`, which have a limit of their own. */
  readonly isData?: boolean
  /** JSON bytes, or a value to write as JSON. */
  answer(call: RestCall): Promise<Buffer | object>
}

export const fixed =
  (weight: number): (() => number) =>
  () =>
    weight

/** A symbol that REST knows: listed by now and not delisted. */
export async function listedSymbol(call: RestCall, symbol: string): Promise<SymbolInfo> {
  const info = await call.data.symbol(call.market, symbol, call.now)
  if (!info?.listed) throw badSymbol()
  return info
}

/**
 * What a call of COIN-M is about: the symbol that it names, or those of its pair, or all.
 * @throws RestFailure where it names both.
 */
export async function inverseSymbols(call: RestCall): Promise<SymbolInfo[]> {
  const symbol = call.params.symbol()
  const pair = call.params.text('pair')
  if (symbol !== undefined && pair !== undefined) {
    throw new RestFailure(-1128, 'Combination of optional parameters invalid.')
  }
  if (symbol !== undefined) return [await listedSymbol(call, symbol)]
  const all = await listedSymbols(call)
  return pair === undefined ? all : all.filter((info) => pairOf(info.symbol) === pair)
}

export async function listedSymbols(call: RestCall): Promise<SymbolInfo[]> {
  return (await call.data.symbols(call.market, call.now)).filter((info) => info.listed)
}

/** The market's events. @throws RestFailure where the data hold candles only. */
export function liveOf(call: RestCall): LiveMarket {
  const { live } = call.data
  if (!live) throw new RestFailure(-1020, 'This operation is not supported: the sandbox serves recorded candles only.')
  return live
}

/** A time in the unit that the caller asked for. */
export function inUnit(call: RestCall, time: number): number {
  return call.unit === 'us' ? Math.round(time * 1000) : Math.floor(time)
}
