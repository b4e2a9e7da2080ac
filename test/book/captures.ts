import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { BookDelta } from '../../src/model/live/book-delta.ts'
import type { BookSnapshot } from '../../src/model/live/book-snapshot.ts'
import type { QuoteRecord } from '../../src/model/live/quote.ts'
import type { Market } from '../../src/model/series.ts'
import { findRealData } from '../helpers/real-data.ts'

/** Read by JSON.parse alone, so that these tests depend on no parser of ours. */
type Frame = Record<string, unknown>

export type Recorded = BookDelta | BookSnapshot | QuoteRecord

/** Lines of a recorded file; `path` is relative to the folder of recorded data. */
export function readLines(path: string): string[] {
  const bytes = readFileSync(join(findRealData()!, path))
  const text = path.endsWith('.gz') ? gunzipSync(bytes) : bytes
  return text.toString('utf8').split('\n').filter(Boolean)
}

function pairs(levels: unknown): number[] {
  return (levels as [string, string][]).flatMap(([price, quantity]) => [Number(price), Number(quantity)])
}

export function snapshotOf(market: Market, symbol: string, body: string, time: number): BookSnapshot {
  const { lastUpdateId, bids, asks, T } = JSON.parse(body) as Frame
  return {
    kind: 'bookSnapshot',
    market,
    symbol,
    lastUpdateId: lastUpdateId as number,
    time: (T as number | undefined) ?? time,
    depth: 1000,
    bids: pairs(bids),
    asks: pairs(asks),
    eventTime: Number.NaN,
    receiveTime: time,
    flags: 0,
  }
}

/** The records of a frame that are about a book; none for the other streams. */
export function recordOf(market: Market, frame: string, receiveTime: number): Recorded | undefined {
  const { stream, data } = JSON.parse(frame) as { stream: string; data: Frame }
  const base = { market, symbol: data.s as string, receiveTime, flags: 0 }
  const time = (data.E as number | undefined) ?? Number.NaN
  if (stream.includes('@depth')) {
    return {
      ...base,
      kind: 'bookDelta',
      firstUpdateId: data.U as number,
      lastUpdateId: data.u as number,
      previousUpdateId: (data.pu as number | undefined) ?? -1,
      transactionTime: (data.T as number | undefined) ?? Number.NaN,
      eventTime: time,
      bids: pairs(data.b),
      asks: pairs(data.a),
    }
  }
  if (stream.endsWith('@bookTicker')) {
    return {
      ...base,
      kind: 'quote',
      updateId: data.u as number,
      bidPrice: Number(data.b),
      bidQuantity: Number(data.B),
      askPrice: Number(data.a),
      askQuantity: Number(data.A),
      transactionTime: (data.T as number | undefined) ?? Number.NaN,
      eventTime: time,
    }
  }
  return undefined
}

/** A capture with its snapshot in line: receive time, space, frame or REST body. */
export function readInline(market: Market, symbol: string, ...paths: string[]): Recorded[] {
  return paths.flatMap(readLines).flatMap((line) => {
    const blank = line.indexOf(' ')
    // Nanoseconds or, in the older file, microseconds.
    const time = Number(line.slice(0, 13))
    const frame = line.slice(blank + 1)
    if (!frame.includes('"stream"')) return [snapshotOf(market, symbol, frame, time)]
    return recordOf(market, frame, time) ?? []
  })
}

/** A capture whose snapshots are in a file of their own, put together by time of receipt. */
export function readPair(market: Market, frames: string, bodies: string): Recorded[] {
  const fromFrames = readLines(frames).flatMap((line) => {
    const [, time, frame] = /^(\d+\.\d+): (.*)$/.exec(line) ?? []
    return (frame && recordOf(market, frame, Number(time) * 1000)) || []
  })
  const fromBodies = readLines(bodies).flatMap((line) => {
    const [, symbol, time, body] = /\/depth\?symbol=(\w+)\S* -> (\d+\.\d+): (.*)$/.exec(line) ?? []
    return symbol && body ? snapshotOf(market, symbol, body, Number(time) * 1000) : []
  })
  return [...fromFrames, ...fromBodies].sort((a, b) => a.receiveTime - b.receiveTime)
}

/** Depth events that a recorder flattened to one CSV row per level. */
export function readFlattened(market: Market, path: string): BookDelta[] {
  const deltas: (BookDelta & { bids: number[]; asks: number[] })[] = []
  let key = ''
  for (const line of readLines(path).slice(1)) {
    const [receive, , , event, transaction, symbol, first, last, previous, isAsk, price, quantity] = line.split(',')
    const at = [symbol, event, first, last, previous].join()
    if (at !== key) {
      key = at
      deltas.push({
        kind: 'bookDelta',
        market,
        symbol: symbol!,
        firstUpdateId: Number(first),
        lastUpdateId: Number(last),
        previousUpdateId: Number(previous),
        transactionTime: Number(transaction),
        eventTime: Number(event),
        receiveTime: Number(receive),
        flags: 0,
        bids: [],
        asks: [],
      })
    }
    deltas.at(-1)![isAsk === '1' ? 'asks' : 'bids'].push(Number(price), Number(quantity))
  }
  return deltas
}
