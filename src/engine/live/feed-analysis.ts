import {
  type CandleLike,
  type IndicatorInput,
  IndicatorRunner,
  type Row,
  type Transform,
  TransformStream,
} from '../../analysis/index.ts'
import type { StoredRecord } from '../../model/history/index.ts'
import { kindOf } from '../../model/kinds.ts'
import type { LiveCandle, LiveRecord } from '../../model/live/index.ts'

/** A candle with the values of indicators at it. */
export interface IndicatorUpdate {
  readonly candle: LiveCandle
  /** By name, as in `IndicatorRunner.results`; NaN where there is no value. */
  readonly values: Readonly<Record<string, number>>
  /** True while the candle is open: the values still change with it. */
  readonly provisional: boolean
}

/** A record with what transforms made of it. */
export interface TransformedRecord<Item extends StoredRecord = LiveRecord> {
  readonly record: Item
  /** Columns by name, those of the record and those that were made. */
  readonly row: Row
}

/**
 * Indicators of candles as they come, open ones included: the same bits as `computeIndicators` of the same candles at
 * once. Leaving the loop leaves the candles.
 * @param from candles that open before it only warm the indicators up
 * @throws ConfigError at once for an expression that cannot be read, or that looks ahead.
 */
export function withIndicators(
  candles: AsyncIterable<LiveCandle>,
  wanted: IndicatorInput | readonly IndicatorInput[] | IndicatorRunner,
  from = Number.NEGATIVE_INFINITY,
): AsyncGenerator<IndicatorUpdate, void, void> {
  const runner = wanted instanceof IndicatorRunner ? wanted : new IndicatorRunner(wanted)
  // Nothing is appended, but it is told now and not at the first candle when that cannot be.
  runner.append([])
  return indicatorsOf(candles, runner, from)
}

async function* indicatorsOf(
  candles: AsyncIterable<LiveCandle>,
  runner: IndicatorRunner,
  from: number,
): AsyncGenerator<IndicatorUpdate, void, void> {
  const names = runner.results.map(({ name }) => name)
  for await (const candle of candles) {
    const { values, provisional } = runner.live(candle as LiveCandle & CandleLike)
    if (candle.openTime < from) continue
    yield { candle, values: Object.fromEntries(names.map((name, index) => [name, values[index]!])), provisional }
  }
}

/**
 * Transforms of records as they come; those that a transform drops are left out.
 * @throws LookAheadError at once for a transform that needs later rows, InvalidRangeError for one without `lookback`.
 */
export function withTransforms<Item extends LiveRecord>(
  records: AsyncIterable<Item>,
  transforms: readonly Transform[],
): AsyncGenerator<TransformedRecord<Item>, void, void> {
  return transformsOf(records, new TransformStream(transforms))
}

async function* transformsOf<Item extends LiveRecord>(
  records: AsyncIterable<Item>,
  stream: TransformStream,
): AsyncGenerator<TransformedRecord<Item>, void, void> {
  for await (const record of records) {
    const row = stream.push(rowOf(record))
    if (row) yield { record, row }
  }
}

/** The columns of a record's kind, as numbers; what is no number is left out. */
export function rowOf(record: StoredRecord): Row {
  const values = record as unknown as Readonly<Record<string, unknown>>
  const row: Record<string, number> = {}
  for (const { name, property } of kindOf(record.kind).columns) {
    const value = values[property]
    if (typeof value === 'number') row[name] = value
    else if (typeof value === 'boolean' || typeof value === 'bigint') row[name] = Number(value)
  }
  return row
}
