import { HOUR, MINUTE } from '../../../model/time.ts'
import { type CheckedEvent, type EventContext, instantStage, symbolStage } from './events.ts'
import { has, numbersStage } from './numbers.ts'
import { type RecordRules, type Report, type Stage, show } from './stage.ts'

/** A funding that was paid, of which anything may be lacking; what lacks is not checked. */
export interface CheckedFunding extends CheckedEvent {
  readonly fundingTime?: number | undefined
  readonly fundingRate?: number | undefined
  readonly markPrice?: number | undefined
  readonly intervalHours?: number | undefined
}

/** No contract's cap was seen above 0.03; it is 0.75 of a maintenance margin, which is 5 % at most. */
const USUAL_CAP = 0.04
/** The exchange is some milliseconds late; archive and REST differ by them. */
const SLACK = MINUTE
/** Hours from one funding to the next. */
export const FUNDING_HOURS: readonly number[] = [1, 2, 4, 8]

/** Reports a rate that no contract can have. */
export function checkRate(rate: number | undefined, cap = USUAL_CAP, report: Report): void {
  if (has(rate) && Math.abs(rate) > cap) {
    report('rate-beyond-cap', 'error', `the rate is ${rate}, which is beyond ±${cap}`)
  }
}

const cap: Stage<CheckedFunding, EventContext> = {
  name: 'cap',
  meaning: 'rates are not beyond the cap',
  start:
    ({ fundingCap }) =>
    ({ fundingRate }, report) =>
      checkRate(fundingRate, fundingCap, report),
}

const interval: Stage<CheckedFunding, EventContext> = {
  name: 'interval',
  meaning: `fundings are ${FUNDING_HOURS.join(', ')} hours apart`,
  start:
    () =>
    ({ intervalHours }, report) => {
      if (has(intervalHours) && !FUNDING_HOURS.includes(intervalHours)) {
        report('interval-unknown', 'error', `the interval is ${intervalHours} hours`)
      }
    },
}

const punctual: Stage<CheckedFunding, EventContext> = {
  name: 'latency',
  meaning: 'fundings are paid on full hours',
  start:
    () =>
    ({ fundingTime }, report) => {
      if (!has(fundingTime)) return
      const off = fundingTime - Math.round(fundingTime / HOUR) * HOUR
      if (Math.abs(off) > SLACK) report('off-the-hour', 'error', `paid ${show(fundingTime)}`)
    },
}

export const FUNDING_RULES: RecordRules<CheckedFunding, EventContext> = {
  kind: 'fundingRate',
  stages: [
    symbolStage<CheckedFunding>(),
    numbersStage<CheckedFunding>(
      'the rate is a number, and a mark price above 0',
      { fundingRate: 'finite' },
      { markPrice: 'positive' },
    ),
    cap,
    interval,
    // One funding that two sources tell with other milliseconds is told twice.
    instantStage<CheckedFunding>((row) => row.fundingTime, HOUR / 2),
    punctual,
  ],
  timeOf: (row) => row.fundingTime ?? Number.NaN,
}
