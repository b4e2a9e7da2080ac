import { countIds } from '../../../model/live/ids.ts'
import type { RecordId } from '../../../model/live/record.ts'
import {
  type CheckedEvent,
  countStage,
  type EventContext,
  idStage,
  latencyStage,
  symbolStage,
  timeStage,
} from './events.ts'
import type { RecordRules, Stage } from './stage.ts'

/** A trade of which anything may be lacking; what lacks is not checked. */
export interface CheckedTrade extends CheckedEvent {
  readonly id?: RecordId | undefined
  readonly time?: number | undefined
  readonly price?: number | undefined
  readonly quantity?: number | undefined
  /** Of aggregate trades. */
  readonly firstTradeId?: RecordId | undefined
  readonly lastTradeId?: RecordId | undefined
}

const values: Stage<CheckedTrade, EventContext> = {
  name: 'values',
  meaning: 'price and quantity are above 0',
  start: () => (row, report) => {
    for (const name of ['price', 'quantity'] as const) {
      const value = row[name]
      if (value !== undefined && !(value > 0 && value < Number.POSITIVE_INFINITY)) {
        report('not-positive', 'error', `${name} is ${value}`)
      }
    }
  },
}

/** The trades of aggregates follow one another, too; on futures those of the insurance fund are left out. */
const parts: Stage<CheckedTrade, EventContext> = {
  name: 'parts',
  meaning: 'an aggregate holds at least one trade, none of them twice',
  start: () => {
    let latest: RecordId | undefined
    return ({ firstTradeId, lastTradeId }, report) => {
      if (firstTradeId === undefined || lastTradeId === undefined) return
      if (countIds(firstTradeId, lastTradeId) < 1) {
        report('parts-reversed', 'error', `from trade ${firstTradeId} to ${lastTradeId}`)
      } else if (latest !== undefined && firstTradeId <= latest) {
        report('parts-overlap', 'error', `begins with trade ${firstTradeId}, the one before ended with ${latest}`)
      } else latest = lastTradeId
    }
  },
}

export const TRADE_RULES: RecordRules<CheckedTrade, EventContext> = {
  kind: 'trade',
  stages: [
    symbolStage<CheckedTrade>(),
    values,
    idStage<CheckedTrade>((row) => row.id),
    countStage<CheckedTrade>((row) => row.id),
    parts,
    timeStage<CheckedTrade>((row) => row.time),
    latencyStage<CheckedTrade>(),
  ],
  timeOf: (row) => row.time ?? row.eventTime ?? Number.NaN,
}
