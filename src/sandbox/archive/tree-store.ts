import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError } from '../../model/errors.ts'
import type { SandboxMarket } from '../market/listing.ts'
import type { MarketData } from '../market/market.ts'
import { TreeMarket } from '../market/tree.ts'
import { MARKET_FOLDER, parseKey, publishedAt } from './keys.ts'
import { type ArchiveObject, type ArchiveStore, CHECKSUM } from './store.ts'

/** Opens a folder in the archive's layout, as an archive and as a market. */
export async function openTree(
  folder: string,
  markets: readonly SandboxMarket[],
  symbols: readonly string[] | undefined,
): Promise<{ store: ArchiveStore; data: MarketData }> {
  const root = resolve(folder)
  const found = await Promise.all(
    markets.map((market) => readdir(join(root, MARKET_FOLDER[market])).catch((): string[] => [])),
  )
  if (found.every((names) => names.length === 0)) {
    const wanted = markets.map((market) => MARKET_FOLDER[market]).join(' or ')
    throw new ConfigError(`archive: ${folder} is not in the archive's layout: it holds no ${wanted}.`)
  }
  const data = new TreeMarket(root, symbols)
  return { store: new TreeStore(root, data, symbols), data }
}

/** A folder served as the bucket. Files of days that the clock has not published yet are not there. */
class TreeStore implements ArchiveStore {
  readonly #root: string
  readonly #market: TreeMarket
  readonly #symbols: readonly string[] | undefined
  readonly #etags = new Map<string, { changed: number; etag: string }>()

  constructor(root: string, market: TreeMarket, symbols: readonly string[] | undefined) {
    this.#root = root
    this.#market = market
    this.#symbols = symbols
  }

  async children(folder: string, now: number): Promise<readonly string[]> {
    const entries = await readdir(join(this.#root, folder), { withFileTypes: true }).catch(() => [])
    const names: string[] = []
    for (const entry of entries) {
      if (!entry.isDirectory()) {
        if (await this.#isPublished(folder + entry.name, now)) names.push(entry.name)
      } else if (folder !== '' || entry.name === 'data') names.push(`${entry.name}/`)
    }
    const own = this.#symbols
    const kept = own && folder.endsWith('/klines/') ? names.filter((name) => own.includes(name.slice(0, -1))) : names
    return kept.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }

  async #isPublished(key: string, now: number): Promise<boolean> {
    const file = parseKey(key.endsWith(CHECKSUM) ? key.slice(0, -CHECKSUM.length) : key)
    if (!file) return true
    if (this.#symbols && !this.#symbols.includes(file.symbol)) return false
    const origin = file.interval === '3d' ? await this.#market.originOf(file.market, file.symbol) : undefined
    if (file.interval === undefined) return publishedAt(file) <= now
    return publishedAt(file, { interval: file.interval, ...(origin === undefined ? {} : { origin }) }) <= now
  }

  async object(key: string, now: number): Promise<ArchiveObject | undefined> {
    const path = join(this.#root, key)
    if (
      !key.startsWith('data/') ||
      !path.startsWith(join(this.#root, 'data')) ||
      !(await this.#isPublished(key, now))
    ) {
      return undefined
    }
    const facts = await stat(path).catch(() => undefined)
    if (!facts?.isFile()) return undefined
    return {
      key,
      size: facts.size,
      etag: await this.#etag(path, facts.mtimeMs),
      lastModified: facts.mtimeMs,
      async *read(start, end) {
        if (end > start) yield* createReadStream(path, { start, end: end - 1 }) as AsyncIterable<Buffer>
      },
    }
  }

  async #etag(path: string, changed: number): Promise<string> {
    const known = this.#etags.get(path)
    if (known && known.changed === changed) return known.etag
    const etag = createHash('md5')
      .update(await readFile(path))
      .digest('hex')
    this.#etags.set(path, { changed, etag })
    return etag
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
