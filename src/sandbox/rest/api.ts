import type { IncomingMessage } from 'node:http'
import { jsonReply, type Reply, textReply } from '../deliver.ts'
import { DATA_CALLS, FUNDING_CALLS, type Verdict, type WeightMeter, windowName } from '../manners.ts'
import type { SandboxMarket } from '../market/listing.ts'
import type { MarketData, TimeUnit } from '../market/market.ts'
import { coinmRoutes } from './coinm.ts'
import { RestFailure } from './failure.ts'
import { Params } from './params.ts'
import type { RestRoute } from './route.ts'
import { spotRoutes } from './spot.ts'
import { usdmRoutes } from './usdm.ts'

const ROUTES: Readonly<Record<SandboxMarket, ReadonlyMap<string, RestRoute>>> = {
  spot: new Map(spotRoutes.map((route) => [route.path, route])),
  usdm: new Map(usdmRoutes.map((route) => [route.path, route])),
  coinm: new Map(coinmRoutes.map((route) => [route.path, route])),
}

const JSON_TYPE = 'application/json;charset=UTF-8'

/** The market that a path belongs to, whether the path exists or not. */
export function marketOfPath(path: string, query = new URLSearchParams()): SandboxMarket | undefined {
  if (path.startsWith('/api/')) return 'spot'
  if (path.startsWith('/dapi/')) return 'coinm'
  // Both hosts of futures have these paths; here one host is both, and COIN-M asks by a pair that is priced in USD.
  if (path.startsWith('/futures/')) return query.get('pair')?.endsWith('USD') ? 'coinm' : 'usdm'
  return path.startsWith('/fapi/') ? 'usdm' : undefined
}

export interface RestRequest {
  readonly market: SandboxMarket
  readonly path: string
  readonly query: URLSearchParams
  readonly request: IncomingMessage
}

/** The REST API of one market. */
export class RestApi {
  readonly market: SandboxMarket
  readonly meter: WeightMeter
  readonly #data: MarketData
  readonly #funding: WeightMeter
  readonly #dataCalls: WeightMeter

  constructor(market: SandboxMarket, data: MarketData, meter: WeightMeter) {
    this.market = market
    this.meter = meter
    this.#data = data
    this.#funding = meter.beside(FUNDING_CALLS.limit, FUNDING_CALLS.windowMs)
    this.#dataCalls = meter.beside(DATA_CALLS.limit, DATA_CALLS.windowMs)
  }

  /** Counts the weight of a request; a reply when it is refused. */
  admit({ path, query, request }: RestRequest): Reply | undefined {
    const route = ROUTES[this.market].get(path)
    const address = request.socket.remoteAddress ?? ''
    const verdict = this.meter.take(address, route?.weight(query) ?? 1)
    if (!verdict.ok) return this.#refuse(verdict, this.meter, 'request weight')
    const own = route?.isFunding ? this.#funding : route?.isData ? this.#dataCalls : undefined
    if (!own) return undefined
    const counted = own.take(address, 1)
    return counted.ok ? undefined : this.#refuse(counted, own, 'requests')
  }

  #refuse(verdict: Extract<Verdict, { ok: false }>, meter: WeightMeter, what: string): Reply {
    const { header } = windowName(meter.windowMs)
    const message =
      verdict.status === 418
        ? `Way too much request weight used; IP banned until ${verdict.until}. Please use WebSocket Streams for live updates to avoid bans.`
        : `Too much request weight used; current limit is ${meter.limit} ${what} per ${header}. Please use WebSocket Streams for live updates to avoid polling the API.`
    return refusal(verdict.status, verdict.retryAfterS, message)
  }

  /** Headers that every answer carries. */
  headers(request: IncomingMessage): Record<string, string> {
    const used = String(this.meter.used(request.socket.remoteAddress ?? ''))
    return { 'X-MBX-USED-WEIGHT': used, [`X-MBX-USED-WEIGHT-${windowName(this.meter.windowMs).header}`]: used }
  }

  async answer({ path, query, request }: RestRequest, now: number, shownTime: number): Promise<Reply> {
    const route = ROUTES[this.market].get(path)
    if (!route) return this.#unknownPath(path, request.method ?? 'GET')
    if (request.method !== 'GET') {
      return jsonReply(405, { code: -1000, msg: `Request method '${request.method}' not supported` })
    }
    try {
      const unit = this.#unit(request)
      const params = new Params(query, route.params, this.market)
      const { market, meter } = this
      const call = {
        market,
        params,
        data: this.#data,
        now,
        shownTime,
        unit,
        apiKey: keyOf(request),
        limit: meter.limit,
        window: windowName(meter.windowMs),
      }
      const answer = await route.answer(call)
      return textReply(200, Buffer.isBuffer(answer) ? answer : JSON.stringify(answer), JSON_TYPE)
    } catch (error) {
      if (!(error instanceof RestFailure)) throw error
      return jsonReply(error.status, { code: error.exchangeCode, msg: error.message })
    }
  }

  #unit(request: IncomingMessage): TimeUnit {
    const header = request.headers['x-mbx-time-unit']
    if (header === undefined || this.market !== 'spot') return 'ms'
    const name = String(header).toUpperCase()
    if (name === 'MICROSECOND') return 'us'
    if (name === 'MILLISECOND') return 'ms'
    throw new RestFailure(-1194, "Invalid value for time unit; expected either 'MICROSECOND' or 'MILLISECOND'.")
  }

  #unknownPath(path: string, method: string): Reply {
    if (this.market !== 'spot') return jsonReply(404, { code: -5000, msg: `Path ${path}, Method ${method} is invalid` })
    return textReply(404, '<html><body><h2>404 Not found</h2></body></html>', 'text/html')
  }
}

function keyOf(request: IncomingMessage): string | undefined {
  const key = request.headers['x-mbx-apikey']
  return typeof key === 'string' && key !== '' ? key : undefined
}

/** 429 or 418 as the exchange words them. */
export function refusal(status: 429 | 418, retryAfterS: number, message: string): Reply {
  return jsonReply(status, { code: -1003, msg: message }, { 'Retry-After': String(retryAfterS) })
}
