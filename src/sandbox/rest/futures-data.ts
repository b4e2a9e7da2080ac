import { DAY, MINUTE } from '../../model/time.ts'
import type { LiveMetrics } from '../market/live-market.ts'
import { LiveText } from '../market/live-text.ts'
import type { SymbolInfo } from '../market/market.ts'
import { METRICS_STEP } from '../market/metrics.ts'
import { badSymbol, RestFailure } from './failure.ts'
import { listedSymbol, liveOf, type RestCall, type RestRoute } from './route.ts'

/** How far back these paths go. */
const REACH = 30 * DAY
const HOUR = 60 * MINUTE
const PERIODS: Readonly<Record<string, number>> = {
  ...{ '5m': METRICS_STEP, '15m': 15 * MINUTE, '30m': 30 * MINUTE, '1h': HOUR, '2h': 2 * HOUR },
  ...{ '4h': 4 * HOUR, '6h': 6 * HOUR, '12h': 12 * HOUR, '1d': DAY },
}

/** A row of an answer, made of the metrics of a period. */
type Told = (row: LiveMetrics, info: SymbolInfo) => Record<string, string | number>

const openInterest: Told = (row, info) => ({
  ...(info.market === 'coinm' ? { pair: pairOf(info), contractType: 'PERPETUAL' } : { symbol: info.symbol }),
  sumOpenInterest: new LiveText(info).lotsText(row.lots),
  sumOpenInterestValue: row.value,
  timestamp: row.time,
})

const ratio =
  (pick: (row: LiveMetrics) => string, parts: 'Account' | 'Position'): Told =>
  (row, info) => {
    const told = Number(pick(row))
    const long = told / (1 + told)
    // Only COIN-M names positions what they are.
    const word = info.market === 'coinm' ? parts : 'Account'
    return {
      ...(info.market === 'coinm' ? { pair: pairOf(info) } : { symbol: info.symbol }),
      longShortRatio: pick(row),
      [`long${word}`]: long.toFixed(4),
      [`short${word}`]: (1 - long).toFixed(4),
      timestamp: row.time,
    }
  }

const takers: Told = (row) => ({
  buySellRatio: row.takers,
  buyVol: (Number(row.takers) * 1000).toFixed(4),
  sellVol: '1000.0000',
  timestamp: row.time,
})

const takerVolumes: Told = (row, info) => ({
  ...{ pair: pairOf(info), contractType: 'PERPETUAL' },
  takerBuyVol: (Number(row.takers) * 1000).toFixed(1),
  takerSellVol: '1000.0',
  takerBuyVolValue: '0.00000000',
  takerSellVolValue: '0.00000000',
  timestamp: row.time,
})

const COMMON = {
  openInterestHist: openInterest,
  topLongShortAccountRatio: ratio((row) => row.topAccounts, 'Account'),
  topLongShortPositionRatio: ratio((row) => row.topPositions, 'Position'),
  globalLongShortAccountRatio: ratio((row) => row.accounts, 'Account'),
}

function pairOf({ symbol }: SymbolInfo): string {
  return symbol.split('_')[0]!
}

/** Rows of the periods that start from `startTime` to `endTime`, the newest ones where a page cannot hold them all. */
async function answer(call: RestCall, tell: Told): Promise<object> {
  const { params, now, market } = call
  const pair = params.text('pair')
  const symbol = market === 'coinm' ? `${pair ?? ''}_PERP` : params.symbol()
  if (symbol === undefined) throw badSymbol()
  const info = await listedSymbol(call, symbol)
  const step = PERIODS[params.text('period') ?? '']
  if (step === undefined) throw new RestFailure(-1130, "Data sent for parameter 'period' is not valid.")
  const limit = params.limit(30, 500)
  const startTime = params.time('startTime')
  const endTime = params.time('endTime')
  const oldest = now - REACH
  if (startTime !== undefined && (startTime < oldest || startTime > (endTime ?? now)))
    throw new RestFailure(-1130, "Data sent for parameter 'startTime' is not valid.")
  const to = Math.min(endTime ?? now, now - METRICS_STEP) + 1
  const from = Math.max(startTime ?? to - limit * step, oldest)
  const rows = liveOf(call)
    .metrics(info, from, to)
    .filter(({ time }) => time % step === 0)
  return rows.slice(-limit).map((row) => tell(row, info))
}

function routes(told: Readonly<Record<string, Told>>, name: 'symbol' | 'pair', weight: number): RestRoute[] {
  return Object.entries(told).map(([path, tell]) => ({
    path: `/futures/data/${path}`,
    params: { [name]: true, contractType: false, period: true, limit: false, startTime: false, endTime: false },
    weight: () => weight,
    isData: true,
    answer: (call) => answer(call, tell),
  }))
}

/** `/futures/data` of USD-M: of no weight, but counted. */
export const usdmDataRoutes = routes({ ...COMMON, takerlongshortRatio: takers }, 'symbol', 0)
/** The same of COIN-M, by pair. */
export const coinmDataRoutes = routes({ ...COMMON, takerBuySellVol: takerVolumes }, 'pair', 1)
