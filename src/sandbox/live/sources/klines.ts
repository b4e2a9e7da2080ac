import type { Interval } from '../../../model/interval.ts'
import { ByteWriter } from '../../bytes.ts'
import type { SymbolInfo } from '../../market/market.ts'
import { type EventWriter, inUnit, nextMultiple, type PeriodicSource, type SourceContext } from './source.ts'

/** A candle in REST's form. */
type Row = [number, string, string, string, string, string, number, string, number, string, string, string]

const FUTURES_PERIOD = 250
/** Of spot: a second for `1s`, two for the others. */
const SPOT_PERIOD = 2000
/** A connection that lags behind gets at most so many closed candles at once. */
const MOST_CLOSED = 1000

export interface KlineForm {
  readonly interval: Interval
  readonly shift: number
  /** `continuousKline`: another event name, `ps` and `ct`, and no symbol in `k`. */
  readonly continuous: boolean
}

/**
 * `<symbol>@kline_<interval>`: the running candle whenever it has changed since the last push, and each candle once
 * more, with `x` true, when it is closed.
 */
export function klineSource(context: SourceContext, info: SymbolInfo, form: KlineForm): PeriodicSource {
  const { interval, shift } = form
  const spot = info.market === 'spot'
  const period = spot ? (interval === '1s' ? 1000 : SPOT_PERIOD) : FUTURES_PERIOD
  const writer = new ByteWriter(512)
  const symbol = JSON.stringify(info.symbol)
  /** Open time of the newest candle told, and its number of trades then. */
  let open = -1
  let trades = -1

  const write = (out: EventWriter, row: Row, closed: boolean, time: number): void => {
    const { unit } = context
    const [t, o, h, l, c, v, T, q, n, V, Q, ignore] = row
    const first = n === 0 ? -1 : context.live.nextTradeId(info, t)
    const last = n === 0 ? -1 : first + n - 1
    const fields = [
      `"t":${inUnit(t, unit)}`,
      `"T":${unit === 'us' ? T * 1000 + 999 : T}`,
      ...(form.continuous ? [] : [`"s":${symbol}`]),
      `"i":"${interval}"`,
      `"f":${first}`,
      `"L":${last}`,
      `"o":"${o}"`,
      `"c":"${c}"`,
      `"h":"${h}"`,
      `"l":"${l}"`,
      `"v":"${v}"`,
      `"n":${n}`,
      `"x":${closed}`,
      `"q":"${q}"`,
      `"V":"${V}"`,
      `"Q":"${Q}"`,
      `"B":"${ignore}"`,
    ]
    const head = form.continuous
      ? `"continuous_kline","E":${inUnit(time + context.skew(), unit)},"ps":${symbol},"ct":"PERPETUAL"`
      : `"kline","E":${inUnit(time + context.skew(), unit)},"s":${symbol}`
    // USD-M has blanks behind the commas inside `k`, and only there.
    out.text(`{"e":${head},"k":{${fields.join(spot ? ',' : ', ')}}}`)
    out.end(time)
  }

  return {
    mode: 'periodic',
    next: (after) => nextMultiple(after, period),
    async write(time, out) {
      const known = open >= 0
      const range = { interval, from: known ? open : 0, to: time, max: known ? MOST_CLOSED : 1, last: !known, shift }
      const rows = await context.data.candles(info, range, time)
      for (let i = 0; i < rows.length; i++) {
        rows.writeJson(writer, i, 'ms')
        const row = JSON.parse(writer.take().toString()) as Row
        const closed = row[6] < time
        // Without a candle that was told before, a closed one is history.
        if (!known && closed) {
          open = row[0] + 1
          trades = -1
          continue
        }
        if (row[0] < open || (row[0] === open && !closed && row[8] === trades)) continue
        write(out, row, closed, time)
        open = closed ? row[0] + 1 : row[0]
        trades = closed ? -1 : row[8]
      }
    },
  }
}
