// A Binance on your own machine for tests of your bot: no network, the same prices on every run, faults on demand.
//
// Whatever speaks Binance's REST can be pointed at it; here it is plain fetch. It knows what really happened, so a test
// can compare what your code made of it.
import { startSandbox } from 'ticklake/sandbox'

const sandbox = await startSandbox({ now: '2024-06-01T12:00Z', symbols: ['BTCUSDT'], seed: 7 })
try {
  const url = `${sandbox.endpoint}/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=3`

  /** Your bot: asks again when it is told to slow down. @returns {Promise<unknown[][]>} */
  const fetchCandles = async () => {
    const answer = await fetch(url)
    if (answer.status === 429) {
      const seconds = Number(answer.headers.get('retry-after'))
      console.log(`told to wait ${seconds} s`)
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
      return fetchCandles()
    }
    return await answer.json()
  }

  sandbox.addFaults([{ type: 'rate-limit', retryAfterS: 1, times: 1 }])
  const candles = await fetchCandles()
  console.log(`got ${candles.length} candles, the newest is not closed yet`)

  const truth = await sandbox.truthCandles('spot', 'BTCUSDT', '1h', '2024-06-01T10:00Z', '2024-06-01T12:00Z')
  const same = JSON.stringify(candles.slice(0, 2)) === JSON.stringify(truth)
  console.log(`closed candles equal the truth: ${same}`)
  console.log(`used weight ${sandbox.usage().spot.highest}, requests ${sandbox.usage().spot.requests}`)
} finally {
  await sandbox.close()
}
