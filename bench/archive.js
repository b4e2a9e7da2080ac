// Archive zip → checked columns, against a bare loop over the same bytes, DuckDB and csv-parse.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, inflateRawSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import duckdb from '@duckdb/node-bindings'
import { parse } from 'csv-parse'
import { CandleZipReader } from '../dist/archive/candle-zip.js'
import { ParsePool } from '../dist/archive/parse-pool.js'
import { yearOfZips } from './data.js'
import { race } from './measure.js'

const zips = yearOfZips()
const one = zips[0]
const spec = ({ path, month }) => ({
  path,
  interval: '1m',
  from: Date.UTC(2024, month, 1),
  to: Date.UTC(2024, month + 1, 1),
})
const CHUNK = 65_536

/** Inflates, hashes and scans the same bytes, and nothing else: what the machine can do in one thread. */
function bare({ bytes, sha256, rows }) {
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new Error('hash')
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
  if (lines !== rows || !(sum > 0)) throw new Error('rows')
}

async function ours(file) {
  let rows = 0
  const reader = new CandleZipReader(spec(file), (batch) => {
    rows += batch.length
  })
  for (let at = 0; at < file.bytes.length; at += CHUNK) await reader.write(file.bytes.subarray(at, at + CHUNK))
  const result = await reader.end()
  if (rows !== file.rows || result.sha256 !== file.sha256 || result.defectCount > 0) throw new Error('ours')
}

const pool = new ParsePool()
async function pooled(file) {
  let rows = 0
  const job = pool.open(spec(file), (batch) => {
    rows += batch.length
  })
  for (let at = 0; at < file.bytes.length; at += CHUNK) await job.write(file.bytes.subarray(at, at + CHUNK))
  const result = await job.end()
  if (rows !== file.rows || result.sha256 !== file.sha256) throw new Error('pooled')
}

const folder = mkdtempSync(join(tmpdir(), 'ticklake-bench-'))
const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
const NAMES = [
  'open_time',
  'open',
  'high',
  'low',
  'close',
  'volume',
  'close_time',
  'quote_volume',
  'trades',
  'tbv',
  'tbq',
  'ignore',
]
const TYPES = NAMES.map((name) => `'${name}': '${/time|trades/.test(name) ? 'BIGINT' : 'DOUBLE'}'`).join(', ')

/** Unzips, lets DuckDB read the CSV and takes its columns as typed arrays. */
async function duck({ bytes, sha256, rows }) {
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new Error('hash')
  const start = 30 + bytes.readUInt16LE(26) + bytes.readUInt16LE(28)
  const csv = inflateRawSync(bytes.subarray(start, start + bytes.readUInt32LE(18)), {
    chunkSize: bytes.readUInt32LE(22) + 64,
  })
  const path = join(folder, 'month.csv')
  writeFileSync(path, csv)
  const result = await connection.stream(
    `SELECT * EXCLUDE ignore FROM read_csv('${path}', header=false, auto_detect=false, columns={${TYPES}})`,
  )
  const columns = Array.from({ length: 11 }, () => new Float64Array(rows))
  let offset = 0
  for (let chunk = await result.fetchChunk(); chunk?.rowCount; chunk = await result.fetchChunk()) {
    const count = chunk.rowCount
    for (let c = 0; c < 11; c++) {
      const data = duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk.chunk, c), count * 8)
      columns[c].set(new Float64Array(data.buffer, data.byteOffset, count), offset)
    }
    offset += count
  }
  if (offset !== rows) throw new Error('duck')
}

/** The same as DuckDB's documentation shows it: the CSV sniffed, the columns as JS arrays. */
async function duckPlain({ bytes, rows }) {
  const start = 30 + bytes.readUInt16LE(26) + bytes.readUInt16LE(28)
  const csv = inflateRawSync(bytes.subarray(start, start + bytes.readUInt32LE(18)), {
    chunkSize: bytes.readUInt32LE(22) + 64,
  })
  const path = join(folder, 'month.csv')
  writeFileSync(path, csv)
  const reader = await connection.runAndReadAll(`SELECT * FROM read_csv('${path}')`)
  if (reader.getColumns()[0].length !== rows) throw new Error('duckPlain')
}

function csvParse({ bytes, rows }) {
  const start = 30 + bytes.readUInt16LE(26) + bytes.readUInt16LE(28)
  const csv = inflateRawSync(bytes.subarray(start, start + bytes.readUInt32LE(18)), {
    chunkSize: bytes.readUInt32LE(22) + 64,
  })
  const columns = Array.from({ length: 11 }, () => new Float64Array(rows))
  return new Promise((resolve, reject) => {
    let row = 0
    const parser = parse({ relax_column_count: true })
    parser.on('readable', () => {
      for (let record = parser.read(); record; record = parser.read()) {
        for (let c = 0; c < 11; c++) columns[c][row] = Number(record[c])
        row++
      }
    })
    parser.on('error', reject)
    parser.on('end', () => (row === rows ? resolve() : reject(new Error('csv-parse'))))
    parser.end(csv)
  })
}

// The peers that make an object per value leave garbage that the next contestant would have to sweep: a race of their own.
await race(
  'archive zip → columns, one month of 1m',
  'rows',
  one.rows,
  {
    'bare loop: inflate, hash, scan': () => bare(one),
    'ticklake, one file': () => ours(one),
    'unzip + DuckDB read_csv, typed, raw vectors': () => duck(one),
  },
  { rounds: 21, warmups: 15 },
)
await race(
  'archive zip → columns, one month of 1m, against object makers',
  'rows',
  one.rows,
  {
    'ticklake, one file': () => ours(one),
    'unzip + DuckDB read_csv, getColumns()': () => duckPlain(one),
    'unzip + csv-parse': () => csvParse(one),
  },
  { rounds: 9, warmups: 5 },
)
const rows = zips.reduce((sum, file) => sum + file.rows, 0)
await race(
  'archive zip → columns, a year of monthly files',
  'rows',
  rows,
  {
    'bare loop in one thread': () => zips.forEach(bare),
    'ticklake, threads': () => Promise.all(zips.map(pooled)),
    'unzip + DuckDB read_csv, getColumns()': async () => {
      for (const file of zips) await duckPlain(file)
    },
    'unzip + DuckDB read_csv, typed, raw vectors': async () => {
      for (const file of zips) await duck(file)
    },
  },
  { rounds: 5 },
)
await pool[Symbol.asyncDispose]()
rmSync(folder, { recursive: true })
