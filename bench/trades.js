// Days of trades, zip → lake (both cores), against a bare loop over the same bytes in one thread; memory at its peak.
// ROWS (2,000,000) rows a day, DAYS (3) in one download.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { crc32, inflateRawSync } from 'node:zlib'
import { race } from './measure.js'

const ROWS = Number(process.env.ROWS ?? 2_000_000)
const DAYS = Number(process.env.DAYS ?? 3)
const START = Date.UTC(2025, 0, 1)
const DAY = 86_400_000
const dateOf = (day) => new Date(START + day * DAY).toISOString().slice(0, 10)
const nameOf = (symbol, day) => `${symbol}-trades-${dateOf(day)}`
/** The same files under other names: only the path counts. */
const keyOf = (symbol, day) => `data/spot/daily/trades/${symbol}/${nameOf(symbol, day)}.zip`
const zipsIn = (folder) => Array.from({ length: DAYS }, (_, day) => readFileSync(join(folder, `${day}.zip`)))
const sha256Of = (bytes) => createHash('sha256').update(bytes).digest('hex')

if (process.argv[2] === 'serve') serve(zipsIn(process.argv[3]))
else if (process.argv[2] === 'download') await download(process.argv[3], process.argv[4])
else await main()

/** The rows of a day: prices that wander, quantities as people and machines choose them. */
function csvOf(rows, day) {
  let state = 1 + day
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const step = (86_399_000_000 / rows) * 1.99
  const pieces = []
  let lines = []
  let time = (START + day * DAY) * 1000
  let price = 9_459_178
  for (let i = 0; i < rows; i++) {
    time += Math.floor(random() * step)
    if (random() < 0.4) price += Math.floor(random() * 160) - 80
    const lots = Math.floor(random() * (random() < 0.5 ? 99_999 : 999)) + 1
    const value = (price * lots) / 1e7
    const maker = random() < 0.5 ? 'True' : 'False'
    lines.push(
      `${4_357_463_210 + day * rows + i},${(price / 100).toFixed(8)},${(lots / 1e5).toFixed(8)},${value.toFixed(8)},${time},${maker},True\n`,
    )
    // No string may hold the whole file of a large day.
    if (lines.length === 100_000 || i === rows - 1) {
      pieces.push(Buffer.from(lines.join('')))
      lines = []
    }
  }
  return Buffer.concat(pieces)
}

async function zipOf(rows, day) {
  const { zipOf: zip } = await import('../dist/sandbox/archive/zip-writer.js')
  return zip(`${nameOf('BTCUSDT', day)}.csv`, csvOf(rows, day))
}

/** Inflates, hashes and scans the bytes, and nothing else. */
function bare(bytes, hash) {
  if (sha256Of(bytes) !== hash) throw new Error('hash')
  const start = 30 + bytes.readUInt16LE(26) + bytes.readUInt16LE(28)
  const size = bytes.readUInt32LE(22)
  const csv = inflateRawSync(bytes.subarray(start, start + bytes.readUInt32LE(18)), { chunkSize: size + 64 })
  if (crc32(csv) !== bytes.readUInt32LE(14)) throw new Error('crc')
  let lines = 0
  let sum = 0
  let value = 0
  for (let i = 0; i < csv.length; i++) {
    const c = csv[i]
    if (c >= 48 && c <= 57) value = value * 10 + (c - 48)
    else {
      sum += value
      value = 0
      if (c === 10) lines++
    }
  }
  if (lines !== ROWS || !(sum > 0)) throw new Error('rows')
}

