import type { SandboxMarket } from '../market/listing.ts'
import type { TimeUnit } from '../market/market.ts'
import type { Route } from './names.ts'

/** What the URL of a connection asks for. */
export interface LivePath {
  readonly market: SandboxMarket
  /** Of futures. A connection of USD-M without a route gets what `/public` carries, as seen since April 2026. */
  readonly route: Route | undefined
  /** Frames as `{"stream":…,"data":…}`. */
  readonly combined: boolean
  readonly streams: readonly string[]
  readonly unit: TimeUnit
}

/** First parts of a path that name a market, for clients that take a base URL and add `/ws` or `/stream` to it. */
const BASES: Readonly<Record<string, SandboxMarket>> = {
  spot: 'spot',
  usdm: 'usdm',
  fstream: 'usdm',
  coinm: 'coinm',
  dstream: 'coinm',
}
const ROUTES: readonly string[] = ['public', 'market', 'private'] satisfies readonly Route[]

/**
 * Reads the URL of an upgrade. Routes tell USD-M from spot; without a route it is spot, or another where that is the only
 * market. COIN-M is below `/dstream`. Undefined for a path that no stream server has.
 */
export function parseLivePath(url: string, markets: readonly SandboxMarket[]): LivePath | undefined {
  const mark = url.indexOf('?')
  const query = mark < 0 ? '' : url.slice(mark + 1)
  const parts = (mark < 0 ? url : url.slice(0, mark)).split('/').slice(1)
  let market: SandboxMarket | undefined
  if (Object.hasOwn(BASES, parts[0] ?? '')) market = BASES[parts.shift()!]
  let route: Route | undefined
  if (ROUTES.includes(parts[0] ?? '')) {
    if (market === 'spot') return undefined
    // Whether COIN-M has routes is not agreed on: with and without one it gives everything.
    market ??= 'usdm'
    route = parts.shift() as Route
  }
  market ??= markets.includes('spot') ? 'spot' : (markets[0] ?? 'usdm')
  if (!markets.includes(market)) return undefined
  const form = parts.shift()
  if (form !== 'ws' && form !== 'stream') return undefined
  const combined = form === 'stream'
  const names = combined ? (parameter(query, 'streams') ?? '').split('/') : parts
  const streams = names.map(decoded).filter((name) => name !== '')
  const unit = market === 'spot' && parameter(query, 'timeUnit')?.toUpperCase() === 'MICROSECOND' ? 'us' : 'ms'
  return { market, route, combined, streams: [...new Set(streams)], unit }
}

/** A value of the query as it stands: `+` is a plus here (`kline_1d@+08:00`). */
function parameter(query: string, name: string): string | undefined {
  for (const pair of query.split('&')) if (pair.startsWith(`${name}=`)) return pair.slice(name.length + 1)
  return undefined
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
