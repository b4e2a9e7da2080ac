import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Interval, type IntervalGrid, intervalLength } from '../../model/interval.ts'
import { floorDay, floorMonth, HOUR } from '../../model/time.ts'
import { Lru } from '../lru.ts'
import { gridOrigin, type Listing, pairOf, SANDBOX_MARKETS, type SandboxMarket } from '../market/listing.ts'
import type { SeededMarket } from '../market/seeded.ts'
import type { SymbolMarket } from '../market/symbol-market.ts'
import {
  ARCHIVE_KINDS,
  type ArchiveFile,
  type ArchiveKind,
  archiveInterval,
  archiveIntervals,
  hasKind,
  isCandles,
  keyOf,
  MARKET_FOLDER,
  type Period,
  parseKey,
  periodEnd,
  publishedAt,
  stemOf,
} from './keys.ts'
import { csvOf, type SeededFiles, sampledRowBytes, seededFiles } from './seeded-files.ts'
import { type ArchiveObject, type ArchiveStore, CHECKSUM, checksumText } from './store.ts'
import { PAD_ROOM, zipOf, zipOverhead, zipToFile } from './zip-writer.ts'

/** Zips of more rows than this are made on disk, never in memory. */
const ROWS_IN_MEMORY = 60_000
const MEMORY_LIMIT = 32 * 1024 * 1024
const DISK_LIMIT = 1024 * 1024 * 1024
/** Small files stray further from the mean than large ones: bytes per root of the rows. */
const SPREAD = 40
/** So many zips are made at the same time. */
const PARALLEL = 2

interface Built {
  readonly sha256: string
  readonly size: number
  /** Bytes in memory, or the file on disk that holds them. */
  readonly held: Buffer | string
}

/**
 * The archive of the seeded market. Files are made when they are first fetched and kept while there is room. A file's
 * size is settled before it is made (the zip is padded to it), so that a listing of ten years costs nothing.
 */
export class SeededStore implements ArchiveStore {
  readonly #market: SeededMarket
  readonly #seed: number
  readonly #kinds: Readonly<Record<ArchiveKind, SeededFiles>>
  readonly #small = new Lru<Built>(MEMORY_LIMIT)
  readonly #large = new Lru<Built>(DISK_LIMIT, (built) => void rm(built.held as string, { force: true }))
  readonly #making = new Map<string, Promise<Built>>()
  readonly #rowBytes = new Map<string, number>()
  readonly #waiting: (() => void)[] = []
  #running = 0
  #folder: Promise<string> | undefined
  #version = 0

  constructor(market: SeededMarket, seed: number) {
    this.#market = market
    this.#kinds = seededFiles(market)
    this.#seed = seed
  }

  /** Forgets made files: the market has changed under them. */
  reset(): void {
    this.#version++
    this.#small.clear()
    this.#large.clear()
    this.#making.clear()
    this.#rowBytes.clear()
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#making.values())
    const folder = await this.#folder
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }

  async children(folder: string, now: number): Promise<readonly string[]> {
    if (folder === '') return ['data/']
    if (folder === 'data/' || folder === 'data/futures/') return this.#folders(folder)
    for (const market of SANDBOX_MARKETS) {
      if (this.#market.listings(market).length === 0 || !folder.startsWith(MARKET_FOLDER[market])) continue
      const [period, kind, symbol, interval, ...rest] = folder.slice(MARKET_FOLDER[market].length).split('/')
      if (period === '') return ['daily/', 'monthly/']
      if (period !== 'daily' && period !== 'monthly') return []
      const kinds = ARCHIVE_KINDS.filter((name) => hasKind(market, period, name))
      if (kind === '') return kinds.map((name) => `${name}/`)
      const known = kinds.find((name) => name === kind)
      if (known === undefined) return []
      if (symbol === '') return this.#symbols(market, period, known, now)
      const one = this.#market.seriesMarket(market, symbol ?? '', known === 'indexPriceKlines')
      if (!one) return []
      if (!isCandles(known)) return interval === '' && rest.length === 0 ? this.#files(one, period, known, now) : []
      const intervals = archiveIntervals(market, period).filter((name) =>
        this.#published(one.listing, period, known, now, name),
      )
      if (interval === '') return intervals.map((name) => `${archiveInterval(name)}/`).sort()
      const step = intervals.find((name) => archiveInterval(name) === interval)
      return step && rest.length === 1 ? this.#files(one, period, known, now, step) : []
    }
    return []
  }

  /** What lies in one of the folders above those of the markets. */
  #folders(folder: string): string[] {
    const inside = SANDBOX_MARKETS.filter((market) => this.#market.listings(market).length > 0)
      .map((market) => MARKET_FOLDER[market])
      .filter((path) => path.startsWith(folder))
      .map((path) => path.slice(folder.length, path.indexOf('/', folder.length) + 1))
    return [...new Set(inside)].sort()
  }

  #symbols(market: SandboxMarket, period: Period, kind: ArchiveKind, now: number): string[] {
    const names = this.#market
      .listings(market)
      .filter((listing) =>
        isCandles(kind)
          ? archiveIntervals(market, period).some((interval) => this.#published(listing, period, kind, now, interval))
          : this.#published(listing, period, kind, now),
      )
      .map((listing) => `${nameOf(listing, kind)}/`)
    return [...new Set(names)].sort()
  }

  #files(one: SymbolMarket, period: Period, kind: ArchiveKind, now: number, interval?: Interval): string[] {
    const { listing } = one
    const { market } = listing
    const symbol = nameOf(listing, kind)
    const names: string[] = []
    for (let start = this.#firstPeriod(listing, period, kind, interval); start < listing.endsAt; ) {
      const file = { market, symbol, period, kind, start, ...(interval === undefined ? {} : { interval }) }
      if (publishedAt(file, gridOf(listing, interval)) > now) break
      if (this.#kinds[kind].count(one, file) > 0) names.push(`${stemOf(file)}.zip`, `${stemOf(file)}.zip${CHECKSUM}`)
      start = periodEnd(file)
    }
    return names
  }

  #firstPeriod(listing: Listing, period: Period, kind: ArchiveKind, interval?: Interval): number {
    const first = this.#kinds[kind].start(listing, interval)
    return period === 'daily' ? floorDay(first) : floorMonth(first)
  }

