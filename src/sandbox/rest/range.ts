import { DAY } from '../../model/time.ts'
import { RestFailure } from './failure.ts'
import type { RestCall } from './route.ts'

/** Longest span that COIN-M takes between `startTime` and `endTime`. */
const INVERSE_SPAN = 200 * DAY

/** Open times that a candle call asks for: [from, to), and whether the newest rows of it count. */
export interface AskedRange {
  readonly from: number | undefined
  readonly to: number
  readonly last: boolean
}

/**
 * Spot and USD-M count from `startTime`. COIN-M counts back from `endTime`, which is 200 days after the start where it is
 * left out, and so is the start before the end (reference/binance-rest.md, section 6.3).
 */
export function askedRange({ market, params, now }: RestCall, hasSpan = market === 'coinm'): AskedRange {
  const startTime = params.time('startTime')
  const endTime = params.time('endTime')
  const from = startTime === undefined ? undefined : Math.ceil(startTime)
  const end = endTime === undefined ? undefined : Math.floor(endTime)
  if (market !== 'spot' && from !== undefined && end !== undefined && from > end) {
    throw new RestFailure(-1023, 'Start time is greater than end time.')
  }
  if (!hasSpan || (from === undefined && end === undefined))
    return { from, to: Math.min((end ?? now) + 1, now + 1), last: from === undefined }
  if (from !== undefined && end !== undefined && end - from > INVERSE_SPAN) {
    throw new RestFailure(-4088, 'Maximum time interval is 200 days.')
  }
  const last = Math.min(end ?? (from ?? now) + INVERSE_SPAN, now)
  return { from: Math.max(0, from ?? last - INVERSE_SPAN), to: last + 1, last: true }
}
