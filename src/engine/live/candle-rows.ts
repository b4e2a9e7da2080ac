import { type Batch, columnOf } from '../../model/batch.ts'
import type { ContinuousCandleRecord, PriceCandleRecord } from '../../model/history/index.ts'
import type { LiveCandle } from '../../model/live/index.ts'
import type { PriceCandleKind } from '../../model/price-candle.ts'
import type { SeriesId } from '../../model/series.ts'

/** Rows with all columns of a candle as closed candles; `flags` are added to their own. */
export function candlesOf({ market, symbol, interval }: SeriesId, batch: Batch, flags = 0): LiveCandle[] {
  const openTime = columnOf(batch, 'open_time')
  const open = columnOf(batch, 'open')
  const high = columnOf(batch, 'high')
  const low = columnOf(batch, 'low')
  const close = columnOf(batch, 'close')
  const volume = columnOf(batch, 'volume')
  const closeTime = columnOf(batch, 'close_time')
  const quoteVolume = columnOf(batch, 'quote_volume')
  const trades = columnOf(batch, 'trades')
  const takerBuyVolume = columnOf(batch, 'taker_buy_volume')
  const takerBuyQuoteVolume = columnOf(batch, 'taker_buy_quote_volume')
  const own = columnOf(batch, 'flags')
  const records: LiveCandle[] = []
  // Written out: a property whose name is only known at run time costs several times as much.
  for (let row = 0; row < batch.length; row++) {
    records.push({
      kind: 'candle',
      market,
      symbol,
      interval: interval!,
      closed: true,
      openTime: openTime[row]!,
      open: open[row]!,
      high: high[row]!,
      low: low[row]!,
      close: close[row]!,
      volume: volume[row]!,
      closeTime: closeTime[row]!,
      quoteVolume: quoteVolume[row]!,
      trades: trades[row]!,
      takerBuyVolume: takerBuyVolume[row]!,
      takerBuyQuoteVolume: takerBuyQuoteVolume[row]!,
      flags: own[row]! | flags,
      eventTime: Number.NaN,
      receiveTime: Number.NaN,
    })
  }
  return records
}

/** The same of a type of contract. */
export function continuousCandlesOf(series: SeriesId, batch: Batch): ContinuousCandleRecord[] {
  return candlesOf(series, batch).map((record) => ({ ...record, kind: 'continuousCandle' }))
}

/** Rows with all columns of candles of another price as records in the shape of closed candles. */
export function priceCandlesOf<K extends PriceCandleKind>(
  { market, symbol, interval }: SeriesId,
  kind: K,
  batch: Batch,
): PriceCandleRecord<K>[] {
  const openTime = columnOf(batch, 'open_time')
  const open = columnOf(batch, 'open')
  const high = columnOf(batch, 'high')
  const low = columnOf(batch, 'low')
  const close = columnOf(batch, 'close')
  const closeTime = columnOf(batch, 'close_time')
  const samples = columnOf(batch, 'samples')
  const flags = columnOf(batch, 'flags')
  const records: PriceCandleRecord<K>[] = []
  for (let row = 0; row < batch.length; row++) {
    records.push({
      kind,
      market,
      symbol,
      interval: interval!,
      closed: true,
      openTime: openTime[row]!,
      open: open[row]!,
      high: high[row]!,
      low: low[row]!,
      close: close[row]!,
      closeTime: closeTime[row]!,
      samples: samples[row]!,
      flags: flags[row]!,
      eventTime: Number.NaN,
      receiveTime: Number.NaN,
    })
  }
  return records
}
