import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { type FetchContext, type FetchedFile, fetchFile } from '../../src/archive/fetch-file.ts'
import { parseListing } from '../../src/archive/listing.ts'
import { ParsePool } from '../../src/archive/parse-pool.ts'
import { HttpClient } from '../../src/net/http.ts'
import { makeBatch, makeZip, toCsv } from '../helpers/candles.ts'
import { startTestServer } from '../helpers/http-server.ts'
import { tempFolder } from '../helpers/temp.ts'

const JANUARY = { from: Date.UTC(2024, 0, 1), to: Date.UTC(2024, 1, 1) }
const PATH = 'data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip'
const SPEC = { path: PATH, interval: '1m' as const, ...JANUARY }
const ROWS = 44_640

const csv = toCsv(makeBatch('1m', JANUARY.from, ROWS))
/** Stored, not packed: large enough that transfers can break in the middle. */
const zip = makeZip(csv, { stored: true })
const sha256 = createHash('sha256').update(zip).digest('hex')

const pool = new ParsePool(1)
const http = new HttpClient()
afterAll(async () => {
  await pool[Symbol.asyncDispose]()
  await http.close()
})

interface Answer {
  readonly bytes?: Buffer
  readonly etag?: string
  readonly checksum?: string | undefined
  /** Close the connection after so many bytes. */
  readonly cutAfter?: number
  /** Stop sending after so many bytes and stay silent. */
  readonly stallAfter?: number
  readonly status?: number
}

/** An archive of one file whose n-th transfer goes as the n-th answer says; the last one goes on. */
async function archive(answers: readonly Answer[]) {
  let transfers = 0
  const ranges: (string | undefined)[] = []
  const server = await startTestServer((request, response) => {
    const answer = answers[Math.min(transfers, answers.length - 1)]!
    if (request.url!.endsWith('.CHECKSUM')) {
      if (answer.checksum === undefined) {
        response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>')
      } else response.end(`${answer.checksum}  BTCUSDT-1m-2024-01.zip\n`)
      return
    }
    transfers++
    ranges.push(request.headers.range)
    if (answer.status !== undefined) {
      response.writeHead(answer.status).end()
      return
    }
    const bytes = answer.bytes ?? zip
    const etag = `"${answer.etag ?? 'one'}"`
    const match = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
    const from = match && request.headers['if-range'] === etag ? Number(match[1]) : 0
    response.writeHead(from > 0 ? 206 : 200, { etag, 'content-length': bytes.length - from })
    const limit = answer.cutAfter ?? answer.stallAfter
    if (limit === undefined) response.end(bytes.subarray(from))
    else
      response.write(
        bytes.subarray(from, from + limit),
        () => answer.cutAfter !== undefined && setTimeout(() => response.destroy(), 20),
      )
  })
  return Object.assign(server, { ranges, transfers: () => transfers })
}

async function fetchIt(
  url: string,
  more: Partial<FetchContext> = {},
): Promise<{ fetched: FetchedFile; rows: number; resets: number }> {
  let rows = 0
  let resets = 0
  const fetched = await fetchFile(
    { path: PATH, bytes: zip.length, etag: 'one' },
    SPEC,
    {
      rows: (batch) => {
        rows += batch.length
      },
      reset: () => {
        rows = 0
        resets++
      },
    },
    { http, pool, baseUrl: url, retry: { attempts: 3, baseMs: 1, maxMs: 5 }, stallMs: 300, ...more },
  )
  return { fetched, rows, resets }
}

