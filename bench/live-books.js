// 500 order books at 100 ms with the trades of their symbols, in one process: its share of a core, and its memory. The
// sender is a process of its own; frames are real in form (16 levels an update), 2,500 trades a second in all.
import { Child, pause } from './live-parts.js'
import { median } from './process.js'

const SYMBOLS = Number(process.env.BENCH_BOOKS ?? 500)
const TRADES = 2500
const SECONDS = Number(process.env.BENCH_SECONDS ?? 10)
const WANTED = 0.6
const symbols = Array.from({ length: SYMBOLS }, (_, i) => `S${String(i).padStart(3, '0')}USDT`)
const failed = []
const ways = process.env.BENCH_ONLY === 'stored' ? [true] : [false, true]
for (const stored of ways) {
  const server = await Child.start('live-server.js')
  const port = await server.call('listen')
  const client = await Child.start('live-client.js', ['ticklake', String(port), 'depth'])
  await client.call('start', { symbols, stored })
  // Snapshots of 100 levels weigh 5 each: 500 of them take the better part of a minute's budget.
  let state = 'not started'
  for (let i = 0; state !== 'fine' && i < 30; i++) {
    await server.call('market', { port, symbols, trades: TRADES / SYMBOLS, seconds: 3 })
    state = await client.call('state')
  }
  if (state !== 'fine') throw new Error(state)
  const shares = []
  let memory = 0
  const sending = server.call('market', { port, symbols, trades: TRADES / SYMBOLS, seconds: SECONDS + 1 })
  await pause(300)
  const before = await client.call('usage')
  let last = before
  let at = performance.now()
  for (let second = 0; second < SECONDS; second++) {
    await pause(1000)
    const usage = await client.call('usage')
    const now = performance.now()
    shares.push(usage.cpuMs / (now - at))
    memory = Math.max(memory, usage.rss)
    if (process.env.DEBUG) {
      const [rss, heap] = [usage.rss, usage.heapUsed].map((bytes) => Math.round(bytes / 2 ** 20))
      const share = (usage.cpuMs / (now - at)).toFixed(2)
      console.error(JSON.stringify({ second, share, rss, heap, published: usage.published - last.published }))
    }
    last = usage
    at = now
  }
  if (last.published - before.published < SYMBOLS * 5 * SECONDS) throw new Error('too little arrives')
  await sending
  state = await client.call('state')
  if (state !== 'fine') throw new Error(state)
  await client.call('end')
  client.stop()
  server.stop()
  const share = median(shares)
  const title = `${SYMBOLS} books at 100 ms and ${TRADES.toLocaleString('en')} trades/s${stored ? ', stored' : ''}`
  console.log(`\n${title} (median of ${SECONDS} s)`)
  console.log(
    `  ${share < WANTED ? ' ' : '!'} ${(share * 100).toFixed(0)} % of a core (wanted: below ${WANTED * 100})   ${(memory / 2 ** 20).toFixed(0)} MB at most`,
  )
  console.log(JSON.stringify({ bench: title, share, memory }))
  if (share >= WANTED) failed.push(title)
}
if (failed.length > 0) {
  console.error(`Above the target: ${failed.join('; ')}`)
  process.exitCode = 1
}
