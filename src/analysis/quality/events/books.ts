import { type EventScoring, NEVER_TIMED } from './scoring.ts'

export const BOOK_DELTA_SCORING: EventScoring = {
  kind: 'bookDelta',
  missing: 'ids',
  absence: 'the chain of updates breaks',
  unjudged: {},
}

export const BOOK_SNAPSHOT_SCORING: EventScoring = {
  kind: 'bookSnapshot',
  missing: 'unknown',
  absence: 'missing',
  unjudged: {
    completeness:
      'a snapshot is taken when it is needed, or told when the book has changed: how many there should be is not known',
    timeliness: NEVER_TIMED,
  },
}

export const QUOTE_SCORING: EventScoring = {
  kind: 'quote',
  missing: 'unknown',
  absence: 'missing',
  unjudged: { completeness: 'ids of quotes jump: what is missing leaves no trace, only holes that are known count' },
}
