import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { limiter } from '../../src/engine/limiter.ts'
import { PublishedHashes } from '../../src/engine/published-hashes.ts'
import { binanceArchive } from '../../src/exchanges/binance/archive.ts'
import type { FileCheck } from '../../src/model/coverage.ts'
import { HttpClient } from '../../src/net/http.ts'
import { startTestServer } from '../helpers/http-server.ts'
import { findRealData, realDataTitle } from '../helpers/real-data.ts'

const root = findRealData()
const http = new HttpClient()
afterAll(() => http.close())

describe("Binance's own list of files that it replaced in 2022", () => {
  it.skipIf(root === undefined)(
    realDataTitle('is told from what was first published, file by file, with both hashes'),
    async () => {
      const text = await readFile(join(root!, 'vision/revisions/2022-10-04_aggregate_trade_updates.csv'), 'utf8')
      const files = text
        .trim()
        .split(/\r?\n/)
        .slice(1)
        .map((line) => {
          const [name, first, again] = line.split(',') as [string, string, string]
          const [, symbol, date] = /^(.+)-aggTrades-(\d{4}-\d{2}(?:-\d{2})?)/.exec(name)!
          const series = { market: 'spot', kind: 'aggTrade', symbol: symbol! } as const
          const path = binanceArchive.file(series, date!.length === 7 ? 'monthly' : 'daily', Date.parse(date!))
          return { path, again, first: first.trim().split(/\s+/)[0]!, now: again.trim().split(/\s+/)[0]! }
        })
      expect(files.length).toBeGreaterThan(100)
      // The archive as it is since: a .CHECKSUM file holds the line that the list tells.
      const lines = new Map(files.map(({ path, again }) => [`/${binanceArchive.checksumPath(path)}`, again]))
      await using server = await startTestServer((request, response) => {
        const line = lines.get(decodeURIComponent(request.url!))
        response.writeHead(line === undefined ? 404 : 200).end(line === undefined ? '' : `${line}\n`)
      })
      const compare = (hash: (file: (typeof files)[number]) => string) =>
        new PublishedHashes({
          archive: { layout: binanceArchive, url: server.url, listUrl: server.url },
          http,
          limit: limiter(8),
          signal: undefined,
        }).compare(
          files.map((file): FileCheck => {
            const sha256 = hash(file)
            return { path: file.path, outcome: 'verified', sha256, published: sha256, at: '2022-09-01T00:00:00Z' }
          }),
        )
      const old = await compare(({ first }) => first)
      expect(old.unchecked).toEqual([])
      expect(new Map(old.replaced.map(({ path, detail }) => [path, detail]))).toEqual(
        new Map(
          files
            .filter(({ first, now }) => first !== now)
            .map(({ path, first, now }) => [path, `the archive now publishes ${now}; ${first} was taken in`]),
        ),
      )
      expect(old.replaced.length).toBeGreaterThan(100)
      expect(await compare(({ now }) => now)).toEqual({ compared: files.length, replaced: [], unchecked: [] })
    },
  )
})
