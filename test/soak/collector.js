// The collector of a soak, in a process of its own so that its memory is its own: options as JSON in argv[2]. A JSON line
// on stdout every `everyMs`; ends at SIGTERM with the report's figures.
import { returnMemoryEarly } from '../../dist/cli/memory.js'
import { Collector } from '../../dist/engine/live/collector.js'

// As `ticklake collect` does.
await returnMemoryEarly()

const { everyMs, ...options } = JSON.parse(process.argv[2])
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
const collector = await Collector.open(options)
let cpu = process.cpuUsage()
let at = performance.now()
let frames = 0

function sample() {
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
  const status = collector.status()
  const now = performance.now()
  const used = process.cpuUsage(cpu)
  const total = status.channels.reduce((sum, channel) => sum + channel.frames, 0)
  const seconds = (now - at) / 1000
  say({
    ...{ rss, heapUsed, external, arrayBuffers },
    cpu: (used.user + used.system) / 1e6 / seconds,
    rate: (total - frames) / seconds,
    frames: total,
    stored: status.flusher.stored,
    pending: status.flusher.pending,
    spool: status.spool.disk,
    refused: status.counters.refusedFrames,
    lost: status.counters.lost,
    holes: status.series.reduce((sum, series) => sum + series.holesFound, 0),
    synced: status.books.filter((book) => book.state === 'synced').length,
    lagP99: Math.max(...status.series.map(({ lag }) => lag.p99 || 0)),
  })
  cpu = process.cpuUsage()
  at = now
  frames = total
}

const timer = setInterval(sample, everyMs)
process.once('SIGTERM', async () => {
  clearInterval(timer)
  sample()
  const report = await collector.stop({ repairMs: 30_000 })
  say({
    end: {
      complete: report.complete,
      counters: report.counters,
      series: report.series.map(({ series, records, missing, duplicates, holesFound, gaps, lag }) => ({
        ...{ series, records, missing, duplicates, holesFound, gaps: gaps.length, lag },
      })),
    },
  })
  process.exit(0)
})
await collector.start()
say({ ready: true })
