export {
  type Fitted,
  fitNormalizer,
  NORMALISE_METHODS,
  type NormaliseMethod,
  type NormaliseOptions,
  Normalizer,
  type NormalizerState,
} from './normalizer.ts'
