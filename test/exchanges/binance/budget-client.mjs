// A live collector as far as the rate budget is concerned: asks for a little, again and again. The test kills it.
import { BinanceClient } from '../../../dist/index.js'

const [endpoint, folder] = process.argv.slice(2)
const client = new BinanceClient({ endpoint, sharedBudget: folder, purpose: 'live' })
for (;;) {
  await client.getPrice('BTCUSDT')
  await new Promise((resolve) => setTimeout(resolve, 150))
}
