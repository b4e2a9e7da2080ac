import { PaceCounter } from './pace-counter.ts'
import type { EventScoring } from './scoring.ts'

/** The exchange tells a mark price each second or each three seconds. */
const PACES = [1_000, 3_000]
const TOLERANCE = 0.3

export const MARK_SCORING: EventScoring = {
  kind: 'markPrice',
  missing: (sink) => {
    const pace = new PaceCounter(sink, { paces: PACES, tolerance: TOLERANCE })
    return { counts: true, take: ({ eventTime }) => pace.push(eventTime as number), finish: () => pace.finish() }
  },
  absence: 'missing of the pace',
  unjudged: {},
}
