import { binanceLayout } from './binance.ts'
import { ccxtLayout } from './ccxt.ts'
import { freqtradeLayout } from './freqtrade.ts'
import type { ExportLayout } from './layout.ts'
import { tardisLayout } from './tardis.ts'

/** The forms of other programs that `export --layout` writes. A new one is one file and one line here. */
export const LAYOUTS: Readonly<Record<string, ExportLayout>> = {
  binance: binanceLayout,
  ccxt: ccxtLayout,
  freqtrade: freqtradeLayout,
  tardis: tardisLayout,
}
