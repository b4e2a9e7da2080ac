import type { LiveExchange } from '../stream.ts'
import { checkChannel, kindsOf, paceOf } from './channels.ts'
import { createBinanceParser } from './frames/index.ts'
import { StreamPool } from './stream/stream-pool.ts'

/** Binance's streams: spot and USD-M; COIN-M as far as it is known (reference/binance-streams.md, section 6). */
export const binanceLive: LiveExchange = {
  kinds: kindsOf,
  checkChannel,
  pace: paceOf,
  createParser: createBinanceParser,
  createStream: (options, listener) => new StreamPool(options, listener),
}
