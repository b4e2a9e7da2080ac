import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseTransforms } from '../../../src/analysis/index.ts'
import { EventBus } from '../../../src/bus/event-bus.ts'
import { DataSourceManager } from '../../../src/engine/data-source-manager.ts'
import type { StoredRecord } from '../../../src/model/history/index.ts'
import { kindOf } from '../../../src/model/kinds.ts'
import { asCandlesOf } from '../../../src/model/price-candle.ts'
import type { SeriesId } from '../../../src/model/series.ts'
import { HOUR, MINUTE } from '../../../src/model/time.ts'
import { Lake } from '../../../src/store/lake/lake.ts'
import { runHere } from '../../cli/bin.ts'
import { candles, START, seriesOf, storeSeries } from '../../cli/lake.ts'
import { type TempFolder, tempFolder } from '../../helpers/temp.ts'

const KINDS = ['candle', 'markCandle', 'indexCandle', 'premiumCandle', 'continuousCandle'] as const
const range = { from: START, to: START + 3 * HOUR }

let folder: TempFolder
let manager: DataSourceManager

beforeAll(async () => {
  folder = await tempFolder('replay-other-candles')
  const lake = await Lake.open(folder.path)
  await storeSeries(lake, seriesOf('BTCUSDT', '1m'), range)
  for (const kind of KINDS) {
    const symbol = kind === 'continuousCandle' ? 'BTCUSDT_PERPETUAL' : 'BTCUSDT'
    const series: SeriesId = { exchange: 'binance', market: 'usdm', kind, symbol, interval: '1h' }
    await using writer = await lake.writer(series)
    const batches = [asCandlesOf(kindOf(kind), candles('1h', range))]
    await writer.commit({ batches, covered: [{ ...range, source: 'rest' }] })
  }
  manager = new DataSourceManager({ dataDir: folder.path })
})
afterAll(async () => {
  await manager.close()
  await folder[Symbol.asyncDispose]()
})

describe('candles of other prices in a replay', () => {
  it('are told at their close, beside those of trades', async () => {
    const request = { symbol: 'BTCUSDT', market: 'usdm', kinds: KINDS, interval: '1h' } as const
    await using replay = await manager.replay(request)
    expect(replay.complete).toBe(true)
    const told: [number, string, number][] = []
    const records: StoredRecord[] = []
    for await (const record of replay) {
      told.push([replay.time, record.kind, record.openTime])
      records.push(record)
    }
    const hours = [1, 2, 3].map((hour) => START + hour * HOUR)
    expect(told).toEqual(hours.flatMap((close) => KINDS.map((kind) => [close, kind, close - HOUR])))
    const mark = records.find(({ kind }) => kind === 'markCandle')
    const shape = { market: 'usdm', symbol: 'BTCUSDT', interval: '1h', closed: true, openTime: START }
    const none = { flags: 0, eventTime: Number.NaN, receiveTime: Number.NaN }
    expect(mark).toEqual({
      ...{ ...shape, ...none, kind: 'markCandle' },
      ...{ open: 100, high: 101, low: 1e-7, close: 100.5, closeTime: START + HOUR - 0.001, samples: 0 },
    })
    const [traded, , , , continuous] = records
    expect(continuous).toEqual({ ...traded, kind: 'continuousCandle', symbol: 'BTCUSDT_PERPETUAL' })
  })

  it('are transformed, and heard on a bus', async () => {
    const bus = new EventBus()
    const heard: number[] = []
    bus.on('market_data.markCandle.BTCUSDT', (record) => heard.push((record as unknown as { close: number }).close))
    const request = { symbol: 'BTC/USDT:USDT', kind: 'markCandle', interval: '1h' } as const
    const transforms = parseTransforms('change = close - prev(close)')
    await using replay = await manager.replay(request, { transforms, bus })
    const changes: (number | undefined)[] = []
    for await (const { record, row } of replay) {
      expect(row.samples).toBe(record.samples)
      changes.push(row.change)
    }
    expect(changes).toEqual([Number.NaN, 0.125, 0.125])
    expect(heard).toEqual([100.5, 100.625, 100.75])
  })

  it('come in the shell from the market that has them', async () => {
    const args = ['replay', 'BTCUSDT', '--kind', 'markCandle', '--interval', '1h', '--data-dir', folder.path]
    const ran = await runHere(args, { cwd: folder.path })
    expect(ran.stdout.split('\n')[0]).toBe(
      '2024-01-01T01:00:00Z  markCandle 1h  usdm BTCUSDT  open 100  high 101  low 0.0000001  close 100.5  samples 0',
    )
    expect([ran.code, ran.stderr]).toEqual([0, 'replayed 3 records of 1 series\n'])
  })

  it('are named by their kind where the lake has none', async () => {
    const request = { symbol: 'ETH/USDT:USDT', kind: 'premiumCandle', interval: '1m', to: START + MINUTE } as const
    await expect(manager.replay(request)).rejects.toThrow(
      'The lake has no 1m premiumCandle of ETHUSDT (usdm). ' +
        'Fetch it: ticklake download ETHUSDT --market usdm --kind premiumCandle --interval 1m --to 2024-01-01T00:01:00Z.',
    )
  })
})
