import type { IncomingMessage } from 'node:http'
import { bodyOf, type Reply, textReply } from '../deliver.ts'
import { corrupted, distorted, sha256 } from '../faults/content.ts'
import type { FaultEngine, Request, VariantFault } from '../faults/engine.ts'
import { Lru } from '../lru.ts'
import { archiveInterval, parseKey } from './keys.ts'
import { listObjects, parseListing, s3Error } from './listing.ts'
import { type ArchiveObject, type ArchiveStore, bytesObject, CHECKSUM, checksumText, readAll } from './store.ts'

/** Distorted zips kept, so that a zip and its checksum come from one making. */
const KEPT_BYTES = 24 * 1024 * 1024

/** The archive over HTTP: objects with ranges, the bucket's listing, and the faults of files. */
export class ArchiveService {
  readonly #store: ArchiveStore
  readonly #faults: FaultEngine
  readonly #distorted = new Lru<Buffer>(KEPT_BYTES)

  constructor(store: ArchiveStore, faults: FaultEngine) {
    this.#store = store
    this.#faults = faults
  }

  /** Forgets what was made of files before they changed. */
  reset(): void {
    this.#distorted.clear()
  }

  async list(query: URLSearchParams, now: number): Promise<Reply> {
    const listing = parseListing(query)
    if (typeof listing === 'string') return xml(400, s3Error('InvalidArgument', listing, ''))
    const store: ArchiveStore = {
      children: (folder, time) => this.#store.children(folder, time),
      object: async (key, time) => {
        const object = await this.#store.object(key, time)
        const fault = object && this.#variant(key, 'GET', 'peek', time)
        return fault ? { ...object, etag: variantEtag(object, fault) } : object
      },
      close: () => Promise.resolve(),
    }
    return xml(200, await listObjects(store, listing, now, (key) => this.#isHidden(key)))
  }

  /** Answers GET and HEAD of an object. */
  async object(request: IncomingMessage, key: string, now: number): Promise<Reply> {
    const object = await this.#find(request, key, now)
    if (!object) return xml(404, s3Error('NoSuchKey', 'The specified key does not exist.', key))
    const headers = {
      'Content-Type': key.endsWith('.zip') ? 'application/zip' : 'binary/octet-stream',
      'Accept-Ranges': 'bytes',
      ETag: `"${object.etag}"`,
      'Last-Modified': new Date(object.lastModified).toUTCString(),
    }
    if (request.headers['if-none-match'] === headers.ETag) return { status: 304, headers, body: bodyOf('') }
    const range = rangeOf(request, object, headers['Last-Modified'])
    if (range === 'unsatisfiable') {
      const body = s3Error('InvalidRange', 'The requested range is not satisfiable', key)
      return textReply(416, body, 'application/xml', { 'Content-Range': `bytes */${object.size}` })
    }
    if (!range) return { status: 200, headers, body: object }
    const { start, end } = range
    return {
      status: 206,
      headers: { ...headers, 'Content-Range': `bytes ${start}-${end - 1}/${object.size}` },
      body: { size: end - start, read: (from, to) => object.read(start + from, start + to) },
    }
  }

  async #find(request: IncomingMessage, key: string, now: number): Promise<ArchiveObject | undefined> {
    const method = request.method ?? 'GET'
    const zipKey = zipOf(key)
    const file = parseKey(zipKey)
    if (!file) return this.#store.object(key, now)
    const isFetch = method === 'GET'
    const facts = factsOf(zipKey, method)
    if (this.#faults.missing(facts, file, isFetch)) return undefined
    const object = await this.#store.object(key, now)
    if (!object) return undefined
    // The rest of a file that was cut off belongs to the fetch before: it meets the same content, and counts nothing.
    const isRest = /^bytes=0*[1-9]/.test(request.headers.range ?? '')
    const mode = !isFetch ? 'peek' : isRest ? 'continue' : 'count'
    const variant = this.#variant(key, method, mode, now)
    if (key.endsWith(CHECKSUM)) return this.#checksum(object, zipKey, variant, facts, isFetch, now)
    const shaped = variant ? await this.#shaped(object, zipKey, variant) : object
    if (!isFetch || isRest) return shaped
    const fault = this.#faults.take(facts, 'truncated-zip', 'corrupt-zip')
    if (!fault) return shaped
    const bytes = await readAll(shaped)
    if (fault.type === 'corrupt-zip') return bytesObject(shaped, corrupted(bytes, fault.bytes ?? 8))
    return bytesObject(shaped, bytes.subarray(0, Math.floor(bytes.length * (fault.keep ?? 0.5))))
  }

  async #checksum(
    object: ArchiveObject,
    zipKey: string,
    variant: VariantFault | undefined,
    facts: Request,
    isFetch: boolean,
    now: number,
  ): Promise<ArchiveObject | undefined> {
    if (!isFetch) return this.#faults.checksumMissing(facts) ? undefined : object
    if (this.#faults.take(facts, 'missing-checksum')) return undefined
    const zip = variant ? await this.#store.object(zipKey, now) : undefined
    const hash = zip && variant ? sha256(await this.#bytes(zip, zipKey, variant)) : undefined
    const own = hash === undefined ? object : bytesObject(object, checksumText(hash, zipKey))
    if (!this.#faults.take(facts, 'wrong-checksum')) return own
    const text = (await readAll(own)).toString()
    const first = text.startsWith('0') ? '1' : '0'
    return bytesObject(own, Buffer.from(first + text.slice(1)))
  }

  async #shaped(object: ArchiveObject, zipKey: string, variant: VariantFault): Promise<ArchiveObject> {
    const bytes = await this.#bytes(object, zipKey, variant)
    return bytesObject({ ...object, etag: variantEtag(object, variant) }, bytes)
  }

  async #bytes(zip: ArchiveObject, zipKey: string, variant: VariantFault): Promise<Buffer> {
    const id = `${zipKey} ${zip.etag} ${JSON.stringify(variant)}`
    const known = this.#distorted.get(id)
    if (known) return known
    const made = await distorted(await readAll(zip), variant, zipKey)
    this.#distorted.set(id, made, made.length)
    return made
  }

  #variant(key: string, method: string, mode: 'count' | 'continue' | 'peek', now: number): VariantFault | undefined {
    const zipKey = zipOf(key)
    if (!parseKey(zipKey)) return undefined
    return this.#faults.variant(factsOf(zipKey, method), zipKey, key === zipKey ? 'zip' : 'checksum', now, mode)
  }

  #isHidden(key: string): boolean {
    const zipKey = zipOf(key)
    const file = parseKey(zipKey)
    if (!file) return false
    const facts = factsOf(zipKey, 'GET')
    return this.#faults.missing(facts, file, false) || (key !== zipKey && this.#faults.checksumMissing(facts))
  }
}

