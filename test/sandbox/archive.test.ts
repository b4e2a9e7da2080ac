import { createHash } from 'node:crypto'
import { XMLParser } from 'fast-xml-parser'
import { describe, expect, it } from 'vitest'
import type { Sandbox } from '../../src/sandbox/index.ts'
import { unzipOnly } from '../helpers/recorded-candles.ts'
import { archiveRows, fetchBytes, rowsOf, sandboxFor, sha256 } from './help.ts'

interface Listing {
  IsTruncated: boolean
  NextMarker?: string
  MaxKeys: number
  Contents: { Key: string; Size: number; ETag: string; LastModified: string }[]
  CommonPrefixes: { Prefix: string }[]
}

const parser = new XMLParser({ isArray: (name) => name === 'Contents' || name === 'CommonPrefixes' })

async function list(sandbox: Sandbox, query: string, path = '/'): Promise<Listing> {
  const text = await (await fetch(`${sandbox.endpoint}${path}?${query}`)).text()
  const result = (parser.parse(text) as { ListBucketResult: Listing }).ListBucketResult
  return { ...result, Contents: result.Contents ?? [], CommonPrefixes: result.CommonPrefixes ?? [] }
}

const FOLDER = 'data/spot/daily/klines/BTCUSDT/1h/'

describe('the listing of the archive', () => {
  it('shows folders with a delimiter, delisted symbols too', async () => {
    const sandbox = await sandboxFor()
    const top = await list(sandbox, 'prefix=data/&delimiter=/')
    expect(top.CommonPrefixes.map(({ Prefix }) => Prefix)).toEqual(['data/futures/', 'data/spot/'])
    const symbols = await list(sandbox, 'prefix=data/spot/monthly/klines/&delimiter=/', '/data.binance.vision')
    const names = symbols.CommonPrefixes.map(({ Prefix }) => Prefix.split('/')[4])
    expect(names).toEqual(expect.arrayContaining(['BTCUSDT', 'SRMUSDT']))
    expect(names).not.toContain('币安人生USDT')
    const intervals = await list(sandbox, 'prefix=data/spot/monthly/klines/BTCUSDT/&delimiter=/')
    expect(intervals.CommonPrefixes.map(({ Prefix }) => Prefix.split('/')[5])).toEqual([
      '12h',
      '15m',
      '1d',
      '1h',
      '1m',
      '1mo',
      '1s',
      '1w',
      '2h',
      '30m',
      '3d',
      '3m',
      '4h',
      '5m',
      '6h',
      '8h',
    ])
    const daily = await list(sandbox, 'prefix=data/futures/um/daily/klines/BTCUSDT/&delimiter=/')
    expect(daily.CommonPrefixes.map(({ Prefix }) => Prefix.split('/')[6])).not.toEqual(
      expect.arrayContaining(['1s', '3d', '1w', '1mo']),
    )
  })

  it('goes on page by page, a checksum beside each zip, in byte order', async () => {
    const sandbox = await sandboxFor()
    const keys: string[] = []
    let marker = ''
    for (let pages = 1; ; pages++) {
      const page = await list(sandbox, `prefix=${FOLDER}&marker=${encodeURIComponent(marker)}`)
      keys.push(...page.Contents.map(({ Key }) => Key))
      // NextMarker comes only with a delimiter.
      expect(page.NextMarker).toBeUndefined()
      if (!page.IsTruncated) {
        expect(pages).toBeGreaterThan(3)
        break
      }
      expect(page.Contents.length).toBe(1000)
      marker = keys.at(-1)!
    }
    expect(keys).toEqual([...keys].sort())
    expect(new Set(keys).size).toBe(keys.length)
    expect(keys[0]).toBe(`${FOLDER}BTCUSDT-1h-2017-08-17.zip`)
    expect(keys.at(-1)).toBe(`${FOLDER}BTCUSDT-1h-2024-05-08.zip.CHECKSUM`)
    const zips = keys.filter((key) => key.endsWith('.zip'))
    expect(keys).toEqual(zips.flatMap((key) => [key, `${key}.CHECKSUM`]))
    const first = await list(sandbox, `prefix=${FOLDER}&delimiter=/&max-keys=3`)
    expect(first).toMatchObject({ IsTruncated: true, MaxKeys: 3, NextMarker: keys[2] })
    const folders = await list(sandbox, 'prefix=data/spot/daily/klines/&delimiter=/&max-keys=2')
    expect(folders.CommonPrefixes.length).toBe(2)
    const rest = await list(sandbox, `prefix=data/spot/daily/klines/&delimiter=/&marker=${folders.NextMarker}`)
    expect(rest.CommonPrefixes[0]!.Prefix > folders.NextMarker!).toBe(true)
  })

  it('tells the size and tag that the file then has', async () => {
    const sandbox = await sandboxFor({ symbols: ['BTCUSDT', 'XRPUSDT'], tradesPerSecond: 1 })
    for (const prefix of [
      'data/spot/daily/klines/XRPUSDT/1m/XRPUSDT-1m-2024-02',
      'data/futures/um/monthly/klines/BTCUSDT/5m/BTCUSDT-5m-2020',
      'data/futures/um/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2020-05',
    ]) {
      const { Contents } = await list(sandbox, `prefix=${prefix}&max-keys=6`)
      expect(Contents.length).toBeGreaterThan(1)
      for (const { Key, Size, ETag } of Contents) {
        const head = await fetch(`${sandbox.endpoint}/${Key}`, { method: 'HEAD' })
        expect(head.headers.get('content-length')).toBe(String(Size))
        expect(head.headers.get('etag')).toBe(ETag.replaceAll('&quot;', '"'))
        expect((await fetchBytes(sandbox, `/${Key}`)).length).toBe(Size)
      }
    }
  })

  it('percent-encodes names beyond ASCII when asked to, and such files can be fetched', async () => {
    const sandbox = await sandboxFor({ now: '2026-03-10', symbols: ['币安人生USDT'] })
    const prefix = encodeURIComponent('data/spot/monthly/klines/币安人生USDT/1d/')
    const plain = await list(sandbox, `prefix=${prefix}`)
    const coded = await list(sandbox, `prefix=${prefix}&encoding-type=url`)
    expect(plain.Contents.map(({ Key }) => Key)[0]).toContain('/币安人生USDT-1d-2026-01.zip')
    expect(coded.Contents.map(({ Key }) => decodeURIComponent(Key))).toEqual(plain.Contents.map(({ Key }) => Key))
    expect((await archiveRows(sandbox, `/${plain.Contents[0]!.Key}`)).length).toBe(25)
  })
})

