// Many series at once, with progress: each ends in a report, and one that fails does not stop the others.
//
// Stop it with Ctrl-C and start it again: it goes on where it was, and never fetches a file twice.
import { DataSourceManager, parseTime } from 'ticklake'

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

const data = new DataSourceManager({
  dataDir: process.env.DATA_DIR ?? 'ticklake-data',
  endpoint: process.env.TICKLAKE_ENDPOINT,
})
try {
  const wanted = ['BTCUSDT', 'ETHUSDT', 'BTC/USDT:USDT'].flatMap((symbol) =>
    ['1h', '1d'].map((interval) => data.series({ symbol, interval })),
  )
  const [from, to] = [parseTime('2024-01-01'), parseTime('2024-07-01')]
  let bytes = 0

  const reports = await data.download(
    wanted.map((series) => ({ series, from, to, source: 'auto' })),
    {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'bytes') bytes += event.bytes
        if (event.type === 'retry') console.log(`again: ${event.what} (${event.error})`)
      },
    },
  )

  for (const { series, rows, added, complete, gaps, error } of reports) {
    const state = error ?? (complete ? 'complete' : `${gaps.length} gaps`)
    console.log(`${series.market} ${series.symbol} ${series.interval}: ${rows} rows, ${added} new, ${state}`)
  }
  console.log(`received ${(bytes / 1e6).toFixed(1)} MB`)
} finally {
  await data[Symbol.asyncDispose]()
}
