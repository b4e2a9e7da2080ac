import type { Table } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { applyTransforms, computeIndicators, IndicatorRunner, parseTransforms } from '../../../src/analysis/index.ts'
import { readColumns } from '../../../src/analysis/indicators/columns.ts'
import { DataSourceManager } from '../../../src/engine/data-source-manager.ts'
import { type IndicatorUpdate, withIndicators } from '../../../src/engine/live/feed-analysis.ts'
import { ConfigError, InvalidRangeError } from '../../../src/model/errors.ts'
import { FeedRig } from './feed-rig.ts'
import { SYMBOL } from './rig.ts'

const WANTED = ['ema(5)', 'rsi(4)', 'macd(2, 4, 3)', 'atr(3)', 'ema(3) of rsi(4) as smooth', 'vwma(4)']

/** What a batch of the same candles has, by REST. */
async function batch(rig: FeedRig, from: number, last: number, interval = '1s'): Promise<Table> {
  const { endpoint } = rig.sandbox
  await using manager = new DataSourceManager({ dataDir: rig.folder.join('other'), endpoint })
  return await manager.getData({ symbol: SYMBOL, interval, from, to: last + 1, source: 'rest' })
}

function columnsOf(updates: readonly IndicatorUpdate[]): Record<string, number[]> {
  const names = Object.keys(updates[0]!.values)
  return Object.fromEntries(names.map((name) => [name, updates.map(({ values }) => values[name]!)]))
}

describe('indicators of a feed', () => {
  it.each([0, undefined])(
    'are, from the past through a cut into the present, the bits of a batch (warm-up: %s)',
    async (warmUp) => {
      await using rig = await FeedRig.open({ stored: warmUp === 0 })
      const from = Math.ceil(rig.sandbox.now() / 1000) * 1000 - 20_000
      const option = warmUp === undefined ? {} : { warmUp }
      const updates: IndicatorUpdate[] = []
      let stop = Number.POSITIVE_INFINITY
      for await (const update of rig.feed.indicators(SYMBOL, WANTED, { interval: '1s', from, ...option })) {
        updates.push(update)
        if (stop === Number.POSITIVE_INFINITY && update.candle.openTime > rig.sandbox.now() - 3000) {
          rig.faults({ type: 'disconnect', times: 1, refuseMs: 300 })
          stop = rig.sandbox.now() + 1500
        }
        if (update.candle.openTime >= stop) break
      }
      const longest = Math.max(...new IndicatorRunner(WANTED).results.map((result) => result.warmUp))
      const begin = from - (warmUp ?? 10 * longest) * 1000
      const last = updates.at(-1)!.candle.openTime
      const found = computeIndicators(await batch(rig, begin, last), WANTED)
      const skip = (from - begin) / 1000
      expect(updates.map(({ candle }) => candle.openTime)).toEqual(
        Array.from({ length: (last - from) / 1000 + 1 }, (_, i) => from + i * 1000),
      )
      const expected = Object.fromEntries(
        Object.entries(found).map(([name, values]) => [name, [...values].slice(skip)]),
      )
      expect(columnsOf(updates)).toEqual(expected)
      expect(updates.every(({ provisional }) => !provisional)).toBe(true)
      await rig.until('the end of the channel', () => rig.service.collector.channels().length === 0)
    },
  )

  it('show the candle in progress, and remember nothing of it', async () => {
    await using rig = await FeedRig.open()
    const from = Math.floor(rig.sandbox.now() / 60_000) * 60_000 - 5 * 60_000
    const options = { interval: '1m', from, warmUp: 3, includeOpen: true } as const
    const closed: IndicatorUpdate[] = []
    const open: IndicatorUpdate[] = []
    for await (const update of rig.feed.indicators(SYMBOL, 'ema(3)', options)) {
      if (update.provisional) open.push(update)
      else closed.push(update)
      if (open.length >= 2 && closed.length >= 5) break
    }
    const last = closed.at(-1)!.candle
    const found = computeIndicators(await batch(rig, from - 3 * 60_000, last.openTime, '1m'), 'ema(3)')
    expect(columnsOf(closed)['ema(3)']).toEqual([...found['ema(3)']!].slice(3))
    for (const { candle, values } of open) {
      const before = closed.find((one) => one.candle.openTime === candle.openTime - 60_000)!.values['ema(3)']!
      expect(values['ema(3)']).toBe(before + 0.5 * (candle.close - before))
    }
  })

  it('say at once what cannot be', async () => {
    await using rig = await FeedRig.open()
    expect(() => rig.feed.indicators(SYMBOL, 'emma(3)')).toThrow(ConfigError)
    expect(() => rig.feed.indicators(SYMBOL, 'ichimoku(lookAhead=true)')).toThrow('looks ahead')
    expect(() => withIndicators((async function* () {})(), 'ichimoku(lookAhead=true)')).toThrow('looks ahead')
    const odd = rig.feed.indicators(SYMBOL, 'ema(3)', { interval: '1s', warmUp: -1 })
    await expect(odd.next()).rejects.toThrow(InvalidRangeError)
    expect(rig.feed.subscriptions).toEqual([])
  })
})

describe('transforms of a feed', () => {
  it('make of candles and trades what they make of a batch', async () => {
    await using rig = await FeedRig.open()
    const transforms = parseTransforms('change = close / prev(close) - 1\nwhere change > 0')
    const from = Math.ceil(rig.sandbox.now() / 1000) * 1000 - 20_000
    const rows: Record<string, number>[] = []
    const stop = rig.sandbox.now()
    for await (const { record, row } of rig.feed.transformed(SYMBOL, transforms, {
      kind: 'candle',
      interval: '1s',
      from,
    })) {
      rows.push(row)
      expect(row.open_time).toBe(record.openTime)
      if (record.openTime >= stop) break
    }
    const table = await batch(rig, from, rows.at(-1)!.open_time!)
    const [open_time, close] = readColumns(table, ['open_time', 'close'])
    const expected = applyTransforms({ open_time: open_time!, close: close! }, transforms).columns
    expect(rows.map((row) => row.open_time)).toEqual([...expected.open_time!])
    expect(rows.map((row) => row.change)).toEqual([...expected.change!])

    const trades = rig.feed.transformed(SYMBOL, parseTransforms('value = price * quantity'), { kind: 'trade' })
    for await (const { record, row } of trades) {
      expect(row.value).toBe(record.price * record.quantity)
      break
    }
    expect(() => rig.feed.transformed(SYMBOL, ['nothing'], { kind: 'trade' })).toThrow('no transform "nothing"')
    expect(rig.feed.subscriptions).toEqual([])
  })
})
