export { type CandleLike, type IndicatorData, readColumns } from './columns.ts'
export type {
  IndicatorDefinition,
  InputName,
  Kernel,
  OutputSpec,
  ParameterSpec,
  Parameters,
  ParameterValue,
} from './definition.ts'
export {
  type ColumnSeries,
  columnSeries,
  definitionOf,
  type IndicatorSeries,
  indicator,
  parseIndicator,
  type Series,
  type SeriesOptions,
  seriesText,
} from './expression.ts'
export { INDICATOR_ALIASES, INDICATORS, type IndicatorId } from './registry.ts'
export {
  computeIndicators,
  type IndicatorInput,
  type IndicatorResult,
  IndicatorRunner,
  type LiveValues,
} from './runner.ts'
