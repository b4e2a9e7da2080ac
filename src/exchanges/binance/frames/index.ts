import { InvalidRangeError } from '../../../model/errors.ts'
import type { Market } from '../../../model/series.ts'
import { BinanceFrameParser } from './fast.ts'

export { BinanceFrameParser } from './fast.ts'
export { GeneralParser } from './general.ts'

/** A parser for the frames of a market. @throws InvalidRangeError for a market whose frames are not known. */
export function createBinanceParser(market: Market): BinanceFrameParser {
  if (market === 'option') throw new InvalidRangeError('binance option has no parser. Use spot, usdm or coinm.')
  return new BinanceFrameParser(market)
}
