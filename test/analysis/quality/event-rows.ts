import type { SeriesQuality } from '../../../src/analysis/quality/index.ts'
import { RecordFlag } from '../../../src/model/live/record.ts'

export const MINUTE = 60_000
export const HOUR = 3_600_000
export const DAY = 24 * HOUR
export const START = Date.UTC(2024, 2, 10)

export type Row = Record<string, number>

const many = (count: number, make: (i: number) => Row): Row[] => Array.from({ length: count }, (_, i) => make(i))

/** Periods of five minutes, as the archive of USD-M labels them. */
export const metricsRows = (count = 288, from = START): Row[] =>
  many(count, (i) => ({
    time: from + i * 5 * MINUTE,
    openInterest: 80_000 + (i % 31),
    openInterestValue: (80_000 + (i % 31)) * (70_000 + (i % 17)),
    topAccountRatio: 1.4 + (i % 5) / 100,
    topPositionRatio: 1.1,
    accountRatio: 1.7,
    takerRatio: 1 + (i % 7) / 10,
    labelTime: from + (i + 1) * 5 * MINUTE,
    flags: 0,
  }))

/** Fundings `hours` apart, some milliseconds off the hour as REST tells them. */
export const fundingRows = (count = 9, hours = 8, from = START): Row[] =>
  many(count, (i) => ({
    fundingTime: from + i * hours * HOUR + (i % 3) * 5,
    fundingRate: 0.0001 * ((i % 5) - 2),
    markPrice: 70_000 + i,
    flags: RecordFlag.rest,
  }))

const streamed = (time: number): Row => ({ eventTime: time, receiveTime: time + 30, flags: RecordFlag.stream })

export const markRows = (count = 120, pace = 1000, from = START): Row[] =>
  many(count, (i) => ({
    ...streamed(from + i * pace + (i % 4)),
    markPrice: 70_000 + (i % 13),
    indexPrice: 70_020 + (i % 11),
    estimatedSettlePrice: 70_010,
    fundingRate: 0.0001,
    nextFundingTime: from + 8 * HOUR,
  }))

/** Full tickers, of a symbol that trades five times a second. */
export const tickerRows = (count = 120, pace = 2000, from = START): Row[] =>
  many(count, (i) => ({
    ...streamed(from + i * pace + (i % 4)),
    open: 69_000,
    high: 71_000,
    low: 68_500,
    last: 70_000 + (i % 13),
    volume: 1_000 + i,
    quoteVolume: 70_000_000 + i,
    priceChange: 1_000 + (i % 13),
    weightedAverage: 69_900,
    lastQuantity: 0.1,
    openTime: from + i * pace - DAY,
    closeTime: from + i * pace,
    firstTradeId: 1 + i * 10,
    lastTradeId: 500_000 + i * 10,
    trades: 499_990,
  }))

export const liquidationRows = (count = 50, from = START): Row[] =>
  many(count, (i) => ({
    ...streamed(from + i * 20_000 + 2),
    time: from + i * 20_000,
    side: 1 + (i % 2),
    price: 70_000,
    averagePrice: 70_001,
    quantity: 0.3,
    lastFilledQuantity: 0.1,
    filledQuantity: 0.3,
  }))

const BANDS = [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5]

/** A row per distance, about each half minute. */
export const sampleRows = (count = 60, from = START, bands: readonly number[] = BANDS): Row[] =>
  many(count, (i) => ({ time: from + i * 30_000 + (i % 7) * 1000 })).flatMap(({ time }) =>
    bands.map((percentage) => ({
      time: time!,
      percentage,
      depth: 100 * Math.abs(percentage),
      notional: 7e6 * Math.abs(percentage),
      flags: 0,
    })),
  )

export const infoRows = (count = 5, from = START): Row[] =>
  many(count, (i) => ({
    time: from + i * DAY + (i % 3) * HOUR,
    symbols: 400 + i,
    trading: 380,
    bytes: 900_000,
    flags: RecordFlag.rest,
  }))

/** Updates of a USD-M book, ten a second. */
export const deltaRows = (count = 100, from = START) =>
  Array.from({ length: count }, (_, i) => ({
    ...streamed(from + i * 100),
    transactionTime: from + i * 100 - 3,
    firstUpdateId: i * 10 + 3,
    lastUpdateId: i * 10 + 10,
    previousUpdateId: i * 10,
    bids: [100 - (i % 3), 1],
    asks: [101 + (i % 3), 1],
  }))

/** Every reason of every day: its part, what it says, how many rows are behind it, and the first of them. */
export const reasonsIn = (quality: SeriesQuality) =>
  quality.days.flatMap(({ reasons }) =>
    reasons.map(({ part, detail, count, rows }) => [part, detail, count, rows[0]] as const),
  )

/** As `reasonsIn`, but what a hole does to the longest stretch is left out. */
export const causesIn = (quality: SeriesQuality) =>
  reasonsIn(quality).filter(([, detail]) => !detail.startsWith('the longest stretch'))
