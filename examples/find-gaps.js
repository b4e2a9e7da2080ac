// What is missing, and why: the coverage of every series in the lake.
//
// A gap with the cause exchange-outage, no-trades or not-listed was never published by anyone. Any other gap is data
// that exist somewhere and are not here.
import { COMPLETE_CAUSES, DataSourceManager } from 'ticklake'

const data = new DataSourceManager({
  dataDir: process.env.DATA_DIR ?? 'ticklake-data',
  endpoint: process.env.TICKLAKE_ENDPOINT,
})
/** @param {number} time */
const iso = (time) => new Date(time).toISOString().slice(0, 16)
try {
  await data.getData({ symbol: 'ETHUSDT', interval: '1m', startTime: '2024-05', endTime: '2024-05' })

  const lake = await data.lake()
  for (const series of await lake.list()) {
    const coverage = await lake.coverage(series)
    if (!coverage) continue
    const rows = coverage.files.reduce((sum, file) => sum + file.rows, 0)
    console.log(`${series.market} ${series.symbol} ${series.interval}: ${rows} rows`)
    for (const { from, to, cause, count, checked } of coverage.gaps) {
      const verdict = COMPLETE_CAUSES.includes(cause) ? 'never published' : 'LOST'
      console.log(`  ${verdict}: ${iso(from)} to ${iso(to)}, ${count} candles, ${cause} (asked: ${checked.join(', ')})`)
    }
    for (const check of coverage.checks) {
      if (check.outcome !== 'verified') console.log(`  ${check.outcome}: ${check.path}`)
    }
  }
} finally {
  await data[Symbol.asyncDispose]()
}