describe('files of the archive', () => {
  it('are zips of one CSV with the same stem and have the hash that their CHECKSUM tells', async () => {
    const sandbox = await sandboxFor()
    const path = `/${FOLDER}BTCUSDT-1h-2024-05-01.zip`
    const zip = await fetchBytes(sandbox, path)
    const central = zip.readUInt32LE(zip.length - 6)
    expect(zip.readUInt16LE(zip.length - 12)).toBe(1)
    expect(zip.toString('utf8', central + 46, central + 46 + zip.readUInt16LE(central + 28))).toBe(
      'BTCUSDT-1h-2024-05-01.csv',
    )
    expect((await fetchBytes(sandbox, `${path}.CHECKSUM`)).toString()).toBe(
      `${sha256(zip)}  BTCUSDT-1h-2024-05-01.zip\n`,
    )
    expect(unzipOnly(zip).length).toBe(zip.readUInt32LE(central + 24))
  })

  it('tell ms before 2025 and µs after on spot; USD-M stays at ms and has a header from June 2022', async () => {
    const sandbox = await sandboxFor({ now: '2025-03-01', symbols: ['ETHUSDT'] })
    const firstLine = async (path: string): Promise<string> =>
      unzipOnly(await fetchBytes(sandbox, path))
        .toString()
        .split('\n')[0]!
    const spot = (month: string): string => `/data/spot/monthly/klines/ETHUSDT/1h/ETHUSDT-1h-${month}.zip`
    const usdm = (month: string): string => `/data/futures/um/monthly/klines/ETHUSDT/1h/ETHUSDT-1h-${month}.zip`
    expect(await firstLine(spot('2024-12'))).toMatch(/^1733011200000,.*,1733014799999,/)
    expect(await firstLine(spot('2025-01'))).toMatch(/^1735689600000000,.*,1735693199999999,/)
    expect(await firstLine(usdm('2022-05'))).toMatch(/^1651363200000,/)
    expect(await firstLine(usdm('2022-06'))).toMatch(/^open_time,open,high,low,close,volume,close_time,/)
    expect(rowsOf(unzipOnly(await fetchBytes(sandbox, usdm('2025-01'))))[0]![0]).toBe(Date.UTC(2025, 0, 1))
  })

  it('appear as the clock goes on: days after two days, months on the first Monday', async () => {
    const has = async (now: string, path: string): Promise<boolean> => {
      const sandbox = await sandboxFor({ now, speed: 0.001 })
      return (await fetch(sandbox.endpoint + path)).status === 200
    }
    const day = `/${FOLDER}BTCUSDT-1h-2024-05-01.zip`
    expect(await has('2024-05-02T23:59:59Z', day)).toBe(false)
    expect(await has('2024-05-03', day)).toBe(true)
    const month = '/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-04.zip'
    expect(await has('2024-05-05T23:59:59Z', month)).toBe(false)
    expect(await has('2024-05-06', month)).toBe(true)
  })

  it('end with the life of a delisted symbol and begin with that of a listed one', async () => {
    const sandbox = await sandboxFor({ symbols: ['SRMUSDT'] })
    const path = (month: string): string => `/data/spot/monthly/klines/SRMUSDT/1h/SRMUSDT-1h-${month}.zip`
    expect((await archiveRows(sandbox, path('2022-11'))).at(-1)![0]).toBe(Date.UTC(2022, 10, 28, 2))
    expect((await archiveRows(sandbox, path('2020-08')))[0]![0]).toBe(Date.UTC(2020, 7, 11, 4))
    expect((await fetch(sandbox.endpoint + path('2022-12'))).status).toBe(404)
    expect((await fetch(sandbox.endpoint + path('2020-07'))).status).toBe(404)
  })

  it('that are not there get the 404 of S3', async () => {
    const sandbox = await sandboxFor()
    const response = await fetch(`${sandbox.endpoint}/${FOLDER}BTCUSDT-1h-1999-01-01.zip`)
    expect(response.status).toBe(404)
    expect(await response.text()).toContain('<Code>NoSuchKey</Code>')
  })

  it('can be had in parts, guarded by If-Range', async () => {
    const sandbox = await sandboxFor()
    const path = `/${FOLDER}BTCUSDT-1h-2024-04-02.zip`
    const whole = await fetchBytes(sandbox, path)
    const get = (headers: Record<string, string>): Promise<Response> => fetch(sandbox.endpoint + path, { headers })
    const tag = (await get({})).headers.get('etag')!
    const middle = await get({ Range: 'bytes=100-199', 'If-Range': tag })
    expect(middle.status).toBe(206)
    expect(middle.headers.get('content-range')).toBe(`bytes 100-199/${whole.length}`)
    expect(Buffer.from(await middle.arrayBuffer())).toEqual(whole.subarray(100, 200))
    const rest = await get({ Range: 'bytes=100-' })
    expect(Buffer.from(await rest.arrayBuffer())).toEqual(whole.subarray(100))
    const tail = await get({ Range: 'bytes=-10' })
    expect(Buffer.from(await tail.arrayBuffer())).toEqual(whole.subarray(-10))
    expect((await get({ Range: `bytes=${whole.length}-` })).status).toBe(416)
    expect((await get({ Range: 'bytes=100-', 'If-Range': '"another"' })).status).toBe(200)
    expect((await get({ 'If-None-Match': tag })).status).toBe(304)
  })

  it('of a day of seconds are made on disk, as promised and as REST has them', async () => {
    const sandbox = await sandboxFor({ tradesPerSecond: 1 })
    const path = '/data/spot/daily/klines/BTCUSDT/1s/BTCUSDT-1s-2024-05-02.zip'
    const { Contents } = await list(sandbox, `prefix=${path.slice(1)}`)
    const zip = await fetchBytes(sandbox, path)
    expect(zip.length).toBe(Contents[0]!.Size)
    expect((await fetchBytes(sandbox, `${path}.CHECKSUM`)).toString()).toContain(sha256(zip))
    const part = await fetchBytes(sandbox, path, { headers: { Range: 'bytes=1000-1999' } })
    expect(part).toEqual(zip.subarray(1000, 2000))
    const rows = rowsOf(unzipOnly(zip))
    expect(rows.length).toBe(86_400)
    const truth = await sandbox.truthCandles('spot', 'BTCUSDT', '1s', '2024-05-02', '2024-05-03')
    const hash = (value: unknown): string => createHash('md5').update(JSON.stringify(value)).digest('hex')
    expect(hash(rows)).toBe(hash(truth))
  })
})
