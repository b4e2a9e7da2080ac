import { expect, test } from 'vitest'
import { letGo } from '../../src/archive/let-go.ts'
import { RecordZipReader } from '../../src/archive/record-zip.ts'
import { makeZip } from '../helpers/candles.ts'

const LARGE = 1 << 20

test('memory is freed with the bytes at its end, and not with those before', () => {
  const bytes = new Uint8Array(LARGE)
  letGo(bytes.subarray(0, LARGE / 2))
  expect(bytes.length).toBe(LARGE)
  letGo(bytes.subarray(LARGE / 2))
  expect(bytes.length).toBe(0)
})

test('small buffers, which share their memory with others, are left alone', () => {
  for (let size = 1; size <= Buffer.poolSize; size *= 2) {
    // As many as fill the shared memory, so that one of them ends where it does.
    const buffers = Array.from({ length: Buffer.poolSize / size + 1 }, () => Buffer.allocUnsafe(size).fill(7))
    for (const buffer of buffers) letGo(buffer)
    expect(buffers.every((buffer) => buffer.length === size && buffer.every((byte) => byte === 7))).toBe(true)
  }
})

test('a reader frees the chunks that it owns, and no others', async () => {
  const time = Date.UTC(2024, 0, 1)
  const fields = [
    { column: 'id', type: 'id', words: ['id'] },
    { column: 'time', type: 'time', words: ['time'] },
  ] as const
  const spec = { path: 'trades.zip', fields, timeColumn: 'time', from: time, to: time + 86_400_000 }
  const rows = 400_000
  const csv = Array.from({ length: rows }, (_, row) => `${(row * 7_919_317) % 1_000_003},${time + row * 200}\n`).join(
    '',
  )
  const zip = makeZip(csv, { name: 'trades.csv' })
  for (const ownsChunks of [false, true]) {
    let sum = 0
    const count = (batch: { readonly length: number }) => {
      sum += batch.length
    }
    const reader = new RecordZipReader(spec, count, { ownsChunks })
    const chunks: Uint8Array[] = []
    for (let at = 0; at < zip.length; at += 100_000) chunks.push(new Uint8Array(zip.subarray(at, at + 100_000)))
    for (const chunk of chunks) await reader.write(chunk)
    expect(await reader.end()).toMatchObject({ rows, defectCount: 0, notes: [] })
    expect(sum).toBe(rows)
    // The last one is not the inflater's to the end: the zip's directory stands there.
    const freed = chunks.slice(0, -1).filter((chunk) => chunk.length === 0).length
    expect(freed).toBe(ownsChunks ? chunks.length - 1 : 0)
  }
})
