import { ByteWriter } from '../bytes.ts'
import { pairOf } from '../market/listing.ts'
import { LiveText } from '../market/live-text.ts'
import { RestFailure } from './failure.ts'
import { listedSymbol, liveOf, type RestCall } from './route.ts'

const FUTURES_LIMITS = [5, 10, 20, 50, 100, 500, 1000]

/** Weight of a spot call by its page size. */
export function spotDepthWeight(query: URLSearchParams): number {
  const limit = Number(query.get('limit') ?? 100)
  return limit > 1000 ? 250 : limit > 500 ? 50 : limit > 100 ? 25 : 5
}

/** Weight of a futures call by its page size. */
export function futuresDepthWeight(query: URLSearchParams): number {
  const limit = Number(query.get('limit') ?? 500)
  return limit >= 1000 ? 20 : limit >= 500 ? 10 : limit >= 100 ? 5 : 2
}

/** The book of the moment: spot tells its last update id only, futures tell the times too. */
export async function depth(call: RestCall): Promise<Buffer> {
  const symbol = call.params.symbol() ?? ''
  const spot = call.market === 'spot'
  const limit = spot ? call.params.limit(100, 5000) : futuresLimit(call)
  const status = spot
    ? call.params.oneOf('symbolStatus', ['TRADING', 'HALT', 'BREAK'], -1122, 'Invalid symbolStatus.')
    : undefined
  const info = await listedSymbol(call, symbol)
  if (status !== undefined && status !== 'TRADING') {
    throw new RestFailure(-1220, "The symbol's status does not match the requested symbolStatus.")
  }
  const book = liveOf(call).book(info, call.now, limit)
  const text = new LiveText(info)
  const out = new ByteWriter(limit * 64 + 256)
  out.ascii('{"lastUpdateId":').integer(book.updateId)
  if (!spot) {
    // Both are the exchange's clock, which a fault may have put off.
    const made = book.time + call.shownTime - call.now
    out.ascii(',"E":').integer(call.shownTime).ascii(',"T":').integer(Math.min(made, call.shownTime))
  }
  if (info.market === 'coinm') out.ascii(`,"symbol":"${info.symbol}","pair":"${pairOf(info.symbol)}"`)
  text.levels(out.ascii(',"bids":'), book.bids)
  text.levels(out.ascii(',"asks":'), book.asks)
  return out.byte(125).take()
}

function futuresLimit(call: RestCall): number {
  const limit = call.params.whole('limit') ?? 500
  if (!FUTURES_LIMITS.includes(limit)) throw new RestFailure(-4021, `${limit} is not valid depth limit.`)
  return limit
}
