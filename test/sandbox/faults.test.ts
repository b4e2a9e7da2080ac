import { describe, expect, it } from 'vitest'
import { type FaultSpec, parseFaults, type Sandbox } from '../../src/sandbox/index.ts'
import { unzipOnly } from '../helpers/recorded-candles.ts'
import { archiveRows, fetchBytes, getJson, klines, rowsOf, sandboxFor, sha256 } from './help.ts'

const DAY = '/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-05-01.zip'
const OTHER = '/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-05-02.zip'
const KLINES = '/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=20'

async function withFault(...faults: FaultSpec[]): Promise<Sandbox> {
  return sandboxFor({ faults })
}

async function checksumOf(sandbox: Sandbox, path: string): Promise<string> {
  return (await fetchBytes(sandbox, `${path}.CHECKSUM`)).toString().slice(0, 64)
}

async function listed(sandbox: Sandbox, prefix: string): Promise<string[]> {
  const text = await (await fetch(`${sandbox.endpoint}/?prefix=${prefix.slice(1)}`)).text()
  return [...text.matchAll(/<Key>([^<]+)<\/Key>/g)].map((match) => `/${match[1]}`)
}

/** Reads a body until it ends, breaks off or falls silent. */
async function readBody(response: Response, patience = 300): Promise<{ bytes: number; end: string }> {
  const reader = response.body!.getReader()
  let bytes = 0
  for (;;) {
    const silent = new Promise<'silent'>((done) => setTimeout(done, patience, 'silent'))
    const step = await Promise.race([reader.read().catch(() => 'broken' as const), silent])
    if (typeof step === 'string') {
      void reader.cancel().catch(() => {})
      return { bytes, end: step }
    }
    if (step.done) return { bytes, end: 'whole' }
    bytes += step.value.length
  }
}