describe('fetching an archive file', () => {
  it('verifies the published checksum', async () => {
    await using server = await archive([{ checksum: sha256 }])
    const { fetched, rows } = await fetchIt(server.url)
    expect(fetched).toMatchObject({ state: 'verified', published: sha256, result: { rows: ROWS } })
    expect(rows).toBe(ROWS)
    expect(server.transfers()).toBe(1)
  })

  it('takes up a cut transfer where it broke, as often as needed', async () => {
    const cut = { checksum: sha256, cutAfter: 900_000 }
    await using server = await archive([cut, cut, cut, { checksum: sha256 }])
    const { fetched, rows, resets } = await fetchIt(server.url)
    expect(fetched.state).toBe('verified')
    expect([rows, resets]).toEqual([ROWS, 0])
    expect(server.ranges[0]).toBeUndefined()
    for (const range of server.ranges.slice(1)) expect(range).toMatch(/^bytes=\d+-$/)
  })

  it('notices a transfer that stands still', async () => {
    await using server = await archive([{ checksum: sha256, stallAfter: 500_000 }, { checksum: sha256 }])
    const { fetched, rows } = await fetchIt(server.url)
    expect(fetched.state).toBe('verified')
    expect(rows).toBe(ROWS)
    expect(server.transfers()).toBe(2)
  })

  it('starts over when the file was replaced in the middle of a transfer', async () => {
    const other = makeZip(toCsv(makeBatch('1m', JANUARY.from, ROWS, 7)), { stored: true })
    const checksum = createHash('sha256').update(other).digest('hex')
    await using server = await archive([
      { checksum, cutAfter: 900_000 },
      { bytes: other, etag: 'two', checksum },
    ])
    const { fetched, rows, resets } = await fetchIt(server.url)
    expect(fetched).toMatchObject({ state: 'verified', result: { sha256: checksum } })
    expect([rows, resets]).toEqual([ROWS, 1])
  })

  it('fetches a file whose hash is wrong once more, and says so when it stays wrong', async () => {
    const wrong = '0'.repeat(64)
    {
      await using server = await archive([{ checksum: wrong }, { checksum: sha256 }])
      const { fetched } = await fetchIt(server.url)
      expect(fetched.state).toBe('verified')
    }
    await using server = await archive([{ checksum: wrong }])
    const { fetched, rows } = await fetchIt(server.url)
    expect(fetched).toMatchObject({ state: 'mismatch', published: wrong, result: { sha256 } })
    expect([rows, server.transfers()]).toEqual([ROWS, 2])
  })

  it('says when no checksum is published, when the file does not exist and when it is no zip', async () => {
    await using without = await archive([{}])
    expect((await fetchIt(without.url)).fetched.state).toBe('no-checksum')
    await using missing = await archive([{ status: 404 }])
    expect((await fetchIt(missing.url)).fetched.state).toBe('missing')
    await using truncated = await archive([{ bytes: zip.subarray(0, 2_000_000), checksum: sha256 }])
    const { fetched, rows } = await fetchIt(truncated.url)
    expect(fetched.state).toBe('unreadable')
    expect(truncated.transfers()).toBe(2)
    expect(rows).toBeLessThan(ROWS)
  })

  it('takes rows of a damaged file no more once it is read anew, or given up', async () => {
    // The parser finds the damage at the file's end, long before a slow sink has taken its rows.
    const damaged = Buffer.from(zip)
    damaged[zip.length >> 1]! ^= 1
    await using server = await archive([{ bytes: damaged, checksum: sha256 }])
    let inside = 0
    const seen: string[] = []
    const sink = {
      rows: async () => {
        inside++
        await sleep(30)
        inside--
      },
      reset: () => void seen.push(`reset ${inside}`),
    }
    const fetched = await fetchFile({ path: PATH, bytes: zip.length, etag: 'one' }, SPEC, sink, {
      http,
      pool,
      baseUrl: server.url,
    })
    expect([fetched.state, ...seen, inside]).toEqual(['unreadable', 'reset 0', 0])
  })

  it('throws what the archive itself fails with', async () => {
    await using down = await archive([{ status: 503, checksum: sha256 }])
    await expect(fetchIt(down.url)).rejects.toThrow(/HTTP 503/)
    expect(down.transfers()).toBe(3)
    await using forbidden = await archive([{ status: 451, checksum: sha256 }])
    await expect(fetchIt(forbidden.url)).rejects.toThrow(/HTTP 451/)
    expect(forbidden.transfers()).toBe(1)
  })

  it('keeps what arrived for the next process, which goes on from there', async () => {
    await using folder = await tempFolder()
    const stop = new AbortController()
    {
      await using server = await archive([{ checksum: sha256, stallAfter: 3_000_000 }])
      let received = 0
      const first = fetchIt(server.url, {
        partsFolder: folder.path,
        signal: stop.signal,
        onBytes: (bytes) => {
          received += bytes
          if (received >= 3_000_000) stop.abort()
        },
      })
      await expect(first).rejects.toThrow(/abort/i)
    }
    expect(await readdir(folder.path)).toHaveLength(1)
    await using server = await archive([{ checksum: sha256 }])
    const { fetched, rows } = await fetchIt(server.url, { partsFolder: folder.path })
    expect(fetched.state).toBe('verified')
    expect(rows).toBe(ROWS)
    expect(server.ranges).toEqual(['bytes=3000000-'])
    expect(await readdir(folder.path)).toEqual([])
  })

  it('frees the connection when it is aborted', async () => {
    await using server = await archive([{ checksum: sha256, stallAfter: 100_000 }])
    const stop = new AbortController()
    const running = fetchIt(server.url, { signal: stop.signal, stallMs: 60_000, onBytes: () => stop.abort() })
    await expect(running).rejects.toThrow(/abort/i)
    await expect.poll(() => server.aborted()).toBe(1)
  })
})

describe('the archive listing', () => {
  const page = (body: string): string =>
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${body}</ListBucketResult>`
  const object = (key: string): string =>
    `<Contents><Key>${key}</Key><LastModified>2024-02-05T00:00:00.000Z</LastModified><ETag>&quot;abc&quot;</ETag><Size>12</Size><StorageClass>STANDARD</StorageClass></Contents>`

  it('reads objects, folders and where the next page begins', async () => {
    const text = page(
      `<IsTruncated>true</IsTruncated><NextMarker>b/</NextMarker>${object('a&amp;b.zip')}<CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>`,
    )
    expect(await parseListing(text, 'x', '/')).toEqual({
      objects: [{ path: 'a&b.zip', bytes: 12, etag: 'abc', modified: '2024-02-05T00:00:00.000Z' }],
      folders: ['b/'],
      next: 'b/',
    })
  })

  it('goes on from the last key where no marker is given, as S3 does without a delimiter', async () => {
    const text = page(`<IsTruncated>true</IsTruncated>${object('a')}${object('b')}`)
    expect((await parseListing(text, 'x', '')).next).toBe('b')
    expect((await parseListing(page('<IsTruncated>false</IsTruncated>'), 'x', '')).next).toBeUndefined()
  })

  it.each([
    ['a web page', '<html><body>busy</body></html>'],
    ['an error', '<Error><Code>SlowDown</Code></Error>'],
    ['an object without a size', page('<IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents>')],
    ['nothing', ''],
  ])('refuses %s', async (_, text) => {
    await expect(parseListing(text, 'http://list', '/')).rejects.toThrow(/http:\/\/list/)
  })
})
