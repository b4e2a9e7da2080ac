/** One object of the archive's bucket. */
export interface ArchiveObject {
  readonly key: string
  readonly size: number
  /** Without the quotes. */
  readonly etag: string
  /** Epoch ms. */
  readonly lastModified: number
  /** Bytes [start, end) of the object. */
  read(start: number, end: number): AsyncIterable<Buffer>
}

/** What the archive holds at an instant of the exchange's clock. */
export interface ArchiveStore {
  /** Names right below a folder (`''` or ending in `/`), folders with a `/` at the end, in byte order. */
  children(folder: string, now: number): Promise<readonly string[]>
  /** Undefined where there is no such object (yet). */
  object(key: string, now: number): Promise<ArchiveObject | undefined>
  close(): Promise<void>
}

export const CHECKSUM = '.CHECKSUM'

/** The text of a `.CHECKSUM` object, as `sha256sum` prints it. */
export function checksumText(sha256: string, key: string): Buffer {
  return Buffer.from(`${sha256}  ${key.slice(key.lastIndexOf('/') + 1)}\n`)
}

/** All bytes of an object. */
export async function readAll(object: ArchiveObject): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of object.read(0, object.size)) pieces.push(piece)
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
}

/** An object over bytes in memory. */
export function bytesObject(facts: Omit<ArchiveObject, 'size' | 'read'>, bytes: Buffer): ArchiveObject {
  return {
    ...facts,
    size: bytes.length,
    async *read(start, end) {
      yield bytes.subarray(start, end)
    },
  }
}
