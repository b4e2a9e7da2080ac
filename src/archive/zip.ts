import { ParseError } from '../model/errors.ts'

/** What a zip entry says of itself. Sizes are bytes; undefined where the writer left them for later. */
export interface ZipEntry {
  readonly name: string
  readonly method: 'stored' | 'deflate'
  readonly crc32: number | undefined
  readonly compressedSize: number | undefined
  readonly size: number | undefined
  /** Where the entry's data begin, from the start of the zip. */
  readonly dataStart: number
}

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const LOCAL_SIZE = 30
const CENTRAL_SIZE = 46
const END_SIZE = 22

/**
 * Reads the local header at the start of a zip (APPNOTE 4.3.7). Undefined when `bytes` do not hold all of it yet.
 * @throws ParseError when the bytes are no zip, or one that this reader refuses (encrypted, unknown method, zip64).
 */
export function readLocalHeader(bytes: Uint8Array, source: string, offset = 0): ZipEntry | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < offset + LOCAL_SIZE) {
    // Fail early on what can't become a zip, instead of waiting for more of it.
    if (bytes.length >= offset + 4 && view.getUint32(offset, true) !== LOCAL) throw noZip(bytes, source)
    return undefined
  }
  if (view.getUint32(offset, true) !== LOCAL) throw noZip(bytes, source)
  const flags = view.getUint16(offset + 6, true)
  const nameLength = view.getUint16(offset + 26, true)
  const extraLength = view.getUint16(offset + 28, true)
  const dataStart = offset + LOCAL_SIZE + nameLength + extraLength
  if (bytes.length < dataStart) return undefined
  if (flags & 1) throw new ParseError(source, 'the zip is encrypted')
  const sizesFollow = (flags & 8) !== 0
  const compressedSize = view.getUint32(offset + 18, true)
  if (compressedSize === 0xffffffff)
    throw new ParseError(source, 'the zip is larger than 4 GiB (zip64), which no archive file is')
  return {
    name: entryName(bytes, offset + LOCAL_SIZE, nameLength),
    method: methodOf(view.getUint16(offset + 8, true), source),
    crc32: sizesFollow ? undefined : view.getUint32(offset + 14, true),
    compressedSize: sizesFollow ? undefined : compressedSize,
    size: sizesFollow ? undefined : view.getUint32(offset + 22, true),
    dataStart,
  }
}

/**
 * Reads the central directory out of the last bytes of a zip.
 * @param tail the last bytes, `tailStart` being the position of the first of them in the zip.
 * @throws ParseError when there is none: the zip was cut.
 */
export function readCentralDirectory(tail: Uint8Array, tailStart: number, source: string): ZipEntry[] {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength)
  let end = tail.length - END_SIZE
  while (end >= 0 && view.getUint32(end, true) !== END) end--
  if (end < 0) throw new ParseError(source, 'the zip has no end: it was cut')
  const count = view.getUint16(end + 10, true)
  let at = view.getUint32(end + 16, true) - tailStart
  const entries: ZipEntry[] = []
  for (let index = 0; index < count; index++) {
    if (at < 0 || at + CENTRAL_SIZE > end || view.getUint32(at, true) !== CENTRAL) {
      throw new ParseError(source, 'the directory of the zip is damaged')
    }
    const nameLength = view.getUint16(at + 28, true)
    entries.push({
      name: entryName(tail, at + CENTRAL_SIZE, nameLength),
      method: methodOf(view.getUint16(at + 10, true), source),
      crc32: view.getUint32(at + 16, true),
      compressedSize: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      dataStart: view.getUint32(at + 42, true),
    })
    at += CENTRAL_SIZE + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
  }
  return entries
}

/** Longest possible central directory tail of a one-file zip: its header, names and comments. */
export const ZIP_TAIL = 128 * 1024

function methodOf(method: number, source: string): 'stored' | 'deflate' {
  if (method === 0) return 'stored'
  if (method === 8) return 'deflate'
  throw new ParseError(source, `the zip uses compression method ${method}; only stored (0) and deflate (8) are read`)
}

function entryName(bytes: Uint8Array, start: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('utf8')
}

function noZip(bytes: Uint8Array, source: string): ParseError {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 16)).toString('latin1')
  return new ParseError(source, `not a zip: it starts with ${JSON.stringify(head)}`)
}
