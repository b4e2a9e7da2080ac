import type { Batch } from './batch.ts'
import { column, type Kind } from './kind.ts'

/** Candles of a price that nobody trades at. They are made of samples, and have no volume. */
function priceCandle<Id extends string>(id: Id, unit: string, what: string) {
  return {
    id,
    hasInterval: true,
    sortKey: 'open_time',
    timeColumn: 'open_time',
    identity: 'open_time',
    continuity: { rule: 'interval' },
    columns: [
      column('open_time', 'time', 'ms', 'first instant of the interval'),
      column('open', 'float64', unit, `first ${what}`),
      column('high', 'float64', unit, `highest ${what}`),
      column('low', 'float64', unit, `lowest ${what}`),
      column('close', 'float64', unit, `last ${what}`),
      column('close_time', 'time', 'ms', 'last instant of the interval'),
      column('samples', 'integer', 'count', 'number of prices that it is made of'),
      column('flags', 'flags', 'bit mask', 'where the row came from and what was noticed (see CandleFlag)', {
        isDefault: false,
      }),
    ],
  } as const satisfies Kind
}

/** Candles of the mark price of a futures contract. */
export const markCandle = priceCandle('markCandle', 'quote per base', 'mark price')
/** Candles of the index price, the mean of several exchanges, that a futures contract follows. */
export const indexCandle = priceCandle('indexCandle', 'quote per base', 'index price')
/** Candles of the premium index: how far the contract is from its index, as a fraction that may be negative. */
export const premiumCandle = priceCandle('premiumCandle', 'fraction', 'premium')

const PRICE_CANDLES = [markCandle, indexCandle, premiumCandle] as const

export type PriceCandleKind = (typeof PRICE_CANDLES)[number]['id']

/** Whether a kind of candles is of another price than the traded one. */
export function isPriceCandle(kind: string): kind is PriceCandleKind {
  return PRICE_CANDLES.some(({ id }) => id === kind)
}

/** Candles as an exchange gives them (the count of samples where that of trades stands) as rows of a kind. */
export function asCandlesOf(kind: Kind, batch: Batch): Batch {
  if (!isPriceCandle(kind.id)) return batch
  const columns: Record<string, Float64Array> = {}
  for (const { name } of kind.columns) columns[name] = batch.columns[name === 'samples' ? 'trades' : name]!
  return { length: batch.length, columns }
}
