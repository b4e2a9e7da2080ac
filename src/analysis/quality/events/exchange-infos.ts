import { DAY } from '../../../model/time.ts'
import { GridCounter } from './grid-counter.ts'
import { type EventScoring, NEVER_TIMED } from './scoring.ts'

export const EXCHANGE_INFO_SCORING: EventScoring = {
  kind: 'exchangeInfo',
  missing: (sink, asked) => new GridCounter(DAY, 'time', sink, asked),
  absence: 'no snapshot was taken',
  unjudged: { timeliness: NEVER_TIMED, agreement: 'nobody else tells what the exchange listed' },
}
