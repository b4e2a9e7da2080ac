import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { constants, deflateRaw } from 'node:zlib'
import { floorOpen, type Interval, intervalLength } from '../../model/interval.ts'
import { DAY, floorDay, floorMonth, HOUR } from '../../model/time.ts'
import { Breath } from '../breath.ts'
import { ByteWriter } from '../bytes.ts'
import { Lru } from '../lru.ts'
import { gridOrigin, type Listing, type SandboxMarket } from '../market/listing.ts'
import { SeededRows } from '../market/rows.ts'
import type { SeededMarket } from '../market/seeded.ts'
import type { SymbolMarket } from '../market/symbol-market.ts'
import {
  type ArchiveFile,
  archiveInterval,
  archiveIntervals,
  keyOf,
  MARKET_FOLDER,
  type Period,
  parseKey,
  periodEnd,
  publishedAt,
  stemOf,
} from './keys.ts'
import { type ArchiveObject, type ArchiveStore, CHECKSUM, checksumText } from './store.ts'
import { PAD_ROOM, zipOf, zipOverhead, zipToFile } from './zip-writer.ts'

const deflate = promisify(deflateRaw)

/** Spot files tell microseconds from here on. */
const MICROSECONDS_FROM = Date.UTC(2025, 0, 1)
/** USD-M files have a header row from here on; older ones were never rewritten. */
const HEADER_FROM = Date.UTC(2022, 5, 1)
const HEADER =
  'open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n'