describe('faults of answers', () => {
  it('http-error answers with a status, a body and Retry-After, as often as told', async () => {
    const sandbox = await withFault({
      type: 'http-error',
      status: 503,
      retryAfterS: 7,
      times: 2,
      match: { path: '/klines' },
    })
    for (let i = 0; i < 2; i++) {
      const response = await fetch(sandbox.endpoint + KLINES)
      expect(response.status).toBe(503)
      expect(response.headers.get('retry-after')).toBe('7')
    }
    expect((await fetch(sandbox.endpoint + KLINES)).status).toBe(200)
    expect((await fetch(`${sandbox.endpoint}/api/v3/ping`)).status).toBe(200)
  })

  it('http-error hits the archive too, after some requests if told', async () => {
    const sandbox = await withFault({ type: 'http-error', status: 500, after: 1, body: { oh: 'no' } })
    expect((await fetch(sandbox.endpoint + DAY)).status).toBe(200)
    const response = await fetch(sandbox.endpoint + DAY)
    expect(response.status).toBe(500)
    expect(await response.json()).toEqual({ oh: 'no' })
    expect((await fetch(`${sandbox.endpoint}/sandbox/usage`)).status).toBe(200)
  })

  it('rate-limit and ban look like those of the exchange', async () => {
    const sandbox = await withFault({ type: 'rate-limit', retryAfterS: 3, times: 1 }, { type: 'ban', times: 1 })
    const first = await fetch(sandbox.endpoint + KLINES)
    expect([first.status, first.headers.get('retry-after')]).toEqual([429, '3'])
    const second = await fetch(sandbox.endpoint + KLINES)
    expect([second.status, second.headers.get('retry-after')]).toEqual([418, '2'])
    expect(((await second.json()) as { msg: string }).msg).toMatch(/IP banned until \d{13}/)
  })

  it('timeout never answers', async () => {
    const sandbox = await withFault({ type: 'timeout' })
    const signal = AbortSignal.timeout(300)
    await expect(fetch(sandbox.endpoint + KLINES, { signal })).rejects.toThrow(/timeout/i)
  })

  it('slow keeps to its pace', async () => {
    const sandbox = await withFault({ type: 'slow', bytesPerSecond: 2000, match: { path: '\\.zip$' } })
    const response = await fetch(sandbox.endpoint + DAY)
    const size = Number(response.headers.get('content-length'))
    // Ten pieces a second: within the first pieces, far from all can have come.
    const reader = response.body!.getReader()
    expect((await reader.read()).value!.length).toBeLessThanOrEqual(size / 2)
    let rest = 0
    for (let step = await reader.read(); !step.done; step = await reader.read()) rest += step.value.length
    expect(rest).toBeGreaterThan(0)
  })

  it('stall stops and keeps the connection, cut destroys it', async () => {
    const sandbox = await withFault(
      { type: 'stall', afterBytes: 100, match: { path: '05-01' } },
      { type: 'cut', afterBytes: 100, match: { path: '05-02' } },
    )
    expect(await readBody(await fetch(sandbox.endpoint + DAY))).toEqual({ bytes: 100, end: 'silent' })
    expect(await readBody(await fetch(sandbox.endpoint + OTHER))).toEqual({ bytes: 100, end: 'broken' })
  })

  it('garbage-json is half a body, text, or the page of a firewall', async () => {
    const sandbox = await withFault(
      { type: 'garbage-json', times: 1 },
      { type: 'garbage-json', body: 'text', times: 1 },
      { type: 'garbage-json', body: 'html', status: 403, times: 1 },
    )
    for (const status of [200, 200, 403]) {
      const response = await fetch(sandbox.endpoint + KLINES)
      expect(response.status).toBe(status)
      const text = await response.text()
      expect(text.length).toBeGreaterThan(10)
      expect(() => JSON.parse(text)).toThrow()
    }
    expect((await klines(sandbox, { symbol: 'BTCUSDT', interval: '1h', limit: 2 })).length).toBe(2)
  })

  it('clock-skew shifts the told time and the Date header, not the data', async () => {
    const sandbox = await withFault({ type: 'clock-skew', ms: 3_600_000, match: { market: 'spot' } })
    const response = await fetch(`${sandbox.endpoint}/api/v3/time`)
    const { serverTime } = (await response.json()) as { serverTime: number }
    const off = serverTime - sandbox.now()
    expect(off).toBeGreaterThan(3_590_000)
    expect(off).toBeLessThanOrEqual(3_600_000)
    expect(Date.parse(response.headers.get('date')!) - sandbox.now()).toBeGreaterThan(3_590_000)
    const usdm = await getJson<{ serverTime: number }>(sandbox, '/fapi/v1/time')
    expect(usdm.serverTime).toBeLessThanOrEqual(sandbox.now())
    const [last] = await klines(sandbox, { symbol: 'BTCUSDT', interval: '1m', limit: 1 })
    expect(last![0]).toBeLessThanOrEqual(sandbox.now())
  })

  it('show by chance when told, the same in each run', async () => {
    const run = async (): Promise<string> => {
      const sandbox = await withFault({ type: 'http-error', status: 500, probability: 0.5 })
      let text = ''
      for (let i = 0; i < 24; i++) text += (await fetch(`${sandbox.endpoint}/api/v3/ping`)).status === 500 ? 'x' : '.'
      return text
    }
    const first = await run()
    expect(first).toMatch(/x/)
    expect(first).toMatch(/\./)
    expect(await run()).toBe(first)
  })
})