function serve(zips) {
  const hashes = zips.map(sha256Of)
  const etags = zips.map((zip) => createHash('md5').update(zip).digest('hex'))
  const entryOf = (symbol, zip, day) =>
    `<Contents><Key>${keyOf(symbol, day)}</Key><LastModified>2025-01-09T00:00:00.000Z</LastModified><ETag>"${etags[day]}"</ETag><Size>${zip.length}</Size></Contents>`
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost')
    const prefix = url.searchParams.get('prefix')
    if (prefix !== null) {
      const symbol = /\/daily\/trades\/(\w+)\//.exec(prefix)?.[1]
      const entries = symbol ? zips.map((zip, day) => entryOf(symbol, zip, day)).join('') : ''
      response.end(`<ListBucketResult><IsTruncated>false</IsTruncated>${entries}</ListBucketResult>`)
      return
    }
    const day = zips.findIndex((_, index) => url.pathname.includes(dateOf(index)))
    if (day < 0) {
      response.writeHead(404).end()
      return
    }
    const name = url.pathname.split('/').at(-1).replace('.CHECKSUM', '')
    const body = url.pathname.endsWith('.CHECKSUM') ? Buffer.from(`${hashes[day]}  ${name}\n`) : zips[day]
    response.writeHead(200, { 'content-length': body.length, etag: `"${etags[day]}"` }).end(body)
  }).listen(0, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${server.address().port}\n`))
}

/** Downloads the days for each symbol that is asked for, line by line. */
async function download(endpoint, dataDir) {
  const { DataSourceManager } = await import('../dist/engine/data-source-manager.js')
  const manager = new DataSourceManager({ dataDir, endpoint })
  const [from, to] = [START, START + DAYS * DAY]
  for await (const symbol of createInterface(process.stdin)) {
    const series = { exchange: 'binance', market: 'spot', kind: 'trade', symbol }
    const started = performance.now()
    const before = process.cpuUsage()
    const [report] = await manager.download([{ series, from, to, source: 'archive' }])
    const ms = performance.now() - started
    const { user, system } = process.cpuUsage(before)
    if (report.rows !== DAYS * ROWS || !report.complete) throw new Error(JSON.stringify(report))
    rmSync(join(dataDir, 'binance-spot'), { recursive: true })
    console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1000, peak: peakMemory() }))
  }
  await manager.close()
}

/** Bytes. Linux lets a child begin with its parent's peak in `maxRSS`, and the parent here holds whole files. */
function peakMemory() {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024
  } catch {
    return process.resourceUsage().maxRSS * 1024
  }
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'ticklake-bench-'))
  for (let day = 0; day < DAYS; day++) writeFileSync(join(folder, `${day}.zip`), await zipOf(ROWS, day))
  const zips = zipsIn(folder)
  const hashes = zips.map(sha256Of)
  const megabytes = zips.reduce((sum, zip) => sum + zip.length, 0) / 1e6
  const script = fileURLToPath(import.meta.url)
  const server = spawn(process.execPath, [script, 'serve', folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const endpoint = await new Promise((resolve) => server.stdout.once('data', (text) => resolve(String(text).trim())))
  const lake = join(folder, 'lake')
  const child = spawn(process.execPath, [script, 'download', endpoint, lake], { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    const answers = createInterface(child.stdout)[Symbol.asyncIterator]()
    const runs = []
    const bareName = 'inflate, hash and scan (one thread)'
    const ownName = 'ticklake download'
    const results = await race(
      `${DAYS} days of ${ROWS} trades, zip → lake, ${megabytes.toFixed(0)} MB`,
      'rows',
      DAYS * ROWS,
      {
        [bareName]: async () => {
          for (const [day, zip] of zips.entries()) bare(zip, hashes[day])
        },
        [ownName]: async () => {
          child.stdin.write(`S${runs.length}USDT\n`)
          const { done, value } = await answers.next()
          if (done) throw new Error('the download failed')
          runs.push(JSON.parse(value))
        },
      },
      { rounds: 5 },
    )
    const [cold, ...warm] = runs
    const cpuMs = warm.map((run) => run.cpuMs).sort((a, b) => a - b)[Math.floor(warm.length / 2)]
    const parts = [
      `${cpuMs.toFixed(0)} ms of processor time (${(cpuMs / results[ownName].ms).toFixed(2)} cores)`,
      `the first download of the process took ${cold.ms.toFixed(0)} ms (×${(results[bareName].ms / cold.ms).toFixed(2)})`,
      `peak memory ${(Math.max(...runs.map(({ peak }) => peak)) / 2 ** 20).toFixed(0)} MB`,
    ]
    console.log(`  ticklake: ${parts.join('; ')}`)
  } finally {
    child.kill()
    server.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}
