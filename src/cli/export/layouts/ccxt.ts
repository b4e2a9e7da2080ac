import { ConfigError } from '../../../model/errors.ts'
import { formatNumber } from '../../render/text.ts'
import type { ExportLayout } from './layout.ts'

const COLUMNS = ['open_time', 'open', 'high', 'low', 'close', 'volume'] as const

/** `[[time, open, high, low, close, volume], …]`: what ccxt's fetchOHLCV gives, a candle a line. */
export const ccxtLayout: ExportLayout = {
  columns(kind) {
    if (kind.id !== 'candle') throw new ConfigError(`--layout ccxt is for candles; ${kind.id} has other rows.`)
    return COLUMNS
  },
  periods: () => ['whole'],
  packing: 'none',
  async fileName({ symbol, interval }) {
    return `${symbol}-${interval === '1M' ? '1mo' : interval}.json`
  },
  async encoder() {
    let isFirst = true
    return {
      begin: () => '[',
      rows(batch) {
        const columns = COLUMNS.map((name) => batch.columns[name] as Float64Array)
        let text = ''
        for (let i = 0; i < batch.length; i++) {
          text += isFirst ? '\n' : ',\n'
          isFirst = false
          text += `[${columns.map((values) => formatNumber(values[i]!)).join(',')}]`
        }
        return text
      },
      end: () => '\n]\n',
    }
  },
}
