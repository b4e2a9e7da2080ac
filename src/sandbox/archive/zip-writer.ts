import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { constants, crc32, createDeflateRaw, deflateRaw, inflateRawSync } from 'node:zlib'
import { ParseError } from '../../model/errors.ts'

const deflate = promisify(deflateRaw)

const LOCAL = 30
const CENTRAL = 46
const END = 22

/**
 * A deflate stream that was flushed but not finished can be followed by empty blocks: five bytes for an empty stored
 * one, six for an empty fixed one and a stored one, and five for the final one. With them a zip gets the size that the
 * listing promised before the file was made. Every inflater skips them.
 */
const FIVE = Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff])
const SIX = Buffer.from([0x02, 0x00, 0x00, 0x00, 0xff, 0xff])
const FINAL = Buffer.from([0x01, 0x00, 0x00, 0xff, 0xff])
/** From here on every length can be made of fives and sixes. */
const SMALLEST_PAD = 20

/** A zip with one deflated entry takes this much beside its deflated bytes. */
export function zipOverhead(entryName: string): number {
  return LOCAL + CENTRAL + END + 2 * Buffer.byteLength(entryName)
}

/** Room that a deflated body must leave in the promised size for its end. */
export const PAD_ROOM = SMALLEST_PAD + FINAL.length

/** Ends a flushed deflate stream of `length` bytes so that it has `target` bytes, or as few as possible. */
export function padding(length: number, target: number): Buffer {
  const room = target - length - FINAL.length
  if (room < SMALLEST_PAD) return FINAL
  const sixes = room % 5
  const fives = (room - sixes * 6) / 5
  const pad = Buffer.alloc(room + FINAL.length)
  for (let i = 0; i < fives; i++) pad.set(FIVE, i * 5)
  for (let i = 0; i < sixes; i++) pad.set(SIX, fives * 5 + i * 6)
  pad.set(FINAL, room)
  return pad
}

interface Entry {
  readonly name: string
  readonly crc: number
  readonly deflated: number
  readonly size: number
}

const FLAGS = 0x0800 // the name is UTF-8
const DATE = ((2025 - 1980) << 9) | (1 << 5) | 1

function localHeader(entry: Entry): Buffer {
  const name = Buffer.from(entry.name)
  const header = Buffer.alloc(LOCAL + name.length)
  header.writeUInt32LE(0x04034b50, 0)
  header.writeUInt16LE(20, 4)
  writeCommon(header, 6, entry, name.length)
  header.set(name, LOCAL)
  return header
}

function writeCommon(header: Buffer, at: number, entry: Entry, nameLength: number): void {
  header.writeUInt16LE(FLAGS, at)
  header.writeUInt16LE(8, at + 2)
  header.writeUInt16LE(0, at + 4)
  header.writeUInt16LE(DATE, at + 6)
  header.writeUInt32LE(entry.crc >>> 0, at + 8)
  header.writeUInt32LE(entry.deflated, at + 12)
  header.writeUInt32LE(entry.size, at + 16)
  header.writeUInt16LE(nameLength, at + 20)
}

function centralAndEnd(entry: Entry): Buffer {
  const name = Buffer.from(entry.name)
  const out = Buffer.alloc(CENTRAL + name.length + END)
  out.writeUInt32LE(0x02014b50, 0)
  out.writeUInt16LE(20, 4)
  out.writeUInt16LE(20, 6)
  writeCommon(out, 8, entry, name.length)
  out.set(name, CENTRAL)
  const end = CENTRAL + name.length
  out.writeUInt32LE(0x06054b50, end)
  out.writeUInt16LE(1, end + 8)
  out.writeUInt16LE(1, end + 10)
  out.writeUInt32LE(end, end + 12)
  out.writeUInt32LE(LOCAL + name.length + entry.deflated, end + 16)
  return out
}

