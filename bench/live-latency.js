// From the instant that a message is written to the one that its subscriber has it, at 20,000 messages a second, beside
// `ws` with JSON.parse; and from the return of a server that was away to the first record that was repaired.
import { Child } from './live-parts.js'
import { median } from './process.js'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7)
const RATE = 20_000
const COUNT = 40_000
const DIST = new URL(process.env.BENCH_DIST ?? '../dist/', import.meta.url)

const latency = await paced()
console.log(
  `\nfrom sender to subscriber, ${RATE.toLocaleString('en')} messages/s (median of ${ROUNDS} rounds of ${COUNT / RATE} s)`,
)
for (const { name, p50, p99, max } of latency) {
  console.log(
    `  ${name.padEnd(24)} p50 ${p50.toFixed(2).padStart(7)} ms   p99 ${p99.toFixed(2).padStart(7)} ms   max ${max.toFixed(2).padStart(7)} ms`,
  )
}
console.log(JSON.stringify({ bench: 'latency', unit: 'ms', results: latency }))
const floor = latency.find(({ name }) => name === 'ws and JSON.parse')
const worst = Math.max(...latency.filter((one) => one !== floor).map((one) => one.p99 - floor.p99))
console.log(`  ${worst < 5 ? ' ' : '!'} p99 above that of ws and JSON.parse: ${worst.toFixed(2)} ms (wanted: below 5)`)

const repairs = await repaired()
const usual = median(repairs)
console.log('\nfrom the return of the server to the first record filled in, ms')
console.log(`  ${repairs.map((ms) => ms.toFixed(0)).join(', ')}`)
console.log(JSON.stringify({ bench: 'repair', unit: 'ms', results: repairs }))
console.log(`  ${usual < 2000 ? ' ' : '!'} median: ${usual.toFixed(0)} ms (wanted: below 2000)`)
if (worst >= 5 || usual >= 2000) process.exitCode = 1

async function paced() {
  const server = await Child.start('live-server.js')
  const field = []
  for (const name of ['ws and JSON.parse', 'ticklake', 'ticklake, stored']) {
    const port = await server.call('listen')
    const client = await Child.start('live-client.js', [name, String(port), 'trade'], ['--expose-gc'])
    await client.call('start')
    await server.call('build', { port, kind: 'trade', count: COUNT })
    field.push({ name, port, client, rounds: [] })
  }
  const { origin } = await server.call('clock')
  for (let round = -1; round < ROUNDS; round++) {
    for (const { name, port, client, rounds } of field) {
      await client.call('expect', { count: COUNT, latencies: true, origin })
      const sent = server.call('pace', { port, kind: 'trade', count: COUNT, rate: RATE })
      const result = await client.call('result')
      await sent
      if (result.state !== 'fine') throw new Error(`${name}: ${result.state}`)
      if (round >= 0) rounds.push(result.latency)
    }
  }
  for (const { client } of field) {
    await client.call('end')
    client.stop()
  }
  server.stop()
  const of = (rounds, key) => median(rounds.map((round) => round[key]))
  return field.map(({ name, rounds }) => ({
    name,
    p50: of(rounds, 'p50'),
    p99: of(rounds, 'p99'),
    max: of(rounds, 'max'),
  }))
}

/** A sandbox goes away for a second, again and again. */
async function repaired() {
  const { startSandbox } = await import(new URL('sandbox/index.js', DIST))
  const { Collector } = await import(new URL('engine/live/collector.js', DIST))
  const away = 1000
  const times = []
  const sandbox = await startSandbox({ port: 0, tradesPerSecond: 200 })
  const collector = await Collector.open({
    client: { endpoint: sandbox.rest },
    stream: { endpoint: sandbox.ws },
    channels: [{ market: 'spot', kind: 'trade', symbol: 'BTCUSDT' }],
  })
  let first = Number.NaN
  collector.bus.on('market_data.trade', (record) => {
    // A record that REST gave has no time of arrival.
    if (Number.isNaN(record.receiveTime) && Number.isNaN(first)) first = performance.now()
  })
  await collector.start()
  for (let round = 0; round < ROUNDS; round++) {
    await new Promise((done) => setTimeout(done, 1500))
    await collector.repaired()
    first = Number.NaN
    const back = performance.now() + away
    sandbox.addFaults([{ type: 'disconnect', refuseMs: away }])
    while (Number.isNaN(first) && performance.now() < back + 20_000) await new Promise((done) => setTimeout(done, 5))
    times.push(first - back)
  }
  await collector.stop()
  await sandbox[Symbol.asyncDispose]()
  return times
}
