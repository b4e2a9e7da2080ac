// A collector in a process of its own, to be killed: options as JSON in argv[2]. Says on stdout, a JSON line each, when
// it collects and which records that can not be fetched again are safe on disk. Ends at SIGTERM.
import { Collector } from '../../../dist/engine/live/collector.js'

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
const collector = await Collector.open(JSON.parse(process.argv[2]))
say({ opened: true })

/** Seen since the last look, and looks whose records are not safe yet. */
let seen = []
let looks = []
for (const kind of ['quote', 'bookDelta']) {
  collector.bus.on(`market_data.${kind}`, ({ market, symbol, updateId, lastUpdateId }) => {
    seen.push(`${market}/${kind}/${symbol}/${updateId ?? lastUpdateId}`)
  })
}
setInterval(() => {
  const { durable, last } = collector.status().spool
  if (seen.length > 0) looks.push({ last, seen })
  seen = []
  const safe = looks.filter((look) => look.last <= durable).flatMap((look) => look.seen)
  looks = looks.filter((look) => look.last > durable)
  if (safe.length > 0) say({ safe })
}, 20)
// What the last lives missed takes many requests.
process.once('SIGTERM', async () => {
  const report = await collector.stop({ repairMs: 900_000 })
  say({ stopped: true, complete: report.complete })
  process.exit(0)
})
await collector.start()
say({ ready: true })
