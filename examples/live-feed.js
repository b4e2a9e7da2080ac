// Trades of the last minute that flow into live ones: one loop, no seam, no hole, none twice.
//
// The service connects, watches every stream and fills from REST what a cut connection missed. The loop sees none of
// that: it gets each trade once, in the order of the ids. `onGap` hears of what is lost for good, should that happen.
import { MarketDataService } from 'ticklake'

const service = new MarketDataService({
  // With a `dataDir` everything is stored, too.
  client: process.env.TICKLAKE_ENDPOINT === undefined ? {} : { endpoint: process.env.TICKLAKE_ENDPOINT },
})
try {
  await service.start()
  await service.subscribeSymbol('BTC/USDT', { kinds: ['trade', 'bookDelta'] })

  // The exchange's clock: this machine's may be off.
  const begin = (await service.collector?.client.now('spot')) ?? Date.now()
  const trades = service.feed.subscribeToUpdates('BTC/USDT', {
    kind: 'trade',
    from: begin - 60_000,
    onGap: (gap) => console.log(`missing for good: ${gap.count} trades, ${gap.cause}`),
  })
  let past = 0
  let live = 0
  let holes = 0
  let before
  for await (const trade of trades) {
    if (before !== undefined && Number(trade.id) !== before + 1) holes++
    before = Number(trade.id)
    if (trade.time < begin) past++
    else live++
    if (live === 20) break
  }
  console.log(`${past} trades of the last minute, then ${live} live ones, ${holes} holes`)

  const latest = service.feed.getLatestData('BTC/USDT', { kind: 'trade' })
  console.log(`last price ${latest?.record.price}, the stream is ${latest?.state}`)

  const sync = service.book('BTC/USDT')
  console.log(`the book is ${sync?.state}: bid ${sync?.book.bestBid}, ask ${sync?.book.bestAsk}`)
} finally {
  await service.stop()
}