describe('faults of archive files', () => {
  it('truncated-zip and corrupt-zip break the zip once, under the checksum of the good one', async () => {
    const sandbox = await withFault(
      { type: 'truncated-zip', times: 1, match: { path: '05-01' } },
      { type: 'corrupt-zip', times: 1, match: { path: '05-02' } },
    )
    for (const path of [DAY, OTHER]) {
      const bad = await fetchBytes(sandbox, path)
      const good = await fetchBytes(sandbox, path)
      const hash = await checksumOf(sandbox, path)
      expect(sha256(bad)).not.toBe(hash)
      expect(sha256(good)).toBe(hash)
      expect(bad.length).toBe(path === DAY ? Math.floor(good.length / 2) : good.length)
    }
  })

  it('wrong-checksum tells another hash, missing-checksum none', async () => {
    const sandbox = await withFault(
      { type: 'wrong-checksum', times: 1, match: { path: '05-01' } },
      { type: 'missing-checksum', match: { path: '05-02' } },
    )
    const hash = sha256(await fetchBytes(sandbox, DAY))
    expect(await checksumOf(sandbox, DAY)).not.toBe(hash)
    expect(await checksumOf(sandbox, DAY)).toBe(hash)
    expect((await fetch(`${sandbox.endpoint + OTHER}.CHECKSUM`)).status).toBe(404)
    expect(await listed(sandbox, OTHER)).toEqual([OTHER])
    expect(await listed(sandbox, DAY)).toEqual([DAY, `${DAY}.CHECKSUM`])
  })

  it('missing-file takes a day or a month out of listing and archive; REST keeps it', async () => {
    const sandbox = await withFault(
      { type: 'missing-file', day: '2024-05-01', match: { symbol: 'BTCUSDT' } },
      { type: 'missing-file', month: '2024-03', match: { symbol: 'BTCUSDT', interval: '1h' } },
    )
    const month = '/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-03.zip'
    for (const path of [DAY, month]) {
      expect((await fetch(sandbox.endpoint + path)).status).toBe(404)
      expect((await fetch(`${sandbox.endpoint + path}.CHECKSUM`)).status).toBe(404)
      expect(await listed(sandbox, path)).toEqual([])
    }
    expect((await fetch(sandbox.endpoint + OTHER)).status).toBe(200)
    expect((await fetch(sandbox.endpoint + month.replaceAll('1h', '4h'))).status).toBe(200)
    expect((await fetch(sandbox.endpoint + DAY.replaceAll('BTC', 'ETH'))).status).toBe(200)
    const rows = await klines(sandbox, {
      symbol: 'BTCUSDT',
      interval: '1h',
      startTime: Date.UTC(2024, 4, 1),
      limit: 24,
    })
    expect(rows.at(-1)![0]).toBe(Date.UTC(2024, 4, 1, 23))
  })

  it('missing-rows leaves candles out of the archive alone, with a checksum that fits', async () => {
    const sandbox = await withFault({ type: 'missing-rows', from: '2024-05-01T03:00Z', to: '2024-05-01T05:00Z' })
    const truth = await sandbox.truthCandles('spot', 'BTCUSDT', '1h', '2024-05-01', '2024-05-02')
    expect(truth.length).toBe(24)
    expect(await archiveRows(sandbox, DAY)).toEqual(truth.filter((_, hour) => hour !== 3 && hour !== 4))
    expect(sha256(await fetchBytes(sandbox, DAY))).toBe(await checksumOf(sandbox, DAY))
    expect((await archiveRows(sandbox, OTHER)).length).toBe(24)
  })

  it.each([
    ['cut', (line: string) => line.split(',').length < 12],
    ['nan', (line: string) => line.includes('NaN')],
    ['negative', (line: string) => line.includes(',-')],
    ['absurd', (line: string) => line.includes('1e300')],
  ] as const)('bad-rows garbles rows: %s', async (kind, isBad) => {
    const sandbox = await withFault({ type: 'bad-rows', kind, rows: 2, match: { path: '05-01' } })
    const zip = await fetchBytes(sandbox, DAY)
    const lines = unzipOnly(zip).toString().trimEnd().split('\n')
    expect(lines.length).toBe(24)
    expect(lines.filter(isBad).length).toBe(2)
    expect(sha256(zip)).toBe(await checksumOf(sandbox, DAY))
  })

  it('republished shows an older version with less volume, then the good one with another checksum', async () => {
    const sandbox = await withFault({ type: 'republished', share: 0.5, times: 1, match: { path: '05-01' } })
    const truth = await sandbox.truthCandles('spot', 'BTCUSDT', '1h', '2024-05-01', '2024-05-02')
    // The checksum first: the two must agree in either order.
    const oldHash = await checksumOf(sandbox, DAY)
    const oldTag = (await fetch(sandbox.endpoint + DAY, { method: 'HEAD' })).headers.get('etag')
    const old = await fetchBytes(sandbox, DAY)
    expect(sha256(old)).toBe(oldHash)
    const oldRows = rowsOf(unzipOnly(old))
    const changed = oldRows.filter((row, i) => row[5] !== truth[i]![5])
    expect(changed.length).toBeGreaterThan(3)
    expect(changed.length).toBeLessThan(21)
    for (const [i, row] of oldRows.entries()) {
      expect(row.slice(0, 5)).toEqual(truth[i]!.slice(0, 5))
      expect(Number(row[5])).toBeLessThanOrEqual(Number(truth[i]![5]))
    }
    expect(await archiveRows(sandbox, DAY)).toEqual(truth)
    const newHash = await checksumOf(sandbox, DAY)
    expect(newHash).not.toBe(oldHash)
    expect((await fetch(sandbox.endpoint + DAY, { method: 'HEAD' })).headers.get('etag')).not.toBe(oldTag)
  })

  it('republished can go by the clock', async () => {
    const at = '2024-05-10T10:31:00Z'
    const fault = { type: 'republished', at, match: { path: '05-01' } } as const
    const before = await sandboxFor({ faults: [fault], speed: 0.001 })
    const after = await sandboxFor({ faults: [fault], now: at })
    expect(await checksumOf(before, DAY)).not.toBe(await checksumOf(after, DAY))
  })

  it('the rest of a cut file belongs to the same version of it', async () => {
    const sandbox = await withFault(
      { type: 'republished', times: 1, match: { path: '05-01' } },
      { type: 'cut', afterBytes: 200, times: 1 },
    )
    const first = await fetch(sandbox.endpoint + DAY)
    const tag = first.headers.get('etag')!
    expect((await readBody(first)).bytes).toBe(200)
    const rest = await fetch(sandbox.endpoint + DAY, { headers: { Range: 'bytes=200-', 'If-Range': tag } })
    expect(rest.status).toBe(206)
    await rest.arrayBuffer()
    const next = await fetch(sandbox.endpoint + DAY, { headers: { 'If-None-Match': tag } })
    expect(next.status).toBe(200)
    await next.arrayBuffer()
  })

  it('zip-bomb inflates to what was asked for, under a checksum that fits', async () => {
    const sandbox = await withFault({ type: 'zip-bomb', bytes: 64 * 1024 * 1024, match: { path: '05-01' } })
    const zip = await fetchBytes(sandbox, DAY)
    expect(zip.length).toBeLessThan(256 * 1024)
    expect(unzipOnly(zip).length).toBe(64 * 1024 * 1024)
    expect(sha256(zip)).toBe(await checksumOf(sandbox, DAY))
  })

  it('zip-path-entry names a path in the zip', async () => {
    const sandbox = await withFault({ type: 'zip-path-entry', match: { path: '05-01' } })
    const zip = await fetchBytes(sandbox, DAY)
    const central = zip.readUInt32LE(zip.length - 6)
    expect(zip.toString('utf8', central + 46, central + 46 + zip.readUInt16LE(central + 28))).toBe('../../evil.csv')
    expect(rowsOf(unzipOnly(zip)).length).toBe(24)
    expect(sha256(zip)).toBe(await checksumOf(sandbox, DAY))
  })
})

