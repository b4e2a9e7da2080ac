// SQL over the lake: each kind of data is a view, run by DuckDB inside this process.
//
// Only the files and columns that the statement names are read. All times are UTC.
import { DataSourceManager, openQuery } from 'ticklake'

const dataDir = process.env.DATA_DIR ?? 'ticklake-data'
const data = new DataSourceManager({ dataDir, endpoint: process.env.TICKLAKE_ENDPOINT })
try {
  for (const symbol of ['BTCUSDT', 'ETHUSDT']) {
    await data.getData({ symbol, interval: '1h', startTime: '2024-01', endTime: '2024-03' })
  }
} finally {
  await data[Symbol.asyncDispose]()
}

const lake = await openQuery(dataDir)
try {
  const { columns, rows } = await lake.run(`
    SELECT strftime(open_time, '%Y-%m') AS month, symbol,
           first(open ORDER BY open_time) AS open, max(high) AS high, min(low) AS low,
           last(close ORDER BY open_time) AS close, count(*)::INT AS candles
    FROM candle
    WHERE market = 'spot' AND interval = '1h' AND open_time >= '2024-01-01' AND open_time < '2024-04-01'
    GROUP BY ALL ORDER BY ALL`)
  console.log(columns.map(({ name }) => name).join('\t'))
  for await (const row of rows) console.log(row.join('\t'))
} finally {
  lake[Symbol.dispose]()
}
