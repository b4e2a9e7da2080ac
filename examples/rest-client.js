// Binance's public REST API by itself: rules of a symbol, prices, candles. Answers are checked, calls stay within the
// rate limit, and what may pass is tried again.
import { BinanceClient, InvalidSymbolError } from 'ticklake'

const binance = new BinanceClient({ endpoint: process.env.TICKLAKE_ENDPOINT })
try {
  const rules = await binance.getSymbolInfo('BTC/USDT')
  console.log(`${rules.symbol}: price step ${rules.tickSize}, least quantity ${rules.minQuantity} ${rules.base}`)

  const [spot, future] = [await binance.getPrice('BTCUSDT'), await binance.getPrice('BTC/USDT:USDT')]
  console.log(`spot ${spot}, perpetual ${future}`)

  // Thousands of candles, a page at a time, as columns: the pages run ahead, memory stays small.
  let rows = 0
  let highest = 0
  for await (const batch of binance.getKlinesBatched('BTCUSDT', '1h', '2024-01-01', '2024-06-30')) {
    rows += batch.length
    highest = Math.max(highest, ...(batch.columns.high ?? []))
  }
  console.log(`${rows} hours, highest price ${highest}`)

  await binance.getSymbolInfo('BTCUSD')
} catch (error) {
  if (!(error instanceof InvalidSymbolError)) throw error
  console.log(`${error.code}: ${error.message}`)
} finally {
  await binance.close()
}
