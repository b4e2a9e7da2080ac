import { createHash } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/index.ts'
import { unzipOnly } from '../helpers/recorded-candles.ts'

/** A candle as REST gives it. */
export type Row = [number, string, string, string, string, string, number, string, number, string, string, string]

/** A Friday, half past ten: the archive ends with 2024-05-08, the monthly files with April. */
export const NOW = '2024-05-10T10:30:30Z'

/** A sandbox that is closed when the test is over. */
export async function sandboxFor(options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = await startSandbox({ now: NOW, tradesPerSecond: 0.2, ...options })
  onTestFinished(() => sandbox.close())
  return sandbox
}

export async function getJson<T = unknown>(sandbox: Sandbox, path: string, init?: RequestInit): Promise<T> {
  return (await (await fetch(sandbox.endpoint + path, init)).json()) as T
}

export async function klines(
  sandbox: Sandbox,
  query: Record<string, string | number>,
  market = 'spot',
): Promise<Row[]> {
  const path = market === 'spot' ? '/api/v3/klines' : '/fapi/v1/klines'
  const text = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  return getJson<Row[]>(sandbox, `${path}?${text.join('&')}`)
}

/** Every candle of a range by REST, page by page. */
export async function allKlines(
  sandbox: Sandbox,
  symbol: string,
  interval: string,
  from: number,
  to: number,
  market = 'spot',
): Promise<Row[]> {
  const rows: Row[] = []
  for (let startTime = from; ; ) {
    const page = await klines(sandbox, { symbol, interval, startTime, endTime: to - 1, limit: 1000 }, market)
    rows.push(...page)
    if (page.length < 1000) return rows
    startTime = page.at(-1)![0] + 1
  }
}

export async function fetchBytes(sandbox: Sandbox, path: string, init?: RequestInit): Promise<Buffer> {
  const response = await fetch(sandbox.endpoint + encodeURI(path), init)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return Buffer.from(await response.arrayBuffer())
}

/** The rows of a zip of the archive in the form of REST: ms, close times too. */
export async function archiveRows(sandbox: Sandbox, path: string): Promise<Row[]> {
  return rowsOf(unzipOnly(await fetchBytes(sandbox, path)))
}

export function rowsOf(csv: Buffer): Row[] {
  return csv
    .toString()
    .trimEnd()
    .split('\n')
    .filter((line) => /^\d/.test(line))
    .map((line) => {
      const [open, o, h, l, c, v, close, q, n, bv, bq, ignore] = line.split(',') as string[]
      return [ms(open!), o!, h!, l!, c!, v!, ms(close!), q!, Number(n), bv!, bq!, ignore!]
    })
}

function ms(text: string): number {
  return text.length === 16 ? Math.floor(Number(text) / 1000) : Number(text)
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Units of the last digit, exact: `units('1.50')` is 150n. */
export function units(text: string): bigint {
  return BigInt(text.replace('.', ''))
}

/** Adds up candles as an exchange would: prices of the ones with trades only. */
export function aggregate(rows: readonly Row[]): Pick<Row, 1 | 2 | 3 | 4 | 8> & { sums: bigint[] } {
  const traded = rows.filter((row) => row[8] > 0)
  const used = traded.length > 0 ? traded : rows.slice(0, 1)
  const by = (field: 2 | 3, sign: 1 | -1): string =>
    used.map((row) => row[field]).reduce((a, b) => (sign * (Number(a) - Number(b)) >= 0 ? a : b))
  return {
    1: used[0]![1],
    2: by(2, 1),
    3: by(3, -1),
    4: used.at(-1)![4],
    8: rows.reduce((sum, row) => sum + row[8], 0),
    sums: [5, 7, 9, 10].map((field) => rows.reduce((sum, row) => sum + units(String(row[field])), 0n)),
  }
}
