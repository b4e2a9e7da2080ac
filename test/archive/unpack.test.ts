import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { deflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { makeUnpacker, PACKED_PIECE, type Unpacker } from '../../src/archive/unpack.ts'
import type { ZipEntry } from '../../src/archive/zip.ts'
import { ParseError } from '../../src/model/errors.ts'

const PIECES = 12
/** Does not pack, so each packed piece becomes about as many bytes. */
const content = randomBytes(PIECES * PACKED_PIECE)
const packed = deflateRawSync(content)
const entry: ZipEntry = {
  ...{ name: 'a.csv', method: 'deflate', dataStart: 0 },
  ...{ crc32: undefined, compressedSize: undefined, size: undefined },
}

function unpacker(onUnpacked: (bytes: Uint8Array) => Promise<void> | void): Unpacker {
  return makeUnpacker(entry, 'a.zip', onUnpacked, false)
}

/** Writes packed bytes in pieces and tells how many were begun with. */
async function writeAll(target: Unpacker, bytes: Uint8Array, onWrite: (count: number) => void = () => {}) {
  for (let at = 0, count = 1; at < bytes.length; at += PACKED_PIECE, count++) {
    onWrite(count)
    await target.write(bytes.subarray(at, at + PACKED_PIECE))
  }
  await target.end()
}

test('the next piece is with the inflater before the reader sets to work on what came before', async () => {
  let handedOver = 0
  let unpacked = 0
  const others: number[] = []
  const target = unpacker((bytes) => {
    unpacked += bytes.length
    const readPieces = Math.ceil(unpacked / PACKED_PIECE)
    if (readPieces < PIECES) others.push(handedOver - readPieces)
  })
  await writeAll(target, packed, (count) => {
    handedOver = count
  })
  expect(unpacked).toBe(content.length)
  expect(others.length).toBeGreaterThan(0)
  expect(Math.min(...others)).toBeGreaterThanOrEqual(1)
})

test('while the reader is at work, no more than a few pieces are taken', async () => {
  let handedOver = 0
  let open: (() => void) | undefined
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const received: Uint8Array[] = []
  const target = unpacker(async (bytes) => {
    received.push(Buffer.from(bytes))
    await gate
  })
  const written = writeAll(target, packed, (count) => {
    handedOver = count
  })
  while (received.length === 0) await sleep(5)
  // Whatever is possible has happened long since.
  await sleep(100)
  expect(received).toHaveLength(1)
  expect(handedOver).toBeLessThanOrEqual(5)
  open?.()
  await written
  expect(Buffer.concat(received).equals(content)).toBe(true)
})

test('bytes behind the end of the deflate stream, however many, are of no account', async () => {
  for (const extra of [1, PACKED_PIECE, 5 * PACKED_PIECE]) {
    const received: Uint8Array[] = []
    const target = unpacker((bytes) => void received.push(Buffer.from(bytes)))
    await writeAll(target, Buffer.concat([packed, randomBytes(extra)]))
    expect(Buffer.concat(received).equals(content)).toBe(true)
  }
})

test('what the reader throws reaches the writer, who waits for the inflater', async () => {
  const target = unpacker(() => {
    throw new ParseError('a.zip', 'the third row is none')
  })
  await expect(writeAll(target, packed)).rejects.toThrow('the third row is none')
})
