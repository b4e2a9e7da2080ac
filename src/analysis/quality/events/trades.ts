import type { EventScoring } from './scoring.ts'

const counted = { missing: 'ids', absence: 'missing by their ids', unjudged: {} } as const

export const TRADE_SCORING: EventScoring = { kind: 'trade', ...counted }
export const AGG_TRADE_SCORING: EventScoring = { kind: 'aggTrade', ...counted }