/** Zips of more rows than this are made on disk, never in memory. */
const ROWS_IN_MEMORY = 60_000
const MEMORY_LIMIT = 32 * 1024 * 1024
const DISK_LIMIT = 1024 * 1024 * 1024
/** Stretches, and rows of each, that the promised size of files is reckoned from. */
const SAMPLES = 8
const SAMPLE_ROWS = 600
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
    if (folder === 'data/') return ['futures/', 'spot/'].filter((name) => this.#has(name === 'spot/' ? 'spot' : 'usdm'))
    if (folder === 'data/futures/') return this.#has('usdm') ? ['um/'] : []
    for (const market of ['spot', 'usdm'] as const) {
      if (!this.#has(market) || !folder.startsWith(MARKET_FOLDER[market])) continue
      const [period, kind, symbol, interval, ...rest] = folder.slice(MARKET_FOLDER[market].length).split('/')
      if (period === '') return ['daily/', 'monthly/']
      if (period !== 'daily' && period !== 'monthly') return []
      if (kind === '') return ['klines/']
      if (kind !== 'klines') return []
      if (symbol === '') return this.#symbols(market, period, now)
      const one = this.#market.symbolMarket(market, symbol ?? '')
      if (!one) return []
      const intervals = archiveIntervals(market, period).filter((name) => published(one.listing, period, name, now))
      if (interval === '') return intervals.map((name) => `${archiveInterval(name)}/`).sort()
      const known = intervals.find((name) => archiveInterval(name) === interval)
      return known && rest.length === 1 ? this.#files(one, period, known, now) : []
    }
    return []
  }

  #has(market: SandboxMarket): boolean {
    return this.#market.listings(market).length > 0
  }

  #symbols(market: SandboxMarket, period: Period, now: number): string[] {
    return this.#market
      .listings(market)
      .filter((listing) =>
        archiveIntervals(market, period).some((interval) => published(listing, period, interval, now)),
      )
      .map((listing) => `${listing.symbol}/`)
      .sort()
  }

  #files(one: SymbolMarket, period: Period, interval: Interval, now: number): string[] {
    const { listing } = one
    const { market, symbol } = listing
    const names: string[] = []
    for (let start = firstPeriod(listing, period, interval); start < listing.endsAt; ) {
      const file = { market, symbol, period, interval, start }
      if (publishedAt(file, gridOf(listing, interval)) > now) break
      const end = periodEnd(file)
      if (one.count(interval, start, end) > 0) names.push(`${stemOf(file)}.zip`, `${stemOf(file)}.zip${CHECKSUM}`)
      start = end
    }
    return names
  }

  async object(key: string, now: number): Promise<ArchiveObject | undefined> {
    const isChecksum = key.endsWith(CHECKSUM)
    const file = parseKey(isChecksum ? key.slice(0, -CHECKSUM.length) : key)
    const one = file && this.#market.symbolMarket(file.market, file.symbol)
    if (!one || !archiveIntervals(file.market, file.period).includes(file.interval)) return undefined
    const lastModified = publishedAt(file, gridOf(one.listing, file.interval))
    const rows = one.count(file.interval, file.start, periodEnd(file))
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
    const rows = one.count(file.interval, file.start, periodEnd(file))
    const size = await this.#sizeOf(one, file, rows)
    const name = `${stemOf(file)}.csv`
    if (rows > ROWS_IN_MEMORY) {
      this.#folder ??= mkdtemp(join(tmpdir(), 'ticklake-sandbox-'))
      const path = join(await this.#folder, `${randomUUID()}.zip`)
      const built: Built = { ...(await zipToFile(path, name, () => csvOf(one, file), size)), held: path }
      if (version === this.#version) this.#large.set(key, built, built.size)
      return built
    }
    const pieces: Buffer[] = []
    for await (const piece of csvOf(one, file)) pieces.push(piece)
    const zip = await zipOf(name, Buffer.concat(pieces), size)
    const built = { sha256: createHash('sha256').update(zip).digest('hex'), size: zip.length, held: zip }
    if (version === this.#version) this.#small.set(key, built, zip.length)
    return built
  }

  /** The size that a file is promised to have: deflated rows of a sample, and room to spare. */
  async #sizeOf(one: SymbolMarket, file: ArchiveFile, rows: number): Promise<number> {
    const series = `${file.market}:${file.symbol}:${file.interval}`
    let perRow = this.#rowBytes.get(series)
    if (perRow === undefined) {
      perRow = intervalLength(file.interval) >= HOUR ? 110 : await sampledRowBytes(one, file.interval)
      this.#rowBytes.set(series, perRow)
    }
    return zipOverhead(`${stemOf(file)}.csv`) + PAD_ROOM + 400 + Math.ceil(rows * perRow + SPREAD * Math.sqrt(rows))
  }
}

function gridOf(listing: Listing, interval: Interval) {
  return { interval, origin: gridOrigin(listing) }
}

function firstPeriod(listing: Listing, period: Period, interval: Interval): number {
  const open = floorOpen(gridOf(listing, interval), listing.listedAt)
  return period === 'daily' ? floorDay(open) : floorMonth(open)
}

function published(listing: Listing, period: Period, interval: Interval, now: number): boolean {
  const start = firstPeriod(listing, period, interval)
  return publishedAt({ period, start }, gridOf(listing, interval)) <= now
}

/** Deflated bytes a row, with room to spare: from stretches at all hours of the day and days of the week. */
async function sampledRowBytes(one: SymbolMarket, interval: Interval): Promise<number> {
  const first = floorDay(one.listing.listedAt) + 30 * DAY
  const writer = new ByteWriter()
  let deflated = 0
  let rows = 0
  for (let i = 0; i < SAMPLES; i++) {
    const from = first + i * 21 * HOUR
    const range = { interval, from, to: Number.MAX_SAFE_INTEGER, max: SAMPLE_ROWS }
    const columns = await one.read(range, Number.MAX_SAFE_INTEGER)
    const csv = csvBytes(writer, new SeededRows(columns, one.listing), 'us')
    deflated += (await deflate(csv, { level: 1, finishFlush: constants.Z_SYNC_FLUSH })).length
    rows += columns.length
  }
  return (deflated / Math.max(1, rows)) * 1.06 + 1
}

function csvBytes(writer: ByteWriter, rows: SeededRows, unit: 'ms' | 'us'): Buffer {
  for (let row = 0; row < rows.length; row++) {
    rows.writeCsv(writer, row, unit)
    writer.byte(10)
  }
  return writer.take()
}

/** The CSV of a file, piece by piece. */
async function* csvOf(one: SymbolMarket, file: ArchiveFile): AsyncGenerator<Buffer> {
  const unit = file.market === 'spot' && file.start >= MICROSECONDS_FROM ? 'us' : 'ms'
  if (file.market === 'usdm' && file.start >= HEADER_FROM) yield Buffer.from(HEADER)
  const end = periodEnd(file)
  const step = file.interval === '1s' ? HOUR : intervalLength(file.interval) < HOUR ? DAY : end - file.start
  const writer = new ByteWriter()
  const breath = new Breath()
  for (let from = file.start; from < end; from += step) {
    const to = Math.min(end, from + step)
    const range = { interval: file.interval, from, to, max: Number.MAX_SAFE_INTEGER }
    yield csvBytes(writer, new SeededRows(await one.read(range, Number.MAX_SAFE_INTEGER), one.listing), unit)
    await breath.take()
  }
}
