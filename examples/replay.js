// A backtest that cannot look ahead: stored candles of two intervals and the fundings of a perpetual as one stream.
//
// The first part fetches what the second one needs. The replay itself uses no network: it tells each candle at its close,
// and everything in the order in which it was known.
import { DataSourceManager } from 'ticklake'

const data = new DataSourceManager({
  dataDir: process.env.DATA_DIR ?? 'ticklake-data',
  endpoint: process.env.TICKLAKE_ENDPOINT,
  market: 'usdm',
})
try {
  const from = Date.UTC(2024, 3, 1)
  const to = Date.UTC(2024, 3, 8)
  const hours = data.series({ symbol: 'BTCUSDT', interval: '1h' })
  const days = data.series({ symbol: 'BTCUSDT', interval: '1d' })
  /** @type {import('ticklake').SeriesId} */
  const fundings = { exchange: 'binance', market: 'usdm', kind: 'fundingRate', symbol: 'BTCUSDT' }
  await data.download([hours, days, fundings].map((series) => ({ series, from, to, source: 'auto' })))

  const replay = await data.replay({
    symbol: 'BTCUSDT',
    kinds: ['candle', 'fundingRate'],
    intervals: ['1h', '1d'],
    from,
    to,
  })
  console.log(`${replay.series.length} series, complete: ${replay.complete}`)

  // Long while the last hour closed above the last day; pays the funding while it is.
  let position = 0
  let price = Number.NaN
  let daily = Number.NaN
  let profit = 0
  for await (const record of replay) {
    if (record.kind === 'fundingRate') {
      profit -= position * record.fundingRate
      continue
    }
    if (record.interval === '1d') daily = record.close
    else {
      if (position !== 0) profit += record.close / price - 1
      price = record.close
      position = price > daily ? 1 : 0
    }
  }
  console.log(
    `${replay.records} records up to ${new Date(replay.time).toISOString()}, profit ${(profit * 100).toFixed(2)} %`,
  )
} finally {
  await data.close()
}
