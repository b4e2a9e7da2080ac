export {
  type Fitted,
  fitNormalizer,
  LEAST_SPREAD,
  NORMALISE_METHODS,
  type NormaliseMethod,
  type NormaliseOptions,
  Normalizer,
  type NormalizerState,
} from './normalizer.ts'
