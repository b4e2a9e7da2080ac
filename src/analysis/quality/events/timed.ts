import type { EventScoring } from './scoring.ts'

const ARRIVALS: Omit<EventScoring, 'kind'> = {
  missing: 'unknown',
  absence: 'missing',
  unjudged: {
    completeness:
      'these files have no ids of the exchange: what is missing leaves no trace, only holes that are known count',
  },
}

export const TIMED_QUOTE_SCORING: EventScoring = { kind: 'timedQuote', ...ARRIVALS }
export const TIMED_BOOK_DELTA_SCORING: EventScoring = { kind: 'timedBookDelta', ...ARRIVALS }
export const TIMED_BOOK_SNAPSHOT_SCORING: EventScoring = { kind: 'timedBookSnapshot', ...ARRIVALS }
