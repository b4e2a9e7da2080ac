export { applyTransforms, TransformStream } from './apply.ts'
export { BatchTransformer, inputsOfAll, outputsOfAll } from './batches.ts'
export {
  type Columns,
  type ColumnTransform,
  defineTransform,
  type FilterTransform,
  type RecordTransform,
  type Row,
  type Transform,
} from './definition.ts'
export { type Expression, parseExpression } from './expression.ts'
export { parseTransforms } from './file.ts'
export { TransformRegistry, transformRegistry } from './registry.ts'