  #published(listing: Listing, period: Period, kind: ArchiveKind, now: number, interval?: Interval): boolean {
    const start = this.#firstPeriod(listing, period, kind, interval)
    return publishedAt({ period, start }, gridOf(listing, interval)) <= now
  }

  async object(key: string, now: number): Promise<ArchiveObject | undefined> {
    const isChecksum = key.endsWith(CHECKSUM)
    const file = parseKey(isChecksum ? key.slice(0, -CHECKSUM.length) : key)
    const one = file && this.#market.seriesMarket(file.market, file.symbol, file.kind === 'indexPriceKlines')
    if (!one || (file.interval && !archiveIntervals(file.market, file.period).includes(file.interval))) return undefined
    const lastModified = publishedAt(file, gridOf(one.listing, file.interval))
    const rows = this.#kinds[file.kind].count(one, file)
    if (lastModified > now || rows <= 0) return undefined
    // Not an MD5 (the bytes may not be made yet) but marked as such, like that of an S3 object uploaded in parts.
    const etag = `${createHash('md5').update(`${this.#seed} ${this.#version} ${key}`).digest('hex')}-1`
    const facts = { key, etag, lastModified }
    if (isChecksum) {
      const size = checksumText('0'.repeat(64), keyOf(file)).length
      const made = async (): Promise<Buffer> => checksumText((await this.#make(one, file)).sha256, keyOf(file))
      return {
        ...facts,
        size,
        async *read(start, end) {
          yield (await made()).subarray(start, end)
        },
      }
    }
    const size = await this.#sizeOf(one, file, rows)
    const made = (): Promise<Built> => this.#make(one, file)
    return {
      ...facts,
      size,
      async *read(start, end) {
        const built = await made()
        if (typeof built.held !== 'string') yield built.held.subarray(start, end)
        else if (end > start) yield* createReadStream(built.held, { start, end: end - 1 }) as AsyncIterable<Buffer>
      },
    }
  }

  async #make(one: SymbolMarket, file: ArchiveFile): Promise<Built> {
    const key = keyOf(file)
    const known = this.#small.get(key) ?? this.#large.get(key)
    if (known) return known
    const making = this.#making.get(key)
    if (making) return making
    const promise = this.#turn(() => this.#build(one, file, key)).finally(() => {
      if (this.#making.get(key) === promise) this.#making.delete(key)
    })
    this.#making.set(key, promise)
    return promise
  }

  async #turn<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= PARALLEL) await new Promise<void>((start) => this.#waiting.push(start))
    this.#running++
    try {
      return await task()
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  async #build(one: SymbolMarket, file: ArchiveFile, key: string): Promise<Built> {
    const version = this.#version
    const rows = this.#kinds[file.kind].count(one, file)
    const size = await this.#sizeOf(one, file, rows)
    const name = `${stemOf(file)}.csv`
    if (rows > ROWS_IN_MEMORY) {
      this.#folder ??= mkdtemp(join(tmpdir(), 'ticklake-sandbox-'))
      const path = join(await this.#folder, `${randomUUID()}.zip`)
      const built: Built = {
        ...(await zipToFile(path, name, () => csvOf(this.#kinds[file.kind], one, file), size)),
        held: path,
      }
      if (version === this.#version) this.#large.set(key, built, built.size)
      return built
    }
    const pieces: Buffer[] = []
    for await (const piece of csvOf(this.#kinds[file.kind], one, file)) pieces.push(piece)
    const zip = await zipOf(name, Buffer.concat(pieces), size)
    const built = { sha256: createHash('sha256').update(zip).digest('hex'), size: zip.length, held: zip }
    if (version === this.#version) this.#small.set(key, built, zip.length)
    return built
  }

  /** The size that a file is promised to have: deflated rows of a sample, and room to spare. */
  async #sizeOf(one: SymbolMarket, file: ArchiveFile, rows: number): Promise<number> {
    const series = `${file.market}:${file.symbol}:${file.kind}:${file.interval}`
    let perRow = this.#rowBytes.get(series)
    if (perRow === undefined) {
      const isSparse = file.interval !== undefined && intervalLength(file.interval) >= HOUR
      perRow = isSparse || file.kind === 'fundingRate' ? 110 : await sampledRowBytes(this.#kinds[file.kind], one, file)
      this.#rowBytes.set(series, perRow)
    }
    return zipOverhead(`${stemOf(file)}.csv`) + PAD_ROOM + 400 + Math.ceil(rows * perRow + SPREAD * Math.sqrt(rows))
  }
}

/** Folder of a contract's files: the index of COIN-M is that of the pair. */
function nameOf({ market, symbol }: Listing, kind: ArchiveKind): string {
  return market === 'coinm' && kind === 'indexPriceKlines' ? pairOf(symbol) : symbol
}

function gridOf(listing: Listing, interval: Interval | undefined): IntervalGrid | undefined {
  return interval && { interval, origin: gridOrigin(listing) }
}
