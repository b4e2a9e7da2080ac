import { type CheckedEvent, type EventContext, symbolStage, timeStage } from './events.ts'
import { has, numbersStage } from './numbers.ts'
import { type RecordRules, type Stage, show } from './stage.ts'

/** What lies in the book up to one distance, of which anything may be lacking; what lacks is not checked. */
export interface CheckedDepthSample extends CheckedEvent {
  readonly time?: number | undefined
  readonly percentage?: number | undefined
  readonly depth?: number | undefined
  readonly notional?: number | undefined
}

type SampleStage = Stage<CheckedDepthSample, EventContext>

/** Sums of float64. */
const ROUNDING = 1e-9

/** What the rows of the sample under way tell, by their distance. */
type Bands = Map<number, { readonly depth: number; readonly notional: number }>

const bands: SampleStage = {
  name: 'bands',
  meaning: 'a sample has the distances of the one before, each once',
  start: () => {
    let instant = Number.NaN
    let sample = new Set<number>()
    let before = new Set<number>()
    return ({ time, percentage }, report) => {
      if (!has(time) || !has(percentage)) return
      if (time !== instant) {
        // The narrow distances came in the middle of a day: more than before is fine.
        const lacking = [...before].filter((band) => !sample.has(band))
        if (lacking.length > 0 && sample.size > 0) {
          report('bands-missing', 'error', `the sample of ${show(instant)} has nothing for ${lacking.join(', ')} %`)
        }
        if (lacking.length === 0 || sample.size >= before.size) before = sample
        sample = new Set()
        instant = time
      }
      if (sample.has(percentage)) report('repeated-band', 'error', `${percentage} % comes twice in a sample`)
      sample.add(percentage)
      if (percentage === 0 || Math.abs(percentage) >= 100) {
        report('percentage-wrong', 'error', `the distance is ${percentage} %`)
      }
    }
  },
}

const cumulative: SampleStage = {
  name: 'cumulative',
  meaning: 'further from the middle there is as much or more',
  start: () => {
    let instant = Number.NaN
    const sample: Bands = new Map()
    return ({ time, percentage, depth, notional }, report) => {
      if (!has(time) || !has(percentage) || !has(depth) || !has(notional)) return
      if (time !== instant) sample.clear()
      instant = time
      for (const [other, there] of sample) {
        if (Math.sign(other) !== Math.sign(percentage)) continue
        const isFurther = Math.abs(percentage) > Math.abs(other)
        const [near, far] = isFurther ? [there, { depth, notional }] : [{ depth, notional }, there]
        const grows =
          near.depth <= far.depth * (1 + ROUNDING) + ROUNDING &&
          near.notional <= far.notional * (1 + ROUNDING) + ROUNDING
        if (!grows) {
          report('not-cumulative', 'error', `less up to the further of ${other} % and ${percentage} %`)
          break
        }
      }
      sample.set(percentage, { depth, notional })
    }
  },
}

export const DEPTH_SAMPLE_RULES: RecordRules<CheckedDepthSample, EventContext> = {
  kind: 'bookDepth',
  stages: [
    symbolStage<CheckedDepthSample>(),
    numbersStage<CheckedDepthSample>('quantities and values are 0 or more', {
      percentage: 'finite',
      depth: 'not-negative',
      notional: 'not-negative',
    }),
    bands,
    cumulative,
    timeStage<CheckedDepthSample>((row) => row.time),
  ],
  timeOf: (row) => row.time ?? Number.NaN,
}
