import { ParseError } from '../../model/errors.ts'
import { METRICS_PERIOD, type MetricsRecord } from '../../model/history/index.ts'
import { RecordFlag } from '../../model/live/index.ts'
import type { Market } from '../../model/series.ts'
import { DAY, formatTime, HOUR, type TimeRange } from '../../model/time.ts'
import type { Members } from './frames/members.ts'
import { membersOf } from './repair-rows.ts'
import type { BinanceRest } from './rest.ts'
import type { Params } from './weights.ts'

interface MetricsRequest extends TimeRange {
  readonly market: Market
  readonly symbol: string
  readonly signal?: AbortSignal
}

type Value =
  | 'openInterest'
  | 'openInterestValue'
  | 'topAccountRatio'
  | 'topPositionRatio'
  | 'accountRatio'
  | 'takerRatio'
type Values = { [V in Value]?: number }

/** REST tells the last 30 days; a little less, so that a slow request still asks for something that is there. */
const REACH = 30 * DAY - HOUR
/** Rows of a page. */
const PAGE = 500

/** One endpoint that tells some of the values of a period. */
interface Part {
  readonly path: string
  /** COIN-M counts the open contracts of a pair apart by their type. */
  readonly hasType?: boolean
  read(row: Members): Values
}

const ACCOUNTS = ['topLongShortAccountRatio', 'topLongShortPositionRatio', 'globalLongShortAccountRatio'] as const
const NAMES = ['topAccountRatio', 'topPositionRatio', 'accountRatio'] as const

const COMMON: readonly Part[] = [
  {
    path: '/futures/data/openInterestHist',
    hasType: true,
    read: (row) => ({
      openInterest: row.decimal('sumOpenInterest'),
      openInterestValue: row.decimal('sumOpenInterestValue'),
    }),
  },
  ...ACCOUNTS.map(
    (path, index): Part => ({
      path: `/futures/data/${path}`,
      read: (row) => ({ [NAMES[index]!]: row.decimal('longShortRatio') }),
    }),
  ),
]

const PARTS: Readonly<Partial<Record<Market, readonly Part[]>>> = {
  usdm: [
    ...COMMON,
    { path: '/futures/data/takerlongshortRatio', read: (row) => ({ takerRatio: row.decimal('buySellRatio') }) },
  ],
  coinm: [
    ...COMMON,
    {
      path: '/futures/data/takerBuySellVol',
      hasType: true,
      // Sold nothing: no ratio can be told.
      read: (row) => {
        const sold = row.decimal('takerSellVol')
        return { takerRatio: sold > 0 ? row.decimal('takerBuyVol') / sold : Number.NaN }
      },
    },
  ],
}

/** How far back REST tells metrics, ms; of COIN-M those of perpetuals, whose type their name tells. */
export function metricsReach(market: Market, symbol?: string): number {
  if (!PARTS[market]) return 0
  return market === 'coinm' && symbol !== undefined && !symbol.endsWith('_PERP') ? 0 : REACH
}

/**
 * Metrics of the periods that start in a range, as far as REST goes back, in pages. A period that some of the endpoints do
 * not tell has NaN there.
 * @throws ParseError for rows that were not asked for.
 */
export async function* metricsPages(
  rest: BinanceRest,
  request: MetricsRequest,
): AsyncGenerator<readonly MetricsRecord[], void, void> {
  const { market, symbol, signal } = request
  const parts = PARTS[market]
  if (!parts) return
  const now = await rest.now(market, { signal })
  const first = Math.ceil(Math.max(request.from, now - REACH) / METRICS_PERIOD) * METRICS_PERIOD
  const end = Math.min(request.to, now)
  for (let startTime = first; startTime < end; startTime += PAGE * METRICS_PERIOD) {
    const endTime = Math.min(Math.ceil(end), startTime + PAGE * METRICS_PERIOD) - 1
    const page = new Map<number, Values & { flags: number }>()
    const span = { period: '5m', startTime, endTime, limit: PAGE }
    await Promise.all(
      parts.map(async (part) => {
        const params: Params = { ...nameOf(market, symbol, part), ...span }
        const { bytes, url } = await rest.bytes({ market, path: part.path, params, signal })
        for (const row of membersOf(bytes, url)) {
          const time = row.time('timestamp')
          if (time < startTime || time > endTime)
            throw new ParseError(url, `a row of ${formatTime(time)} was not asked for`, RETRYABLE)
          const values = part.read(row)
          const known = page.get(time)
          page.set(time, { ...known, ...values, flags: row.flags(known?.flags ?? RecordFlag.rest) })
        }
      }),
    )
    const times = [...page.keys()].sort((a, b) => a - b)
    if (times.length > 0) yield times.map((time) => recordOf(market, symbol, time, page.get(time)!))
  }
}

const RETRYABLE = { exchange: 'binance', retryable: true } as const

function nameOf(market: Market, symbol: string, { hasType }: Part): Params {
  if (market !== 'coinm') return { symbol }
  return { pair: symbol.split('_')[0]!, ...(hasType ? { contractType: 'PERPETUAL' } : {}) }
}

function recordOf(market: Market, symbol: string, time: number, values: Values & { flags: number }): MetricsRecord {
  const none = Number.NaN
  return {
    kind: 'metrics',
    market,
    symbol,
    time,
    openInterest: values.openInterest ?? none,
    openInterestValue: values.openInterestValue ?? none,
    topAccountRatio: values.topAccountRatio ?? none,
    topPositionRatio: values.topPositionRatio ?? none,
    accountRatio: values.accountRatio ?? none,
    takerRatio: values.takerRatio ?? none,
    labelTime: none,
    eventTime: none,
    receiveTime: none,
    flags: values.flags,
  }
}
