// The lake for candles of your own, here ones made of trades: rows in, rows out, in the same Parquet files.
//
// Rows that you save carry the flag `user`; what lies between the first and the last one and was not given is a gap.
import { CandleFlag, CandleStorage } from 'ticklake'

const MINUTE = 60_000
const start = Date.UTC(2024, 0, 1)
/** @type {import('ticklake').Candle[]} */
const candles = []
for (let i = 0; i < 10; i++) {
  if (i === 4) continue // nothing was recorded in this minute
  const open = 100 + i
  candles.push({
    openTime: start + i * MINUTE,
    open,
    high: open + 2,
    low: open - 1,
    close: open + 1,
    volume: 5,
    closeTime: start + (i + 1) * MINUTE - 1,
    quoteVolume: 5 * open,
    trades: 3,
    takerBuyVolume: 2,
    takerBuyQuoteVolume: 2 * open,
  })
}

const storage = new CandleStorage({ dataDir: process.env.DATA_DIR ?? 'ticklake-data', exchange: 'mine' })
await storage.save('ACMEUSD', '1m', candles)
await storage.append('ACMEUSD', '1m', [
  {
    .../** @type {import('ticklake').Candle} */ (candles.at(-1)),
    openTime: start + 10 * MINUTE,
    closeTime: start + 11 * MINUTE - 1,
  },
])

const rows = await storage.loadRows('ACMEUSD', '1m', { from: '2024-01-01T00:08Z' })
for (const { openTime, close, flags = 0 } of rows) {
  console.log(new Date(openTime).toISOString(), close, flags & CandleFlag.user ? 'user' : '')
}
const stats = await storage.getStats('ACMEUSD', '1m')
console.log(`${stats?.rows} rows in ${stats?.files} file, ${stats?.missing} missing`)
