import { type CheckedEvent, type EventContext, instantStage, symbolStage } from './events.ts'
import { has, numbersStage } from './numbers.ts'
import type { RecordRules, Stage } from './stage.ts'

/** What is noted of the description of a market, of which anything may be lacking; what lacks is not checked. */
export interface CheckedExchangeInfo extends CheckedEvent {
  readonly time?: number | undefined
  readonly symbols?: number | undefined
  readonly trading?: number | undefined
  readonly bytes?: number | undefined
}

type InfoStage = Stage<CheckedExchangeInfo, EventContext>

/** An exchange does not take so many symbols away in a day: the answer was cut. */
const LOST_SHARE = 0.5

const counts: InfoStage = {
  name: 'counts',
  meaning: 'no more symbols are traded than are listed, and there are not much fewer than the time before',
  start: () => {
    let before: number | undefined
    return ({ symbols, trading }, report) => {
      if (!has(symbols)) return
      if (has(trading) && trading > symbols) report('trading-too-many', 'error', `${trading} of ${symbols} are traded`)
      if (before !== undefined && symbols < before * (1 - LOST_SHARE)) {
        report('symbols-lost', 'error', `${symbols} symbols, the time before ${before}`)
      }
      before = symbols
    }
  },
}

export const EXCHANGE_INFO_RULES: RecordRules<CheckedExchangeInfo, EventContext> = {
  kind: 'exchangeInfo',
  stages: [
    symbolStage<CheckedExchangeInfo>(),
    numbersStage<CheckedExchangeInfo>('there are symbols', {
      symbols: 'positive',
      trading: 'not-negative',
      bytes: 'positive',
    }),
    counts,
    instantStage<CheckedExchangeInfo>((row) => row.time),
  ],
  timeOf: (row) => row.time ?? Number.NaN,
}
