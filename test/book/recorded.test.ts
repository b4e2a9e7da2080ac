import { describe, expect, it } from 'vitest'
import { type BookOddity, BookSync, type SnapshotWish } from '../../src/book/index.ts'
import type { BookDelta } from '../../src/model/live/book-delta.ts'
import type { BookSnapshot } from '../../src/model/live/book-snapshot.ts'
import type { Market } from '../../src/model/series.ts'
import { findRealData, realDataTitle } from '../helpers/real-data.ts'
import { type Recorded, readFlattened, readInline, readLines, readPair, recordOf, snapshotOf } from './captures.ts'

function play(market: Market, symbol: string, records: Iterable<Recorded>) {
  const oddities: BookOddity[] = []
  const wishes: SnapshotWish[] = []
  const sync = new BookSync(
    { market, symbol },
    { needSnapshot: (wish) => wishes.push(wish), oddity: (oddity) => oddities.push(oddity) },
  )
  let at = 0
  // One recorder took its snapshot before its first update.
  sync.connected(0)
  for (const record of records) {
    at = record.receiveTime
    if (record.kind === 'bookDelta') sync.delta(record)
    else if (record.kind === 'quote') sync.quote(record)
    else sync.snapshot(record)
  }
  return { sync, oddities, wishes, stats: sync.stats(at) }
}

const symbolsOf = (records: readonly Recorded[]) => [...new Set(records.map((record) => record.symbol))].sort()

