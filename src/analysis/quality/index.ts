export {
  type Anomaly,
  AnomalyDetector,
  type AnomalyOptions,
  type AnomalyReport,
  findAnomalies,
  type PeerSeries,
} from './anomalies.ts'
export { CandleQuality, type CandleQualityOptions, scoreCandles } from './candle-quality.ts'
export {
  EventQuality,
  type EventQualityOptions,
  SCORED_EVENTS,
  type ScoredEvent,
  scoreEvents,
} from './event-quality.ts'
export { type Disagreement, isMadeOf, LargerCheck, type LargerSeries } from './larger.ts'
export {
  QUALITY_PARTS,
  QUALITY_WEIGHTS,
  type QualityPart,
  type QualityReason,
  type QualityShares,
} from './score.ts'
export type { DayQuality, SeriesQuality, Unjudged } from './tally.ts'
