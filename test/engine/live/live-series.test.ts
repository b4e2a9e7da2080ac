import { describe, expect, it } from 'vitest'
import { LiveSeries } from '../../../src/engine/live/live-series.ts'
import type { BookDelta, QuoteRecord, TradeRecord } from '../../../src/model/live/index.ts'

function trade(id: number, rest = false): TradeRecord {
  const time = 1_700_000_000_000 + id
  const receiveTime = rest ? Number.NaN : time + 5
  const facts = { kind: 'trade', market: 'spot', symbol: 'BTCUSDT', price: 1, quantity: 1, buyerIsMaker: true } as const
  return { ...facts, id, time, eventTime: time, receiveTime, flags: rest ? 1 : 2 }
}

function quote(updateId: number): QuoteRecord {
  const facts = { kind: 'quote', market: 'spot', symbol: 'BTCUSDT', bidPrice: 1, bidQuantity: 1, askPrice: 2 } as const
  return {
    ...facts,
    updateId,
    askQuantity: 1,
    transactionTime: Number.NaN,
    eventTime: Number.NaN,
    receiveTime: updateId,
    flags: 2,
  }
}

function delta(id: number): BookDelta {
  const facts = { kind: 'bookDelta', market: 'spot', symbol: 'BTCUSDT', bids: [1, 1], asks: [2, 1], flags: 2 } as const
  const ids = { firstUpdateId: id, lastUpdateId: id, previousUpdateId: -1 }
  return { ...facts, ...ids, eventTime: id, transactionTime: Number.NaN, receiveTime: id }
}

const series = (kind: string) => new LiveSeries({ exchange: 'binance', market: 'spot', kind, symbol: 'BTCUSDT' })

describe('a series of trades', () => {
  it('keeps the books on tens of thousands of holes', () => {
    const one = series('trade')
    let opened = 0
    one.onHole = () => opened++
    const count = 60_000
    for (let id = 0; id < count; id++) one.take(trade(2 * id), 0)
    expect(opened).toBe(count - 1)
    expect(one.status()).toMatchObject({ holesOpen: count - 1, missing: count - 1 })
    for (let id = count - 2; id >= 0; id--) expect(one.take(trade(2 * id + 1, true), 0)).toBe(true)
    expect(one.status()).toMatchObject({ holesOpen: 0, missing: 0, filled: count - 1, records: 2 * count - 1 })
  })

  it('ends a hole that is filled in part and given up in part, whichever comes first', () => {
    const around = { from: 1, to: 2 }
    const first = series('trade')
    for (const id of [1, 10]) first.take(trade(id), 0)
    for (const id of [2, 3]) first.take(trade(id, true), 0)
    first.giveUp(4, 9, 'no-trades', 'none', around)
    expect(first.status()).toMatchObject({ holesOpen: 0, missing: 0, gaps: [{ firstId: 4, lastId: 9, count: 6 }] })

    const second = series('trade')
    for (const id of [1, 10]) second.take(trade(id), 0)
    second.giveUp(2, 6, 'own-outage', 'too old', around)
    expect(second.status()).toMatchObject({ holesOpen: 1, missing: 3 })
    for (const id of [7, 8, 9]) second.take(trade(id, true), 0)
    expect(second.status()).toMatchObject({ holesOpen: 0, missing: 0, holes: [{ filled: 3, cause: 'own-outage' }] })
  })
})

describe('a series of quotes', () => {
  it('takes each once in whatever order they come', () => {
    const one = series('quote')
    const taken = [5, 7, 6, 7, 5, 9, 8, 6].filter((id) => one.take(quote(id), 0))
    expect(taken).toEqual([5, 7, 6, 9, 8])
    expect(one.status()).toMatchObject({ records: 5, duplicates: 3, late: 2, last: 9 })
  })

  it('counts what is older than it remembers as seen', () => {
    const one = series('quote')
    for (let id = 1000; id < 3000; id++) one.take(quote(id), 0)
    expect(one.take(quote(500), 0)).toBe(false)
    expect(one.take(quote(1001), 0)).toBe(false)
  })

  it('puts the time without a connection on record, once', () => {
    const one = series('quote')
    for (const id of [10, 20]) one.take(quote(id), 0)
    one.down(25)
    one.down(30)
    for (const id of [40, 50]) one.take(quote(id), 0)
    expect(one.status().gaps).toMatchObject([{ from: 20, to: 40, cause: 'own-outage' }])
  })

  it('knows not what it missed until a record comes again, unless it only was silent', () => {
    const one = series('quote')
    one.down(5, 'the stream was silent')
    expect(one.status()).toMatchObject({ unknownSince: Number.NaN, outages: 1 })
    one.take(quote(10), 0)
    one.down(25)
    expect(one.status().unknownSince).toBe(10)
    one.take(quote(40), 0)
    expect(one.status().unknownSince).toBeNaN()
    one.down(50, 'it was not subscribed')
    expect(one.status().unknownSince).toBeNaN()
  })

  it('says of a torn chain who was away, and only then that it is torn by itself', () => {
    const one = series('bookDelta')
    let next = 0
    const take = (skip: number): void => {
      const id = next + skip
      next = id + 1
      one.take(delta(id), 0)
    }
    one.lastTime = 5
    one.resume(1, [])
    one.away()
    take(10)
    one.down(12)
    take(10)
    one.down(25, 'it was not subscribed')
    // Nothing was missed: what tears the chain later has another reason.
    take(0)
    take(10)
    expect(one.status().gaps.map(({ note }) => note)).toEqual([
      'the collector was not running',
      'the connection was down',
      'the chain of update ids is torn',
    ])
  })

  it('says of records that REST does not have any more who was away', () => {
    const one = series('trade')
    one.lastTime = 5
    one.resume(5, [])
    one.away()
    // What an earlier run reached is not of this one.
    expect(one.status()).toMatchObject({ first: undefined, last: undefined, unknownSince: Number.NaN })
    one.take(trade(10), 0)
    one.take(trade(12), 0)
    one.giveUp(6, 11, 'own-outage', 'too old', { from: 0, to: 9 })
    expect(one.status().gaps.map(({ note }) => note)).toEqual(['the collector was not running; too old', 'too old'])
  })

  it('says that nobody collected since an earlier run', () => {
    const one = series('quote')
    one.lastTime = 5
    one.away()
    for (const id of [40, 50]) one.take(quote(id), 0)
    expect(one.status().gaps).toMatchObject([{ from: 5, to: 40, note: 'the collector was not running' }])
  })
})
