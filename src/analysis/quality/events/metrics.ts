import { METRICS_PERIOD } from '../../../model/history/metrics.ts'
import { METRICS_VALUES } from '../../validate/records/metrics.ts'
import { GridCounter } from './grid-counter.ts'
import { type EventScoring, NEVER_TIMED } from './scoring.ts'

export const METRICS_SCORING: EventScoring = {
  kind: 'metrics',
  missing: (sink, asked) => new GridCounter(METRICS_PERIOD, 'time', sink, asked),
  absence: 'missing of the five-minute grid',
  cells: METRICS_VALUES,
  unjudged: { timeliness: NEVER_TIMED },
}
