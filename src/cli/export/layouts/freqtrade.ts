import { ConfigError } from '../../../model/errors.ts'
import { kindOf } from '../../../model/kinds.ts'
import { parseSymbol } from '../../../model/symbol.ts'
import { ArrowEncoder } from '../arrow.ts'
import type { ExportLayout } from './layout.ts'

const NAMES: Readonly<Record<string, string>> = { open_time: 'date' }
const COLUMNS = ['open_time', 'open', 'high', 'low', 'close', 'volume'] as const

/** Feather as freqtrade keeps candles: date (ms, UTC), open, high, low, close, volume. */
export const freqtradeLayout: ExportLayout = {
  columns(kind) {
    if (kind.id !== 'candle') throw new ConfigError(`--layout freqtrade is for candles; ${kind.id} has other rows.`)
    return COLUMNS
  },
  periods: () => ['whole'],
  packing: 'none',
  async fileName({ market, interval }, _period, _start, typed) {
    const { base, quote } = parseSymbol(typed)
    if (base === undefined || quote === undefined)
      throw new ConfigError(
        `Files of freqtrade are named by base and quote, which "${typed}" does not tell apart: write it as BTC/USDT, or name a file with --out.`,
      )
    const frame = interval === '1M' ? '1Mo' : interval
    if (market === 'spot') return `${base}_${quote}-${frame}.feather`
    const settle = market === 'coinm' ? base : quote
    return `futures/${base}_${quote}_${settle}-${frame}-futures.feather`
  },
  async encoder(series) {
    const columns = kindOf(series.kind)
      .columns.filter(({ name }) => (COLUMNS as readonly string[]).includes(name))
      .map((spec) => ({ spec, name: NAMES[spec.name] ?? spec.name }))
    const encoder = await ArrowEncoder.create(columns, 'file', 'timestamp-ms')
    return {
      begin: () => '',
      rows: (batch) => Buffer.concat(encoder.encode(batch)),
      end: () => Buffer.concat(encoder.finish()),
    }
  },
}
