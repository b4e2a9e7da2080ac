// A book of the past: collects a book for some seconds, and then rebuilds it as it was at any instant of them.
//
// The lake holds the snapshot that a book began with and every update since. What lies between two instants of the lake
// is exact; a book that the records do not reach says so in `stale`.
import { EventStorage, MarketDataService, rebuildBook } from 'ticklake'

const dataDir = process.env.DATA_DIR ?? 'ticklake-data'
const endpoint = process.env.TICKLAKE_ENDPOINT
const service = new MarketDataService({ dataDir, client: endpoint === undefined ? {} : { endpoint } })
try {
  await service.start()
  await service.subscribeSymbol('BTC/USDT', { kinds: ['bookDelta'] })
  await new Promise((done) => setTimeout(done, 3000))
} finally {
  await service.stop()
}

const lake = new EventStorage({ dataDir, market: 'spot' })
const snapshots = []
for await (const snapshot of lake.loadRecords('bookSnapshot', 'BTCUSDT')) snapshots.push(snapshot)
const begin = snapshots.at(-1)
if (!begin) throw new Error('no book was collected')

// Only what came since: a day of a busy book is much.
const updates = []
for await (const update of lake.loadRecords('bookDelta', 'BTCUSDT', { from: begin.time - 60_000 })) updates.push(update)
console.log(`${snapshots.length} snapshots, ${updates.length} updates`)

const last = updates.at(-1)?.eventTime ?? begin.time
for (const secondsAgo of [2, 1, 0]) {
  const past = rebuildBook(snapshots, updates, { time: last - secondsAgo * 1000 })
  if (!past) continue
  const { book, stale } = past
  const fill = book.fill('buy', { quantity: 0.1 })
  console.log(
    `${secondsAgo} s before the end: bid ${book.bestBid}, ask ${book.bestAsk}, buying 0.1 costs ${fill.averagePrice.toFixed(2)} each, ${stale ?? 'right'}`,
  )
}
