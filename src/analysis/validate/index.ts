export type { RoundingMode } from './bounds.ts'
export {
  DataValidator,
  type DataValidatorOptions,
  type FieldLimits,
  type PriceOptions,
  type QuantityOptions,
} from './data-validator.ts'
export type { ExchangeInfoBody, ExchangeInfoRow } from './exchange-info.ts'
export type {
  BrokenRule,
  Numeric,
  OpenOrders,
  OrderField,
  OrderOptions,
  OrderSide,
  OrderVerdict,
  PassedOrder,
  RefusedOrder,
  UncheckedRule,
} from './outcome.ts'
export * from './records/index.ts'
export type { OrderInstrument } from './rules/rule.ts'