describe.skipIf(findRealData() === undefined)(realDataTitle('books of recorded markets'), () => {
  const inline: [string, Market, string, string[]][] = [
    [
      'spot ETHUSDT, over midnight',
      'spot',
      'ETHUSDT',
      ['ws/binance-spot/hft_ethusdt_20240808.gz', 'ws/binance-spot/hft_ethusdt_20240809.gz'],
    ],
    ['USD-M BTCUSDT of 2023', 'usdm', 'BTCUSDT', ['ws/binance-usdm/hft_btcusdt_20230404.dat.gz']],
    [
      'USD-M BTCUSDT of 2024, over midnight',
      'usdm',
      'BTCUSDT',
      ['ws/binance-usdm/hft_btcusdt_20240718.gz', 'ws/binance-usdm/hft_btcusdt_20240719.gz'],
    ],
    ['COIN-M ETHUSD_PERP', 'coinm', 'ETHUSD_PERP', ['ws/binance-coinm/hft_ethusd_perp_20240808.gz']],
  ]

  it.each(inline)('chain whole and equal every quote of the same update: %s', (_, market, symbol, paths) => {
    const records = readInline(market, symbol, ...paths)
    const { sync, oddities, wishes, stats } = play(market, symbol, records)
    const deltas = records.filter((record) => record.kind === 'bookDelta')
    const quotes = new Set(records.flatMap((record) => (record.kind === 'quote' ? [record.updateId] : [])))
    expect(oddities).toEqual([])
    expect(stats.snapshots).toMatchObject({ adopted: 1, tooOld: 0, bad: 0 })
    expect(wishes.filter((wish) => wish.reason !== 'start' && wish.reason !== 'refresh')).toEqual([])
    expect(sync.state).toBe('synced')
    expect(sync.lastUpdateId).toBe(deltas.at(-1)!.lastUpdateId)
    expect(stats.applied + stats.duplicates).toBe(deltas.length)
    expect(stats.gridChanges).toBe(0)
    // Every quote whose id an applied update ends with was compared.
    const start = records.find((record) => record.kind === 'bookSnapshot')!.lastUpdateId
    const comparable = deltas.filter((d) => d.lastUpdateId > start && quotes.has(d.lastUpdateId)).length
    expect(comparable).toBeGreaterThan(100)
    expect(stats.quotes.checked).toBe(comparable)
    expect(stats.quotes.mismatched).toBe(0)
  })

  const pairs: [string, Market, string, string][] = [
    [
      'spot',
      'spot',
      'ws/binance-spot/cf_20210417_BINANCE.ws.1.0.gz',
      'ws/binance-spot/cf_20210417_BINANCE.http.0.0.gz',
    ],
    [
      'USD-M',
      'usdm',
      'ws/binance-usdm/cf_20210417_BINANCE_FUTURES.ws.5.0.gz',
      'ws/binance-usdm/cf_20210417_BINANCE_FUTURES.http.4.0.gz',
    ],
    [
      'COIN-M',
      'coinm',
      'ws/binance-coinm/cf_20210722_BINANCE_DELIVERY.ws.1.0.gz',
      'ws/binance-coinm/cf_20210722_BINANCE_DELIVERY.http.0.0.gz',
    ],
  ]

  it.each(pairs)('chain whole for every symbol of a capture: %s', (_, market, frames, bodies) => {
    const records = readPair(market, frames, bodies)
    const symbols = symbolsOf(records.filter((record) => record.kind === 'bookSnapshot'))
    expect(symbols.length).toBeGreaterThanOrEqual(4)
    let checked = 0
    for (const symbol of symbols) {
      const own = records.filter((record) => record.symbol === symbol)
      const { sync, oddities, stats } = play(market, symbol, own)
      expect({ symbol, oddities, mismatched: stats.quotes.mismatched }).toEqual({ symbol, oddities: [], mismatched: 0 })
      expect(sync.state).toBe('synced')
      expect(sync.lastUpdateId).toBe(own.findLast((record) => record.kind === 'bookDelta')?.lastUpdateId)
      checked += stats.quotes.checked
    }
    expect(checked).toBeGreaterThan(50)
  })

  it('refuse the snapshot that is older than the first event', () => {
    const deltas = readLines('ws/binance-spot/ps_20260718_spot_depth.jsonl.gz').map(
      (line) => recordOf('spot', line, 0) as BookDelta,
    )
    const body = readLines('rest/binance-spot/ps_20260718_spot_depth_snapshot.json').join('')
    const old = snapshotOf('spot', 'BTCUSDT', body, 0)
    const { sync, wishes, stats } = play('spot', 'BTCUSDT', [deltas[0]!, old, ...deltas.slice(1), old])
    expect(sync.state).toBe('syncing')
    expect(wishes.map((wish) => wish.reason)).toEqual(['start', 'snapshot-too-old', 'snapshot-too-old'])
    expect(stats).toMatchObject({ buffered: 600, dropped: 0, applied: 0, snapshots: { tooOld: 2, adopted: 0 } })
  })

  const flattened = (name: string) =>
    readFlattened('usdm', `ws/binance-usdm/dl_${name}_difference_depth_stream_usd_m_futures_trxusdt_04-03-2025.csv.gz`)

  it('find nothing in the recorded chain whose damaged twin was published undamaged', () => {
    // The MANIFEST gives both files the same SHA-256: the "negative" depth file holds no damage at all.
    for (const name of ['positive', 'negative']) {
      const deltas = flattened(name)
      const first = deltas[0]!
      const { oddities, stats } = play('usdm', 'TRXUSDT', [first, beforeAll(first), ...deltas.slice(1)])
      expect({ oddities, applied: stats.applied }).toEqual({ oddities: [], applied: 600 })
    }
  })

  const damages: [string, (delta: BookDelta) => BookDelta | undefined][] = [
    ['an update that is missing', () => undefined],
    ['a pu that is too high', (delta) => ({ ...delta, previousUpdateId: Number(delta.previousUpdateId) + 1 })],
    ['a pu that is too low', (delta) => ({ ...delta, previousUpdateId: Number(delta.previousUpdateId) - 1 })],
    ['a pu of zero', (delta) => ({ ...delta, previousUpdateId: 0 })],
    ['a u that is too high', (delta) => ({ ...delta, lastUpdateId: Number(delta.lastUpdateId) + 1 })],
    ['a u that is too low', (delta) => ({ ...delta, lastUpdateId: Number(delta.lastUpdateId) - 1 })],
    ['a u below U', (delta) => ({ ...delta, lastUpdateId: Number(delta.firstUpdateId) - 1 })],
    ['a price of -1', (delta) => ({ ...delta, asks: [...delta.asks, -1, 1] })],
    ['a quantity of -1', (delta) => ({ ...delta, bids: [...delta.bids, 0.2, -1] })],
    ['a wrong symbol', (delta) => ({ ...delta, symbol: 'TRXUSDC' })],
    ['a bid above the asks', (delta) => ({ ...delta, bids: [...delta.bids, 99, 1] })],
  ]

  it.each(damages)('find %s, wherever it is planted', (_, damage) => {
    const deltas = flattened('positive')
    const first = deltas[0]!
    for (let at = 1; at < deltas.length - 1; at += 17) {
      const damaged = damage(deltas[at]!)
      const records = [first, beforeAll(first), ...deltas.slice(1, at), ...(damaged ? [damaged] : []), deltas[at + 1]!]
      const { oddities, sync } = play('usdm', 'TRXUSDT', records)
      expect(oddities.length, `update ${at}`).toBeGreaterThan(0)
      // Found in the same update or in the one after it; one that still holds all that changed is right all the same.
      if (oddities.every((oddity) => oddity.type === 'overlap')) expect(sync.state).toBe('synced')
      else expect(sync.state).toBe('stale')
    }
  })
})

/** These files hold no snapshot: an empty book that every first update chains to, whose other levels are unknown. */
function beforeAll(first: BookDelta): BookSnapshot {
  return { ...snapshotOf('usdm', first.symbol, '{"bids":[],"asks":[]}', 0), lastUpdateId: first.previousUpdateId }
}