/** A zip around bytes that are deflated already; the entry's facts are taken on trust. */
export function wrapDeflated(entry: Entry, deflated: readonly Buffer[]): Buffer {
  return Buffer.concat([localHeader(entry), ...deflated, centralAndEnd(entry)])
}

/** A zip in memory of one entry, padded to `size` bytes where its content fits (`0` for no padding). */
export async function zipOf(name: string, content: Buffer, size = 0): Promise<Buffer> {
  const target = size - zipOverhead(name)
  const finishFlush = constants.Z_SYNC_FLUSH
  let body = await deflate(content, { level: 1, finishFlush })
  if (size > 0 && body.length + FINAL.length > target) body = await deflate(content, { level: 9, finishFlush })
  const pad = padding(body.length, target)
  const entry = { name, crc: crc32(content), deflated: body.length + pad.length, size: content.length }
  return wrapDeflated(entry, [body, pad])
}

/** Writes a zip of one entry to a file from content that arrives in pieces; gives the zip's SHA-256 and size. */
export async function zipToFile(
  path: string,
  name: string,
  content: () => AsyncIterable<Buffer>,
  size: number,
): Promise<{ sha256: string; size: number }> {
  await using file = await open(path, 'w+')
  const start = LOCAL + Buffer.byteLength(name)
  const room = size - zipOverhead(name) - FINAL.length
  let body = await deflateInto(file, start, content(), 1)
  if (body.deflated > room) body = await deflateInto(file, start, content(), 6)
  const pad = padding(body.deflated, size - zipOverhead(name))
  await file.write(pad, 0, pad.length, start + body.deflated)
  const entry = { name, crc: body.crc, deflated: body.deflated + pad.length, size: body.size }
  const header = localHeader(entry)
  await file.write(header, 0, header.length, 0)
  const tail = centralAndEnd(entry)
  const end = start + entry.deflated + tail.length
  await file.write(tail, 0, tail.length, start + entry.deflated)
  await file.truncate(end)
  return { sha256: await hashOf(file), size: end }
}

async function deflateInto(
  file: FileHandle,
  start: number,
  content: AsyncIterable<Buffer>,
  level: number,
): Promise<{ crc: number; size: number; deflated: number }> {
  let crc = 0
  let size = 0
  let deflated = 0
  async function* measured(): AsyncGenerator<Buffer> {
    for await (const piece of content) {
      crc = crc32(piece, crc)
      size += piece.length
      yield piece
    }
  }
  await pipeline(measured, createDeflateRaw({ level, finishFlush: constants.Z_SYNC_FLUSH }), async (pieces) => {
    for await (const piece of pieces as AsyncIterable<Buffer>) {
      await file.write(piece, 0, piece.length, start + deflated)
      deflated += piece.length
    }
  })
  return { crc, size, deflated }
}

async function hashOf(file: FileHandle): Promise<string> {
  const hash = createHash('sha256')
  const block = Buffer.allocUnsafe(1 << 20)
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(block, 0, block.length, at)
    if (bytesRead === 0) return hash.digest('hex')
    hash.update(block.subarray(0, bytesRead))
    at += bytesRead
  }
}

/** The content of the first entry of a zip in memory. */
export function unzip(source: string, zip: Buffer): { name: string; content: Buffer } {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]))
  const central = end < 0 ? -1 : zip.readUInt32LE(end + 16)
  if (central < 0 || zip.readUInt32LE(central) !== 0x02014b50) throw new ParseError(source, 'is not a zip file')
  const method = zip.readUInt16LE(central + 10)
  const deflated = zip.readUInt32LE(central + 20)
  const name = zip.toString('utf8', central + CENTRAL, central + CENTRAL + zip.readUInt16LE(central + 28))
  const local = zip.readUInt32LE(central + 42)
  const start = local + LOCAL + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
  const body = zip.subarray(start, start + deflated)
  if (method !== 0 && method !== 8)
    throw new ParseError(source, `uses zip method ${method}; only store and deflate are known`)
  return { name, content: method === 0 ? body : inflateRawSync(body) }
}
