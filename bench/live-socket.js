// Messages through a real socket: a sender in a process of its own, each receiver in one of its own, in turn. Processor
// time of the receiver counts, because it does not depend on what else the machine does. What a process pays per message
// differs from one to the next by more than the targets do (where its code and memory came to lie), so each contender has
// several, one after another, and the median of their medians counts. Runs on dist/ (BENCH_DIST names another build):
// `npm run build && node bench/live-socket.js [trade|depth]`.
import { Child, middle, pause, summary, table, targets } from './live-parts.js'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5)
const PROCESSES = Number(process.env.BENCH_PROCESSES ?? 5)
const only = process.argv[2]
const names = process.env.BENCH_ONLY?.split(';')

/** Messages per round: enough for half a second of each. */
const TRADES = {
  ticklake: 300_000,
  'ws, frames counted': 200_000,
  'ws and JSON.parse': 100_000,
  'ticklake, stored': 240_000,
  binance: 60_000,
  '@binance/spot': 30_000,
  'ccxt pro': 30_000,
}
const DEPTH = {
  ticklake: 50_000,
  'ws and JSON.parse': 30_000,
  'ticklake, stored': 12_000,
  'ccxt pro': 6000,
  'node-binance-api': 400,
  'node-binance-api, unsorted': 6000,
}

/** One process of each contender: rounds of one after rounds of the other, so that all meet the same machine. */
async function race(kind, sizes) {
  const server = await Child.start('live-server.js')
  const field = []
  for (const [name, count] of Object.entries(sizes)) {
    if (names && !names.includes(name)) continue
    const port = await server.call('listen')
    const client = await Child.start(
      'live-client.js',
      [name, String(port), kind],
      ['--expose-gc', ...(process.env.BENCH_EXEC?.split(' ') ?? [])],
    )
    await client.call('start')
    field.push({ name, count, port, client, rounds: [] })
  }
  await pause(500)
  // Books start with their first updates.
  for (const { port, client, count } of field) {
    await server.call('build', { port, kind, count })
    await client.call('expect', { count: 200 })
    await server.call('pace', { port, kind, count: 200, rate: 200 })
    for (let i = 0; (await client.call('state')) !== 'fine' && i < 20; i++) {
      await server.call('pace', { port, kind, count: 200, rate: 200 })
    }
  }
  for (let round = -2; round < ROUNDS; round++) {
    for (const { name, count, port, client, rounds } of field) {
      await client.call('expect', { count })
      const sent = server.call('burst', { port, kind, count })
      const result = await client.call('result')
      if (process.env.DEBUG) console.error(name, round, JSON.stringify(result))
      await sent
      if (result.state !== 'fine') throw new Error(`${name}: ${result.state}`)
      if (round >= 0) rounds.push(result)
    }
  }
  for (const { client } of field) {
    await client.call('end')
    client.stop()
  }
  server.stop()
  return field.map(({ name, rounds }) => summary(name, rounds))
}

async function run(kind, sizes) {
  const races = []
  for (let index = 0; index < PROCESSES; index++) races.push(await race(kind, sizes))
  const results = races[0].map((_, index) => middle(races.map((race) => race[index])))
  const bytes = kind === 'trade' ? 'trades of one symbol' : 'depth of 16 levels into a book of 1,000 a side'
  table(`through a socket: ${bytes} (${PROCESSES} processes, ${ROUNDS} rounds each)`, 'messages', results)
  const per = Object.fromEntries(results.map((result) => [result.name, result.perCpu]))
  return (name, base) => per[name] / per[base]
}

let met = true
if (only !== 'depth') {
  const ratio = await run('trade', TRADES)
  met = targets([
    { what: 'ticklake, of ws and JSON.parse', ratio: ratio('ticklake', 'ws and JSON.parse'), atLeast: 1.7 },
    { what: 'ticklake, of ws counting frames', ratio: ratio('ticklake', 'ws, frames counted'), atLeast: 0.6 },
    { what: 'ticklake, of binance', ratio: ratio('ticklake', 'binance'), atLeast: 2 },
    { what: 'ticklake, of ccxt', ratio: ratio('ticklake', 'ccxt pro'), atLeast: 6 },
    { what: 'ticklake stored, of ticklake', ratio: ratio('ticklake, stored', 'ticklake'), atLeast: 0.8 },
  ])
}
if (only !== 'trade') {
  const ratio = await run('depth', DEPTH)
  const depth = targets([
    { what: 'depth, of ws and JSON.parse', ratio: ratio('ticklake', 'ws and JSON.parse'), atLeast: 1.5 },
    { what: 'depth, of ccxt', ratio: ratio('ticklake', 'ccxt pro'), atLeast: 8 },
    { what: 'depth, of node-binance-api', ratio: ratio('ticklake', 'node-binance-api'), atLeast: 8 },
  ])
  met &&= depth
}
if (!met) {
  console.error('Below a target.')
  process.exitCode = 1
}
