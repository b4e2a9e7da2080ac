import { addOpens, floorOpen } from '../../model/interval.ts'
import type { PriceName } from '../market/futures.ts'
import { RestFailure } from './failure.ts'
import { listedSymbol, liveOf, type RestCall } from './route.ts'

/** `markPriceKlines`, `indexPriceKlines` (by pair) and `premiumIndexKlines`: the range goes by open time, both ends inside. */
export async function priceCandles(call: RestCall, price: PriceName): Promise<object> {
  const { params, now } = call
  const symbol = (price === 'index' ? params.text('pair') : params.symbol()) ?? ''
  const interval = params.interval()
  const max = params.limit(500, 1500)
  const startTime = params.time('startTime')
  const endTime = params.time('endTime')
  if (startTime !== undefined && endTime !== undefined && startTime > endTime) {
    throw new RestFailure(-1023, 'Start time is greater than end time.')
  }
  const info = await listedSymbol(call, symbol)
  const to = Math.min((endTime ?? now) + 1, now + 1)
  const from = startTime ?? addOpens({ interval }, floorOpen({ interval }, to - 1), 1 - max)
  return liveOf(call)
    .priceCandles(info, { price, interval, from, to, max, now })
    .map((row) => [
      ...[row.openTime, row.open, row.high, row.low, row.close, '0', row.closeTime, '0', row.samples],
      ...['0', '0', '0'],
    ])
}
