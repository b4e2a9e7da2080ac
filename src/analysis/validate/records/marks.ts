import { DAY, HOUR, MINUTE, SECOND } from '../../../model/time.ts'
import { type CheckedEvent, type EventContext, instantStage, latencyStage, symbolStage } from './events.ts'
import { checkRate } from './funding.ts'
import { has, numbersStage } from './numbers.ts'
import { type RecordRules, type Stage, show } from './stage.ts'

/** A mark price, of which anything may be lacking; what lacks is not checked. */
export interface CheckedMark extends CheckedEvent {
  readonly markPrice?: number | undefined
  readonly indexPrice?: number | undefined
  readonly estimatedSettlePrice?: number | undefined
  readonly fundingRate?: number | undefined
  readonly nextFundingTime?: number | undefined
}

type MarkStage = Stage<CheckedMark, EventContext>

/** How far a mark price may be from its index, as a share: fundings keep a perpetual near it, nothing a dated contract. */
const FAR = { perpetual: 0.1, dated: 0.3 } as const

const distance: MarkStage = {
  name: 'distance',
  meaning: 'the mark price is near the index',
  start:
    ({ maxMarkDistance }) =>
    ({ markPrice, indexPrice, nextFundingTime }, report) => {
      if (!has(markPrice) || !has(indexPrice) || !(markPrice > 0) || !(indexPrice > 0)) return
      const most = maxMarkDistance ?? (has(nextFundingTime) ? FAR.perpetual : FAR.dated)
      const share = markPrice / indexPrice - 1
      if (Math.abs(share) > most) {
        report('far-from-index', 'error', `mark ${markPrice} is ${(share * 100).toFixed(1)} % off index ${indexPrice}`)
      }
    },
}

const funding: MarkStage = {
  name: 'funding',
  meaning: 'rate and time of the next funding are both there or neither, the time is a full hour ahead',
  start:
    ({ fundingCap }) =>
    ({ eventTime, fundingRate, nextFundingTime }, report) => {
      checkRate(fundingRate, fundingCap, report)
      if (fundingRate === undefined) return
      // A dated contract has none, or a rate of 0.
      const hasRate = has(fundingRate) && (fundingRate !== 0 || has(nextFundingTime))
      if (hasRate !== has(nextFundingTime)) {
        const [there, lacking] = hasRate ? ['a rate', 'time'] : ['a time', 'rate']
        report('funding-incomplete', 'error', `there is ${there} of the next funding and no ${lacking}`)
      }
      if (!has(nextFundingTime)) return
      const off = nextFundingTime - Math.round(nextFundingTime / HOUR) * HOUR
      if (Math.abs(off) > SECOND) report('funding-off-the-hour', 'error', `is to be paid ${show(nextFundingTime)}`)
      if (!has(eventTime)) return
      const ahead = nextFundingTime - eventTime
      // At the hour itself some messages still name the funding that is being paid.
      if (ahead < -MINUTE || ahead > DAY) {
        report('funding-not-next', 'error', `at ${show(eventTime)} is to be paid ${show(nextFundingTime)}`)
      }
    },
}

/** A mark price that stays for so many records while its index moves is no longer made. */
const FROZEN_RECORDS = 60

const frozen: MarkStage = {
  name: 'frozen',
  meaning: 'the mark price does not stand still while the index moves',
  start: () => {
    let mark = Number.NaN
    let index = Number.NaN
    let moved = 0
    return ({ markPrice, indexPrice }, report) => {
      if (!has(markPrice) || !has(indexPrice)) return
      if (markPrice !== mark) moved = 0
      else if (indexPrice !== index) moved++
      mark = markPrice
      index = indexPrice
      if (moved >= FROZEN_RECORDS) report('stands-still', 'error', `${markPrice} while the index moved ${moved} times`)
    }
  },
}

export const MARK_RULES: RecordRules<CheckedMark, EventContext> = {
  kind: 'markPrice',
  stages: [
    symbolStage<CheckedMark>(),
    numbersStage<CheckedMark>(
      'prices are above 0',
      { markPrice: 'positive' },
      // The settle price means something in the last hour only.
      { indexPrice: 'positive', estimatedSettlePrice: 'not-negative', fundingRate: 'finite' },
    ),
    distance,
    funding,
    frozen,
    instantStage<CheckedMark>((row) => row.eventTime),
    latencyStage<CheckedMark>(),
  ],
  timeOf: (row) => row.eventTime ?? Number.NaN,
}
