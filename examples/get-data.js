// One call for any range: a month of hourly candles as an Arrow table, and numbers from its columns.
//
// The first run fetches and checks the month and keeps it in ./ticklake-data; later runs read it from there.
// Try it without the internet: npx ticklake sandbox --port 9000, then
// TICKLAKE_ENDPOINT=http://127.0.0.1:9000 node examples/get-data.js
import { DataSourceManager } from 'ticklake'

const data = new DataSourceManager({
  dataDir: process.env.DATA_DIR ?? 'ticklake-data',
  endpoint: process.env.TICKLAKE_ENDPOINT,
})
try {
  const table = await data.getData({
    symbol: 'BTC/USDT',
    interval: '1h',
    startTime: '2024-01-01',
    endTime: '2024-01-31',
    columns: ['open_time', 'close', 'volume'],
  })

  // A column of each record batch is a Float64Array: loop over it, no row object is made.
  let volume = 0
  let priceTimesVolume = 0
  for (const batch of table.batches) {
    const close = batch.getChild('close')?.toArray() ?? []
    const volumes = batch.getChild('volume')?.toArray() ?? []
    for (let i = 0; i < close.length; i++) {
      volume += volumes[i]
      priceTimesVolume += close[i] * volumes[i]
    }
  }

  console.log(`${table.numRows} candles, complete: ${table.schema.metadata.get('ticklake.complete')}`)
  console.log(`first opens at ${new Date(table.get(0)?.open_time).toISOString()}`)
  console.log(`average price by volume: ${(priceTimesVolume / volume).toFixed(2)}`)
} finally {
  await data[Symbol.asyncDispose]()
}
