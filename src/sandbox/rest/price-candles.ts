import { addOpens, floorOpen } from '../../model/interval.ts'
import type { PriceName } from '../market/futures.ts'
import { askedRange } from './range.ts'
import { listedSymbol, liveOf, type RestCall } from './route.ts'

/** `markPriceKlines`, `indexPriceKlines` (by pair) and `premiumIndexKlines`: the range goes by open time, both ends inside. */
export async function priceCandles(call: RestCall, price: PriceName): Promise<object> {
  const { params, now } = call
  const symbol = (price === 'index' ? pairSymbol(call) : params.symbol()) ?? ''
  const interval = params.interval()
  const max = params.limit(500, 1500)
  const asked = askedRange(call, call.market === 'coinm' && price !== 'premium')
  const info = await listedSymbol(call, symbol)
  const { to } = asked
  const newest = addOpens({ interval }, floorOpen({ interval }, to - 1), 1 - max)
  const from = asked.last ? Math.max(asked.from ?? 0, newest) : (asked.from ?? newest)
  return liveOf(call)
    .priceCandles(info, { price, interval, from, to, max, now })
    .map((row) => [
      ...[row.openTime, row.open, row.high, row.low, row.close, '0', row.closeTime, '0', row.samples],
      ...['0', '0', '0'],
    ])
}

/** The contract that tells the index of a pair. */
function pairSymbol({ market, params }: RestCall): string | undefined {
  const pair = params.text('pair')
  return market === 'coinm' && pair !== undefined ? `${pair}_PERP` : pair
}
