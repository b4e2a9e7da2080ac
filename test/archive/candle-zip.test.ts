import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CandleFileResult, CandleZipReader } from '../../src/archive/candle-zip.ts'
import { ParsePool } from '../../src/archive/parse-pool.ts'
import { type Batch, concatBatches } from '../../src/model/batch.ts'
import { CandleFlag, candle } from '../../src/model/candle.ts'
import { ParseError } from '../../src/model/errors.ts'
import { MINUTE } from '../../src/model/time.ts'
import { makeBatch, makeZip, toCsv, type ZipOptions } from '../helpers/candles.ts'
import { findRealData, realDataTitle } from '../helpers/real-data.ts'

const JANUARY = { from: Date.UTC(2024, 0, 1), to: Date.UTC(2024, 1, 1) }
const SPEC = { path: 'data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip', interval: '1m' as const, ...JANUARY }

async function read(zip: Uint8Array, chunk = 1000): Promise<{ batch: Batch; result: CandleFileResult }> {
  const batches: Batch[] = []
  const reader = new CandleZipReader(SPEC, (batch) => void batches.push(batch), { blockRows: 100 })
  try {
    for (let at = 0; at < zip.length; at += chunk) await reader.write(zip.subarray(at, at + chunk))
    return { result: await reader.end(), batch: concatBatches(candle, batches) }
  } finally {
    reader.destroy()
  }
}

const rows = makeBatch('1m', JANUARY.from, 500)
const csv = toCsv(rows)

