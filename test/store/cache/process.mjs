// A process that reads a cache hard, or measures what reading costs; says what it found as one line of JSON.
import { readFileSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { ArrowCache } from '../../../dist/store/cache/arrow-cache.js'
import { LakeCache } from '../../../dist/store/cache/lake-cache.js'
import { liveMaps } from '../../../dist/store/cache/mmap.js'
import { Lake } from '../../../dist/store/lake/lake.js'

const [mode, dataDir, cacheDir, seed = '1'] = process.argv.slice(2)
const lake = await Lake.open(dataDir)

function sum(values) {
  let total = 0
  for (let i = 0; i < values.length; i++) total += Number(values[i])
  return total
}

/** Arrays of every column, without the table: views are all that holds the maps. */
const arraysOf = (table) => table.batches.flatMap((batch) => batch.data.children.map(({ values }) => values))

async function collectAll() {
  for (let i = 0; i < 20 && liveMaps() > 0; i++) {
    globalThis.gc()
    await turn()
  }
}

/** Reads, keeps, drops, collects, evicts, replaces and removes at random, and looks at what it kept. */
async function torture() {
  let state = Number(seed)
  const random = (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const id = (symbol) => ({ exchange: 'binance', market: 'spot', kind: 'candle', symbol, interval: '1m' })
  const symbols = ['AUSDT', 'BUSDT', 'CUSDT']
  const from = Date.UTC(2024, 0, 1)
  const truth = new Map()
  for (const symbol of symbols) truth.set(symbol, await lake.load(id(symbol)))
  const open = () => ArrowCache.open(cacheDir, { maxBytes: 6e6, maxOpen: 2 })
  let cache = await open()
  const kept = []
  let wrong = 0
  let most = 0
  const look = ({ symbol, start, length, array }) => {
    if (sum(array) !== sum(truth.get(symbol).columns.close.subarray(start, start + length))) wrong++
  }
  for (let step = 0; step < 120; step++) {
    const symbol = symbols[random(3)]
    const start = random(50_000)
    const length = 1 + random(20_000)
    const lakeCache = new LakeCache(lake, cache, { settleMs: 0 })
    const range = { from: from + start * 60_000, to: from + (start + length) * 60_000, columns: ['close'] }
    let at = start
    for (const { data } of (await lakeCache.read(id(symbol), range)).batches) {
      const array = data.children[0].values
      kept.push({ symbol, start: at, length: array.length, array })
      at += array.length
    }
    if (at - start !== Math.min(length, truth.get(symbol).length - start)) wrong++
    most = Math.max(most, liveMaps())
    while (kept.length > 20) look(kept.splice(random(kept.length), 1)[0])
    const dice = random(40)
    if (dice < 12) globalThis.gc()
    if (dice < 20) await turn()
    const path = join(cache.folder(id(symbol)), '202401.arrow')
    if (dice === 20) await rm(path, { force: true })
    if (dice === 21) await rm(cacheDir, { recursive: true, force: true }).catch(() => {})
    if (dice === 22) {
      // Garbage in its place, as damage is: by another file under the same name.
      await writeFile(`${path}.${process.pid}`, Buffer.alloc(1000, 7))
        .then(() => rename(`${path}.${process.pid}`, path))
        .catch(() => {})
    }
    if (dice === 23) {
      await cache.close()
      cache = await open()
    }
  }
  for (const one of kept) look(one)
  kept.length = 0
  await cache.close()
  await collectAll()
  return { wrong, most, left: liveMaps(), mapped: cache.mapped }
}

const privateBytes = () => Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))[1]) * 1024

/** Memory that is the process' own, after every value of every column was looked at. */
async function memory() {
  const id = { exchange: 'binance', market: 'spot', kind: 'candle', symbol: 'BTCUSDT', interval: '1s' }
  const result = {}
  for (const map of [true, false]) {
    const cache = new LakeCache(lake, await ArrowCache.open(cacheDir, { map }), { settleMs: 0 })
    await cache.read(id, { from: Date.UTC(2024, 0, 1), to: Date.UTC(2024, 0, 1, 1) })
    sum(new Float64Array(10))
    await collectAll()
    const before = privateBytes()
    const arrays = arraysOf(await cache.read(id))
    let total = 0
    for (const array of arrays) for (let i = 0; i < array.length; i += 64) total += Number(array[i])
    globalThis.gc()
    result[map ? 'mapped' : 'read'] = privateBytes() - before
    result.bytes = arrays.reduce((bytes, array) => bytes + array.byteLength, 0)
    result.maps = new Set(arrays.map(({ buffer }) => buffer)).size
    result.total = total
  }
  return result
}

console.log(JSON.stringify(await (mode === 'memory' ? memory() : torture())))
