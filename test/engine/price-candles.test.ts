import { describe, expect, it } from 'vitest'
import { BinanceClient } from '../../src/exchanges/binance/index.ts'
import { kindOf } from '../../src/model/kinds.ts'
import type { SeriesId } from '../../src/model/series.ts'
import { Bench } from './help.ts'

const bench = new Bench()
const NOW = Date.UTC(2024, 2, 10, 12, 0, 30)
const PRICE = { markCandle: 'mark', indexCandle: 'index', premiumCandle: 'premiumIndex' } as const
type PriceKind = keyof typeof PRICE

function seriesOf(kind: PriceKind, interval: '1m' | '1h'): SeriesId {
  return { exchange: 'binance', market: 'usdm', kind, symbol: 'BTCUSDT', interval }
}

const COLUMNS = ['open_time', 'open', 'high', 'low', 'close', 'close_time', 'samples']

async function stored(series: SeriesId, folder = 'lake'): Promise<number[][]> {
  const lake = await bench.manager({ dataDir: bench.folder.join(folder) }).lake()
  const batch = await lake.load(series)
  expect(Object.keys(batch.columns)).toEqual(
    kindOf(series.kind)
      .columns.filter(({ isDefault }) => isDefault)
      .map(({ name }) => name),
  )
  return Array.from({ length: batch.length }, (_, i) => COLUMNS.map((name) => batch.columns[name]![i]!))
}

/** What REST says, by the plain-row calls of the client. */
async function told(kind: PriceKind, interval: string, from: number, to: number): Promise<number[][]> {
  const client = new BinanceClient({ endpoint: bench.sandbox.endpoint })
  const rows: number[][] = []
  for (let startTime = from; startTime < to; startTime = rows.at(-1)![0]! + 1) {
    const page = await client.getKlines('BTCUSDT', interval, {
      price: PRICE[kind],
      startTime,
      endTime: to - 1,
      limit: 1500,
    })
    if (page.length === 0) break
    for (const row of page) rows.push([row.openTime, row.open, row.high, row.low, row.close, row.closeTime, row.trades])
  }
  await client[Symbol.asyncDispose]()
  return rows
}

