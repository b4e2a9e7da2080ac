import type { EventScoring } from './scoring.ts'

export const LIQUIDATION_SCORING: EventScoring = {
  kind: 'liquidation',
  missing: 'unknown',
  absence: 'missing',
  unjudged: { completeness: 'the exchange tells at most one a second and no count of them: a sample, never complete' },
}