describe('faults at run time', () => {
  it('are added, listed with their hits, and cleared over HTTP; truth and usage stay out of their reach', async () => {
    const sandbox = await sandboxFor()
    const post = (body: unknown): Promise<Response> =>
      fetch(`${sandbox.endpoint}/sandbox/faults`, { method: 'POST', body: JSON.stringify(body) })
    expect((await post([{ type: 'http-error', status: 502 }])).status).toBe(200)
    expect((await post({ faults: [{ type: 'timeout', match: { symbol: 'ETHUSDT' } }] })).status).toBe(200)
    expect((await fetch(`${sandbox.endpoint}/api/v3/ping`)).status).toBe(502)
    expect(await getJson(sandbox, '/sandbox/faults')).toEqual([
      { type: 'http-error', status: 502, seen: 1, hits: 1 },
      { type: 'timeout', match: { symbol: 'ETHUSDT' }, seen: 0, hits: 0 },
    ])
    expect((await getJson<unknown[]>(sandbox, '/sandbox/truth?symbol=BTCUSDT&from=2024-05-10')).length).toBe(630)
    await fetch(`${sandbox.endpoint}/sandbox/faults`, { method: 'DELETE' })
    expect((await fetch(`${sandbox.endpoint}/api/v3/ping`)).status).toBe(200)
  })

  it.each([
    [[{ type: 'stal' }], /unknown type "stal"\. Did you mean "stall"\?/],
    [[{ type: 'slow' }], /faults\[0\] \(slow\): needs bytesPerSecond/],
    [[{ type: 'slow', bytesPerSecond: 'fast' }], /bytesPerSecond is "fast"; allowed: a number from 1/],
    [[{ type: 'cut', afterByte: 5 }], /unknown key "afterByte"\. Did you mean "afterBytes"\?/],
    [[{ type: 'cut', match: { market: 'mars' } }], /match: market is "mars"; allowed: one of spot, usdm/],
    [[{ type: 'cut', match: { path: '(' } }], /path is "\("; allowed: a regular expression/],
    [[{ type: 'outage', from: '2024-05-02', to: '2024-05-01' }], /from is not before to/],
    [{ type: 'cut' }, /expected a list of faults/],
    [['cut'], /faults\[0\]: expected an object/],
  ])('are refused with a clear message: %j', async (faults, message) => {
    expect(() => parseFaults(faults)).toThrow(message)
    const sandbox = await sandboxFor()
    const response = await fetch(`${sandbox.endpoint}/sandbox/faults`, {
      method: 'POST',
      body: JSON.stringify(faults),
    })
    expect(response.status).toBe(400)
    expect(((await response.json()) as { error: string }).error).toMatch(message)
  })
})