function xml(status: number, text: string): Reply {
  return textReply(status, text, 'application/xml')
}

function zipOf(key: string): string {
  return key.endsWith(CHECKSUM) ? key.slice(0, -CHECKSUM.length) : key
}

/** Faults of files are matched by the zip's path, also when its checksum is asked for. */
function factsOf(zipKey: string, method: string): Request {
  const file = parseKey(zipKey)
  return {
    method,
    path: `/${zipKey}`,
    market: file?.market,
    symbol: file?.symbol,
    interval: file?.interval && archiveInterval(file.interval),
  }
}

function variantEtag(object: ArchiveObject, fault: VariantFault): string {
  return `${sha256(Buffer.from(`${object.etag} ${JSON.stringify(fault)}`)).slice(0, 32)}-1`
}

type Range = { readonly start: number; readonly end: number }

/** One byte range; several or a malformed one are answered with the whole, as S3 does. */
function rangeOf(
  request: IncomingMessage,
  object: ArchiveObject,
  lastModified: string,
): Range | 'unsatisfiable' | undefined {
  const parts = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '')
  if (!parts || (parts[1] === '' && parts[2] === '')) return undefined
  const guard = request.headers['if-range']
  if (guard !== undefined && guard !== `"${object.etag}"` && guard !== lastModified) return undefined
  const { size } = object
  if (parts[1] === '') {
    const length = Math.min(size, Number(parts[2]))
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size }
  }
  const start = Number(parts[1])
  const end = parts[2] === '' ? size : Math.min(size, Number(parts[2]) + 1)
  if (start >= size) return 'unsatisfiable'
  return start < end ? { start, end } : undefined
}