describe('candles of mark price, index price and premium', () => {
  it.each(['markCandle', 'indexCandle', 'premiumCandle'] as const)('come from archive and REST: %s', async (kind) => {
    await bench.start({ now: NOW })
    const series = seriesOf(kind, '1m')
    const [from, to] = [Date.UTC(2024, 2, 6), Date.UTC(2024, 2, 10, 8)]
    const report = await bench.download(series, from, to)
    expect(report).toMatchObject({ complete: true, gaps: [], defects: 0, rows: (to - from) / 60_000 })
    expect(report.files.map(({ outcome }) => outcome)).toEqual(['verified', 'verified', 'verified'])
    const rows = await stored(series)
    expect(rows).toEqual(await told(kind, '1m', from, to))
    expect(rows.every((row) => row[6] === 60)).toBe(true)
    if (kind === 'premiumCandle') expect(rows.some((row) => row[3]! < 0)).toBe(true)
    const [verdict] = await bench.manager().verify([series])
    expect(verdict).toMatchObject({ ok: true, complete: true, problems: [] })
  })

  it.each([
    ['missing rows', { type: 'missing-rows', from: '2024-02-10', to: '2024-02-11' }],
    ['rows that are cut', { type: 'bad-rows', kind: 'cut', rows: 4 }],
    ['absurd prices', { type: 'bad-rows', kind: 'absurd', rows: 4 }],
    ['a wrong checksum', { type: 'wrong-checksum' }],
    ['a damaged zip', { type: 'corrupt-zip' }],
  ] as const)('are whole in spite of %s', async (_, fault) => {
    const sandbox = await bench.start({ now: NOW })
    sandbox.addFaults([{ ...fault, match: { path: 'Klines.*(2024-02|2024-02-1.)' } }])
    for (const kind of ['markCandle', 'premiumCandle'] as const) {
      const series = seriesOf(kind, '1h')
      const [from, to] = [Date.UTC(2024, 1, 1), Date.UTC(2024, 2, 1)]
      const report = await bench.download(series, from, to)
      expect(report).toMatchObject({ complete: true, gaps: [] })
      expect(await stored(series)).toEqual(await told(kind, '1h', from, to))
    }
  })

  it('are read by getData from any source', async () => {
    await bench.start({ now: NOW })
    const wish = { symbol: 'BTCUSDT', market: 'usdm', interval: '1h', from: '2024-02-10', to: '2024-02-20' }
    const truth = await told('premiumCandle', '1h', Date.UTC(2024, 1, 10), Date.UTC(2024, 1, 20))
    for (const source of ['archive', 'rest', 'auto', 'lake'] as const) {
      const table = await bench.manager().getData({ ...wish, kind: 'premiumCandle', source })
      expect(table.schema.fields.map(({ name }) => name)).toEqual(COLUMNS)
      expect(Array.from(table.getChild('close')!.toArray() as Float64Array), source).toEqual(truth.map((row) => row[4]))
    }
    await expect(bench.manager().getData({ ...wish, kind: 'trade' })).rejects.toThrow('trade is no kind of candles')
  })

  it('come from the archive alone where that is asked for, or say why they cannot', async () => {
    const sandbox = await bench.start({ now: NOW })
    const wish = { symbol: 'BTCUSDT', market: 'usdm', kind: 'markCandle', source: 'archive' } as const
    const day = { from: '2024-03-06', to: '2024-03-07' }
    const table = await bench.manager().getData({ ...wish, ...day, interval: '5m' })
    expect(sandbox.usage().paths['/fapi/v1/markPriceKlines']).toBeUndefined()
    const truth = await told('markCandle', '5m', Date.UTC(2024, 2, 6), Date.UTC(2024, 2, 7))
    expect([...(table.getChild('close')!.toArray() as Float64Array)]).toEqual(truth.map((row) => row[4]))
    await expect(bench.manager().getData({ ...wish, ...day, interval: '1s' })).rejects.toThrow('usdm has no 1s candles')
    await expect(bench.manager().getData({ ...wish, ...day, interval: '1m', market: 'spot' })).rejects.toThrow(
      'binance has no markCandle of spot, only of futures.',
    )
    await expect(bench.manager().getData({ ...wish, ...day, interval: '1m', symbol: 'NOSUCHUSDT' })).rejects.toThrow(
      'NOSUCHUSDT',
    )
  })

  it.each([
    ['markCandle', '5m', '2023-11-10T03:40', '2023-11-10T04:00', 4],
    ['premiumCandle', '1h', '2021-01-24', '2021-02-22', 29 * 24],
  ] as const)(
    'that the archive is known to lack come from REST, or are named: %s',
    async (kind, interval, from, to, count) => {
      const sandbox = await bench.start({ now: NOW })
      sandbox.addFaults([{ type: 'missing-rows', from, to, match: { path: 'PriceKlines|premiumIndexKlines' } }])
      const series = { ...seriesOf(kind, '1h'), interval } as SeriesId
      const range = {
        from: Date.parse(`${from.slice(0, 10)}T00:00Z`),
        to: Date.parse(`${to.slice(0, 10)}T00:00Z`) + 86_400_000,
      }
      sandbox.addFaults([{ type: 'http-error', status: 503, match: { path: '^/fapi' } }])
      const alone = await bench.download(series, range.from, range.to, { source: 'archive' })
      expect(alone.gaps).toMatchObject([{ from: Date.parse(`${from}${from.includes('T') ? '' : 'T00:00'}Z`), count }])
      sandbox.clearFaults()
      sandbox.addFaults([{ type: 'missing-rows', from, to, match: { path: 'PriceKlines|premiumIndexKlines' } }])
      const other = bench.manager({ dataDir: bench.folder.join('other') })
      expect(await bench.download(series, range.from, range.to, { manager: other })).toMatchObject({
        complete: true,
        gaps: [],
      })
      expect(await stored(series, 'other')).toEqual(await told(kind, interval, range.from, range.to))
    },
  )

  it('are not known for spot', async () => {
    await bench.start({ now: NOW })
    const series: SeriesId = { ...seriesOf('markCandle', '1m'), market: 'spot' }
    const report = await bench.download(series, '2024-03-06', '2024-03-07')
    expect(report.error).toContain('spot has no markCandles')
  })
})
