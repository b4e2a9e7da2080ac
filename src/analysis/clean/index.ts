export {
  type Change,
  type Cleaned,
  type CleanedRow,
  CleanFlag,
  type CleanOptions,
  type CleanReport,
  DataProcessor,
  type DataProcessorOptions,
  type LookAhead,
  type Normalised,
  RowCleaner,
} from './data-processor.ts'
export { type FilledGap, fillGaps, type GapFill, type GapOptions } from './gaps.ts'
export {
  type BackwardFill,
  CAUSAL_STEPS,
  type CleanStep,
  DEFAULT_STEPS,
  type ExpandingZScore,
  type ForwardFill,
  type Hampel,
  looksAhead,
  type Replacement,
  type RollingZScore,
  type StepName,
  type ZScore,
} from './steps.ts'
export type { ArrowTableLike, Table, TableInput, Values } from './table.ts'
