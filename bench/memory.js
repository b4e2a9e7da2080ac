// Peak memory of downloads, and start-up times, each in a process of its own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median, runProcess, startProcess } from './process.js'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const bin = here('../bin/ticklake.js')
const server = await startProcess([here('./archive-server.js')])
const folder = mkdtempSync(join(tmpdir(), 'ticklake-bench-'))
const MB = 1e6

async function download(symbols) {
  const data = join(folder, `lake-${symbols}`)
  const names = Array.from({ length: symbols }, (_, i) => `S${i}USDT`)
  const flags = ['--interval', '1m', '--source', 'archive', '--from', '2024-01-01', '--to', '2025-01-01', '--quiet']
  const run = await runProcess([bin, 'download', ...names, ...flags, '--endpoint', server.line, '--data-dir', data])
  rmSync(data, { recursive: true })
  return run
}

const results = {}
for (const years of [1, 5, 10]) {
  const runs = []
  for (let i = 0; i < 3; i++) runs.push(await download(years))
  results[years] = { peak: median(runs.map((run) => run.peak)), ms: median(runs.map((run) => run.ms)) }
}
console.log('\npeak memory of a download (median of 3)')
for (const [years, { peak, ms }] of Object.entries(results)) {
  const rows = 527_040 * years
  console.log(
    `  ${years} symbol years of 1m (${(rows / 1e6).toFixed(1)} M rows)  ${(peak / MB).toFixed(0)} MB  ${(rows / ms / 1000).toFixed(2)} M rows/s`,
  )
}

const bare = []
const help = []
const root = []
for (let i = 0; i < 9; i++) {
  bare.push((await runProcess(['-e', ''])).ms)
  help.push((await runProcess([bin, '--help'])).ms)
  root.push(
    Number(
      (
        await runProcess([
          '--input-type=module',
          '-e',
          `const t = performance.now(); await import(${JSON.stringify(here('../dist/index.js'))}); console.log(performance.now() - t)`,
        ])
      ).output,
    ),
  )
}
console.log('\nstart-up (median of 9)')
console.log(`  node -e ''                 ${median(bare).toFixed(0)} ms`)
console.log(`  ticklake --help            ${median(help).toFixed(0)} ms`)
console.log(`  import of the package root ${median(root).toFixed(0)} ms`)
console.log(
  JSON.stringify({
    bench: 'memory and start-up',
    peakMB: Object.fromEntries(Object.entries(results).map(([k, v]) => [k, Math.round(v.peak / MB)])),
    helpMs: median(help),
    importMs: median(root),
    bareMs: median(bare),
  }),
)
server.stop()
rmSync(folder, { recursive: true })
