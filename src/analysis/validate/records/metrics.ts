import { METRICS_PERIOD } from '../../../model/history/metrics.ts'
import { DAY } from '../../../model/time.ts'
import { type CheckedEvent, type EventContext, instantStage, symbolStage } from './events.ts'
import { has, numbersStage } from './numbers.ts'
import { type RecordRules, type Stage, show } from './stage.ts'

/** Open interest and ratios of five minutes, of which anything may be lacking; what lacks is not checked. */
export interface CheckedMetrics extends CheckedEvent {
  readonly time?: number | undefined
  readonly openInterest?: number | undefined
  readonly openInterestValue?: number | undefined
  readonly topAccountRatio?: number | undefined
  readonly topPositionRatio?: number | undefined
  readonly accountRatio?: number | undefined
  readonly takerRatio?: number | undefined
  readonly labelTime?: number | undefined
}

type MetricsStage = Stage<CheckedMetrics, EventContext>

/** What a period tells. The exchange leaves single ones out now and then. */
export const METRICS_VALUES = [
  'openInterest',
  'openInterestValue',
  'topAccountRatio',
  'topPositionRatio',
  'accountRatio',
  'takerRatio',
] as const satisfies readonly (keyof CheckedMetrics)[]

const values = numbersStage<CheckedMetrics>(
  'numbers are 0 or more',
  {},
  Object.fromEntries(METRICS_VALUES.map((name) => [name, 'not-negative'])),
)

/** No contract is worth so many times more or less than five minutes before. */
const JUMP = 2

const pairs: MetricsStage = {
  name: 'pairs',
  meaning: 'open contracts have a value, none have none, and what one is worth does not jump',
  start: () => {
    let worth = Number.NaN
    let doubted = Number.NaN
    const isFar = (one: number, other: number): boolean => one > other * JUMP || one * JUMP < other
    return ({ openInterest, openInterestValue }, report) => {
      if (!has(openInterest) || !has(openInterestValue) || openInterest < 0 || openInterestValue < 0) return
      if ((openInterest === 0) !== (openInterestValue === 0)) {
        report('value-does-not-fit', 'error', `${openInterest} open contracts are worth ${openInterestValue}`)
      }
      if (openInterest === 0 || openInterestValue === 0) return
      const now = openInterestValue / openInterest
      // What two rows in a row say is a new price and no fault.
      if (isFar(now, worth) && (Number.isNaN(doubted) || isFar(now, doubted))) {
        report('value-jumps', 'error', `a contract is worth ${now}, before ${worth}`)
        doubted = now
        return
      }
      worth = now
      doubted = Number.NaN
    }
  },
}

const blanks: MetricsStage = {
  name: 'blanks',
  meaning: 'no value is left out',
  start: () => (row, report) => {
    for (const name of METRICS_VALUES) {
      if (Number.isNaN(row[name])) report('blank', 'notice', `${name} is left out`)
    }
  },
}

const grid: MetricsStage = {
  name: 'grid',
  meaning: 'periods begin on full five minutes',
  start:
    () =>
    ({ time }, report) => {
      if (has(time) && time % METRICS_PERIOD !== 0) report('off-grid', 'error', `the period begins ${show(time)}`)
    },
}

/**
 * Labels name the start of a period or its end. The exchange went from ends to starts once, between two days: any other
 * change means that rows are five minutes off.
 */
const labels: MetricsStage = {
  name: 'labels',
  meaning: "labels are the starts or the ends of their periods, and a day's are of one sort",
  start: () => {
    let before: { readonly shift: number; readonly day: number } | undefined
    return ({ time, labelTime }, report) => {
      if (!has(time) || !has(labelTime)) return
      const shift = labelTime - time
      if (shift !== 0 && shift !== METRICS_PERIOD) {
        report('label-off', 'error', `the period from ${show(time)} is labelled ${show(labelTime)}`)
        return
      }
      const day = Math.floor(time / DAY)
      const isKnown = before === undefined || before.shift === shift || (shift === 0 && before.day !== day)
      if (!isKnown) {
        const sort = shift === 0 ? 'its start' : 'its end'
        report('label-shift', 'error', `the period from ${show(time)} is labelled by ${sort}, those before are not`)
      }
      before = { shift, day }
    }
  },
}

/** Rows that are the same, after which nobody updates them any more: the value of open contracts follows the price. */
const FROZEN_ROWS = 12

const frozen: MetricsStage = {
  name: 'frozen',
  meaning: 'open interest and ratios do not all stand still for an hour',
  start: () => {
    let before: readonly (number | undefined)[] = []
    let run = 0
    return (row, report) => {
      const now = METRICS_VALUES.map((name) => row[name])
      const isTold = has(row.openInterest) && row.openInterest > 0 && has(row.openInterestValue)
      run = isTold && now.every((value, i) => Object.is(value, before[i])) ? run + 1 : 1
      before = now
      if (run >= FROZEN_ROWS) report('stands-still', 'error', `the same values for the ${run}th time`)
    }
  },
}

export const METRICS_RULES: RecordRules<CheckedMetrics, EventContext> = {
  kind: 'metrics',
  stages: [
    symbolStage<CheckedMetrics>(),
    values,
    pairs,
    blanks,
    grid,
    labels,
    frozen,
    instantStage<CheckedMetrics>((row) => row.time),
  ],
  timeOf: (row) => row.time ?? Number.NaN,
}
