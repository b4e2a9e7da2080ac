import type { ArchiveLayout, ArchivePeriod, ArchiveSeries } from '../exchanges/exchange.ts'
import { HttpError, ParseError } from '../model/errors.ts'
import type { Market } from '../model/series.ts'
import type { TimeRange } from '../model/time.ts'
import type { HttpClient } from '../net/http.ts'
import { type RetryOptions, retryWithBackoff } from '../net/retry.ts'

/** One object of the archive's bucket. */
export interface ListedObject {
  readonly path: string
  readonly bytes: number
  /** MD5 of the object in most cases; changes when the object is replaced. */
  readonly etag: string
  /** When it was last replaced, ISO. */
  readonly modified: string
}

/** A file of data that the archive has. */
export interface ListedFile extends ListedObject, TimeRange {
  readonly period: ArchivePeriod
  /** Whether a checksum is published beside it. */
  readonly hasChecksum: boolean
}

export interface ListingPage {
  readonly objects: readonly ListedObject[]
  /** Folders below the prefix, with a trailing slash. */
  readonly folders: readonly string[]
  /** Where the next page begins; undefined on the last. */
  readonly next: string | undefined
}

export interface ListOptions {
  /** Where the bucket is listed, e.g. `https://…/data.binance.vision`. */
  readonly url: string
  readonly http: HttpClient
  readonly retry?: RetryOptions
  readonly signal?: AbortSignal
}

/** Pages of one listing, at most. 1000 objects each: ten years of daily files with checksums have eight. */
const MAX_PAGES = 2000

/**
 * Lists a prefix of the bucket page by page (S3 ListObjects v1).
 * @param after objects whose key sorts after this only.
 */
export async function* listObjects(
  options: ListOptions,
  prefix: string,
  delimiter: string,
  after?: string,
): AsyncGenerator<ListingPage, void, void> {
  let marker = after
  for (let page = 0; page < MAX_PAGES; page++) {
    const url = new URL(options.url)
    url.searchParams.set('prefix', prefix)
    if (delimiter !== '') url.searchParams.set('delimiter', delimiter)
    if (marker !== undefined) url.searchParams.set('marker', marker)
    url.searchParams.set('max-keys', '1000')
    const text = await retryWithBackoff(
      async () => {
        await using response = await options.http.request({
          url: url.href,
          signal: options.signal,
          maxBytes: 8 * 2 ** 20,
        })
        const body = Buffer.from(await response.bytes()).toString('utf8')
        if (response.status !== 200) throw new HttpError(url.href, response.status, firstLine(body))
        return body
      },
      { ...options.retry, ...(options.signal ? { signal: options.signal } : {}) },
    )
    const parsed = await parseListing(text, url.href, delimiter)
    yield parsed
    if (parsed.next === undefined) return
    if (marker !== undefined && parsed.next <= marker) {
      throw new ParseError(
        url.href,
        `the listing goes round in circles: the page after "${marker}" ends at "${parsed.next}"`,
      )
    }
    marker = parsed.next
  }
}

/** Reads one page of a listing. @throws ParseError when it is no `ListBucketResult`. */
export async function parseListing(text: string, source: string, delimiter: string): Promise<ListingPage> {
  const { XMLParser } = await import('fast-xml-parser')
  const parser = new XMLParser({
    parseTagValue: false,
    isArray: (name) => name === 'Contents' || name === 'CommonPrefixes',
  })
  let root: unknown
  try {
    root = (parser.parse(text) as Record<string, unknown>).ListBucketResult
  } catch (cause) {
    throw new ParseError(source, 'the listing is no XML', { cause, retryable: true })
  }
  if (typeof root !== 'object' || root === null) {
    throw new ParseError(source, `the answer is no listing: ${firstLine(text)}`, { retryable: true })
  }
  const result = root as {
    IsTruncated?: unknown
    NextMarker?: unknown
    Contents?: unknown[]
    CommonPrefixes?: unknown[]
  }
  const objects = (result.Contents ?? []).map((entry) => readObject(entry, source))
  const folders = (result.CommonPrefixes ?? []).map((entry) => readText(entry, 'Prefix', source))
  if (result.IsTruncated !== 'true') return { objects, folders, next: undefined }
  // NextMarker comes only with a delimiter; without one the last key takes its place.
  const last = [objects.at(-1)?.path, folders.at(-1)]
    .filter((key) => key !== undefined)
    .sort()
    .at(-1)
  const next = typeof result.NextMarker === 'string' && delimiter !== '' ? result.NextMarker : last
  if (next === undefined) throw new ParseError(source, 'the listing says that more follows, but not where')
  return { objects, folders, next }
}

function readObject(entry: unknown, source: string): ListedObject {
  const bytes = Number(readText(entry, 'Size', source))
  if (!Number.isSafeInteger(bytes) || bytes < 0)
    throw new ParseError(source, `an object's Size is "${readText(entry, 'Size', source)}"`)
  return {
    path: readText(entry, 'Key', source),
    bytes,
    etag: readText(entry, 'ETag', source).replaceAll(/&quot;|"/g, ''),
    modified: readText(entry, 'LastModified', source),
  }
}

function readText(entry: unknown, name: string, source: string): string {
  const value = typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>)[name] : undefined
  if (typeof value !== 'string') throw new ParseError(source, `the listing has an entry without ${name}`)
  return value
}

function firstLine(text: string): string {
  return text.trim().slice(0, 120).split('\n')[0] ?? ''
}

/** The files of a series that overlap `range`, rising. */
export async function listFiles(
  options: ListOptions,
  layout: ArchiveLayout,
  series: ArchiveSeries,
  period: ArchivePeriod,
  range: TimeRange,
): Promise<ListedFile[]> {
  const folder = layout.folder(series, period)
  if (folder === undefined) return []
  // Keys sort by date: the listing begins just before the first file wanted and stops after the last.
  const dayOne = Number.isFinite(range.from) ? Math.max(range.from, Date.UTC(2000, 0, 1)) : Date.UTC(2000, 0, 1)
  const after = layout.file(series, period, dayOne).replace(/\.zip$/, '')
  const files = new Map<string, ListedFile>()
  const checksums = new Set<string>()
  pages: for await (const page of listObjects(options, folder, '/', after)) {
    for (const object of page.objects) {
      if (object.path.endsWith('.CHECKSUM')) {
        checksums.add(object.path)
        continue
      }
      const about = layout.parseFile(object.path)
      if (!about || about.period !== period) continue
      if (about.from >= range.to) break pages
      if (about.to > range.from) files.set(object.path, { ...object, ...about, hasChecksum: false })
    }
  }
  return [...files.values()]
    .map((file) => ({ ...file, hasChecksum: checksums.has(layout.checksumPath(file.path)) }))
    .sort((a, b) => a.from - b.from)
}

/** Every symbol that the archive ever had data of a kind of (candles, when none is named), delisted ones included. */
export async function listSymbols(
  options: ListOptions,
  layout: ArchiveLayout,
  market: Market,
  kind?: string,
): Promise<string[]> {
  const symbols = new Set<string>()
  for (const period of ['monthly', 'daily'] as const) {
    const folder = layout.symbolsFolder(market, period, kind)
    for await (const page of listObjects(options, folder, '/')) {
      for (const prefix of page.folders) symbols.add(prefix.slice(folder.length).replace(/\/$/, ''))
    }
  }
  return [...symbols].sort()
}
