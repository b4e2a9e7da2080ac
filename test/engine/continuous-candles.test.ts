import { describe, expect, it } from 'vitest'
import { continuousSymbol, readContinuous } from '../../src/model/history/index.ts'
import type { Market, SeriesId } from '../../src/model/series.ts'
import { HOUR } from '../../src/model/time.ts'
import { Bench } from './help.ts'

const bench = new Bench()
/** Some days after a quarter ended. */
const NOW = Date.UTC(2026, 11, 29, 12, 0, 30)
const ROLL = Date.UTC(2026, 11, 25, 8)
const CONTRACTS = ['BTCUSDT', 'BTCUSDT_261225', 'BTCUSDT_270326', 'BTCUSD_PERP', 'BTCUSD_261225', 'BTCUSD_270326']
const START = { symbols: CONTRACTS, markets: ['usdm', 'coinm'] as ('usdm' | 'coinm')[], now: NOW }

function seriesOf(symbol: string, market: Market = 'usdm'): SeriesId {
  return { exchange: 'binance', market, kind: 'continuousCandle', symbol, interval: '1h' }
}

describe('continuous-contract candles', () => {
  it.each([
    ['usdm', 'BTCUSDT', 'BTCUSDT'],
    ['coinm', 'BTCUSD', 'BTCUSD_PERP'],
  ] as const)('of the perpetual are its own: %s', async (market, pair, contract) => {
    await bench.start(START)
    const [from, to] = [NOW - 300 * 24 * HOUR, NOW - HOUR]
    const series = seriesOf(`${pair}_PERPETUAL`, market)
    const report = await bench.download(series, from, to)
    expect(report).toMatchObject({ complete: true, gaps: [], defects: 0, files: [] })
    expect(await bench.stored(series)).toEqual(
      await bench.truth({ ...series, kind: 'candle', symbol: contract }, from, to),
    )
    const [verdict] = await bench.manager().verify([series])
    expect(verdict).toMatchObject({ ok: true, complete: true, problems: [] })
    expect(await bench.download(series, from, to)).toMatchObject({ complete: true, added: 0 })
  })

  it.each([
    ['usdm', 'BTCUSDT'],
    ['coinm', 'BTCUSD'],
  ] as const)('of a quarter go on with the next contract where one is delivered: %s', async (market, pair) => {
    await bench.start(START)
    const [from, to] = [ROLL - 40 * HOUR, ROLL + 40 * HOUR]
    const series = seriesOf(`${pair}_CURRENT_QUARTER`, market)
    expect(await bench.download(series, from, to)).toMatchObject({ complete: true, gaps: [] })
    const of = (symbol: string): SeriesId => ({ ...series, kind: 'candle', symbol })
    expect(await bench.stored(series)).toEqual([
      ...(await bench.truth(of(`${pair}_261225`), from, ROLL)),
      ...(await bench.truth(of(`${pair}_270326`), ROLL, to)),
    ])
    const next = seriesOf(`${pair}_NEXT_QUARTER`, market)
    expect(await bench.download(next, from, ROLL)).toMatchObject({ complete: true, gaps: [] })
    expect(await bench.stored(next)).toEqual(await bench.truth(of(`${pair}_270326`), from, ROLL))
  })

  it('are read by getData, by the pair as by the type', async () => {
    await bench.start(START)
    const wish = { market: 'usdm', kind: 'continuousCandle', interval: '1h', from: ROLL, to: ROLL + 5 * HOUR } as const
    const perpetual = await bench.manager().getData({ ...wish, symbol: 'BTCUSDT', source: 'rest' })
    const quarter = await bench.manager().getData({ ...wish, symbol: 'BTCUSDT_CURRENT_QUARTER', source: 'auto' })
    expect([perpetual.numRows, quarter.numRows]).toEqual([5, 5])
    const open = (table: typeof perpetual): number[] => [...(table.getChild('open')!.toArray() as Float64Array)]
    expect(open(perpetual)).toEqual(
      (await bench.truth({ ...seriesOf('BTCUSDT'), kind: 'candle' }, ROLL, ROLL + 5 * HOUR)).map((row) => row[1]),
    )
    expect(open(quarter)).not.toEqual(open(perpetual))
    await expect(bench.manager().getData({ ...wish, symbol: 'BTCUSDT', source: 'archive' })).rejects.toThrow(
      'no 1h continuousCandles of usdm',
    )
    await expect(bench.manager().getData({ ...wish, market: 'spot', symbol: 'BTCUSDT' })).rejects.toThrow('spot')
  })

  it('are named by pair and type', () => {
    expect(readContinuous('BTCUSDT_NEXT_QUARTER')).toEqual({ pair: 'BTCUSDT', contractType: 'NEXT_QUARTER' })
    expect(readContinuous('XAUUSDT_TRADIFI_PERPETUAL')).toEqual({ pair: 'XAUUSDT', contractType: 'TRADIFI_PERPETUAL' })
    expect(['BTCUSDT', 'BTCUSD_PERP', 'BTCUSD_CURRENT_QUARTER'].map(continuousSymbol)).toEqual([
      'BTCUSDT_PERPETUAL',
      'BTCUSD_PERPETUAL',
      'BTCUSD_CURRENT_QUARTER',
    ])
  })
})