describe('the candle zip reader', () => {
  it.each<[string, ZipOptions]>([
    ['deflated', {}],
    ['stored', { stored: true }],
    ['with sizes behind the data', { sizesFollow: true }],
    ['with a folder entry', { more: ['folder/'] }],
  ])('reads a zip that is %s, in chunks of any size', async (_, options) => {
    const zip = makeZip(csv, options)
    for (const chunk of [1, 7, 100, 1_000_000]) {
      const { batch, result } = await read(zip, chunk)
      expect(batch.columns).toEqual(rows.columns)
      expect(result).toMatchObject({
        rows: 500,
        defectCount: 0,
        notes: [],
        sha256: createHash('sha256').update(zip).digest('hex'),
      })
    }
  })

  it('notes an entry whose name is a path, and reads it without using the name', async () => {
    const { result } = await read(makeZip(csv, { name: '../../evil.csv' }))
    expect(result.notes).toEqual(['the zip\'s entry is named "../../evil.csv"'])
    expect(result.rows).toBe(500)
  })

  it('refuses a zip bomb long before it is unpacked', async () => {
    const bomb = makeZip(Buffer.alloc(200 * 1024 * 1024, 48))
    expect(bomb.length).toBeLessThan(300_000)
    await expect(read(bomb)).rejects.toThrow(/zip bomb/)
  })

  it.each([
    ['empty', Buffer.alloc(0), /not a zip: it has only 0 bytes/],
    ['a web page', Buffer.from('<html>error</html>'), /not a zip: it starts with/],
    ['two files', makeZip(csv, { more: ['b.csv'] }), /holds 2 files/],
    ['cut in the data', makeZip(csv).subarray(0, 5000), /cut|damaged/],
    ['cut in the directory', makeZip(csv).subarray(0, -30), /cut|damaged/],
  ])('says what is wrong with a file that is %s', async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toThrow(message)
    await expect(read(bytes)).rejects.toBeInstanceOf(ParseError)
  })

  it('finds every flipped byte of the data, or reads the same rows', async () => {
    const zip = makeZip(csv)
    await fc.assert(
      fc.asyncProperty(fc.nat(zip.length - 1), fc.integer({ min: 1, max: 255 }), async (at, bits) => {
        const damaged = Buffer.from(zip)
        damaged[at] = damaged[at]! ^ bits
        try {
          const { batch } = await read(damaged)
          expect(batch.columns).toEqual(rows.columns)
        } catch (error) {
          expect(error).toBeInstanceOf(ParseError)
        }
      }),
      { numRuns: 150 },
    )
  })

  it('sorts rows out of order, drops duplicates and rows of another month, and says so', async () => {
    const lines = csv.trimEnd().split('\n').slice(0, 6)
    const other = toCsv(makeBatch('1m', Date.UTC(2024, 1, 1), 1)).trimEnd()
    const offGrid = lines[5]!.replace(String(JANUARY.from + 5 * MINUTE), String(JANUARY.from + 5 * MINUTE + 1))
    const text = [lines[0], lines[2], lines[1], lines[1], lines[3], other, lines[4], offGrid].join('\n')
    const { batch, result } = await read(makeZip(text))
    expect([...batch.columns.open_time!]).toEqual([0, 1, 2, 3, 4].map((i) => JANUARY.from + i * MINUTE))
    expect(result.defects.map((defect) => defect.type).sort()).toEqual([
      'bad-row',
      'duplicate',
      'off-grid',
      'out-of-order',
    ])
  })

  it('flags candles that close early and rows that break a rule', async () => {
    const lines = csv.trimEnd().split('\n').slice(0, 3)
    lines[1] = lines[1]!.replace(String(JANUARY.from + 2 * MINUTE - 1), String(JANUARY.from + 2 * MINUTE - 20_000))
    const fields = lines[2]!.split(',')
    fields[3] = '-5'
    lines[2] = fields.join(',')
    const { batch } = await read(makeZip(lines.join('\n')))
    expect([...batch.columns.flags!]).toEqual([0, CandleFlag.short, CandleFlag.suspect])
  })

  it('reads the same in a thread, with many files at once, and frees aborted ones', async () => {
    await using pool = new ParsePool(2)
    const zip = makeZip(csv)
    const one = async (): Promise<number> => {
      let count = 0
      const job = pool.open(SPEC, (batch) => {
        count += batch.length
      })
      for (let at = 0; at < zip.length; at += 500) await job.write(zip.subarray(at, at + 500))
      const result = await job.end()
      expect(result.rows).toBe(500)
      return count
    }
    expect(await Promise.all(Array.from({ length: 20 }, one))).toEqual(Array.from({ length: 20 }, () => 500))
    const aborted = pool.open(SPEC, () => {})
    await aborted.write(zip.subarray(0, 100))
    aborted.abort()
    await expect(aborted.end()).rejects.toThrow(/given up/)
    const bad = pool.open(SPEC, () => {})
    await bad.write(Buffer.from('no zip at all, but long enough for a header')).catch(() => {})
    await expect(bad.end()).rejects.toThrow(ParseError)
  })

  it('reads a file that is unpacked in several pieces, here and in a thread, and finds damage in any of them', async () => {
    // Digits without a pattern hardly pack: more than two pieces' worth of packed bytes.
    const month = { ...SPEC, to: JANUARY.from + 40_000 * MINUTE }
    let seed = 1
    const digits = () => {
      seed = (seed * 16807) % 2147483647
      return String(seed).padStart(10, '0')
    }
    const rows = Array.from({ length: 40_000 }, (_, i) => {
      const price = `${digits().slice(0, 5)}.${digits().slice(2)}`
      const open = JANUARY.from + i * MINUTE
      return `${open},${price},${price},${price},${price},1.${digits().slice(2)},${open + MINUTE - 1},${digits().slice(4)}.${digits().slice(2)},5,1.${digits().slice(2)},2,0`
    })
    const zip = makeZip(`${rows.join('\n')}\n`)
    expect(zip.length).toBeGreaterThan(2 * 512 * 1024)
    const opens = rows.map((row) => Number(row.split(',')[5]))
    const inPieces = async (
      target: { write(chunk: Uint8Array): Promise<void>; end(): Promise<{ rows: number }> },
      bytes: Uint8Array,
    ) => {
      for (let at = 0; at < bytes.length; at += 16_384) await target.write(bytes.subarray(at, at + 16_384))
      return target.end()
    }
    await using pool = new ParsePool(1)
    const found: number[][] = [[], []]
    const keep = (index: number) => (batch: Batch) => {
      for (const value of batch.columns.volume!) found[index]!.push(value)
    }
    await inPieces(new CandleZipReader(month, keep(0)), zip)
    await inPieces(pool.open(month, keep(1)), zip)
    expect(found.map((values) => values.length === opens.length && values.every((v, i) => v === opens[i]))).toEqual([
      true,
      true,
    ])
    for (const share of [0.1, 0.5, 0.9]) {
      const damaged = Buffer.from(zip)
      for (let i = 0; i < 20; i++) damaged[Math.floor(zip.length * share) + i]! ^= 0x55
      await expect(inPieces(new CandleZipReader(month, () => {}), damaged)).rejects.toThrow(ParseError)
      await expect(
        inPieces(
          pool.open(month, () => {}),
          damaged,
        ),
      ).rejects.toThrow(ParseError)
    }
  })

  const data = findRealData()
  it.skipIf(!data)(realDataTitle('reads the real zips of 2020 as published'), async () => {
    const folder = join(data!, 'vision/spot/klines/1m')
    for (const day of ['2020-01-01', '2020-01-02']) {
      const zip = readFileSync(join(folder, `BTCUSDT-1m-${day}.zip`))
      const published = readFileSync(join(folder, `BTCUSDT-1m-${day}.zip.CHECKSUM`), 'utf8').slice(0, 64)
      const from = Date.parse(`${day}T00:00:00Z`)
      const batches: Batch[] = []
      const spec = { path: `BTCUSDT-1m-${day}.zip`, interval: '1m' as const, from, to: from + 1440 * MINUTE }
      const reader = new CandleZipReader(spec, (batch) => void batches.push(batch))
      await reader.write(zip)
      const result = await reader.end()
      expect(result).toMatchObject({ sha256: published, rows: 1440, defectCount: 0, inexactValues: 0, timeUnit: 'ms' })
    }
  })
})
