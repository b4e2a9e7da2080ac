import { adx } from './adx.ts'
import { aroon } from './aroon.ts'
import { atr } from './atr.ts'
import { bollinger } from './bollinger.ts'
import { cci } from './cci.ts'
import { cmf } from './cmf.ts'
import { correlation } from './correlation.ts'
import type { IndicatorDefinition } from './definition.ts'
import { dema } from './dema.ts'
import { donchian } from './donchian.ts'
import { ema } from './ema.ts'
import { hma } from './hma.ts'
import { ichimoku } from './ichimoku.ts'
import { kama } from './kama.ts'
import { keltner } from './keltner.ts'
import { linreg } from './linreg.ts'
import { macd } from './macd.ts'
import { max } from './max.ts'
import { mfi } from './mfi.ts'
import { min } from './min.ts'
import { momentum } from './momentum.ts'
import { natr } from './natr.ts'
import { obv } from './obv.ts'
import { pivots } from './pivots.ts'
import { ppo } from './ppo.ts'
import { psar } from './psar.ts'
import { roc } from './roc.ts'
import { rsi } from './rsi.ts'
import { sma } from './sma.ts'
import { std } from './std.ts'
import { stochRsi } from './stoch-rsi.ts'
import { stochastic } from './stochastic.ts'
import { supertrend } from './supertrend.ts'
import { tema } from './tema.ts'
import { tr } from './tr.ts'
import { trix } from './trix.ts'
import { vwap } from './vwap.ts'
import { vwma } from './vwma.ts'
import { williamsR } from './williams-r.ts'
import { wma } from './wma.ts'
import { zscore } from './zscore.ts'

/** Every indicator. A new one is a file and two lines here (its import and its name). */
export const INDICATORS = {
  sma,
  ema,
  wma,
  dema,
  tema,
  hma,
  kama,
  vwma,
  vwap,
  macd,
  ppo,
  trix,
  rsi,
  stochastic,
  stochRsi,
  williamsR,
  cci,
  roc,
  momentum,
  aroon,
  adx,
  psar,
  supertrend,
  ichimoku,
  pivots,
  bollinger,
  keltner,
  donchian,
  tr,
  atr,
  natr,
  obv,
  cmf,
  mfi,
  min,
  max,
  std,
  zscore,
  linreg,
  correlation,
} as const satisfies Readonly<Record<string, IndicatorDefinition>>

export type IndicatorId = keyof typeof INDICATORS

/** Other names that people know an indicator by. */
export const INDICATOR_ALIASES: Readonly<Record<string, IndicatorId>> = {
  bb: 'bollinger',
  bbands: 'bollinger',
  dmi: 'adx',
  stoch: 'stochastic',
  willr: 'williamsR',
  mom: 'momentum',
  linearRegression: 'linreg',
  stddev: 'std',
  correl: 'correlation',
  sar: 'psar',
  highest: 'max',
  lowest: 'min',
}
