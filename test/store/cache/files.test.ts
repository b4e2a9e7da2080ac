import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ReadFile } from '../../../src/store/cache/read-file.ts'
import { StretchWriter } from '../../../src/store/cache/stretch-writer.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ticklake-files-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('a part of a file that is written in stretches', () => {
  test('holds the bytes that were given, wherever it begins and however they come', async () => {
    const MiB = 1 << 20
    const bytes = new Uint8Array(5 * MiB + 123)
    for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31 + (i >> 11)) & 255
    await fc.assert(
      fc.asyncProperty(
        fc.nat(3 * MiB),
        fc.nat(bytes.length),
        fc.array(fc.integer({ min: 0, max: 3 * MiB }), { maxLength: 6 }),
        async (offset, length, sizes) => {
          const path = join(folder, 'stretches')
          const handle = await open(path, 'w+')
          try {
            const writer = new StretchWriter(handle, offset, length)
            const reused = new Uint8Array(bytes.length)
            let done = 0
            for (const size of [...sizes, bytes.length]) {
              const part = bytes.subarray(done, Math.min(length, done + size))
              // The memory is the giver's again once it was given.
              reused.set(part)
              await writer.write(reused.subarray(0, part.length))
              reused.fill(0, 0, part.length)
              done += part.length
            }
            await writer.flush()
          } finally {
            await handle.close()
          }
          const written = await readFile(path)
          expect(written.length).toBe(length === 0 ? 0 : offset + length)
          expect(written.subarray(offset).equals(bytes.subarray(0, length))).toBe(true)
          expect(written.subarray(0, offset).every((byte) => byte === 0)).toBe(true)
        },
      ),
      { numRuns: 25 },
    )
  })
})

describe('a file open for reading', () => {
  test('is read to the end of what was begun when it is closed, and no further', async () => {
    const path = join(folder, 'read')
    const content = Buffer.alloc(1 << 20, 'ticklake')
    await writeFile(path, content)
    const file = new ReadFile(path)
    const bytes = new Uint8Array(content.length)
    const reading = file.read(bytes, 0)
    file.close()
    expect(file.isClosed).toBe(true)
    // Another file may get the same number now, if the first one was closed too early.
    const other = new ReadFile(path)
    expect(other.fd).not.toBe(file.fd)
    expect(await reading).toBe(content.length)
    expect(content.equals(bytes)).toBe(true)
    await expect(file.read(bytes, 0)).rejects.toThrow('closed while it was being read')
    // Closing once more must not close what has got its number since.
    const third = new ReadFile(path)
    file.close()
    expect(await third.read(bytes, content.length - 3)).toBe(3)
    third.close()
    other.close()
  })

  test('that is not there gives the system error', () => {
    expect(() => new ReadFile(join(folder, 'missing'))).toThrow(/ENOENT/)
  })
})
