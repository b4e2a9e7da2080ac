// The rate budget at work: how much weight is left while candles are fetched by REST alone.
//
// The client counts what each call weighs, learns from the answers what others on your address spend, and waits for
// the next minute rather than earn a 429. `rateTarget` leaves more room for your bot.
import { BinanceClient } from 'ticklake'

const binance = new BinanceClient({ endpoint: process.env.TICKLAKE_ENDPOINT, market: 'usdm', rateTarget: 0.5 })
try {
  await binance.ping()
  console.log(`before: ${binance.getRemainingRequests()} requests of weight 1 may be sent now`)
  let pages = 0
  for await (const batch of binance.getKlinesBatched('BTCUSDT', '1m', '2024-01-01', '2024-01-07')) {
    pages++
    if (pages % 8 === 0) {
      const open = new Date(batch.columns.open_time?.[0] ?? 0).toISOString()
      console.log(`page ${pages} from ${open}: ${binance.getRemainingRequests()} left`)
    }
  }
  console.log(`after ${pages} pages: ${binance.getRemainingRequests()} left`)
} finally {
  await binance.close()
}
