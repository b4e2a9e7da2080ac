// A collector under load for a long time: `npm run soak`. Its memory must stay flat and small, and nothing may be lost.
//   SOAK_MINUTES (60)  SOAK_RATE messages a second (10000)  SOAK_SYMBOLS (20)  SOAK_MB most memory, MB (250)
//   SOAK_CUT seconds between cuts of all connections (0: none)  SOAK_OPTIONS of the collector, as JSON
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const setting = (name, fallback) => {
  const value = Number(process.env[name] ?? fallback)
  if (Number.isFinite(value) && value >= 0) return value
  console.error(`${name} is "${process.env[name]}"; give a number.`)
  process.exit(2)
}
const minutes = setting('SOAK_MINUTES', 60)
const rate = setting('SOAK_RATE', 10_000)
const count = setting('SOAK_SYMBOLS', 20)
const most = setting('SOAK_MB', 250)
const cutEvery = setting('SOAK_CUT', 0)
const MB = 1024 * 1024
const KINDS = ['trade', 'aggTrade', 'bookDelta', 'quote']
const symbols = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', ...Array.from({ length: count }, (_, i) => `SOAK${i}USDT`)].slice(
  0,
  count,
)
const path = (name) => fileURLToPath(new URL(name, import.meta.url))

/** A child that says JSON lines. */
function start(script, args, onLine) {
  const child = spawn(process.execPath, [path(script), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  createInterface({ input: child.stdout }).on('line', (line) => onLine(JSON.parse(line)))
  return { child, ended: new Promise((done) => child.once('close', done)) }
}

async function sandboxAt(tradesPerSecond) {
  let ready
  const said = new Promise((done) => {
    ready = done
  })
  const args = [
    'sandbox',
    '--market',
    'spot',
    '--symbols',
    ...symbols,
    '--trades-per-second',
    tradesPerSecond.toFixed(4),
  ]
  const process_ = start('../../bin/ticklake.js', args, (line) => ready(line))
  const gone = process_.ended.then((code) => Promise.reject(new Error(`the sandbox ended with ${code}`)))
  gone.catch(() => {})
  const { endpoint } = await Promise.race([said, gone])
  return {
    endpoint,
    stop: () => {
      process_.child.kill('SIGTERM')
      return process_.ended
    },
  }
}

/** Trades a second that make the wanted number of messages, by what the market does in this quarter of an hour. */
async function tradesFor(wanted) {
  const trial = 10
  const sandbox = await sandboxAt(trial)
  try {
    const now = Date.now()
    const seconds = 900
    let trades = 0
    for (const symbol of symbols) {
      for (const kind of ['trade', 'aggTrade']) {
        const query = new URLSearchParams({
          market: 'spot',
          kind,
          symbol,
          from: String(now - seconds * 1000),
          format: 'csv',
        })
        const text = await (await fetch(`${sandbox.endpoint}/sandbox/truth?${query}`)).text()
        trades += text.split('\n').length - 2
      }
    }
    // Books and quotes change ten times a second at most.
    const fixed = symbols.length * 18
    return Math.max(0.01, (trial * Math.max(1, wanted - fixed)) / (trades / seconds))
  } finally {
    await sandbox.stop()
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
const folder = await mkdtemp(join(tmpdir(), 'ticklake-soak-'))
const problems = []
let sandbox
try {
  sandbox = await sandboxAt(await tradesFor(rate))
  const { endpoint } = sandbox
  const samples = []
  let end
  const everyMs = Math.max(1000, Math.min(10_000, (minutes * 60_000) / 60))
  const options = {
    everyMs,
    dataDir: join(folder, 'lake'),
    client: { endpoint },
    channels: symbols.flatMap((symbol) => KINDS.map((kind) => ({ market: 'spot', kind, symbol }))),
    ...JSON.parse(process.env.SOAK_OPTIONS ?? '{}'),
  }
  const started = Date.now()
  const collector = start('./collector.js', [JSON.stringify(options)], (line) => {
    if (line.end) end = line.end
    else if (!line.ready) {
      samples.push({ at: Date.now() - started, ...line })
      const { rss, heapUsed, rate: now, cpu, pending, spool, holes, refused, synced, lagP99 } = line
      const minute = ((Date.now() - started) / 60_000).toFixed(1)
      console.error(
        `${minute} min: rss ${(rss / MB).toFixed(0)} MB, heap ${(heapUsed / MB).toFixed(0)} MB, ${Math.round(now)} msg/s, cpu ${(cpu * 100).toFixed(0)} %, pending ${pending}, spool ${(spool / MB).toFixed(0)} MB, holes ${holes}, refused ${refused}, books ${synced}, lag p99 ${lagP99.toFixed(0)} ms`,
      )
    }
  })
  const cuts = cutEvery > 0 ? setInterval(() => void cut(endpoint), cutEvery * 1000) : undefined
  const ended = await Promise.race([sleep(minutes * 60_000), collector.ended])
  clearInterval(cuts)
  if (typeof ended === 'number') problems.push(`the collector ended by itself with ${ended}`)
  collector.child.kill('SIGTERM')
  const code = await collector.ended
  if (code !== 0 || !end) problems.push(`the collector ended with ${code}`)

  // The first third warms up: code is compiled, buffers find their size, the first files are merged.
  const settled = samples.slice(Math.floor(samples.length / 3))
  const half = settled.length >> 1
  const rss = (part) => median(part.map((sample) => sample.rss)) / MB
  const heap = (part) => Math.min(...part.map((sample) => sample.heapUsed)) / MB
  const [early, late] = [settled.slice(0, half), settled.slice(half)]
  const figures = {
    minutes,
    symbols: symbols.length,
    rate: Math.round(median(settled.map((sample) => sample.rate))),
    messages: samples.at(-1)?.frames,
    cpu: Number(median(settled.map((sample) => sample.cpu)).toFixed(2)),
    rssMb: {
      early: Math.round(rss(early)),
      late: Math.round(rss(late)),
      most: Math.round(Math.max(...samples.map((s) => s.rss)) / MB),
    },
    heapMb: { early: Math.round(heap(early)), late: Math.round(heap(late)) },
    complete: end?.complete,
    records: end?.series.reduce((sum, series) => sum + series.records, 0),
    missing: end?.series.reduce((sum, series) => sum + series.missing, 0),
    holes: end?.series.reduce((sum, series) => sum + series.holesFound, 0),
    lost: end?.counters.lost,
    refused: end?.counters.refusedFrames,
    lagP99: Math.round(Math.max(...(end?.series ?? []).map((series) => series.lag.p99 || 0))),
  }
  console.log(JSON.stringify(figures))
  if (figures.rate < rate * 0.7) problems.push(`only ${figures.rate} messages a second came`)
  if (figures.rssMb.most > most) problems.push(`${figures.rssMb.most} MB of memory were used, ${most} at most wanted`)
  // A short run has seen a few flushes only, and each raises memory for a moment.
  const growth = minutes < 10 ? 1.25 : 1.1
  if (rss(late) > rss(early) * growth + 5)
    problems.push(`memory grows: ${figures.rssMb.early} MB, later ${figures.rssMb.late} MB`)
  if (heap(late) > heap(early) * 1.2 + 5)
    problems.push(`the heap grows: ${figures.heapMb.early} MB, later ${figures.heapMb.late} MB`)
  if (figures.missing !== 0) problems.push(`${figures.missing} records are missing`)
  if (cutEvery === 0 && figures.complete !== true) problems.push('the report is not complete')
} finally {
  await sandbox?.stop()
  await rm(folder, { recursive: true, force: true })
}
for (const problem of problems) console.error(`FAILED: ${problem}`)
process.exit(problems.length > 0 ? 1 : 0)

function cut(endpoint) {
  const body = JSON.stringify([{ type: 'disconnect', refuseMs: 1000 }])
  return fetch(`${endpoint}/sandbox/faults`, { method: 'POST', body }).catch((error) => console.error(error))
}
