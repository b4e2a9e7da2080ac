import { HOUR, SECOND } from '../../model/time.ts'
import { isDated, pairOf } from '../market/listing.ts'
import { LiveText } from '../market/live-text.ts'
import type { SymbolInfo } from '../market/market.ts'
import { contractTypes } from './exchange-info.ts'
import { RestFailure } from './failure.ts'
import { inverseSymbols, listedSymbol, listedSymbols, liveOf, type RestCall } from './route.ts'

/** The usual interval, which `fundingInfo` does not name. */
const USUAL_HOURS = 8

/** `premiumIndex`: mark and index price, and what funding is going to be. */
export async function premiumIndex(call: RestCall): Promise<object> {
  const live = liveOf(call)
  const isInverse = call.market === 'coinm'
  const one = (info: SymbolInfo): object => {
    const mark = live.mark(info, call.now)
    return {
      symbol: info.symbol,
      ...(isInverse ? { pair: pairOf(info.symbol) } : {}),
      markPrice: mark.markPrice,
      indexPrice: mark.indexPrice,
      estimatedSettlePrice: mark.settlePrice,
      lastFundingRate: mark.fundingRate,
      interestRate: isDated(info.symbol) ? '' : '0.00010000',
      nextFundingTime: mark.nextFundingTime,
      time: Math.floor(call.shownTime / SECOND) * SECOND,
    }
  }
  if (isInverse) return (await inverseSymbols(call)).map(one)
  const symbol = call.params.symbol()
  return symbol === undefined ? (await listedSymbols(call)).map(one) : one(await listedSymbol(call, symbol))
}

/** `fundingRate`: what was paid, both ends of the range inside; of every symbol when none is named. */
export async function fundingRate(call: RestCall): Promise<object> {
  const { params, now } = call
  const symbol = params.symbol()
  const startTime = params.time('startTime')
  const endTime = params.time('endTime')
  const isOpen = startTime === undefined && endTime === undefined
  const limit = params.limit(isOpen ? 200 : 100, 1000)
  if (startTime !== undefined && endTime !== undefined && startTime > endTime) {
    throw new RestFailure(-1023, 'Start time is greater than end time.')
  }
  const live = liveOf(call)
  const infos = symbol === undefined ? await listedSymbols(call) : [await listedSymbol(call, symbol)]
  const to = Math.min(now, (endTime ?? now) + 1)
  const rows = infos.flatMap((info) => {
    // One symbol cannot fill more than the page, so no more of it is needed.
    const span = (limit + 1) * live.fundingHours(info) * HOUR
    const from = Math.max(startTime ?? to - span, info.listedAt)
    const end = startTime === undefined ? to : Math.min(to, from + span)
    return live.fundings(info, from, end).map((paid) => ({
      symbol: info.symbol,
      fundingTime: paid.time,
      fundingRate: paid.rate,
      ...(call.market === 'coinm' ? {} : { markPrice: paid.markPrice }),
      rateType: 'Regular',
    }))
  })
  rows.sort((a, b) => a.fundingTime - b.fundingTime)
  return startTime === undefined ? rows.slice(-limit) : rows.slice(0, limit)
}

/** `fundingInfo`: the symbols whose interval is not the usual one. */
export async function fundingInfo(call: RestCall): Promise<object> {
  const live = liveOf(call)
  return (await listedSymbols(call))
    .filter(({ symbol }) => !isDated(symbol))
    .map((info) => ({ info, hours: live.fundingHours(info) }))
    .filter(({ hours }) => hours !== USUAL_HOURS)
    .map(({ info, hours }) => ({
      symbol: info.symbol,
      adjustedFundingRateCap: '0.00375000',
      adjustedFundingRateFloor: '-0.00375000',
      fundingIntervalHours: hours,
      disclaimer: false,
      updateTime: info.listedAt,
    }))
}

export async function openInterest(call: RestCall): Promise<object> {
  const info = await listedSymbol(call, call.params.symbol() ?? '')
  const lots = liveOf(call).openInterest(info, call.now)
  const contract =
    call.market === 'coinm'
      ? { pair: pairOf(info.symbol), contractType: contractTypes(await listedSymbols(call)).get(info.symbol) }
      : {}
  return { openInterest: new LiveText(info).lotsText(lots), symbol: info.symbol, ...contract, time: call.shownTime }
}
