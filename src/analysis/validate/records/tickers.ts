import { countIds } from '../../../model/live/ids.ts'
import type { RecordId } from '../../../model/live/record.ts'
import { DAY, MINUTE } from '../../../model/time.ts'
import { type CheckedEvent, type EventContext, instantStage, latencyStage, symbolStage } from './events.ts'
import { has, numbersStage } from './numbers.ts'
import { type RecordRules, type Stage, show } from './stage.ts'

/** The last 24 hours, of which anything may be lacking; what lacks is not checked. */
export interface CheckedTicker extends CheckedEvent {
  readonly open?: number | undefined
  readonly high?: number | undefined
  readonly low?: number | undefined
  readonly last?: number | undefined
  readonly volume?: number | undefined
  readonly quoteVolume?: number | undefined
  readonly priceChange?: number | undefined
  readonly weightedAverage?: number | undefined
  readonly lastQuantity?: number | undefined
  readonly bidPrice?: number | undefined
  readonly bidQuantity?: number | undefined
  readonly askPrice?: number | undefined
  readonly askQuantity?: number | undefined
  readonly openTime?: number | undefined
  readonly closeTime?: number | undefined
  /** Undefined in mini tickers, and without trades. */
  readonly firstTradeId?: RecordId | undefined
  readonly lastTradeId?: RecordId | undefined
  readonly trades?: number | undefined
}

type TickerStage = Stage<CheckedTicker, EventContext>

/** Averages and changes are rounded. */
const ROUNDING = 1e-4

const values = numbersStage<CheckedTicker>(
  'prices and amounts are 0 or more',
  {
    // Prices are 0 where nothing was traded for a day.
    open: 'not-negative',
    high: 'not-negative',
    low: 'not-negative',
    last: 'not-negative',
    volume: 'not-negative',
    quoteVolume: 'not-negative',
  },
  {
    priceChange: 'finite',
    weightedAverage: 'not-negative',
    lastQuantity: 'not-negative',
    bidPrice: 'not-negative',
    bidQuantity: 'not-negative',
    askPrice: 'not-negative',
    askQuantity: 'not-negative',
    trades: 'not-negative',
  },
)

const order: TickerStage = {
  name: 'order',
  meaning: 'no price is above the high or below the low, and the bid is below the ask',
  start: () => (row, report) => {
    const { high, low, bidPrice, askPrice, weightedAverage, volume } = row
    if (has(high) && has(low)) {
      if (high < low) report('high-below-low', 'error', `high ${high}, low ${low}`)
      for (const name of ['open', 'last'] as const) {
        const price = row[name]
        if (!has(price)) continue
        if (price > high) report(`${name}-above-high`, 'error', `${name} ${price}, high ${high}`)
        if (price < low) report(`${name}-below-low`, 'error', `${name} ${price}, low ${low}`)
      }
      const slack = ROUNDING * high
      const isOutside = has(weightedAverage) && (weightedAverage > high + slack || weightedAverage < low - slack)
      if (isOutside && has(volume) && volume > 0) {
        report('average-outside', 'error', `the average is ${weightedAverage}, low ${low}, high ${high}`)
      }
    }
    // 0 stands for an empty side.
    if (has(bidPrice) && has(askPrice) && askPrice > 0 && bidPrice >= askPrice) {
      report('crossed', 'error', `bid ${bidPrice} is not below ask ${askPrice}`)
    }
  },
}

const change: TickerStage = {
  name: 'change',
  meaning: 'the change is the last price less the first',
  start:
    () =>
    ({ open, last, priceChange }, report) => {
      if (!has(open) || !has(last) || !has(priceChange)) return
      if (Math.abs(last - open - priceChange) > ROUNDING * Math.max(open, last)) {
        report('change-does-not-fit', 'error', `from ${open} to ${last} is not ${priceChange}`)
      }
    },
}

const window: TickerStage = {
  name: 'window',
  meaning: 'the window is a day, has no more trades than ids, and its last trade does not go back',
  start: () => {
    let latest: RecordId | undefined
    return ({ openTime, closeTime, firstTradeId, lastTradeId, trades }, report) => {
      if (has(openTime) && has(closeTime)) {
        const length = closeTime - openTime
        // Futures count from the full minute.
        if (!(length > 0 && length <= DAY + MINUTE)) {
          report('window-wrong', 'error', `from ${show(openTime)} to ${show(closeTime)}`)
        }
      }
      if (firstTradeId === undefined || lastTradeId === undefined) return
      const most = countIds(firstTradeId, lastTradeId)
      if (has(trades) && (most < 1 || trades > most)) {
        report('trades-do-not-fit', 'error', `${trades} trades from id ${firstTradeId} to ${lastTradeId}`)
      }
      if (latest !== undefined && lastTradeId < latest) {
        report('trade-goes-back', 'error', `the last trade is ${lastTradeId} after ${latest}`)
      } else latest = lastTradeId
    }
  },
}

export const TICKER_RULES: RecordRules<CheckedTicker, EventContext> = {
  kind: 'ticker',
  stages: [
    symbolStage<CheckedTicker>(),
    values,
    order,
    change,
    window,
    instantStage<CheckedTicker>((row) => row.eventTime),
    latencyStage<CheckedTicker>(),
  ],
  timeOf: (row) => row.eventTime ?? Number.NaN,
}
