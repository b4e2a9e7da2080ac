import type { LiveExchange } from '../stream.ts'
import { checkChannel, kindsOf, paceOf } from './channels.ts'
import { createBinanceParser } from './frames/index.ts'
import { StreamPool } from './stream/stream-pool.ts'

// Weights of `depth` (reference/binance-rest.md). Half of a minute's weight is left to repairs and to whoever else asks.
const SPOT_SNAPSHOTS = {
  costs: [
    { depth: 100, weight: 5 },
    { depth: 500, weight: 25 },
    { depth: 1000, weight: 50 },
    { depth: 5000, weight: 250 },
  ],
  weightPerMinute: 3000,
  pool: 'spot',
}
const FUTURES_SNAPSHOTS = {
  costs: [
    { depth: 50, weight: 2 },
    { depth: 100, weight: 5 },
    { depth: 500, weight: 10 },
    { depth: 1000, weight: 20 },
  ],
  weightPerMinute: 1200,
  pool: 'futures',
}

/** Binance's streams: spot and USD-M; COIN-M as far as it is known (reference/binance-streams.md, section 6). */
export const binanceLive: LiveExchange = {
  kinds: kindsOf,
  checkChannel,
  pace: paceOf,
  snapshots: (market) => (market === 'spot' ? SPOT_SNAPSHOTS : FUTURES_SNAPSHOTS),
  createParser: createBinanceParser,
  createStream: (options, listener) => new StreamPool(options, listener),
}
