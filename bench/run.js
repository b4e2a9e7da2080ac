// Every benchmark, one after another, each in a process of its own: `npm run bench`, or `node bench/run.js lake memory`.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ALL = [
  'archive',
  'rest',
  'lake',
  'memory',
  'budget',
  'book',
  'frames',
  'live-depth',
  'live-socket',
  'live-books',
  'live-latency',
  'validate',
  'cache',
  'indicators',
  'resample',
  'trades',
  'aggregate',
]
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !ALL.includes(name))
if (unknown.length > 0) {
  console.error(`Unknown bench ${unknown.join(', ')}. Use ${ALL.join(', ')}.`)
  process.exit(2)
}
let failed = 0
for (const name of wanted.length > 0 ? wanted : ALL) {
  const script = fileURLToPath(new URL(`./${name}.js`, import.meta.url))
  const { status } = spawnSync(process.execPath, [script], { stdio: 'inherit' })
  if (status !== 0) failed++
}
process.exit(failed > 0 ? 1 : 0)
